"""Memory of models, which are read once. To get it from the system takes longer than to fill it.

A virtual machine's free huge pages are those that its host has taken back: to fill a GB of them
took 2 s, of small ones 0.5 s, and neither was read more slowly afterwards. Where small ones are
asked for together, and not each by an exception of its own, it took 0.4 s. What is read again and
again, as parts of a table are, finds memory at hand, huge pages too, and is quicker without this.
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

_LARGE_BYTES = 1024 * 1024
"""Smaller ones lie in what glibc has got for many; from 4 MiB on numpy asks for huge pages."""
_FRESH_BYTES = 32 * 1024 * 1024
"""Less of it glibc has mostly at hand."""
_LEAST_BYTES = 256 * 1024
"""Less is filled sooner than asked for."""
_POPULATE_WRITE = 23
"""Linux's ``MADV_POPULATE_WRITE``, of 5.14 and later; others refuse it, and do nothing."""


def empty(shape: tuple[int, ...], dtype: np.dtype[Any], *, at_once: int = 0) -> NDArray[Any]:
    """Return an array of any numbers; of much that is read at once, one without huge pages.

    Args:
        shape: of the array.
        dtype: its data type.
        at_once: bytes of all tensors that are read together.

    Raises:
        MemoryError: there is no memory for it.
    """
    nbytes = math.prod(shape) * dtype.itemsize
    if at_once >= _FRESH_BYTES and nbytes >= _LARGE_BYTES and sys.platform == "linux":
        try:
            room = _Room(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except (OSError, OverflowError):
            return np.empty(shape, dtype)  # which says what is wrong
        return np.ndarray(shape, dtype, room)
    return np.empty(shape, dtype)


def populate(part: NDArray[Any]) -> None:
    """Have the system give a part of such an array its pages together, just before it is filled."""
    if part.nbytes >= _LEAST_BYTES and part.flags.c_contiguous and _is_ours(part):
        start = part.ctypes.data
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        _advise()(first, (start + part.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE - first)


class _Room(mmap.mmap):
    """Memory that is of no file, and of nobody else."""


def _is_ours(part: NDArray[Any]) -> bool:
    root: object = part
    while isinstance(root, np.ndarray):
        root = root.base
    return isinstance(root, _Room)


@functools.cache
def _advise() -> Callable[[int, int], object]:
    """Return what asks for pages. The module `mmap` keeps the interpreter's lock meanwhile."""
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return lambda first, nbytes: advise(first, nbytes, _POPULATE_WRITE)
