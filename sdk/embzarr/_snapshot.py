"""Copies of arrays, made by several threads into buffers that are used again.

A caller waits for the copy alone: memory that was touched before is several times faster to write
to than fresh memory, whose pages the system must find first.
"""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_LEAST_BYTES = 1024 * 1024
"""Less than this is not worth a thread."""
_GATHERED_ROWS = 256


class Snapshots:
    """Buffers by name, each as large as the largest copy so far; one copy of a name at a time."""

    def __init__(self) -> None:
        """Begin without memory."""
        self._buffers: dict[str, NDArray[np.uint8]] = {}
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="embzarr-copy")

    def reserve(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Have memory for copies of whole arrays, with its pages found."""
        for name, array in arrays.items():
            self._buffer(name, array, len(array)).fill(0)

    def whole(self, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return copies of arrays, each valid until one of its name is made again."""
        jobs: list[Callable[[], object]] = []
        copies: dict[str, NDArray[Any]] = {}
        for name, array in arrays.items():
            out = copies[name] = self._buffer(name, array, len(array))
            jobs += [
                partial(np.copyto, out[cut], array[cut]) for cut in _cuts(len(array), array.nbytes)
            ]
        self._run(jobs)
        return copies

    def rows(
        self, arrays: dict[str, NDArray[Any]], rows: dict[str, NDArray[np.int64]]
    ) -> dict[str, NDArray[Any]]:
        """Return copies of some rows of each array, which must be there."""
        jobs: list[Callable[[], object]] = []
        copies: dict[str, NDArray[Any]] = {}
        for name, numbers in rows.items():
            array = arrays[name]
            out = copies[name] = self._buffer(name, array, len(numbers))
            jobs += [
                partial(_gather, array, numbers[cut], out[cut])
                for cut in _cuts(len(numbers), out.nbytes)
            ]
        self._run(jobs)
        return copies

    def close(self) -> None:
        """Let threads and memory go."""
        self._pool.shutdown()
        self._buffers.clear()

    def _buffer(self, name: str, array: NDArray[Any], rows: int) -> NDArray[Any]:
        shape = (rows, *array.shape[1:])
        nbytes = int(np.prod(shape)) * array.itemsize
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < nbytes:
            buffer = self._buffers[name] = np.empty(nbytes, np.uint8)
        return buffer[:nbytes].view(array.dtype).reshape(shape)

    def _run(self, jobs: list[Callable[[], object]]) -> None:
        for future in [self._pool.submit(job) for job in jobs]:
            future.result()


def _gather(array: NDArray[Any], rows: NDArray[np.int64], out: NDArray[Any]) -> None:
    if array.flags.c_contiguous:
        # Without a mode numpy copies once more, so that a bad number leaves `out` alone.
        np.take(array, rows, axis=0, out=out, mode="clip")
        return
    for first in range(0, len(rows), _GATHERED_ROWS):  # of padded rows `take` would copy all
        part = slice(first, first + _GATHERED_ROWS)
        out[part] = array[rows[part]]


def _cuts(rows: int, nbytes: int) -> list[slice]:
    """Divide rows into a stretch for each thread."""
    parts = max(min(os.cpu_count() or 1, nbytes // _LEAST_BYTES), 1)
    edges = [rows * part // parts for part in range(parts + 1)]
    return [slice(first, last) for first, last in itertools.pairwise(edges)]
