"""What glibc is told of a process's memory; other C libraries do as they like."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ARENA_MAX", "MMAP_THRESHOLD", "TRIM_THRESHOLD", "trim", "tune"]

TRIM_THRESHOLD: Final = -1
"""Bytes at the end of the heap that are kept, as ``malloc.h`` numbers this and the others."""
MMAP_THRESHOLD: Final = -3
"""Bytes of a piece from which it is the system's, and goes back as soon as it is freed. By itself
this bound rises to the size of what was freed last, up to 32 MiB."""
ARENA_MAX: Final = -8
"""Heaps that threads share; by itself nearly each has its own."""


def tune(settings: Mapping[int, int]) -> None:
    """Set what glibc keeps of what was freed, from now on and in the whole process."""
    set_option = _function("mallopt")
    for option, value in settings.items() if set_option else ():
        set_option(option, value)


def trim() -> None:
    """Have glibc give back what it keeps."""
    give_back = _function("malloc_trim")
    if give_back:
        give_back(0)


def _function(name: str) -> Any:  # noqa: ANN401 - of C
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
