"""Counting what a store is asked, so that promises about requests can be tested and shown."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from embzarr._redact import printable
from embzarr._storage import forks, interrupts
from embzarr._storage.port import size_of
from embzarr._storage.wrappers.around import StoreAround

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._storage.port import Body, Data, Leftover, ObjectInfo, Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What went over the port since it was opened or `CountingStore.reset`."""

    requests: int = 0
    """Calls of a verb, failed ones too; a listing is one, however many pages it has."""
    bytes_read: int = 0
    """Payload that came back from `get` and `get_range`."""
    bytes_written: int = 0
    """Payload of `put` and `create` that succeeded."""
    round_trips: int = 0
    """The longest chain of requests of which each began after the one before had ended."""


class CountingStore(StoreAround):
    """A store that counts the requests to another one; safe to share between threads.

    Every public call asks its store through one of these, so that here it is, too, that work whose
    caller was interrupted ends: before its next request.
    """

    def __init__(self, store: Store) -> None:
        """Count from zero."""
        super().__init__(store)
        self._lock = forks.Lock()
        self.reset()

    def __reduce__(self) -> tuple[type[CountingStore], tuple[Store]]:
        """Pickle and copy the store, to be counted from zero."""
        return CountingStore, (self._store,)

    @property
    def url(self) -> str:
        """Where the store underneath is, printable also where a caller's own store is not."""
        return printable(self._store.url)

    def traffic(self) -> Traffic:
        """Return the totals so far; requests under way are not in them."""
        with self._lock:
            return Traffic(
                requests=self._requests,
                bytes_read=self._bytes_read,
                bytes_written=self._bytes_written,
                round_trips=self._round_trips,
            )

    @property
    def quickest(self) -> float | None:
        """Seconds that the quickest request so far took, or None before the first."""
        return self._quickest

    def reset(self) -> None:
        """Count from zero again."""
        with self._lock:
            self._requests = self._bytes_read = self._bytes_written = self._round_trips = 0
            self._chain_end = float("-inf")
            self._quickest: float | None = None

    def get(self, key: str) -> Data:
        """Return all bytes of the object."""
        return self._counted(lambda: self._store.get(key), read=memoryview)

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`."""
        return self._counted(lambda: self._store.get_range(key, start, length), read=memoryview)

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        return self._counted(lambda: self._store.head(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Return every object below `prefix`; counted is the way to the first of them."""
        return self._counted(lambda: _begun(self._store.list(prefix)))

    def put(self, key: str, data: Body) -> None:
        """Store the bytes."""
        self._counted(lambda: self._store.put(key, data), written=data)

    def create(self, key: str, data: Body) -> None:
        """Store the bytes if the key is free."""
        self._counted(lambda: self._store.create(key, data), written=data)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._counted(lambda: self._store.delete(key))

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        """Return what killed writers left that no listing shows, where the store has such."""
        return self._counted(lambda: _begun(StoreAround.leftovers(self, prefix)))

    def discard(self, leftover: Leftover) -> None:
        """Remove a file of `leftovers`."""
        self._counted(lambda: StoreAround.discard(self, leftover))

    def _counted(
        self,
        request: Callable[[], T],
        *,
        read: Callable[[T], memoryview] | None = None,
        written: Body = b"",
    ) -> T:
        interrupts.check()
        start = time.perf_counter()
        read_bytes = written_bytes = 0
        try:
            answer = request()
            read_bytes = read(answer).nbytes if read else 0
            written_bytes = size_of(written)
        finally:
            self._add(start, read_bytes, written_bytes)
        return answer

    def _add(self, start: float, read_bytes: int, written_bytes: int) -> None:
        with self._lock:
            # Taken under the lock, ends come in order, and for intervals in order of their ends
            # the greedy count of disjoint ones is the longest chain: no interval need be kept.
            end = time.perf_counter()
            self._quickest = min(end - start, self._quickest or math.inf)
            longer = start >= self._chain_end
            if longer:
                self._chain_end = end
            self._requests += 1
            self._bytes_read += read_bytes
            self._bytes_written += written_bytes
            self._round_trips += longer


def _begun(items: Iterator[T]) -> Iterator[T]:
    """Return the same items, the first of them at hand: a listing need not fit into memory."""
    return itertools.chain([*itertools.islice(items, 1)], items)
