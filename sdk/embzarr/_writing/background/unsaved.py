"""What was promised to be saved and is not yet: finished as the process ends, or told of.

A save in the background goes on in a daemon thread, so that a store that does not answer cannot
hold a process for ever. At the end of the process it is waited for, for as long as its caller has
said. What is not saved then, and what failed and nobody has asked, is told on standard error, and
the process ends with status 120, Python's own for a failure while it cleans up.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embzarr._redact import printable
from embzarr._storage import Latch

if TYPE_CHECKING:
    from typing import TextIO


@dataclass(slots=True, eq=False, kw_only=True)
class Promise:
    """A save of which the caller was told that it would be made."""

    what: str
    """Of what, and where; printable."""
    patience: float
    """Seconds for which the end of the process waits for it."""
    decided: Latch = field(default_factory=Latch)
    """Set once it is saved, or failed."""
    ended: Latch = field(default_factory=Latch)
    """Set once whoever was to be called then has been, too: the next save begins now."""
    failure: str | None = None
    """Why it was not saved."""
    is_told: bool = False
    """Whether whoever asked for it has seen that it failed."""


_promises: set[Promise] = set()


class _State:
    ending = False
    """Whether the end of the process has waited: nothing more can be promised."""


def is_ending() -> bool:
    """Tell whether the process ends now, so that nothing can be left for later."""
    return _State.ending


def note(promise: Promise) -> None:
    """Remember a save until it is made, or its failure told."""
    for old in [old for old in _promises if old.is_told or _is_kept(old)]:
        _promises.discard(old)
    _promises.add(promise)


def _is_kept(promise: Promise) -> bool:
    return promise.ended.is_set and promise.failure is None


def _finish() -> None:
    """Wait for what is under way, and tell what was not saved."""
    begun = time.monotonic()
    lost: list[str] = []
    for promise in list(_promises):
        reason = _wait(promise, begun + promise.patience)
        _promises.discard(promise)
        if reason is not None and not promise.is_told:
            lost.append(f"{promise.what}: {reason}")
    if lost:
        _tell(lost)


def _wait(promise: Promise, end: float) -> str | None:
    """Return why something was not saved, or None where it was."""
    try:
        if not promise.decided.wait(end - time.monotonic()):
            return f"it was still on its way {promise.patience:g} s after the program's end"
        promise.ended.wait(end - time.monotonic())
    except BaseException as exc:  # noqa: BLE001 - nothing can be raised any more, but told
        return f"{type(exc).__name__} while the end of the program waited for it"
    return promise.failure


def _finish_last() -> None:
    _finish()
    _State.ending = True


def _tell(lost: list[str]) -> None:
    """Say on standard error what was lost, and have the process end with a status for it."""
    stream = sys.stderr
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):  # closed: the status tells
        for line in lost:
            stream.write(f"embzarr: NOT SAVED: {printable(line)}\n")
        stream.flush()
    sys.stderr = _Failing(stream)


class _Failing:
    """Standard error whose last flush fails, which is how Python is told to end with status 120."""

    closed = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def flush(self) -> None:
        try:
            sys._getframe(1)  # noqa: SLF001 - the interpreter itself calls from no frame
        except ValueError:
            raise OSError("embzarr: not everything was saved") from None
        self._stream.flush()


# Handlers of the end run in reverse: those of the caller, who has imported this, come before.
atexit.register(_finish_last)
# Processes of `multiprocessing` run no such handlers, but wait for threads, as all do.
with contextlib.suppress(AttributeError):
    threading._register_atexit(_finish)  # type: ignore[attr-defined]  # noqa: SLF001 - as `concurrent.futures`
if hasattr(os, "register_at_fork"):
    # A forked child keeps no promises, for want of the threads: its parent does.
    os.register_at_fork(after_in_child=_promises.clear)
