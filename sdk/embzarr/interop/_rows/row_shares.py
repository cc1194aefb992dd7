"""Divides the rows of a checkpoint among tasks, each of which then reads its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from embzarr._format import arguments, placements, spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint

WAYS: Final = ("rows", "weight", "hash")
"""By what rows are divided."""
_SHARE_BYTES: Final = 32 * 1024 * 1024
"""What a task reads where nobody says how many there are."""
_MOST_SHARES: Final = 2**16
"""Where nobody says how many: each has more rows then, whatever number of them is claimed."""


def row_bytes_of(columns: Mapping[str, NDArray[Any]]) -> int:
    """Return the bytes of a row, of columns of any number of rows."""
    return sum(math.prod(one.shape[1:]) * one.itemsize for one in columns.values())


def count_of(asked: int | None, rows: int, row_bytes: int) -> int:
    """Return among how many tasks rows are divided, of which none has less than one row.

    Args:
        asked: by a caller; None for as many as 32 MiB each make.
        rows: how many there are.
        row_bytes: bytes of one.
    """
    if asked is not None:
        return min(asked, max(rows, 1))
    return min(max(-(-rows * row_bytes // _SHARE_BYTES), 1), _MOST_SHARES)


def shares_of(checkpoint: Checkpoint, count: int, by: str) -> list[tuple[int, int]]:
    """Return the first row and past the last one of each task, where all rows are read.

    Raises:
        InvalidInputError: `by` hash without such a placement, or by weight without counts.
    """
    arguments.choice("by", by, WAYS)
    if by == "hash":
        parts = (checkpoint.load_part(at, count, by="hash", columns=()) for at in range(count))
        return [(int(part.rows[0]), int(part.rows[-1]) + 1) for part in parts if len(part)]
    rows = len(checkpoint)
    if by == "weight":
        counts = checkpoint.load_rows(None, None, columns=(spec.COUNTS,)).columns[spec.COUNTS]
        return [placements.part_by_weight(counts, at, count) for at in range(count)]
    return [placements.part_by_rows(rows, at, count) for at in range(count)]


def divide(
    checkpoint: Checkpoint, columns: Sequence[str] | None, asked: int | None, by: str
) -> tuple[tuple[str, ...], list[tuple[int, int]]]:
    """Return the columns that a caller means, by default all, and the rows of each task.

    Raises:
        InvalidInputError: no such column, or as `shares_of`.
    """
    names = checkpoint.columns if columns is None else columns
    none = checkpoint.load_rows(0, 0, columns=names).columns
    count = count_of(asked, len(checkpoint), row_bytes_of(none))
    return tuple(none), shares_of(checkpoint, count, by)
