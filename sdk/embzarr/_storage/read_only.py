"""A store that is read and never written to, whatever is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from embzarr._storage.capabilities import known_of
from embzarr._storage.identity import identity_of
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._storage.capabilities import Capabilities
    from embzarr._storage.identity import Identity
    from embzarr._storage.port import Body, Data, ObjectInfo, Store


class ReadOnlyStore:
    """Passes on what reads, and refuses the rest with code ``store-read-only``."""

    def __init__(self, store: Store) -> None:
        """Look at another store."""
        self._store = store

    def __repr__(self) -> str:
        """Name the store underneath."""
        return f"ReadOnlyStore({self._store!r})"

    @property
    def url(self) -> str:
        """Where the store underneath is."""
        return self._store.url

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the store underneath."""
        return known_of(self._store)

    @property
    def identity(self) -> Identity:
        """Whom the store underneath asks."""
        return identity_of(self._store)

    @property
    def native(self) -> object:
        """What the store underneath stands on, which knows nothing of this."""
        return self._store.native

    def get(self, key: str) -> Data:
        """Return all bytes of the object."""
        return self._store.get(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`."""
        return self._store.get_range(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        return self._store.head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below the folder `prefix`."""
        return self._store.list(prefix)

    def put(self, key: str, data: Body) -> NoReturn:
        """Refuse."""
        del data
        self._refuse(key)

    def create(self, key: str, data: Body) -> NoReturn:
        """Refuse."""
        del data
        self._refuse(key)

    def delete(self, key: str) -> NoReturn:
        """Refuse."""
        self._refuse(key)

    def _refuse(self, key: str) -> NoReturn:
        message = f"cannot write {key}: {self.url} was opened to be read only"
        raise UnsupportedError("store-read-only", message)
