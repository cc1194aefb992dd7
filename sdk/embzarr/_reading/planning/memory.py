"""Memory of results. To get it from the system takes longer than to copy what goes there.

A virtual machine's free huge pages are those that its host has taken back: to fill a GB of them
took 2 s, of small ones 0.5 s, and neither was read more slowly afterwards. Where small ones are
asked for together, and not each by an exception of its own, it took 0.4 s.
"""

from __future__ import annotations

import ctypes
import functools
import math
import mmap
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_HUGE_BYTES = 4 * 1024 * 1024
"""From here on numpy asks Linux for huge pages."""
_LEAST_BYTES = 256 * 1024
"""Less is filled sooner than asked for."""
_POPULATE_WRITE = 23
"""Linux's ``MADV_POPULATE_WRITE``, of 5.14 and later; others refuse it, and do nothing."""


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array of any numbers, for which no huge pages are asked.

    Raises:
        MemoryError: there is no memory for it.
    """
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes >= _HUGE_BYTES and sys.platform == "linux":
        try:
            room = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except (OSError, OverflowError):
            return np.empty(shape, dtype)  # which says what is wrong
        return np.ndarray(shape, dtype, room)
    return np.empty(shape, dtype)


def populate(part: NDArray[Any]) -> None:
    """Have the system give an array in C order all its pages, just before it is filled."""
    if part.nbytes >= _LEAST_BYTES and sys.platform == "linux":
        start = part.ctypes.data
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        _advise()(first, (start + part.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE - first)


@functools.cache
def _advise() -> Callable[[int, int], object]:
    """Return what asks for pages. The module `mmap` keeps the interpreter's lock meanwhile."""
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return lambda first, nbytes: advise(first, nbytes, _POPULATE_WRITE)
