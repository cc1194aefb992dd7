"""Interrupts for tests: at each bytecode of a call, or while the main thread waits."""

from __future__ import annotations

import dis
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_RETURN = dis.opmap["RETURN_VALUE"]


class Boom(BaseException):
    """What a handler of a signal raises in these tests."""


def interrupted_at(place: int, call: Callable[[], object]) -> bool:
    """Make a call and raise `Boom` at a bytecode of it in this thread; tell whether it came so far.

    Python looks for no signal between the end of a function and what its caller does next: where a
    function returns, nothing is raised. No garbage is collected meanwhile: what is raised in a
    finalizer or in a callback of the collector, Python prints and drops.
    """
    count = 0
    own = call.__code__.co_filename if hasattr(call, "__code__") else ""

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = frame.f_code.co_filename not in {__file__, own}
        if event == "opcode" and frame.f_code.co_code[frame.f_lasti] != _RETURN:
            count += 1
            if count == place:
                raise Boom
        return trace

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(trace)
    try:
        call()
    except Boom:
        return True
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return False


@contextmanager
def signals() -> Iterator[Callable[[], None]]:
    """Give what interrupts the main thread, from any other, also while it waits for a lock."""

    def handle(*_: object) -> None:
        raise Boom

    signal.signal(signal.SIGUSR1, handle)
    main = threading.main_thread().ident
    assert main is not None
    try:
        yield lambda: signal.pthread_kill(main, signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # a late one would end the process
