"""Memory that goes back to the system at once: a worker holds two groups, and little else."""

from __future__ import annotations

import contextlib
import mmap
import os
from typing import Final

import numpy as np

import embzarr_memory

_LARGE_BYTES: Final = 2**20


def give_back_large_arrays() -> None:
    """Have the C library return the memory of a large array to the system once it is freed.

    By itself it keeps what a task reads and writes its groups in, piece by piece: the task would
    end up holding all these pieces beside the groups.
    """
    embzarr_memory.tune({embzarr_memory.MMAP_THRESHOLD: _LARGE_BYTES})


class Rows:
    """A matrix of zeros, of which a task gives up the first rows while it writes the next ones.

    What is written waits in memory until the store has it: both together are not more than before.
    """

    def __init__(self, rows: int, width: int) -> None:
        """Allocate it, beginning on a page."""
        nbytes = rows * width * 4
        self._row_bytes = width * 4
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if os.name == "posix" else {}
        self._memory = mmap.mmap(-1, max(nbytes, 1), **private)
        if hasattr(mmap, "MADV_HUGEPAGE"):  # as numpy's own arrays have it
            with contextlib.suppress(OSError):  # of a system without
                self._memory.madvise(mmap.MADV_HUGEPAGE)
        self.array = np.frombuffer(self._memory, np.float32, rows * width).reshape(rows, width)

    def give_up(self, stop: int) -> None:
        """Give the memory of the rows before ``stop`` back; they are never looked at again."""
        whole = stop * self._row_bytes // mmap.PAGESIZE * mmap.PAGESIZE
        if whole and hasattr(mmap, "MADV_DONTNEED"):
            self._memory.madvise(mmap.MADV_DONTNEED, 0, whole)
