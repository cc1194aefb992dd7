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
import os
import sys
import threading
import time
from _thread import allocate_lock, get_ident, start_new_thread
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
R = TypeVar("R")

_SPARE_THREADS = 2
"""Threads apart that are kept for the next call; more are needed where handlers of signals call."""
_SLICE_SECONDS = 0.1 if sys.platform == "win32" else -1.0
"""How long to wait for a lock at a time: on Windows nothing interrupts such a wait."""


class Interrupted(BaseException):
    """Ends work whose caller was interrupted; the caller sees the interrupt, and never this."""


class Latch:
    """Something that happens once, and that any number of threads wait for.

    Not `threading.Event`, whose inner lock stays taken for ever where an interrupt comes while it
    is waited for. Whoever waits here has a lock of its own, and takes no other.
    """

    __slots__ = ("is_set", "waiting")

    def __init__(self) -> None:
        """Begin unset."""
        self.is_set = False
        self.waiting: list[threading.Lock] = []
        """A lock of each who waits, which setting this lets go of."""

    def set(self) -> None:
        """Wake whoever waits."""
        self.is_set = True
        while self.waiting:
            with suppress(IndexError, RuntimeError):  # another thread has just woken it
                self.waiting.pop().release()

    def wait(self, seconds: float | None = None, *, unless: Latch | None = None) -> bool:
        """Wait until it is set, or `unless` is; tell whether it is set.

        Args:
            seconds: how long at most; None for ever.
            unless: something else that ends the wait.
        """
        mine = allocate_lock()
        mine.acquire()
        latches = [self] if unless is None else [self, unless]
        for latch in latches:
            latch.waiting.append(mine)
        # Whoever sets one after this look finds `mine` there.
        if not any(latch.is_set for latch in latches):
            _acquire(mine, seconds)
        for latch in latches:
            with suppress(ValueError):
                latch.waiting.remove(mine)
        return self.is_set


def _acquire(lock: threading.Lock, seconds: float | None) -> None:
    if seconds is not None:
        lock.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))
        return
    while not lock.acquire(timeout=_SLICE_SECONDS):
        pass


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
        if self._failure is not None:
            try:
                raise self._failure
            finally:
                del self  # else the failure's traceback holds this frame, and it the failure
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
    if stop is not None and stop.is_set:
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
        _hand_over(task)
        task.ended.wait()
    except BaseException:
        # Python looks for a second signal where a function is called: not before this is set.
        asked.is_set = True
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


class _Hands:
    """Threads that make the main thread's calls, and wait for the next one."""

    def __init__(self) -> None:
        self.tasks: SimpleQueue[Task[object]] = SimpleQueue()
        self.free: list[None] = []
        """As many as there are threads that nothing was given to."""


_hands = _Hands()


def _hand_over(task: Task[R]) -> None:
    """Have a thread make a call; where none can be started, as a process ends, make it here."""
    hands = _hands
    try:
        hands.free.pop()
    except IndexError:
        try:
            start_new_thread(_serve, (hands,))
        except RuntimeError:
            task.run()
            return
    # Interrupted before this, one thread more is waiting than is counted; it ends after its next.
    hands.tasks.put(task)  # type: ignore[arg-type]  # nobody looks at what it returns


def _serve(hands: _Hands) -> None:
    sys.settrace(threading.gettrace())
    sys.setprofile(threading.getprofile())
    while True:
        task = hands.tasks.get()
        task.run()
        del task  # and what it returned
        if len(hands.free) >= _SPARE_THREADS:
            return
        hands.free.append(None)


def _forget_threads() -> None:
    """A forked child has none of its parent's threads: let it start its own."""
    global _hands  # noqa: PLW0603 - one for the process
    _hands = _Hands()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
