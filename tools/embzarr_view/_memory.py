"""Memory that a page which stays open for days gives back."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any, Final

_ARENA_MAX: Final = -8
_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1
_SETTINGS: Final = ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, 64 * 1024), (_TRIM_THRESHOLD, 1024 * 1024))


def be_thrifty() -> None:
    """Have glibc keep little of what was freed.

    Otherwise each thread keeps a heap of its own, and chunks stay in them: on a store of
    10^6 x 300 the page took 680 MB in the end.
    """
    set_option = _function("mallopt")
    for option, value in _SETTINGS if set_option else ():
        set_option(option, value)


def give_back() -> None:
    """Have Python let go of what nobody uses, and glibc give back what it keeps.

    Checkpoints lie in cycles: those that were let go of live on, chunks and all, until Python
    comes round to its oldest objects, which may take longer than the work that needs the room.
    """
    gc.collect()
    trim = _function("malloc_trim")
    if trim:
        trim(0)


def _function(name: str) -> Any:  # noqa: ANN401 - of C
    """Return a function of glibc; None of another library, which does as it likes."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
