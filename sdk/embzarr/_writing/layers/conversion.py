"""Rows as they are stored: converted to the type of their column, checked, the cost measured."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import dtypes as kinds
from embzarr._format import spec
from embzarr._writing.given import checks
from embzarr._writing.layers.loss import LossMeter
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embzarr._writing.layers.array import ArrayWriter


class Conversion:
    """Brings blocks of rows to the stored types of their columns."""

    def __init__(
        self,
        dtypes: Mapping[str, str],
        *,
        allow_nonfinite: bool,
        caller_rows: NDArray[np.int64] | None = None,
    ) -> None:
        """Begin with no rows.

        Args:
            dtypes: stored data type of each column.
            allow_nonfinite: whether vectors may hold NaN and infinity.
            caller_rows: the caller's row of each row, for messages, where rows were moved.
        """
        self._caller_rows = caller_rows
        self._dtypes = dtypes
        self._allow_nonfinite = allow_nonfinite
        self.losses: dict[str, LossMeter] = {}
        """What it cost, for columns where a number may have changed."""

    def stored(
        self, blocks: Mapping[str, NDArray[Any]], *, first_row: int
    ) -> dict[str, NDArray[Any]]:
        """Return blocks of the same rows in the stored types of their columns.

        What it cost is measured once all of them are taken: who is refused may give others.

        Args:
            blocks: by column.
            first_row: row of the first, for messages.

        Raises:
            InvalidInputError: NaN, infinity, or numbers beyond the range of the stored type.
        """
        found = {name: self._stored(name, block, first_row) for name, block in blocks.items()}
        for name, block in blocks.items():
            if len(block) and kinds.may_lose(block.dtype, found[name].dtype):
                self.losses.setdefault(name, LossMeter(block.dtype.name)).add(block, found[name])
        return found

    def _stored(self, name: str, block: NDArray[Any], first_row: int) -> NDArray[Any]:
        dtype = kinds.numpy_dtype(self._dtypes[name])
        kinds.require_converts(name, block, self._dtypes[name])
        with np.errstate(over="ignore", invalid="ignore"):
            stored = block.astype(dtype, copy=False)
        if name == spec.VECTORS and not self._allow_nonfinite:
            row_of = partial(self._row_of, first_row)
            check_finite(block, row_of=row_of)
            if stored.dtype != block.dtype:
                check_finite(stored, row_of=row_of, what=f"as {self._dtypes[name]}")
        return stored

    def _row_of(self, first_row: int, at: int) -> int:
        row = first_row + at
        return row if self._caller_rows is None else int(self._caller_rows[row])


def check_finite(
    block: NDArray[Any], *, row_of: Callable[[int], object] = int, what: str = ""
) -> None:
    """Refuse NaN and infinity.

    Args:
        block: vectors, shape (rows, dim).
        row_of: names a row as the caller knows it, for the message.
        what: how the numbers were converted, for the message.

    Raises:
        InvalidInputError: code ``input-nonfinite``, naming the first place.
    """
    # A sum of finite numbers may overflow, but one with a NaN or infinity is never finite: adding
    # up is several times faster than a look at each number.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.add.reduce(block, axis=None, dtype=np.float32)):
            return
    bad = np.argwhere(~np.isfinite(block))
    if len(bad):
        row, place = (int(number) for number in bad[0])
        raise InvalidInputError(
            "input-nonfinite",
            f"vectors must be finite{what and ' ' + what}: row {row_of(row)}, dimension "
            f"{place} is {block[row, place]!s}; {len(bad)} in all "
            "(allow_nonfinite=True stores them)",
        )


def check_blocks(
    count: int, blocks: Mapping[str, NDArray[Any]], arrays: Mapping[str, ArrayWriter]
) -> None:
    """Refuse blocks that do not fit the columns of a layer.

    Args:
        count: rows that each must have.
        blocks: by column.
        arrays: the columns.

    Raises:
        InvalidInputError: codes ``input-argument``, ``input-shape``, ``input-rows`` or
            ``input-dtype``.
    """
    if blocks.keys() != arrays.keys():
        raise InvalidInputError(
            "input-argument", f"expected the columns {sorted(arrays)}, found {sorted(blocks)}"
        )
    checks.check_lengths(count, blocks)
    for name, block in blocks.items():
        expected = arrays[name].row_shape
        if block.shape[1:] != expected:
            raise InvalidInputError(
                "input-shape", f"{name}: expected rows of shape {expected}, found {block.shape[1:]}"
            )
        kinds.column_name_of(block.dtype, what=name)
