"""Copies of the weights that are saved while training goes on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from embzarr_trainer._buffers import Marks, Weights

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """Rows of the weights as they were at one moment."""

    values: Weights
    """(rows, vector_size) each: all rows, or the touched ones."""
    rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None
    """Which ones of each matrix, increasing; None for all."""


class Camera:
    """Takes snapshots into memory of its own, one at a time.

    The memory is that of the weights once more, allocated and written to beforehand: fresh pages
    take longer to get than to fill.
    """

    def __init__(self, weights: Weights, *, vector_size: int) -> None:
        """Allocate."""
        self._weights = weights
        self._size = vector_size
        self._copies = Weights(*(np.full_like(matrix, 0) for matrix in weights))
        rows = len(weights.inputs)
        self._marks = Marks(inputs=np.zeros(rows, np.uint8), outputs=np.zeros(rows, np.uint8))

    def take(self, marks: Marks, *, touched_only: bool, again: bool) -> Snapshot:
        """Copy the weights, which nobody may be changing, and clear the marks.

        The snapshot before is overwritten.

        Args:
            marks: of the rows that were touched since the snapshot before.
            touched_only: leave out rows that are not marked.
            again: the snapshot before was not saved, so that what it marked still counts.
        """
        for kept, current in zip(self._marks, marks, strict=True):
            kept[:] = np.maximum(kept, current) if again else current
            current[:] = 0
        inputs, outputs = map(np.flatnonzero, self._marks)
        values = Weights(
            inputs=self._copy(0, inputs if touched_only else None),
            outputs=self._copy(1, outputs if touched_only else None),
        )
        return Snapshot(values=values, rows=(inputs, outputs) if touched_only else None)

    def _copy(self, number: int, rows: npt.NDArray[np.int64] | None) -> npt.NDArray[np.float32]:
        matrix, copy = self._weights[number], self._copies[number]
        if rows is None:
            np.copyto(copy, matrix)
        else:
            copy = copy[: len(rows)]
            np.take(matrix, rows, axis=0, out=copy, mode="clip")
        return copy[:, : self._size]
