"""Stores that go along into other processes, where they are opened anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from embzarr._storage import forks
from embzarr._storage.backends.fsspec import FsspecStore
from embzarr._storage.backends.local import LocalFolder
from embzarr._storage.capabilities import known_of
from embzarr._storage.identity import identity_of
from embzarr._storage.libraries.client import Client
from embzarr._storage.opening import bound_to_process
from embzarr._storage.wrappers.around import StoreAround

if TYPE_CHECKING:
    from embzarr._storage.capabilities import Capabilities
    from embzarr._storage.identity import Identity
    from embzarr._storage.opening import Opening
    from embzarr._storage.port import Store


def portable(store: Store, opening: Opening) -> Store:
    """Return a store that was just opened as one that other processes open anew.

    Args:
        store: what this process uses; of a folder of this machine, what all of them use.
        opening: how it was opened.
    """
    if isinstance(store, LocalFolder):
        return store
    client = Client(opening, abandon, made=store)
    return PortableStore(client, store.url, known_of(store), identity_of(store))


def abandon(store: Store) -> None:
    """Leave alone, in a forked child, what the parent still uses."""
    forks.keep_for_ever(store)
    if isinstance(store, FsspecStore):
        store.leave_open()


class PortableStore(StoreAround):
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
    def _inner(self) -> Store:
        """The store of this process, made when it is first asked."""
        return self._client()

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
