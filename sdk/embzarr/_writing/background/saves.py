"""A save in the background, as its caller sees it."""

from __future__ import annotations

import logging
from _thread import get_ident
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from embzarr._storage import Latch, Task, forks, interrupts, parallel
from embzarr._writing.background import unsaved
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from embzarr._writing.background.unsaved import Promise

R = TypeVar("R")


class Saving(Future[R], Generic[R]):
    """What will be the checkpoint.

    An interrupt may leave the lock of a `Future` taken for ever. So none of these methods takes
    it, and the thread that saves does so last, when nobody waits for it any more: it is there for
    `concurrent.futures.wait` alone.
    """

    def __init__(self, promise: Promise) -> None:
        """Begin as one that cannot be cancelled."""
        super().__init__()
        self.set_running_or_notify_cancel()
        self.promise = promise
        self._thread: int | None = None
        self._found: list[R] = []
        self._failure: BaseException | None = None
        self._callbacks: list[Callable[[Future[R]], object]] = []

    @property
    def decided(self) -> Latch:
        """Set once it is saved, or failed."""
        return self.promise.decided

    def settle(self) -> None:
        """Wait until callbacks have been called too, unless this is one of them.

        Raises:
            Interrupted: the caller was interrupted.
        """
        if self._thread != get_ident():
            interrupts.wait(self.promise.ended)

    @property
    def failure(self) -> BaseException | None:
        """What it failed with; asking does not count as having been told."""
        return self._failure

    def done(self) -> bool:
        """Tell whether it is saved, or failed."""
        return self.decided.is_set

    def running(self) -> bool:
        """Tell whether it is under way."""
        return not self.decided.is_set

    def result(self, timeout: float | None = None) -> R:
        """Return the checkpoint, waiting for it.

        Raises:
            TimeoutError: it is still under way after so many seconds.
            EmbzarrError: it was not saved.
        """
        failure = self.exception(timeout)
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # else its traceback holds this frame, and it the failure
        return self._found[0]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what it failed with, or None, waiting for it.

        Raises:
            TimeoutError: it is still under way after so many seconds.
        """
        if not self.decided.wait(timeout):
            raise TimeoutError
        self.promise.is_told = True
        return self.failure

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        """Call `fn` with this when it is done: in the thread that saves, before it saves again."""
        self._callbacks.append(fn)
        if self.decided.is_set:
            self._call_back()

    def forget_parent(self) -> None:
        """End the wait of a forked child, whose parent saves this: here nothing is known of it."""
        if not self.decided.is_set:
            message = "the parent process saves this: whether it commits is told there"
            self._failure = StoreError("commit-unknown", message)
            self.decided.set()
        self.promise.ended.set()

    def carry_out(self, save: Callable[[], R]) -> None:
        """Save, and tell whoever waits."""
        self._thread = get_ident()
        try:
            self._found.append(save())
        except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
            self._failure = exc
            self.promise.failure = str(exc) or type(exc).__name__
        self.decided.set()
        self._call_back()
        self.promise.ended.set()
        if self._failure is None:
            self.set_result(self._found[0])
        else:
            self.set_exception(self._failure)

    def _call_back(self) -> None:
        """Call each once, whichever thread comes to it."""
        while self._callbacks:
            with suppress(IndexError):
                self._called(self._callbacks.pop(0))

    def _called(self, callback: Callable[[Future[R]], object]) -> None:
        try:
            callback(self)
        except Exception:
            logging.getLogger(__name__).exception("a callback of a save failed")


def begin(promise: Promise, save: Callable[[], R]) -> Saving[R]:
    """Start to save, or, as the process ends and there is no later, save before this returns."""
    saving = Saving[R](promise)
    forks.tell_in_child(saving)
    unsaved.note(promise)
    task = Task(partial(saving.carry_out, save), Latch())
    if unsaved.is_ending() or not parallel.start(task.run, "embzarr-save"):
        task.run()
    return saving
