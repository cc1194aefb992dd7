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
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

_LEAST_BYTES = 1024 * 1024
"""Less than this is not worth a thread."""
_GATHERED_ROWS = 256
_ALIGNMENT = 64
"""Bytes: arrays in one buffer begin where processors load them quickly."""
_PACKED = ""
"""The buffer of arrays that lie in one; no column is called so."""


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

    def reserve(
        self,
        arrays: dict[str, NDArray[Any]],
        beside: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Have memory for copies of whole arrays, with its pages found.

        Args:
            arrays: each in a buffer of its own.
            beside: all in one buffer, as `packed` has them.
        """
        copy = self._empty(arrays, {name: len(array) for name, array in arrays.items()})
        if beside:
            copy.buffers[_PACKED] = self._buffer(_PACKED, sum(map(_padded, beside.values())))
        for buffer in copy.buffers.values():
            buffer.fill(0)
        self.give(copy)

    def whole(self, arrays: dict[str, NDArray[Any]]) -> Copy:
        """Return copies of arrays."""
        copy = self._empty(arrays, {name: len(array) for name, array in arrays.items()})
        _run(job for name, array in arrays.items() for job in _copies(copy.columns[name], array))
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

    def packed(self, arrays: Mapping[str, NDArray[Any]]) -> Copy:
        """Return copies of arrays of any shape in one buffer, whatever their names and number."""
        starts, end = {}, 0
        for name, array in arrays.items():
            starts[name] = end
            end += _padded(array)
        buffer = self._buffer(_PACKED, end)
        copy = Copy({}, {_PACKED: buffer})
        for name, array in arrays.items():
            stored = buffer[starts[name] : starts[name] + array.nbytes].view(array.dtype)
            copy.columns[name] = stored.reshape(array.shape)
        _run(job for name, array in arrays.items() for job in _copies(copy.columns[name], array))
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
            copy.buffers[name] = self._buffer(name, nbytes)
            copy.columns[name] = copy.buffers[name][:nbytes].view(array.dtype).reshape(shape)
        return copy

    def _buffer(self, name: str, nbytes: int) -> NDArray[np.uint8]:
        buffer = self._free.pop(name, None)
        return np.empty(nbytes, np.uint8) if buffer is None or len(buffer) < nbytes else buffer


def _padded(array: NDArray[Any]) -> int:
    """Return the bytes that an array takes among others."""
    return -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT


def _copies(out: NDArray[Any], array: NDArray[Any]) -> list[Callable[[], object]]:
    """Return what copies an array, by a few threads where it is large."""
    if array.flags.c_contiguous:
        out, array = out.reshape(-1), array.reshape(-1)
    return [partial(np.copyto, out[cut], array[cut]) for cut in _cuts(len(array), array.nbytes)]


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
