"""Work on many things at once, with bounded memory, ending at the first failure."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 32
"""Threads: enough requests under way to hide a store's latency; decoding releases the GIL."""


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


def each(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return ``[work(item) for item in items]``, computed in threads.

    The first failure is raised once what had started has ended; nothing more is started.
    """
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(WORKERS, len(items))) as pool:
        futures = [pool.submit(work, item) for item in items]
        return _results(futures)


def together(*calls: Callable[[], None]) -> None:
    """Run independent calls at the same time, so that their round trips overlap."""
    each(lambda call: call(), calls)


class Jobs:
    """Work in the background of a writer, a bounded number of bytes at a time."""

    def __init__(self, limit: int, workers: int = WORKERS) -> None:
        """Allow `limit` bytes of jobs under way."""
        self._budget = ByteBudget(limit)
        self._pool = ThreadPoolExecutor(workers)
        self._futures: list[Future[None]] = []

    def submit(self, size: int, work: Callable[[], None]) -> None:
        """Run `work` in a thread; wait first where `size` more bytes would be too many.

        Raises:
            Exception: what an earlier job raised; nothing more is started after it.
        """
        self._raise_failed()
        self._budget.take(size)
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._budget.give(size))
        self._futures.append(future)

    def wait(self) -> None:
        """Wait for all jobs.

        Raises:
            Exception: what the first failed job raised.
        """
        _results(self._futures)
        self._futures.clear()

    def close(self) -> None:
        """Start nothing more and wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _raise_failed(self) -> None:
        for future in self._futures:
            if _failed(future):
                self.wait()
        self._futures = [future for future in self._futures if not future.done()]


def _failed(future: Future[R]) -> bool:
    """Tell whether a future ended in an error of its own; cancelled ones did not."""
    return future.done() and not future.cancelled() and future.exception() is not None


def _results(futures: list[Future[R]]) -> list[R]:
    done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
    for future in waiting:
        future.cancel()
    for future in done:
        if _failed(future):
            wait([f for f in waiting if not f.cancelled()])
            break
    return [future.result() for future in futures if not future.cancelled()]


def ahead(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Yield ``work(item)`` for each item in order, computing one beyond the one in use."""
    with ThreadPoolExecutor(1) as pool:
        coming: Future[R] | None = None
        for item in items:
            following = pool.submit(work, item)
            if coming is not None:
                yield coming.result()
            coming = following
        if coming is not None:
            yield coming.result()
