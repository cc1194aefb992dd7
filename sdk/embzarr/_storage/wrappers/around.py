"""A store around a store: passes on all verbs, and all that is known of the store underneath."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from embzarr._storage.capabilities import known_of
from embzarr._storage.identity import identity_of
from embzarr._storage.port import Leftovers, folders_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embzarr._storage.capabilities import Capabilities
    from embzarr._storage.identity import Identity
    from embzarr._storage.port import Body, Data, Leftover, ObjectInfo, Store


class StoreAround:
    """Base of stores that change one thing about another one, and so can hide nothing of it."""

    def __init__(self, store: Store) -> None:
        """Stand before another store."""
        self._store = store

    def __repr__(self) -> str:
        """Name the store underneath."""
        return f"{type(self).__name__}({self._store!r})"

    @property
    def _inner(self) -> Store:
        """The store underneath."""
        return self._store

    @property
    def url(self) -> str:
        """Where the store underneath is."""
        return self._inner.url

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the store underneath."""
        return known_of(self._inner)

    @property
    def identity(self) -> Identity:
        """Whom the store underneath asks."""
        return identity_of(self._inner)

    @property
    def native(self) -> object:
        """What the store underneath stands on, which knows nothing of this one."""
        return self._inner.native

    def get(self, key: str) -> Data:
        """Return all bytes of the object."""
        return self._inner.get(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`."""
        return self._inner.get_range(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        return self._inner.head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below the folder `prefix`."""
        return self._inner.list(prefix)

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders in a folder."""
        return folders_of(self._inner, prefix)

    def put(self, key: str, data: Body) -> None:
        """Store the bytes."""
        self._inner.put(key, data)

    def create(self, key: str, data: Body) -> None:
        """Store the bytes if nothing has this key."""
        self._inner.create(key, data)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._inner.delete(key)

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        """Yield what killed writers left that no listing shows, where the store has such."""
        store = self._inner
        return store.leftovers(prefix) if _has_leftovers(store) else iter(())

    def discard(self, leftover: Leftover) -> None:
        """Remove a file of `leftovers`."""
        store = self._inner
        if _has_leftovers(store):
            store.discard(leftover)


def _has_leftovers(store: object) -> TypeGuard[Leftovers]:
    return isinstance(store, Leftovers)
