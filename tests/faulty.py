"""Stores that fail on purpose, and a slow one: decorators of the storage port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from embzarr._storage.capabilities import Capabilities, capabilities_of, known_of
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from embzarr._storage.port import Body, Data, ObjectInfo, Store

Fault = Literal["not-sent", "answer-lost"]


class PassThrough:
    """Every verb as the store underneath has it; subclasses change one."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def url(self) -> str:
        return self.store.url

    @property
    def capabilities(self) -> Capabilities:
        return known_of(self.store)

    @property
    def native(self) -> object:
        return self.store.native

    def get(self, key: str) -> Data:
        return self.store.get(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        return self.store.get_range(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        return self.store.head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self.store.list(prefix)

    def put(self, key: str, data: Body) -> None:
        self.store.put(key, data)

    def create(self, key: str, data: Body) -> None:
        self.store.create(key, data)

    def delete(self, key: str) -> None:
        self.store.delete(key)


class RecordingStore(PassThrough):
    """Remembers of which objects ranges were asked for, in that order."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.asked: list[str] = []

    def get_range(self, key: str, start: int, length: int) -> Data:
        self.asked.append(key)
        return super().get_range(key, start, length)


class Sleeper(PassThrough):
    """Lets another attempt come first, just before the object of one key is created."""

    def __init__(self, store: Store, key: str, other: Callable[[], object]) -> None:
        super().__init__(store)
        self._key = key
        self._other: Callable[[], object] | None = other

    def create(self, key: str, data: Body) -> None:
        if key.endswith(self._key) and self._other:
            other, self._other = self._other, None
            other()
        super().create(key, data)


class SlowStore(PassThrough):
    """Every request takes as long as a round trip over a real link."""

    def __init__(self, store: Store, seconds: float) -> None:
        super().__init__(store)
        self._seconds = seconds

    @property
    def capabilities(self) -> Capabilities:
        """Those of a service, whatever holds the objects."""
        return capabilities_of("s3")

    def get(self, key: str) -> Data:
        time.sleep(self._seconds)
        return super().get(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        time.sleep(self._seconds)
        return super().get_range(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        time.sleep(self._seconds)
        return super().head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        time.sleep(self._seconds)
        return super().list(prefix)

    def put(self, key: str, data: Body) -> None:
        time.sleep(self._seconds)
        super().put(key, data)

    def create(self, key: str, data: Body) -> None:
        time.sleep(self._seconds)
        super().create(key, data)


class NarrowStore(PassThrough):
    """All ranges share so many bytes a second."""

    def __init__(self, store: Store, rate: float) -> None:
        super().__init__(store)
        self._rate = rate
        self._free = 0.0
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """Those of a server, whatever holds the objects."""
        return capabilities_of("s3-compatible")

    def get_range(self, key: str, start: int, length: int) -> Data:
        with self._lock:
            now = time.perf_counter()
            self._free = max(now, self._free) + length / self._rate
            wait = self._free - now
        time.sleep(wait)
        return super().get_range(key, start, length)


class FaultyStore(PassThrough):
    """One write fails: before it was sent, or after it took effect."""

    def __init__(self, store: Store, *, at: int, fault: Fault) -> None:
        super().__init__(store)
        self._lock = threading.Lock()
        self._left = at
        self._fault = fault
        self.hit: str | None = None
        """The verb and key of the write that failed."""

    def put(self, key: str, data: Body) -> None:
        self._write("put", key, lambda: self.store.put(key, data))

    def create(self, key: str, data: Body) -> None:
        self._write("create", key, lambda: self.store.create(key, data))

    def _write(self, verb: str, key: str, write: Callable[[], None]) -> None:
        with self._lock:
            self._left -= 1
            failing = self._left == -1
        if not failing:
            write()
            return
        self.hit = f"{verb} {key}"
        if self._fault == "answer-lost":
            write()
        raise StoreError("store-failed", f"{key}: injected fault, {self._fault}")
