"""Memory for large arrays that goes back to the system once nobody has them.

The allocator keeps what a thread has freed for that thread, and more so the larger it was: of
gigabytes that one thread makes and another one sends, some hundred megabytes would stay.
"""

from __future__ import annotations

import contextlib
import math
import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

_LARGE_BYTES = 2**20


def empty(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of any numbers, in memory of its own where it is large."""
    shape = (shape,) if isinstance(shape, int) else shape
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    if nbytes < _LARGE_BYTES or not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.empty(shape, dtype)
    memory = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # of a system without
            memory.madvise(mmap.MADV_HUGEPAGE)
    return np.ndarray(shape, dtype, memory)
