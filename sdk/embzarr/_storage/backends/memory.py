"""Stores in this process's memory. A forked child has them as they were, and changes its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from obstore import store as obstore_stores

from embzarr._redact import Redactor
from embzarr._storage.capabilities import capabilities_of
from embzarr._storage.identity import Identity, of_object
from embzarr._storage.libraries import library
from embzarr._storage.opening import bound_to_process
from embzarr._storage.port import Body, Data, ObjectInfo, check_key, check_prefix, parts_of
from embzarr._storage.requests.failures import Place, shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._storage.capabilities import Capabilities
    from embzarr._storage.requests.failures import Verb

T = TypeVar("T")

_stores: dict[str, MemoryStore] = {}
"""By their names."""


class MemoryStore:
    """A store that a dictionary stands for.

    It has no lock that a fork could find taken: each verb is one operation of the dictionary. Nor
    is it obstore's, whose requests go through a runtime that a forked child must not touch.
    """

    def __init__(self, url: str) -> None:
        """Begin empty."""
        self._place = Place(url=url, redactor=Redactor())
        self._objects: dict[str, tuple[bytes, float]] = {}
        """The bytes of each key, and when they were written."""

    def __repr__(self) -> str:
        """Name the place."""
        return f"MemoryStore({self.url!r})"

    @property
    def url(self) -> str:
        """Where this store is."""
        return self._place.url

    @property
    def capabilities(self) -> Capabilities:
        """What is known of memory."""
        return capabilities_of("memory")

    @property
    def identity(self) -> Identity:
        """Itself: nobody else answers for it."""
        return of_object(self)

    @property
    def native(self) -> object:
        """An obstore store of what lies here now: later writes do not show, nor its own here."""
        library.OBSTORE.for_this_process()
        copy = obstore_stores.MemoryStore()
        for key, (data, _) in list(self._objects.items()):
            copy.put(key, data)
        return copy

    def get(self, key: str) -> Data:
        """Return all bytes of the object."""
        return self._ask("read", key, lambda: memoryview(self._found(key)))

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`; fewer than `length` where the object ends before."""
        return self._ask("read", key, lambda: memoryview(self._found(key))[start : start + length])

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        return self._ask("read", key, lambda: ObjectInfo(key=key, size=len(self._found(key))))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below the folder `prefix`."""
        check_prefix(prefix)
        for key, (data, modified) in sorted(self._objects.items()):
            if key.startswith(prefix):
                yield ObjectInfo(key=key, size=len(data), modified=modified)

    def put(self, key: str, data: Body) -> None:
        """Store the bytes."""
        check_key(key)
        self._objects[key] = _kept(data)

    def create(self, key: str, data: Body) -> None:
        """Store the bytes if nothing has this key."""
        self._ask("create", key, lambda: self._create(key, _kept(data)))

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        check_key(key)
        self._objects.pop(key, None)

    def _ask(self, verb: Verb, key: str, request: Callable[[], T]) -> T:
        check_key(key)
        return self._place.ask(verb, key, request)

    def _found(self, key: str) -> bytes:
        found = self._objects.get(key)
        if found is None:
            raise FileNotFoundError(key)
        return found[0]

    def _create(self, key: str, kept: tuple[bytes, float]) -> None:
        if self._objects.setdefault(key, kept) is not kept:
            raise FileExistsError(key)

    def __reduce__(self) -> NoReturn:
        """Refuse: memory does not travel.

        Raises:
            UnsupportedError: code ``url-unsupported``.
        """
        raise bound_to_process(self.url)

    def __copy__(self) -> Self:
        """Return itself: two views of one store."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """Return itself."""
        return self


def memory_store(url: str) -> MemoryStore:
    """Return the store of this URL in this process: every ``memory://name`` is one of its own."""
    name = url.partition("://")[2].strip("/")
    return _stores.setdefault(name, MemoryStore(shown_url(f"memory://{name}")))


def _kept(data: Body) -> tuple[bytes, float]:
    return b"".join(parts_of(data)), time.time()
