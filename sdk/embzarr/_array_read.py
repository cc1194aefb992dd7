"""The executor of a plan: requests sent in parallel, chunks checked and decoded where they arrive.

Each worker fetches one request, checks each chunk's CRC-32C, decodes it and copies the wanted rows
to their places in the result, so that no byte is touched twice and none waits for another.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr import _chunk_index, _chunks, _dtypes, _parallel, _pieces, _plan
from embzarr._view import WHOLE
from embzarr.errors import DamagedError, NotFoundError
from embzarr.objects import PIECE_BYTES, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._chunk_index import ChunkIndex
    from embzarr._link import Link
    from embzarr._manifest import Layer
    from embzarr._plan import Plan, Request, Selection
    from embzarr._view import View
    from embzarr.objects import GetRange

IN_FLIGHT_BYTES = 64 * 1024 * 1024
"""Bytes fetched and not yet copied to the result, over all workers."""
WHOLE_TABLE_BYTES = 8 * 1024 * 1024
"""A chunk table up to this size is read whole, beside the lookup, to save a round trip."""
WHOLE_TABLE_CHUNKS = 2 * 1024 * 1024
"""The same, by what it holds: 64 MiB in memory, however well it compresses."""


class ArrayReader:
    """Reads rows of one array of one layer."""

    def __init__(self, store: GetRange, layer: Layer, name: str, link: Link) -> None:
        """Prepare to read; nothing is fetched yet."""
        self._store = store
        self._layer = layer
        self._name = name
        self._link = link
        self._array = layer.arrays[name]
        self._grid = self._array.grid
        self._dtype = _dtypes.numpy_dtype(self._array.dtype)
        self._budget = _parallel.ByteBudget(IN_FLIGHT_BYTES)
        self._index = self._array.inline_index
        self._table_lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""
        return tuple(self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the array."""
        return self._dtype

    def prepare(self) -> None:
        """Read the chunk table, where it is small enough to be worth having whole."""
        if isinstance(self._array.index, str):
            table = self._layer.arrays[self._array.index]
            stored = table.inline_index.nbytes.sum() if table.inline_index else 0
            if stored <= WHOLE_TABLE_BYTES and table.shape[0] <= WHOLE_TABLE_CHUNKS:
                self._whole_index()

    def rows(self, rows: NDArray[np.int64], view: View = WHOLE) -> NDArray[Any]:
        """Return rows in the caller's order, repeats included.

        Args:
            rows: int64 of shape (k,), each from 0 to below the number of rows.
            view: which dimensions, as what, and where to.
        """
        return self._read(_plan.select_rows(rows, self._grid.chunk), len(rows), view)

    def range(self, start: int, stop: int, view: View = WHOLE) -> NDArray[Any]:
        """Return rows `start` up to, not including, `stop`."""
        return self._read(_plan.RangeSelection(start, stop, self._grid.chunk), stop - start, view)

    def plan(self, rows: NDArray[np.int64]) -> Plan:
        """Return what reading `rows` would fetch; the chunk table is read for it."""
        selection = _plan.select_rows(rows, self._grid.chunk)
        index, cost = self._index_of(selection.chunks), self._link.cost()
        return _plan.explain(
            _plan.requests(selection.chunks, index, self._grid.shard, cost), index, cost
        )

    def index_of(self, first: int, last: int) -> ChunkIndex:
        """Return the places of chunks `first` up to, not including, `last`."""
        return self._index_of(np.arange(first, last, dtype=np.int64))

    def _index_of(self, chunks: NDArray[np.int64]) -> ChunkIndex:
        if self._index is not None:
            part = self._index
            return _chunk_index.ChunkIndex(
                part.offset[chunks], part.nbytes[chunks], part.crc32c[chunks]
            )
        table = self._table().rows(chunks)
        return self._checked(table, chunks)

    def _whole_index(self) -> None:
        with self._table_lock:
            if self._index is None:
                chunks = np.arange(self._grid.chunks, dtype=np.int64)
                self._index = self._checked(self._table().range(0, len(chunks)), chunks)

    def _table(self) -> ArrayReader:
        return ArrayReader(self._store, self._layer, str(self._array.index), self._link)

    def _checked(self, table: NDArray[np.uint64], chunks: NDArray[np.int64]) -> ChunkIndex:
        index = _chunk_index.from_table(table)
        _chunk_index.check(
            index,
            self._grid,
            chunks=chunks,
            sizes=self._layer.shard_sizes(self._name),
            raw=self._array.codec.name == "none",
            what=f"{self._layer.path}/{self._array.index}",
        )
        return index

    def _read(self, selection: Selection, count: int, view: View) -> NDArray[Any]:
        out = view.target(count, self.shape[1:], self._dtype)
        index = self._index_of(selection.chunks)
        cost = self._link.cost()
        plan = _plan.requests(selection.chunks, index, self._grid.shard, cost)
        nbytes = sum(request.length for request in plan)
        start = time.perf_counter()
        _parallel.each(
            lambda request: self._fetch(request, index, selection, view, out),
            plan,
            workers=cost.workers(len(plan), nbytes),
        )
        self._link.learn(len(plan), nbytes, time.perf_counter() - start)
        return out

    def _fetch(
        self,
        request: Request,
        index: ChunkIndex,
        selection: Selection,
        view: View,
        out: NDArray[Any],
    ) -> None:
        key = self._layer.shard_key(self._name, request.shard)
        starts = index.offset[request.wanted] - request.start
        stops = starts + index.nbytes[request.wanted]
        wanted = zip(starts.tolist(), stops.tolist(), strict=True)
        # One chunk is decoded at a time, and may grow far beyond what was stored.
        with self._budget.claim(min(request.length, PIECE_BYTES) + self._grid.chunk_bytes):
            arriving = fetch(self._store, key, request.start, request.length, list(wanted))
            for at, stored in zip(request.wanted.tolist(), arriving, strict=True):
                what = f"{key} chunk {selection.chunks[at]}"
                block = self._decode(stored, int(index.crc32c[at]), what)
                selection.copy(at, view.cut(block), out)

    def _decode(self, stored: memoryview, crc32c: int, what: str) -> NDArray[Any]:
        raw = _chunks.decode_chunk(
            stored,
            codec=self._array.codec,
            crc32c=crc32c,
            size=self._grid.chunk_bytes,
            what=what,
        )
        return raw.view(self._dtype).reshape(self._grid.chunk, *self.shape[1:])


def fetch(
    store: GetRange, key: str, start: int, length: int, wanted: Sequence[tuple[int, int]]
) -> Iterator[memoryview]:
    """Yield stretches of a range of an object that the manifest lists, each as it comes in.

    Args:
        store: holds the object.
        key: its name.
        start: first byte of the range.
        length: its bytes.
        wanted: half-open, ascending, none over another, counted from `start`.

    Raises:
        DamagedError: code ``object-missing`` or ``object-truncated``.
    """
    try:
        yield from _pieces.stretches(pieces(store, key, start, length), wanted)
    except NotFoundError as exc:
        raise DamagedError(
            "object-missing", f"{key}: the manifest lists this object, the store does not have it"
        ) from exc
    except _pieces.EndedEarlyError as exc:
        raise DamagedError(
            "object-truncated",
            f"{key}: expected {length} bytes from byte {start}, found {exc.nbytes}",
        ) from exc
