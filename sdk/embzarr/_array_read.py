"""The executor of a plan: requests sent in parallel, chunks checked and decoded where they arrive.

Each worker fetches one request, checks each chunk's CRC-32C, decodes it and copies the wanted rows
to their places in the result, so that no byte is touched twice and none waits for another.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
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
    from embzarr._plan import Request, Selection
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

    def __init__(
        self,
        store: GetRange,
        layer: Layer,
        name: str,
        link: Link,
        *,
        budget: _parallel.ByteBudget | None = None,
    ) -> None:
        """Prepare to read; nothing is fetched yet.

        Args:
            store: where from.
            layer: what the manifest says of the layer.
            name: the array's path below the layer.
            link: the way to the store.
            budget: bounds the bytes under way, over all arrays that share it.
        """
        self._store = store
        self._layer = layer
        self._name = name
        self._link = link
        self._array = layer.arrays[name]
        self._grid = self._array.grid
        self._dtype = _dtypes.numpy_dtype(self._array.dtype)
        self._budget = budget or _parallel.ByteBudget(IN_FLIGHT_BYTES)
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

    @property
    def chunk(self) -> int:
        """Rows in one chunk."""
        return self._grid.chunk

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
        read([self.plan(selection)], view, out, self._link)
        return out

    def plan(self, selection: Selection) -> ArrayPlan:
        """Return what reading `selection` fetches; the chunk table is read for it."""
        index, cost = self._index_of(selection.chunks), self._link.cost()
        found = _plan.requests(selection.chunks, index, self._grid.shard, cost)
        return ArrayPlan(self, selection, index, found)

    def run(self, request: Request, planned: ArrayPlan, view: View, out: NDArray[Any]) -> None:
        """Send one request; check and decode its chunks, and copy their rows into `out`."""
        key = self._layer.shard_key(self._name, request.shard)
        index, selection = planned.index, planned.selection
        starts = index.offset[request.wanted] - request.start
        stops = starts + index.nbytes[request.wanted]
        wanted = zip(starts.tolist(), stops.tolist(), strict=True)
        # One chunk is decoded at a time, and may grow far beyond what was stored.
        with self._budget.claim(min(request.length, PIECE_BYTES) + self._grid.chunk_bytes):
            arriving = fetch(self._store, key, request.start, request.length, list(wanted))
            for at, stored in zip(request.wanted.tolist(), arriving, strict=True):
                what = f"{key} chunk {selection.chunks[at]}"
                block = self._decode(stored, int(index.crc32c[at]), what)
                block = self._numbers(block, int(selection.chunks[at]))
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

    def _numbers(self, block: NDArray[Any], chunk: int) -> NDArray[Any]:  # noqa: ARG002
        """Return what the stored numbers of a chunk mean."""
        return block


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPlan:
    """What is fetched of one array, and where it goes."""

    reader: ArrayReader
    selection: Selection
    index: ChunkIndex
    """Places of the wanted chunks."""
    requests: list[Request]


def read(plans: Sequence[ArrayPlan], view: View, out: NDArray[Any], link: Link) -> None:
    """Send the requests of several arrays at once, all into one result."""
    jobs = [(request, planned) for planned in plans for request in planned.requests]
    nbytes = sum(request.length for request, _ in jobs)
    start = time.perf_counter()
    _parallel.each(
        lambda job: job[1].reader.run(*job, view, out),
        jobs,
        workers=link.cost().workers(len(jobs), nbytes),
    )
    link.learn(len(jobs), nbytes, time.perf_counter() - start)


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
        NotFoundError: code ``commit-expired``.
    """
    try:
        yield from _pieces.stretches(pieces(store, key, start, length), wanted)
    except NotFoundError as exc:
        if exc.code == "commit-expired":
            raise
        raise DamagedError(
            "object-missing", f"{key}: the manifest lists this object, the store does not have it"
        ) from exc
    except _pieces.EndedEarlyError as exc:
        raise DamagedError(
            "object-truncated",
            f"{key}: expected {length} bytes from byte {start}, found {exc.nbytes}",
        ) from exc
