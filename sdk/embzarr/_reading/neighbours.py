"""Looks through the vectors of a checkpoint for the nearest: in one pass, or in what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._reading import nearest
from embzarr._reading.planning.options import BATCH_BYTES
from embzarr._storage import parallel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from embzarr._reading.rows.column import ColumnReader


class Neighbours:
    """Finds the nearest of a checkpoint's vectors; keeps the first ones for the next question."""

    def __init__(self, column: ColumnReader, *, most_kept: int) -> None:
        """Prepare to look; nothing is read yet.

        Args:
            column: the vectors.
            most_kept: bytes of them that may be kept.
        """
        self._column = column
        self._lengths = nearest.Lengths(column.shape[0])
        self._most_kept = most_kept
        self._kept = np.empty((0, *column.shape[1:]), column.dtype)
        """The first vectors."""

    def nearest(
        self,
        target: NDArray[Any],
        rows: NDArray[np.int64] | range,
        *,
        count: int,
        without: frozenset[int],
    ) -> list[tuple[int, float]]:
        """Return the nearest of `rows` and their cosines, nearest first; see `nearest.nearest`."""
        blocks = self._blocks(rows)
        return nearest.nearest(target, blocks, self._lengths, count=count, without=without)

    def close(self) -> None:
        """Let go of the vectors that are kept."""
        self._kept = self._kept[:0].copy()  # a view would keep them all

    @property
    def _row_bytes(self) -> int:
        return self._column.shape[1] * self._column.dtype.itemsize

    def _blocks(
        self, rows: NDArray[np.int64] | range
    ) -> Iterable[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Return row numbers and vectors in batches: those that are kept, else as they are read."""
        kept = self._kept_for(rows)

        def read(cut: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[Any]]:
            if isinstance(rows, range):
                vectors = self._column.range(*cut) if kept is None else kept[slice(*cut)]
                return np.arange(*cut), vectors
            part = rows[slice(*cut)]
            return part, self._column.rows(part) if kept is None else kept[part]

        cuts = list(nearest.batches(len(rows), self._row_bytes, BATCH_BYTES))
        return parallel.ahead(read, cuts) if kept is None else map(read, cuts)

    def _kept_for(self, rows: NDArray[np.int64] | range) -> NDArray[Any] | None:
        """Return vectors that hold these rows, read for it where they are the first ones."""
        count = int(np.max(rows, initial=-1)) + 1 if isinstance(rows, np.ndarray) else len(rows)
        may_be = isinstance(rows, range) and count * self._row_bytes <= self._most_kept
        kept = self._kept
        if may_be and len(kept) < count:
            self._kept = kept = self._column.range(0, count)
        return kept if len(kept) >= count else None
