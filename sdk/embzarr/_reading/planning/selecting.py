"""Which rows are wanted: the chunks that hold them, and where in the result each row goes.

Pure arithmetic. Chunks come in by the megabyte and are copied together: each numpy call on large
arrays lets go of the interpreter's lock, and to get it back from other threads takes longer than
to copy one chunk.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from embzarr._reading.planning import memory
from embzarr._storage import forks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Decoded chunks that are at hand together."""

    ats: NDArray[np.int64]
    """Which of the wanted chunks they are: places in `Selection.chunks`."""
    rows: NDArray[Any]
    """Shape (slots, rows in a chunk, ...)."""
    slots: NDArray[np.int64]
    """Which of the slots each chunk has; others may hold anything."""

    def each(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield each chunk: which it is, and its rows."""
        for at, slot in zip(self.ats.tolist(), self.slots.tolist(), strict=True):
            yield at, self.rows[slot]

    def runs(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield chunks that follow each other together: which the first is, and the rows of all."""
        broken = (np.diff(self.ats) != 1) | (np.diff(self.slots) != 1)
        edges = [0, *(np.flatnonzero(broken) + 1).tolist(), len(self.ats)]
        for first, last in itertools.pairwise(edges):
            slot = int(self.slots[first])
            yield int(self.ats[first]), self.rows[slot : slot + last - first]


class Selection(Protocol):
    """Wanted rows, by the chunks that hold them."""

    @property
    def chunks(self) -> NDArray[np.int64]:
        """The chunks, ascending, each once."""
        ...

    def whole(self, ats: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where in the result the first row of chunks goes that go there whole, else -1."""
        ...

    def copy(self, blocks: Blocks, out: NDArray[Any]) -> None:
        """Copy the wanted rows of decoded chunks to their places in `out`."""
        ...


@dataclass(frozen=True, eq=False)
class RangeSelection:
    """Rows `start` up to, not including, `stop`: no memory for each row."""

    start: int
    stop: int
    chunk: int
    """Rows in one chunk."""

    @forks.cached_property
    def chunks(self) -> NDArray[np.int64]:
        """The chunks, ascending, each once."""
        if self.stop <= self.start:
            return np.empty(0, np.int64)
        return np.arange(self.start // self.chunk, (self.stop - 1) // self.chunk + 1)

    def whole(self, ats: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where in the result the first row of chunks goes that go there whole, else -1."""
        lows = (self.start // self.chunk + ats) * self.chunk - self.start
        return np.where(lows + self.chunk <= self.stop - self.start, np.maximum(lows, -1), -1)

    def copy(self, blocks: Blocks, out: NDArray[Any]) -> None:
        """Copy the wanted rows of decoded chunks to their places in `out`."""
        for first, rows in blocks.runs():
            low = (self.start // self.chunk + first) * self.chunk - self.start
            fits = min((self.stop - self.start - low) // self.chunk, len(rows))
            begin, end = int(low < 0), max(fits, int(low < 0))
            # What goes there in part is the first and the last chunk of all, at most.
            for at in (*range(begin), *range(end, len(rows))):
                self._copy_part(low + at * self.chunk, rows[at], out)
            if begin < end:
                part = out[low + begin * self.chunk : low + end * self.chunk]
                memory.populate(part)
                part.reshape(end - begin, self.chunk, *out.shape[1:])[...] = rows[begin:end]

    def _copy_part(self, low: int, block: NDArray[Any], out: NDArray[Any]) -> None:
        """Copy a chunk whose first row would go to `low`, which may lie before the first."""
        first, last = max(low, 0), min(low + self.chunk, self.stop - self.start)
        out[first:last] = block[first - low : last - low]


@dataclass(frozen=True, slots=True, eq=False)
class RowSelection:
    """Rows by number, which may repeat and stand in any order."""

    chunk: int
    """Rows in one chunk."""
    chunks: NDArray[np.int64]
    """The chunks, ascending, each once."""
    rows: NDArray[np.int64]
    """The rows, ascending."""
    places: NDArray[np.int64]
    """Where each of `rows` goes in the result."""
    edges: NDArray[np.int64]
    """Rows ``edges[i]`` to ``edges[i + 1]`` lie in ``chunks[i]``: one more entry than chunks."""

    def whole(self, ats: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return -1 for each: rows that follow each other are a range."""
        return np.full(len(ats), -1)

    def copy(self, blocks: Blocks, out: NDArray[Any]) -> None:
        """Copy the wanted rows of decoded chunks to their places in `out`."""
        firsts = self.edges[blocks.ats]
        counts = self.edges[blocks.ats + 1] - firsts
        ends = np.cumsum(counts)
        chosen = np.arange(ends[-1]) + np.repeat(firsts - ends + counts, counts)
        slots = np.repeat(blocks.slots, counts)
        within = self.rows[chosen] - np.repeat(self.chunks[blocks.ats] * self.chunk, counts)
        out[self.places[chosen]] = blocks.rows[slots, within]


def select_rows(rows: NDArray[np.int64], chunk: int) -> RowSelection:
    """Group wanted rows by chunks of `chunk` rows."""
    rising = bool(np.all(rows[1:] >= rows[:-1]))
    places = np.arange(len(rows)) if rising else np.argsort(rows, kind="stable")
    ordered = rows[places]
    chunks = ordered // chunk
    # np.unique would import masked arrays: milliseconds of everybody's first read.
    starts = np.flatnonzero(np.diff(chunks, prepend=-1))
    return RowSelection(chunk, chunks[starts], ordered, places, np.append(starts, len(rows)))
