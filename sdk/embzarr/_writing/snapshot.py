"""Copies of arrays, made by several threads into buffers that are used again.

A caller waits for the copy alone: memory that was touched before is several times faster to write
to than fresh memory, whose pages the system must find first.
"""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._storage import parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

_LEAST_BYTES = 1024 * 1024
"""Less than this is not worth a thread."""
_GATHERED_ROWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """Copies of arrays, which nobody else writes to until they are given back."""

    columns: dict[str, NDArray[Any]]
    buffers: dict[str, NDArray[np.uint8]]
    """The memory that they lie in."""


class Snapshots:
    """Copies, in memory that was used before where some is free: what is in use is not here.

    Whoever takes a copy owns its memory, and alone can give it back. One buffer of each name is
    kept, the largest.
    """

    def __init__(self) -> None:
        """Begin without memory."""
        self._free: dict[str, NDArray[np.uint8]] = {}

    def reserve(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Have memory for copies of whole arrays, with its pages found."""
        copy = self._empty(arrays, {name: len(array) for name, array in arrays.items()})
        for buffer in copy.buffers.values():
            buffer.fill(0)
        self.give(copy)

    def whole(self, arrays: dict[str, NDArray[Any]]) -> Copy:
        """Return copies of arrays."""
        copy = self._empty(arrays, {name: len(array) for name, array in arrays.items()})
        _run(
            partial(np.copyto, copy.columns[name][cut], array[cut])
            for name, array in arrays.items()
            for cut in _cuts(len(array), array.nbytes)
        )
        return copy

    def rows(self, arrays: dict[str, NDArray[Any]], rows: dict[str, NDArray[np.int64]]) -> Copy:
        """Return copies of some rows of each array, which must be there."""
        copy = self._empty(arrays, {name: len(numbers) for name, numbers in rows.items()})
        _run(
            partial(_gather, arrays[name], numbers[cut], copy.columns[name][cut])
            for name, numbers in rows.items()
            for cut in _cuts(len(numbers), copy.columns[name].nbytes)
        )
        return copy

    def give(self, copy: Copy) -> None:
        """Take back the memory of a copy that nothing reads any more."""
        for name, buffer in copy.buffers.items():
            free = self._free.get(name)
            if free is None or len(free) < len(buffer):
                self._free[name] = buffer

    def close(self) -> None:
        """Let memory go."""
        self._free.clear()

    def _empty(self, arrays: dict[str, NDArray[Any]], rows: dict[str, int]) -> Copy:
        copy = Copy({}, {})
        for name, count in rows.items():
            array = arrays[name]
            shape = (count, *array.shape[1:])
            nbytes = math.prod(shape) * array.itemsize
            buffer = self._free.pop(name, None)
            if buffer is None or len(buffer) < nbytes:
                buffer = np.empty(nbytes, np.uint8)
            copy.buffers[name] = buffer
            copy.columns[name] = buffer[:nbytes].view(array.dtype).reshape(shape)
        return copy


def _run(jobs: Iterable[Callable[[], object]]) -> None:
    parallel.each(lambda job: job(), [*jobs], workers=os.cpu_count() or 1)


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
