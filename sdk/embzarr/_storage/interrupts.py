"""Calls that an interrupt leaves whole, at whatever moment it comes.

Python raises KeyboardInterrupt, and what handlers of signals raise, between any two instructions of
the main thread, and nowhere else: inside of `threading.Condition`, of an executor, or between the
taking of something and the note of it. So the main thread takes nothing. A thread apart makes the
call, and the main thread waits for it by one lock of its own; when it is interrupted it asks the
work to stop, which the work notices before its next request, waits until it has, and only then lets
the interrupt go on. A second interrupt does not wait.
"""

from __future__ import annotations

import contextvars
import functools
import math
import os
import sys
import threading
import time
import weakref
from _thread import allocate_lock, get_ident, start_new_thread
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
R = TypeVar("R")

_SPARE_THREADS = 2
"""Threads apart that are kept for the next call; more are needed where handlers of signals call."""
_SLICE_SECONDS = 0.2
"""How long to wait for a lock at a time: a signal that comes just before the wait does not end it,
and none does on Windows."""
_MARK = (None,)


class Interrupted(BaseException):
    """Ends work whose caller was interrupted; the caller sees the interrupt, and never this."""


class Latch:
    """Something that happens once, and that any number of threads wait for.

    Not `threading.Event`, whose inner lock stays taken for ever where an interrupt comes while it
    is waited for. Whoever waits here has a lock of its own, and takes no other.
    """

    __slots__ = ("marks", "waiting")

    def __init__(self) -> None:
        """Begin unset."""
        self.marks: list[object] = []
        """Something, once it is set."""
        self.waiting: list[threading.Lock] = []
        """A lock of each who waits, which setting this lets go of."""

    @property
    def is_set(self) -> bool:
        """Whether it has happened."""
        return bool(self.marks)

    def set(self) -> None:
        """Wake whoever waits."""
        self.marks.append(None)
        while self.waiting:
            with suppress(IndexError, RuntimeError):  # another thread has just woken it
                self.waiting.pop().release()

    def wait(self, seconds: float | None = None, *, unless: Latch | None = None) -> bool:
        """Wait until it is set, or `unless` is; tell whether it is set.

        Args:
            seconds: how long at most; None for ever.
            unless: something else that ends the wait.
        """
        if self.marks:
            return True
        mine = allocate_lock()
        mine.acquire()
        latches = [self] if unless is None else [self, unless]
        for latch in latches:
            latch.waiting.append(mine)
        # Whoever sets one after this look finds `mine` there.
        if not any(latch.is_set for latch in latches):
            _acquire(mine, seconds)
        for latch in latches:
            if not latch.is_set:  # else it is taken from there, if it is not gone already
                with suppress(ValueError):
                    latch.waiting.remove(mine)
        return self.is_set


def _acquire(lock: threading.Lock, seconds: float | None) -> None:
    end = math.inf if seconds is None else time.monotonic() + seconds
    while True:
        left = max(end - time.monotonic(), 0.0)
        if lock.acquire(timeout=min(left, _SLICE_SECONDS)) or left <= _SLICE_SECONDS:
            return


class _Here(threading.local):
    stop: Latch | None = None
    """What is set when the work of this thread is to stop."""


_here = _Here()


class Task(Generic[R]):
    """A call that is made once, by the first thread that comes to it: one apart, or who waits."""

    __slots__ = ("_call", "_claim", "_context", "_failure", "_found", "ended", "stop")

    def __init__(self, call: Callable[[], R], stop: Latch | None = None) -> None:
        """Make nothing yet.

        Args:
            call: what to do, with the context variables of this thread.
            stop: what ends it before its next request; by default what would end this thread's.
        """
        self._call: Callable[[], R] | None = call
        self._claim = allocate_lock()
        self._context = contextvars.copy_context()
        self._failure: BaseException | None = None
        self._found: list[R] = []
        self.ended = Latch()
        self.stop = current() if stop is None else stop

    def run(self) -> None:
        """Make the call, unless that has begun; never raises."""
        call = self._call
        if call is None or not self._claim.acquire(blocking=False):
            return
        before, _here.stop = _here.stop, self.stop
        try:
            self._found.append(self._context.run(call))
        except BaseException as exc:  # noqa: BLE001 - raised by `result`, where it is waited for
            self._failure = exc
        _here.stop = before
        self._call = None  # and all that it holds
        self.ended.set()

    def give_up(self) -> bool:
        """Tell whether the call was not begun, and will never be."""
        return self._claim.acquire(blocking=False)

    def settle(self) -> None:
        """Make sure that the call has ended, or was given up and will never begin."""
        if not self.give_up():
            self.ended.wait()

    def result(self) -> R:
        """Return what the call returned, once; make it here if nobody has begun it.

        Raises:
            BaseException: what the call raised.
        """
        self.run()
        self.ended.wait()
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # else it holds its traceback, that this frame, and that it again
        return self._found.pop()


def current() -> Latch | None:
    """Return what is set when the work of this thread is to stop."""
    return _here.stop


def check() -> None:
    """End here work whose caller was interrupted.

    Raises:
        Interrupted: it was.
    """
    stop = _here.stop
    if stop is not None and stop.marks:
        raise Interrupted


def wait(latch: Latch) -> None:
    """Wait in work that can be stopped.

    Raises:
        Interrupted: the caller was interrupted.
    """
    latch.wait(unless=_here.stop)
    check()


def pause(seconds: float) -> None:
    """Sleep in work that can be stopped.

    Raises:
        Interrupted: the caller was interrupted.
    """
    if _here.stop is None:
        time.sleep(seconds)
    else:
        _here.stop.wait(seconds)
        check()


@contextmanager
def unstopped() -> Iterator[None]:
    """Let work that puts things right go on though the caller was interrupted."""
    before, _here.stop = _here.stop, None
    try:
        yield
    finally:
        _here.stop = before


def is_main() -> bool:
    """Tell whether this is the thread that interrupts come to."""
    return get_ident() == threading.main_thread().ident


def apart(call: Callable[[], R], stop: Latch | None = None) -> R:
    """Make a call in a thread apart, if this is the one that interrupts come to, and wait for it.

    Args:
        call: what to do.
        stop: what is set when this is interrupted; by default one for this call.

    Raises:
        BaseException: what the call raised; or the interrupt, once the work has ended.
    """
    if not is_main():
        return call()
    asked = Latch() if stop is None else stop
    task = Task(call, asked)
    try:
        hand_over(task)
        task.ended.wait()
    except BaseException:
        # Before anything is called, where Python would look for a second signal.
        asked.marks += _MARK
        asked.set()
        task.settle()
        raise
    return task.result()


def interruptible(method: Callable[P, R]) -> Callable[P, R]:
    """Have a public function or method make its calls as `apart` does."""

    @functools.wraps(method)
    def enter(*args: P.args, **kwargs: P.kwargs) -> R:
        return apart(functools.partial(method, *args, **kwargs))

    return enter


class _Hand:
    """A thread that waits for a call. Whoever drops it, used or not, has it wait no longer."""

    __slots__ = ("__weakref__", "tasks")

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self.tasks: SimpleQueue[Task[Any] | weakref.ref[_Hand]] = SimpleQueue()

    def wake_if_dropped(self) -> weakref.ref[_Hand]:
        """Return what tells, as long as it is kept, the thread that nobody will give it a call.

        Not by a method of ours that Python calls then: an interrupt that came in it would be lost.
        """
        return weakref.ref(self, self.tasks.put)


_free: list[_Hand] = []
"""Threads apart that nothing was given to."""


def hand_over(task: Task[R]) -> None:
    """Have a thread make a call; where none can be started, as a process ends, make it here."""
    try:
        hand = _free.pop()
    except IndexError:
        hand = _Hand()
        try:
            start_new_thread(_serve, (_free, hand.tasks, hand.wake_if_dropped()))
        except RuntimeError:
            task.run()
            return
    hand.tasks.put(task)


def _serve(
    free: list[_Hand],
    tasks: SimpleQueue[Task[Any] | weakref.ref[_Hand]],
    dropped: weakref.ref[_Hand],
) -> None:
    """Make one call after another, each given by a hand of its own."""
    sys.settrace(threading.gettrace())
    sys.setprofile(threading.getprofile())
    while True:
        task = tasks.get()
        if not isinstance(task, Task):
            return
        task.run()
        del task  # and what it returned
        if len(free) >= _SPARE_THREADS:
            return
        hand = _Hand()
        tasks, dropped = hand.tasks, hand.wake_if_dropped()  # noqa: F841 - kept, as it says
        free.append(hand)
        del hand


def _forget_threads() -> None:
    """A forked child has none of its parent's threads: let it start its own."""
    global _free  # noqa: PLW0603 - one for the process; threads of the parent keep theirs
    _free = []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
