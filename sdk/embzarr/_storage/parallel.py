"""Work on many things at once, with bounded memory, ending at the first failure."""

from __future__ import annotations

import itertools
import math
import os
import threading
import time
import weakref
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from embzarr._storage import forks, interrupts
from embzarr._storage.capabilities import known_of
from embzarr._storage.interrupts import Latch, Task
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
        self._lock = forks.Lock()
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


class Crew:
    """So many threads at most, which make calls in their order, and are started as they are needed.

    They are daemons: what must not be lost at the end of the process is waited for by name. Where
    no thread can be started, as when a process has too many or ends, whoever adds a call makes it.
    """

    def __init__(self, size: int, *, stays: bool = False) -> None:
        """Start nothing yet.

        Args:
            size: threads.
            stays: whether they wait for more when there is nothing to do, or end.
        """
        self._size = size
        self._stays = stays
        self._changed = threading.Condition()
        self._calls: deque[Task[object]] = deque()
        self._threads = 0
        self._idle = 0

    def add(self, call: Task[object]) -> None:
        """Have a call made."""
        with self._changed:
            self._calls.append(call)
            starts = self._idle < len(self._calls) and self._threads < self._size
            self._threads += starts
            self._changed.notify()
        if starts and not start(self._work):
            self._work(leaves=True)

    def _work(self, *, leaves: bool = False) -> None:
        """Make calls until there are none, and then wait for more if this crew stays."""
        while True:
            with self._changed:
                while not self._calls and self._stays and not leaves:
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                if not self._calls:
                    self._threads -= 1
                    return
                call = self._calls.popleft()
            call.run()
            del call  # and what it returned, which may be large


def start(work: Callable[[], object], name: str = "embzarr") -> bool:
    """Start a thread; tell whether that was possible."""
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:  # too many, or the process ends
        return False
    return True


def each(
    work: Callable[[T], R], items: Sequence[T], *, workers: int = WORKERS, alone: bool = False
) -> list[R]:
    """Return ``[work(item) for item in items]``, computed by the calling thread and a shared crew.

    At most `workers` items are under way at once. With `alone` the calling thread is helped only
    where it takes long, as it does in a folder that lies on another machine.

    The first failure is raised once what had started has ended; nothing more is started. Inside of
    such work a further `each` runs in its own thread alone, so that none waits for the crew that it
    is a part of.
    """
    if len(items) <= 1 or _here.working:
        return [work(item) for item in items]
    batch = _Batch(work, items)
    if alone and batch.run(_LITTLE_SECONDS):
        return batch.results()
    helpers = [Task[object](batch.run) for _ in range(min(workers, len(items)) - 1)]
    for helper in helpers:
        _shared.add(helper)
    batch.run()
    for helper in helpers:
        helper.settle()
    return batch.results()


def background(work: Callable[[], R]) -> Task[R]:
    """Have one of the shared threads do something, unless whoever wants it does so before."""
    task = Task(work)
    _shared.add(task)  # type: ignore[arg-type]  # the crew looks at no result
    return task


def together(*calls: Callable[[], Any], alone: bool = False) -> list[Any]:
    """Return what a few calls return, made at the same time, each free to use `each` itself.

    With `alone` they are made one after the other. A failure is raised once all have ended.
    """
    tasks = [Task(call) for call in calls]
    for task in () if alone else tasks[1:]:
        interrupts.hand_over(task)
    for task in tasks:
        task.run()
    for task in tasks:
        task.ended.wait()
    return [task.result() for task in tasks]


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
            interrupts.check()
            self._done[at] = self._work(self._items[at])
        except BaseException as exc:  # noqa: BLE001 - raised by `results`, in the caller's thread
            self._failures[at] = exc


class _Here(threading.local):
    working = False
    """Whether this thread is one of those of an `each`."""


_here = _Here()
_shared = Crew(WORKERS, stays=True)
"""The threads that all reads share: starting some for each would take milliseconds."""
_streams = Crew(WORKERS, stays=True)
"""Those that compute what streams give next: the allocator keeps memory for each new thread."""


def _forget_pool() -> None:
    """A forked child has none of its parent's threads: let it start its own."""
    global _shared, _streams
    _shared, _streams = Crew(WORKERS, stays=True), Crew(WORKERS, stays=True)
    _here.working = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


class Stream(Generic[T, R]):
    """``work(item)`` for each item in order, computing one beyond the one in use.

    A forked child that goes on with what its parent began computes the rest itself.
    """

    def __init__(self, work: Callable[[T], R], items: Iterable[T]) -> None:
        """Begin nothing yet."""
        self._work = work
        self._items = iter(items)
        self._coming: Task[R] | None = None
        self._call: Callable[[], R] | None = None
        """What `_coming` makes."""
        self._process = forks.Process()
        self._is_whole = True
        # Inside of other work, what ends that ends this; else it lives as long as it is used.
        self._own = Latch() if interrupts.current() is None else None
        if self._own is not None:
            # What is under way ends where nobody uses this any more, and nobody waits for it. Not
            # by a method of ours that Python calls: an interrupt that came in it would be lost.
            self._dropped = weakref.ref(self, self._own.marks.append)

    def __iter__(self) -> Stream[T, R]:
        """Return the stream itself."""
        return self

    def __next__(self) -> R:
        """Return what comes next, and have the one after it computed.

        Raises:
            InvalidInputError: code ``store-closed``: an interrupt came between, so that a result
                may be lost.
        """
        if not self._is_whole:
            raise InvalidInputError(
                "store-closed", "this stream was interrupted, and a batch may be lost: begin anew"
            )
        self._is_whole = False
        try:
            found = interrupts.apart(self._advance, self._own)
        except Exception:
            self._is_whole, self._items = True, iter(())
            raise
        if not found:
            self._is_whole = True
            raise StopIteration
        result = found.pop()
        self._is_whole = True  # last: what is lost from here on, the caller had
        return result

    def close(self) -> None:
        """Compute no more, and wait for what is under way."""
        if self._own is not None:
            self._own.set()
        interrupts.apart(self._end)

    def _advance(self) -> list[R]:
        """Return the next result, or nothing after the last."""
        coming, self._coming = self._coming or self._next(), None
        if coming is None or self._call is None:
            return []
        if not self._process:  # a thread of the parent is at it, or was
            coming, self._process = Task(self._call, self._own), forks.Process()
        found = [coming.result()]
        self._coming = self._next()
        if self._coming:
            _streams.add(self._coming)  # type: ignore[arg-type]  # the crew looks at no result
        return found

    def _next(self) -> Task[R] | None:
        for item in self._items:
            self._call = partial(self._work, item)
            return Task(self._call, self._own)
        return None

    def _end(self) -> None:
        coming, self._coming, self._items = self._coming, None, iter(())
        if coming and self._process:
            coming.settle()


def ahead(work: Callable[[T], R], items: Iterable[T]) -> Stream[T, R]:
    """Return ``work(item)`` for each item in order, computing one beyond the one in use."""
    return Stream(work, items)
