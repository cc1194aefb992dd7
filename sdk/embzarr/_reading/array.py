"""Reads rows of one array: says what to fetch, and makes rows of what comes in.

Whoever fetches a request checks each chunk's CRC-32C, decodes it and copies the wanted rows to
their places in the result, so that no byte is touched twice and none waits for another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from embzarr._format import Chunks, checksums, chunk_coding, chunk_index, dtypes
from embzarr._reading import merging, selecting
from embzarr._reading.cache import ChunkName
from embzarr._reading.chunk_table import ChunkTable
from embzarr._reading.fetch import fetch
from embzarr._reading.options import WHOLE, View
from embzarr._reading.prefetch import Ahead
from embzarr._reading.scheduler import ArrayPlan, read
from embzarr._reading.selecting import Blocks
from embzarr._storage import forks, parallel
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from embzarr._format import ChunkIndex, Grid, Layer, Places
    from embzarr._reading.cost import Link
    from embzarr._reading.merging import CostModel, Request
    from embzarr._reading.selecting import Selection
    from embzarr._storage import GetRange

Bounds: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int64]]"
_TOGETHER_BYTES = 1024 * 1024
"""Compressed chunks are decoded up to so many bytes at a time, and copied by one call."""


class ArrayReader:
    """Reads rows of one array of one layer."""

    def __init__(self, store: GetRange, layer: Layer, name: str, link: Link) -> None:
        """Prepare to read; nothing is fetched yet.

        Args:
            store: where from.
            layer: what the manifest says of the layer.
            name: the array's path below the layer.
            link: the way to the store.
        """
        self._store = store
        self._layer = layer
        self._name = name
        self._link = link
        self._array = layer.arrays[name]
        self._grid = grid = self._array.grid
        self.shape = (grid.rows, *self._array.shape[self._array.split + 1 :])
        """Shape of the whole array as rows."""
        self._dtype = dtypes.numpy_dtype(self._array.dtype)
        self._table = ChunkTable(
            layer, name, grid, lambda path: ArrayReader(self._store, layer, path, link)
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the array."""
        return self._dtype

    @property
    def grid(self) -> Grid:
        """How its rows fall into chunks."""
        return self._grid

    @property
    def chunk(self) -> int:
        """Rows in one chunk."""
        return self._grid.chunk

    @forks.cached_property
    def _chunk_bytes(self) -> int:
        return self._grid.chunk_bytes

    @forks.cached_property
    def least(self) -> int:
        """Bytes that a read takes at once: one chunk, stored as badly as can be, and decoded."""
        return self._chunk_bytes + chunk_index.longest(self._grid, raw=self._raw)

    def prepare(self) -> None:
        """Read the chunk table, where it is small enough to be worth having whole."""
        self._table.prepare()

    def chunk_sizes(self, shard: int) -> NDArray[np.int64]:
        """Return the bytes of each chunk in a shard, as stored."""
        chunks = self._grid.chunks_of_shard(shard)
        return self._table.of(np.arange(chunks.start, chunks.stop)).nbytes.astype(np.int64)

    def ahead(self, count: int, view: View) -> Ahead | None:
        """Ask for the first chunks, where `count` rows want most of them whichever they are.

        Not where the chunk table is at hand: the lookup is then mostly, too, and tells at once.
        """
        if self._table.is_known or (self._link.cache and not self._link.cache.is_empty):
            return None
        cost = self._link.cost()
        nbytes = int(self._table.sizes.sum())
        room = view.room(self.least) // 2
        wanted = merging.ahead(count, self._grid, nbytes, room, cost)
        chunks = self._table.first(wanted, room)
        requests = merging.requests(chunks, self._table.unread(chunks), self._grid.shard, cost)
        return Ahead(requests, self._fetch) if requests else None

    def rows(self, rows: NDArray[np.int64], view: View = WHOLE) -> NDArray[Any]:
        """Return rows in the caller's order, repeats included.

        Args:
            rows: int64 of shape (k,), each from 0 to below the number of rows.
            view: which dimensions, as what, and where to.
        """
        return self._read(selecting.select_rows(rows, self._grid.chunk), len(rows), view)

    def range(self, start: int, stop: int, view: View = WHOLE) -> NDArray[Any]:
        """Return rows `start` up to, not including, `stop`."""
        chosen = selecting.RangeSelection(start, stop, self._grid.chunk)
        return self._read(chosen, stop - start, view)

    def plan_into(self, start: int, stop: int, out: NDArray[Any], room: int) -> ArrayPlan:
        """Return what reads rows `start` up to, not including, `stop` into an array.

        Args:
            start: a row.
            stop: past the last.
            out: of their shape and type, in C order.
            room: bytes that may be under way; more where a chunk takes more.
        """
        view = View(memory_limit=max(room, self.least))
        chosen = selecting.RangeSelection(start, stop, self._grid.chunk)
        return replace(self.plan(chosen, view), out=out)

    def index_of(self, first: int, last: int) -> ChunkIndex:
        """Return the places of chunks `first` up to, not including, `last`."""
        return self._table.of(np.arange(first, last, dtype=np.int64))

    def _read(self, selection: Selection, count: int, view: View) -> NDArray[Any]:
        out = view.target(count, self.shape[1:], self._dtype)
        within = view.within(self.least)
        read([self.plan(selection, within)], within, out, self._link)
        return out

    def plan(self, selection: Selection, view: View = WHOLE) -> ArrayPlan:
        """Return what reading `selection` fetches; the chunk table is read for it.

        Args:
            selection: the wanted rows.
            view: bounds the memory of a request.

        Raises:
            InvalidInputError: a memory limit that does not hold one chunk.
        """
        index = parallel.Later(lambda: self._table.of(selection.chunks))
        marks = parallel.Later(lambda: checksums.marks(index().offset + index().nbytes))
        room = view.room(self.least)
        cost = self._link.cost().within(room - self._chunk_bytes)
        places = self._places(selection.chunks, cost) or index()
        self._require_room(places, room)
        kept, keeps = self._kept(selection.chunks, places, index)
        early = view.ahead.wanted(selection.chunks, places, self._grid.shard) if view.ahead else {}
        lacks = np.ones(len(places), np.bool_)
        lacks[list(kept)] = False
        for request in early:
            lacks[request.wanted] = False
        lacking = np.flatnonzero(lacks)
        return ArrayPlan(self, selection, places, index, marks, cost, lacking, early, kept, keeps)

    def requests(self, planned: ArrayPlan, *, beside: int = 0) -> list[Request]:
        """Return the requests of a plan, beside others that together fetch so many bytes."""
        found = merging.requests(*planned.left(), self._grid.shard, planned.cost, beside=beside)
        return [replace(request, wanted=planned.lacking[request.wanted]) for request in found]

    def narrowed(self, planned: ArrayPlan) -> CostModel:
        """Return the cost of a plan over a narrow link."""
        return merging.narrowed(planned.cost, *planned.left(), self._grid.shard)

    def _places(self, chunks: NDArray[np.int64], cost: CostModel) -> Places | None:
        """Return where to look for chunks before the chunk table says where they lie, if it may.

        Compressed, only where all are wanted, in whole shards: it does not matter then.
        """
        if self._table.is_known:
            return None
        if self._raw:
            return self._table.unread(chunks)
        if len(chunks) < self._grid.chunks:
            return None
        sizes = self._table.sizes
        total, largest = int(sizes.sum()), int(sizes.max(initial=0))
        cached = self._link.cache is not None and self._link.cache.takes(total)
        if cached or sizes.min(initial=0) < 0 or largest > cost.most:
            return None
        whole = merging.even(largest, cost.span(total), cost.most) == largest
        return self._table.unread(chunks) if whole else None

    def _kept(
        self, chunks: NDArray[np.int64], places: Places, index: Callable[[], ChunkIndex]
    ) -> tuple[dict[int, bytes], bool]:
        """Return the chunks at hand, by their places in `chunks`; and whether to keep others."""
        if self._array.data is not None:
            return dict.fromkeys(range(len(chunks)), self._array.data), False
        cache = self._link.cache
        if cache is None or not cache.takes(int(places.nbytes.sum())):
            return {}, False
        if cache.is_empty:
            return {}, True
        known = index()
        found = (cache.find(self._chunk_name(chunks[at], known, at)) for at in range(len(known)))
        return {at: stored for at, stored in enumerate(found) if stored is not None}, True

    def _chunk_name(self, chunk: int, index: ChunkIndex, at: int) -> ChunkName:
        shard = int(chunk) // self._grid.shard
        return ChunkName(
            *self._layer.shard(self._name, shard),
            int(index.offset[at]),
            int(index.nbytes[at]),
            int(index.crc32c[at]),
        )

    def _require_room(self, places: Places, room: int) -> None:
        """Refuse a memory limit that does not hold one chunk."""
        least = self._chunk_bytes + int(places.nbytes.max(initial=0))
        if room < least:
            raise InvalidInputError(
                "input-argument",
                f"memory_limit: expected at least {least} bytes, what a chunk of {self._name} "
                f"takes stored and decoded, found {room}",
            )

    def claim(self, request: Request, view: View) -> int:
        """Return the bytes that a request holds at once, what is decoded of it included."""
        decoded = 0 if self._raw else min(len(request.wanted), self._together(request.length, view))
        return request.length + decoded * self._chunk_bytes

    @property
    def _raw(self) -> bool:
        return self._array.codec.name == "none"

    def _together(self, nbytes: int, view: View) -> int:
        """Return how many chunks to decode together: they may grow far beyond what is stored."""
        room = min(view.room(self.least) - nbytes, _TOGETHER_BYTES)
        return max(room // self._chunk_bytes, 1)

    def run(self, request: Request, planned: ArrayPlan, view: View, out: NDArray[Any]) -> None:
        """Send one request; check and decode its chunks, and copy their rows into `out`.

        Args:
            request: one of the plan's.
            planned: the plan.
            view: how the rows are wanted.
            out: where they go.
        """
        early = planned.early.get(request)
        data = early() if early else self._fetch(request)
        index = planned.index()
        starts = index.offset[request.wanted] - request.start
        stops = starts + index.nbytes[request.wanted]
        self.take(data, (starts, stops), request.wanted, planned, view, out)
        self._keep(data, (starts, stops), request.wanted, planned)

    def _fetch(self, request: Request) -> memoryview:
        key = self._layer.shard_key(self._name, request.shard)
        return fetch(self._store, key, request.start, request.length)

    def _keep(
        self, data: memoryview, bounds: Bounds, ats: NDArray[np.int64], planned: ArrayPlan
    ) -> None:
        cache = self._link.cache
        if cache is None or not planned.keeps:
            return
        for at, start, stop in zip(ats.tolist(), *(b.tolist() for b in bounds), strict=True):
            name = self._chunk_name(planned.selection.chunks[at], planned.index(), at)
            cache.keep(name, bytes(data[start:stop]))

    def take(
        self,
        data: memoryview,
        bounds: Bounds,
        ats: NDArray[np.int64],
        planned: ArrayPlan,
        view: View,
        out: NDArray[Any],
    ) -> None:
        """Check and decode wanted chunks, and copy their rows into `out`.

        Args:
            data: holds them as they are stored.
            bounds: where in it each begins and ends.
            ats: which of the wanted chunks they are.
            planned: the plan.
            view: how the rows are wanted.
            out: where they go.
        """
        names = planned.selection.chunks[ats]
        chunks = Chunks(
            data, *bounds, lambda at: f"{self._layer.path}/{self._name} chunk {names[at]}"
        )
        chunks.check(planned.index().crc32c[ats], lambda: planned.marks()[ats])
        left = ats
        if not self._raw and self._is_as_stored(view, out):
            rows = planned.selection.whole(ats)
            here = rows >= 0
            if here.any():
                places = rows[here] * (self._chunk_bytes // self.chunk)
                flat = chunk_coding.as_bytes(out)
                chunks.take(here).decode_to(flat, places, self._array.codec, self._chunk_bytes)
                chunks, left = chunks.take(~here), ats[~here]
        together = max(len(left), 1) if self._raw else self._together(len(data), view)
        for first in range(0, len(left), together):
            part = slice(first, first + together)
            some = chunks if together >= len(left) else chunks.take(part)
            self._copy(some, left[part], planned.selection, view, out)

    def _is_as_stored(self, view: View, out: NDArray[Any]) -> bool:
        """Tell whether rows of the result have the bytes that are stored, and need no look."""
        same = out.dtype == self._dtype and view.dims is None and out.flags.c_contiguous
        return same and self._dtype.kind != "U"

    def _copy(
        self,
        chunks: Chunks,
        ats: NDArray[np.int64],
        selection: Selection,
        view: View,
        out: NDArray[Any],
    ) -> None:
        """Copy the rows of some chunks into `out`."""
        raw, slots = chunks.decoded(self._array.codec, self._chunk_bytes)
        rows = raw.view(self._dtype).reshape(len(raw), self._grid.chunk, *self.shape[1:])
        if self._dtype.kind == "U":  # between the wanted chunks lie others, which nobody checked
            dtypes.check_values(rows[slots], f"{self._layer.path}/{self._name}")
        numbers = self._numbers(Blocks(ats, rows, slots), selection.chunks[ats])
        selection.copy(view.cut(numbers), out)

    def _numbers(self, blocks: Blocks, chunks: NDArray[np.int64]) -> Blocks:  # noqa: ARG002
        """Return what the stored numbers of chunks mean."""
        return blocks
