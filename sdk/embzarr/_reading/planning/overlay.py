"""Which layer gives which row: each row comes from the newest layer that has it. Pure arithmetic.

A base holds all rows up to its number of rows; each delta upon it holds some, named by a list of
row numbers (spec section "Deltas").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from embzarr._reading.planning.selecting import RangeSelection, select_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._reading.planning.selecting import Blocks, RowSelection, Selection

RowNumbers: TypeAlias = "Callable[[], NDArray[np.int64]]"
"""Gives the row numbers of a delta, rising; called only where a newer delta leaves rows open, so
that no other row is lost with them."""


@dataclass(frozen=True, slots=True, eq=False)
class RestSelection:
    """Rows `start` up to, not including, `stop`, but not `without`: those that others give."""

    start: int
    stop: int
    chunk: int
    """Rows in one chunk."""
    without: NDArray[np.int64]
    """Rows to leave as they are in the result: rising, each from `start` to below `stop`."""
    chunks: NDArray[np.int64]
    """The chunks with rows to copy, ascending, each once."""

    def whole(self, ats: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return -1 for each: of any of them rows may be left out."""
        return np.full(len(ats), -1)

    def copy(self, blocks: Blocks, out: NDArray[Any]) -> None:
        """Copy the wanted rows of decoded chunks to their places in `out`."""
        for at, block in blocks.each():
            self._copy(int(self.chunks[at]) * self.chunk, block, out)

    def _copy(self, base: int, block: NDArray[Any], out: NDArray[Any]) -> None:
        """Copy what is wanted of the chunk that begins with row `base`."""
        low, high = max(self.start, base), min(self.stop, base + self.chunk)
        first, last = np.searchsorted(self.without, (low, high))
        here, there = slice(low - base, high - base), slice(low - self.start, high - self.start)
        if first == last:
            out[there] = block[here]
            return
        keep = np.ones(high - low, np.bool_)
        keep[self.without[first:last] - low] = False
        out[there][keep] = block[here][keep]


def of_rows(
    wanted: NDArray[np.int64], deltas: Sequence[RowNumbers], chunks: Sequence[int]
) -> list[Selection]:
    """Return what each layer gives of `wanted`, the base first.

    Args:
        wanted: row numbers in any order, repeats included.
        deltas: what each delta holds, oldest first.
        chunks: rows in one chunk of the base and of each delta.
    """
    selections: list[Selection] = []
    left = np.arange(len(wanted))
    for numbers, chunk in zip(reversed(deltas), reversed(chunks[1:]), strict=True):
        rows = numbers() if len(left) else left
        here = np.searchsorted(rows, wanted[left])
        found = here < len(rows)
        found[found] = rows[here[found]] == wanted[left[found]]
        selections.append(_placed(here[found], left[found], chunk))
        left = left[~found]
    selections.append(_placed(wanted[left], left, chunks[0]))
    return selections[::-1]


def of_range(
    start: int,
    stop: int,
    deltas: Sequence[RowNumbers],
    chunks: Sequence[int],
    base_rows: int,
) -> list[Selection]:
    """Return what each layer gives of rows `start` up to, not including, `stop`, the base first.

    Args:
        start: first row.
        stop: past the last row.
        deltas: what each delta holds, oldest first.
        chunks: rows in one chunk of the base and of each delta.
        base_rows: rows of the base.
    """
    selections: list[Selection] = []
    taken = np.empty(0, np.int64)
    for numbers, chunk in zip(reversed(deltas), reversed(chunks[1:]), strict=True):
        rows = numbers() if len(taken) < stop - start else taken[:0]
        first, last = np.searchsorted(rows, (start, stop))
        here = np.arange(first, last)
        here = here[~np.isin(rows[here], taken, assume_unique=True)]
        selections.append(_placed(here, rows[here] - start, chunk))
        taken = np.union1d(taken, rows[here])
    selections.append(_rest(start, min(stop, base_rows), chunks[0], taken))
    return selections[::-1]


def _placed(rows: NDArray[np.int64], places: NDArray[np.int64], chunk: int) -> RowSelection:
    """Return the selection of `rows` of one layer, which go to `places` of the result."""
    chosen = select_rows(rows, chunk)
    return replace(chosen, places=places[chosen.places])


def _rest(start: int, stop: int, chunk: int, taken: NDArray[np.int64]) -> Selection:
    without = taken[: np.searchsorted(taken, stop)]
    whole = RangeSelection(start, stop, chunk)
    if not len(without):
        return whole
    chunks = whole.chunks
    lows, highs = np.maximum(chunks * chunk, start), np.minimum((chunks + 1) * chunk, stop)
    given = np.searchsorted(without, highs) - np.searchsorted(without, lows)
    return RestSelection(start, stop, chunk, without, chunks[given < highs - lows])
