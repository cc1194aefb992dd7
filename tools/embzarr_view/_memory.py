"""Memory that a page which stays open for days gives back."""

from __future__ import annotations

import gc
from typing import Final

import embzarr_memory

_LITTLE: Final = {
    embzarr_memory.ARENA_MAX: 2,
    embzarr_memory.MMAP_THRESHOLD: 64 * 1024,
    embzarr_memory.TRIM_THRESHOLD: 1024 * 1024,
}


def be_thrifty() -> None:
    """Have glibc keep little of what was freed.

    Otherwise each thread keeps a heap of its own, and chunks stay in them: on a store of
    10^6 x 300 the page took 680 MB in the end.
    """
    embzarr_memory.tune(_LITTLE)


def give_back() -> None:
    """Have Python let go of what nobody uses, and glibc give back what it keeps.

    Checkpoints lie in cycles: those that were let go of live on, chunks and all, until Python
    comes round to its oldest objects, which may take longer than the work that needs the room.
    """
    gc.collect()
    embzarr_memory.trim()
