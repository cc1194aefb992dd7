"""A clock of our own around calls of libraries that have none, or whose own can be outwitted."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, TypeVar

from embzarr._storage.interrupts import Task
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LITTLE_BYTES = 2 * 2**20
LITTLE_SECONDS = 60.0
"""What a request may take that moves no more than `LITTLE_BYTES`."""
LARGE_SECONDS = 300.0
"""What one may take for each `_LARGE_BYTES` that it moves."""
_LARGE_BYTES = 64 * 2**20


def seconds_for(nbytes: int) -> float:
    """Return the seconds after which a request is given up, by the bytes that it moves."""
    if nbytes <= LITTLE_BYTES:
        return LITTLE_SECONDS
    return LARGE_SECONDS * math.ceil(nbytes / _LARGE_BYTES)


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns, unless that takes too long.

    A call that does is left alone: its thread ends when the library lets it, and what it returns
    or raises then is dropped. The interpreter does not wait for it at its end.

    Raises:
        StoreError: code ``store-failed``: it took longer, or no thread could be started for it.
        Exception: what the call raised.
    """
    task = Task(call)
    try:
        threading.Thread(target=task.run, name="embzarr-request", daemon=True).start()
    except RuntimeError as exc:
        raise StoreError("store-failed", str(exc)) from exc
    if not task.ended.wait(seconds):
        raise StoreError("store-failed", f"no answer within {seconds:g} s")
    return task.result()
