"""What a worker's allocator does with large arrays."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
"""As ``malloc.h`` of glibc names it."""
_LARGE_BYTES: Final = 2**20


def give_back_large_arrays() -> None:
    """Have the C library return the memory of a large array to the system once it is freed.

    By itself glibc does so only above a bound that rises to the size of what was freed last, up to
    32 MiB. A task that reads and writes its groups in pieces would end up holding all these pieces
    beside the groups. Other C libraries have no such bound.
    """
    if os.name == "posix" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
