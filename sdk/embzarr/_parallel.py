"""Work on many things at once, with bounded memory, ending at the first failure."""

from __future__ import annotations

import itertools
import math
import os
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from embzarr import _forks
from embzarr.objects import known_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 32
"""Threads: enough requests under way to hide a store's latency; decoding releases the GIL."""
_LITTLE_BYTES = 4 * 1024 * 1024
_LITTLE_SECONDS = 0.02
"""What is done sooner by one thread than divided."""


def is_quick(store: object, nbytes: int = 0) -> bool:
    """Tell whether a store answers before a thread has begun, so that threads only get in the way.

    Args:
        store: what is asked.
        nbytes: what comes back, all requests together.
    """
    return known_of(store).kind == "local" and nbytes < _LITTLE_BYTES


class ByteBudget:
    """Bounds the bytes that are in memory at once; a larger claim waits until it is alone."""

    def __init__(self, limit: int) -> None:
        """Allow `limit` bytes."""
        self._limit = limit
        self._used = 0
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        """Wait until `size` bytes fit, and claim them."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + size <= self._limit)
            self._used += size

    def give(self, size: int) -> None:
        """Return `size` claimed bytes."""
        with self._changed:
            self._used -= size
            self._changed.notify_all()

    @contextmanager
    def claim(self, size: int) -> Iterator[None]:
        """Hold `size` bytes for the length of a block."""
        self.take(size)
        try:
            yield
        finally:
            self.give(size)


class Later(Generic[R]):
    """A value that whoever needs it first computes; all others wait, and none computes it twice."""

    def __init__(self, work: Callable[[], R]) -> None:
        """Compute it by `work`, later."""
        self._work = work
        self._lock = _forks.Lock()
        self._found: list[R] = []

    @property
    def is_known(self) -> bool:
        """Whether it was computed."""
        return bool(self._found)

    def __call__(self) -> R:
        """Return the value.

        Raises:
            Exception: what the computation raised; the next call tries again.
        """
        if not self._found:
            with self._lock:
                if not self._found:
                    self._found.append(self._work())
        return self._found[0]


def each(
    work: Callable[[T], R], items: Sequence[T], *, workers: int = WORKERS, alone: bool = False
) -> list[R]:
    """Return ``[work(item) for item in items]``, computed by the calling thread and a shared pool.

    At most `workers` items are under way at once. With `alone` the calling thread is helped only
    where it takes long, as it does in a folder that lies on another machine.

    The first failure is raised once what had started has ended; nothing more is started. Inside of
    such work a further `each` runs in its own thread alone, so that none waits for the pool that it
    is a part of.
    """
    if len(items) <= 1 or getattr(_here, "working", False):
        return [work(item) for item in items]
    batch = _Batch(work, items)
    if alone and batch.run(_LITTLE_SECONDS):
        return batch.results()
    helpers = [_pool().submit(batch.run) for _ in range(min(workers, len(items)) - 1)]
    batch.run()
    for helper in helpers:
        helper.cancel()
    wait(helpers)
    return batch.results()


def background(work: Callable[[], R]) -> Future[R]:
    """Have one of the shared threads do something that waits for none of the others."""
    return _pool().submit(work)


def together(*calls: Callable[[], None], alone: bool = False) -> None:
    """Run a few independent calls at the same time, each free to use `each` itself.

    With `alone` they run one after the other. The first failure is raised once all have ended.
    """
    failures: list[BaseException] = []

    def run(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as exc:  # noqa: BLE001 - raised below, in the caller's thread
            failures.append(exc)

    own = len(calls) if alone else 1
    threads = [threading.Thread(target=run, args=(call,)) for call in calls[own:]]
    for thread in threads:
        thread.start()
    for call in calls[:own]:
        run(call)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class _Batch(Generic[T, R]):
    """Items that several threads take in turn, and what became of them."""

    def __init__(self, work: Callable[[T], R], items: Sequence[T]) -> None:
        self._work = work
        self._items = items
        self._next = itertools.count()
        self._done: dict[int, R] = {}
        self._failures: dict[int, BaseException] = {}

    def run(self, seconds: float = math.inf) -> bool:
        """Take items until there are none left or one has failed; False if that takes longer."""
        _here.working = True
        end = time.perf_counter() + seconds
        try:
            while not self._failures:
                if time.perf_counter() > end:
                    return False
                at = next(self._next)
                if at >= len(self._items):
                    break
                self._try(at)
        finally:
            _here.working = False
        return True

    def results(self) -> list[R]:
        """Return all results in order, or raise the failure of the first item that has one."""
        if self._failures:
            raise self._failures[min(self._failures)]
        return [self._done[at] for at in range(len(self._items))]

    def _try(self, at: int) -> None:
        try:
            self._done[at] = self._work(self._items[at])
        except BaseException as exc:  # noqa: BLE001 - raised by `results`, in the caller's thread
            self._failures[at] = exc


_here = threading.local()
_shared: list[ThreadPoolExecutor] = []
_shared_lock = threading.Lock()


def _pool() -> ThreadPoolExecutor:
    """Return the threads that all reads share: starting some for each would take milliseconds."""
    with _shared_lock:
        if not _shared:
            _shared.append(ThreadPoolExecutor(WORKERS, thread_name_prefix="embzarr"))
        return _shared[0]


def _forget_pool() -> None:
    """A forked child has none of its parent's threads: let it start its own."""
    global _shared_lock  # noqa: PLW0603 - the lock may have been held at the fork
    _shared_lock = threading.Lock()
    _shared.clear()
    _here.working = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def ahead(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Yield ``work(item)`` for each item in order, computing one beyond the one in use.

    A forked child that goes on with what its parent began computes the rest itself.
    """
    begun_here = _forks.Process()
    with ThreadPoolExecutor(1) as pool:
        coming: deque[Future[R]] = deque()
        for at in range(len(items)):
            if not begun_here:
                yield from ahead(work, items[at:])
                return
            coming.extend(pool.submit(work, item) for item in items[at + len(coming) : at + 2])
            yield coming.popleft().result()
