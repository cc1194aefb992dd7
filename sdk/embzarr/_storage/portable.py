"""Stores that go along into other processes, where they are opened anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from embzarr._storage import forks
from embzarr._storage.capabilities import known_of
from embzarr._storage.client import Client
from embzarr._storage.fsspec import FsspecStore
from embzarr._storage.identity import identity_of
from embzarr._storage.local import LocalFolder
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._storage.capabilities import Capabilities
    from embzarr._storage.identity import Identity
    from embzarr._storage.opening import Opening
    from embzarr._storage.port import Body, Data, Leftover, ObjectInfo, Store


def portable(store: Store, opening: Opening) -> Store:
    """Return a store that was just opened as one that other processes open anew.

    Args:
        store: what this process uses; of a folder of this machine, what all of them use.
        opening: how it was opened.
    """
    if isinstance(store, LocalFolder):
        return store
    kind = _WithLeftovers if isinstance(store, FsspecStore) else PortableStore
    client = Client(opening, abandon, made=store)
    return kind(client, store.url, known_of(store), identity_of(store))


def abandon(store: Store) -> None:
    """Leave alone, in a forked child, what the parent still uses."""
    forks.keep_for_ever(store)
    if isinstance(store, FsspecStore):
        store.leave_open()


class PortableStore:
    """One store in every process: a forked child, or whoever unpickles it, has its own clients.

    To be pickled takes no time and asks nothing, and neither does unpickling.
    """

    def __init__(
        self, client: Client[Store], url: str, capabilities: Capabilities, identity: Identity
    ) -> None:
        """Stand for what `client` opens."""
        self._client = client
        self._url = url
        self._capabilities = capabilities
        self._identity = identity

    def __repr__(self) -> str:
        """Name the place."""
        return f"Store({self._url!r})"

    @property
    def url(self) -> str:
        """Where this store is, printable."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What is known of this kind of store."""
        return self._capabilities

    @property
    def identity(self) -> Identity:
        """Whom this store asks, in every process."""
        return self._identity

    @property
    def native(self) -> object:
        """The obstore store or fsspec filesystem of this process."""
        return self._client().native

    def get(self, key: str) -> Data:
        """Return all bytes of the object."""
        return self._client().get(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`."""
        return self._client().get_range(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        return self._client().head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below the folder `prefix`."""
        return self._client().list(prefix)

    def put(self, key: str, data: Body) -> None:
        """Store the bytes."""
        self._client().put(key, data)

    def create(self, key: str, data: Body) -> None:
        """Store the bytes if nothing has this key."""
        self._client().create(key, data)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._client().delete(key)

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """Pickle how it is opened.

        Raises:
            UnsupportedError: code ``url-unsupported``: what lies in memory stays in its process.
        """
        if self._capabilities.kind == "memory":
            raise bound_to_process(self._url)
        return type(self), (self._client, self._url, self._capabilities, self._identity)

    def __copy__(self) -> Self:
        """Return itself: it has no state that two could disagree about."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """Return itself."""
        return self


class _WithLeftovers(PortableStore):
    """One whose killed writers leave files behind that no listing shows."""

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        """Yield files that were still being written."""
        return self._inner().leftovers(prefix)

    def discard(self, leftover: Leftover) -> None:
        """Remove such a file."""
        self._inner().discard(leftover)

    def _inner(self) -> FsspecStore:
        store = self._client()
        assert isinstance(store, FsspecStore)  # noqa: S101 - as `portable` chose
        return store


def bound_to_process(url: str) -> UnsupportedError:
    """Return what tells that a store is in one process's memory only."""
    message = f"{url} is in the memory of one process and cannot be sent to another: save to a URL"
    return UnsupportedError("url-unsupported", message)
