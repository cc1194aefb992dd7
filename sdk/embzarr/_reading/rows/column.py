"""Reads a column through all layers of a commit: each row from the newest layer that has it.

The requests of all layers are planned first and sent together, so that a chain of deltas costs no
round trip more than a full step: row numbers come beside the chunk tables.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import keys
from embzarr._reading.fetching.executing import execute
from embzarr._reading.planning import merging, overlay
from embzarr._reading.planning.options import WHOLE
from embzarr._reading.planning.plans import requests
from embzarr._reading.rows.array import ArrayReader
from embzarr._storage import parallel
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._format import Layer
    from embzarr._reading.fetching.cost import Link
    from embzarr._reading.planning.merging import Plan
    from embzarr._reading.planning.options import View
    from embzarr._reading.planning.overlay import RowNumbers
    from embzarr._reading.planning.plans import ArrayPlan
    from embzarr._reading.planning.selecting import Selection
    from embzarr._storage import GetRange


class ColumnReader:
    """Reads rows of one column of a checkpoint."""

    def __init__(self, store: GetRange, layers: Sequence[Layer], name: str, link: Link) -> None:
        """Prepare to read; nothing is fetched yet.

        Args:
            store: where from.
            layers: the full one, then deltas, oldest first.
            name: the column's name.
            link: the way to the store.
        """
        self._store, self._link = store, link
        self._base = ArrayReader(store, layers[0], name, link)
        self._deltas = [
            DeltaColumn(store, layer, name, link) for layer in layers[1:] if name in layer.columns
        ]
        self._rows = layers[-1].rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole column."""
        return (self._rows, *self._base.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the column: that of its base."""
        return self._base.dtype

    @property
    def is_prepared(self) -> bool:
        """Whether all that `prepare` reads is at hand."""
        return self._base.is_prepared and all(delta.is_prepared for delta in self._deltas)

    def prepare(self) -> None:
        """Read at once what says where rows lie: chunk tables and the row numbers of deltas.

        That something is damaged matters only to rows that need it: their read meets it again.
        """
        if self.is_prepared:
            return
        calls = [self._base.prepare, *(call for delta in self._deltas for call in delta.prepares())]
        parallel.each(_tried, calls)

    def expecting(self, count: int, view: View) -> View:
        """Return `view` with what is worth asking for before it is known which rows are wanted."""
        return replace(view, ahead=self._base.ahead(count, view))

    def rows(self, rows: NDArray[np.int64], view: View = WHOLE) -> NDArray[Any]:
        """Return rows in the caller's order, repeats included.

        Args:
            rows: int64 of shape (k,), each from 0 to below the number of rows.
            view: which dimensions, as what, and where to.
        """
        if len(rows) and _follow_each_other(rows):
            return self.range(int(rows[0]), int(rows[0]) + len(rows), view)
        return self._read(self._of_rows(rows), len(rows), view)

    def range(self, start: int, stop: int, view: View = WHOLE) -> NDArray[Any]:
        """Return rows `start` up to, not including, `stop`."""
        if self._deltas:
            self.prepare()
        base = self._base.shape[0]
        found = overlay.of_range(start, stop, self._numbers(), self._chunks(), base)
        return self._read(found, stop - start, view)

    def plan(self, rows: NDArray[np.int64]) -> Plan:
        """Return what reading `rows` would fetch; chunk tables and row numbers are read for it."""
        plans = self._plans(self._of_rows(rows))
        found = [request for request, _ in requests(plans)]
        wanted = [planned.index() for planned in plans]
        grid = self._base.grid
        return merging.explain(found, wanted, self._link.cost(), rows=rows, grid=grid)

    def _of_rows(self, rows: NDArray[np.int64]) -> list[Selection]:
        if self._deltas:
            self.prepare()
        return overlay.of_rows(rows, self._numbers(), self._chunks())

    def _read(self, selections: list[Selection], count: int, view: View) -> NDArray[Any]:
        out = view.target(count, self.shape[1:], self.dtype)
        # One limit for the chunks of all layers, which are read together.
        within = view.within(max(part.least for part in self._parts()))
        execute(self._plans(selections, within), self._store, self._link, within, out)
        return out

    def _plans(self, selections: list[Selection], view: View = WHOLE) -> list[ArrayPlan]:
        pairs = zip(self._parts(), selections, strict=True)
        wanted = [pair for pair in pairs if len(pair[1].chunks)]
        above = replace(view, ahead=None)
        return [
            part.plan(selection, view if part is self._base else above)
            for part, selection in wanted
        ]

    def _parts(self) -> list[ArrayReader]:
        return [self._base, *(delta.numbers for delta in self._deltas)]

    def _numbers(self) -> list[RowNumbers]:
        return [delta.rows for delta in self._deltas]

    def _chunks(self) -> list[int]:
        return [self._base.grid.chunk, *(delta.numbers.grid.chunk for delta in self._deltas)]


class DeltaColumn:
    """What one delta holds of a column: row numbers, and the rows."""

    def __init__(self, store: GetRange, layer: Layer, name: str, link: Link) -> None:
        """Prepare to read; nothing is fetched yet."""
        self._layer = layer
        self._list = ArrayReader(store, layer, keys.rows_array(name), link)
        self._what = f"{layer.path}/{keys.rows_array(name)}"
        self.rows = parallel.Later(self._read_rows)
        """Gives the row numbers, rising; a `DamagedError` of code ``rows-invalid`` else."""
        factors = keys.scales_array(name)
        self._scales = None
        if factors in layer.arrays:
            reader = ArrayReader(store, layer, factors, link)
            self._scales = parallel.Later(lambda: _scales(reader, layer.arrays[name].grid.chunk))
        self.numbers = ArrayReader(store, layer, name, link, scales=self._scales)
        """Reads the rows by their place in the delta."""

    @property
    def is_prepared(self) -> bool:
        """Whether all that its `prepares` read is at hand."""
        scales = self._scales is None or self._scales.is_known
        return scales and self.rows.is_known and self.numbers.is_prepared

    def prepares(self) -> list[Callable[[], object]]:
        """Return what may be read side by side before any row is."""
        scales = [] if self._scales is None else [self._scales]
        return [self.rows, self.numbers.prepare, *scales]

    def _read_rows(self) -> NDArray[np.int64]:
        found = self._list.range(0, self._list.shape[0])
        return checked_rows(found, self._layer, self._what)


def _scales(reader: ArrayReader, chunk: int) -> NDArray[np.float32]:
    """Return the numbers of an array, by chunks of so many, the last padded with zeros."""
    count = reader.shape[0]
    padded = np.zeros(-(-count // chunk) * chunk, np.float32)
    padded[:count] = reader.range(0, count)
    return padded.reshape(-1, chunk)


def _follow_each_other(rows: NDArray[np.int64]) -> bool:
    return bool(rows[-1] - rows[0] == len(rows) - 1 and np.all(rows[1:] == rows[:-1] + 1))


def _tried(call: Callable[[], object]) -> None:
    with contextlib.suppress(DamagedError):
        call()


def checked_rows(found: NDArray[np.uint64], layer: Layer, what: str) -> NDArray[np.int64]:
    """Return the row numbers of a column of a delta.

    Raises:
        DamagedError: code ``rows-invalid``: they do not rise, lie beyond the rows, or lack one of
            the layer's own words.
    """
    rises = bool(np.all(found[1:] > found[:-1]))
    if not rises or (len(found) and found[-1] >= layer.rows):
        raise DamagedError("rows-invalid", f"{what}: expected rising rows below {layer.rows}")
    rows = found.astype(np.int64)
    new = len(rows) - int(np.searchsorted(rows, layer.first_new_row))
    if new != layer.new_words:
        raise DamagedError(
            "rows-invalid", f"{what}: expected all of {layer.new_words} new rows, found {new}"
        )
    return rows
