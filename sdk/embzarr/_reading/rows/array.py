"""Reads rows of one array: plans what to fetch; `executing` fetches and makes rows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import checksums
from embzarr._reading.fetching.executing import execute
from embzarr._reading.fetching.fetch import fetch
from embzarr._reading.planning import merging, selecting
from embzarr._reading.planning.options import WHOLE, View
from embzarr._reading.planning.plans import ArrayPlan
from embzarr._reading.planning.prefetch import Ahead
from embzarr._reading.planning.stored import StoredArray
from embzarr._reading.rows.chunk_table import ChunkTable
from embzarr._storage import parallel
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from embzarr._format import ChunkIndex, Grid, Layer, Places
    from embzarr._reading.fetching.cost import Link
    from embzarr._reading.planning.merging import CostModel, Request
    from embzarr._reading.planning.selecting import Selection
    from embzarr._storage import GetRange, Later


class ArrayReader:
    """Reads rows of one array of one layer."""

    def __init__(
        self,
        store: GetRange,
        layer: Layer,
        name: str,
        link: Link,
        *,
        scales: Later[NDArray[np.float32]] | None = None,
    ) -> None:
        """Prepare to read; nothing is fetched yet.

        Args:
            store: where from.
            layer: what the manifest says of the layer.
            name: the array's path below the layer.
            link: the way to the store.
            scales: gives what each row is multiplied by, of shape (chunks, rows in a chunk).
        """
        self._store = store
        self._link = link
        self._array = StoredArray.of(layer, name)
        self._scales = scales
        self._table = ChunkTable(
            layer, name, self.grid, lambda path: ArrayReader(self._store, layer, path, link)
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array as rows."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the array as it is stored."""
        return self._array.dtype

    @property
    def grid(self) -> Grid:
        """How its rows fall into chunks."""
        return self._array.grid

    @property
    def least(self) -> int:
        """Bytes that a read takes at once: one chunk, stored as badly as can be, and decoded."""
        return self._array.least

    @property
    def is_prepared(self) -> bool:
        """Whether the chunk table is at hand."""
        return self._table.is_known

    def prepare(self) -> None:
        """Read the chunk table, where it is small enough to be worth having whole."""
        self._table.prepare()

    def chunk_sizes(self, shard: int) -> NDArray[np.int64]:
        """Return the bytes of each chunk in a shard, as stored."""
        chunks = self.grid.chunks_of_shard(shard)
        return self._table.of(np.arange(chunks.start, chunks.stop)).nbytes.astype(np.int64)

    def index_of(self, first: int, last: int) -> ChunkIndex:
        """Return the places of chunks `first` up to, not including, `last`."""
        return self._table.of(np.arange(first, last, dtype=np.int64))

    def ahead(self, count: int, view: View) -> Ahead | None:
        """Ask for the first chunks, where `count` rows want most of them whichever they are.

        Not where the chunk table is at hand: the lookup is then mostly, too, and tells at once.
        """
        if self._table.is_known or (self._link.cache and not self._link.cache.is_empty):
            return None
        cost = self._link.cost()
        nbytes = int(self._table.sizes.sum())
        if nbytes < 0:
            return None
        room = view.room(self.least) // 2
        wanted = merging.ahead(count, self.grid, nbytes, room, cost)
        chunks = self._table.first(wanted, room)
        requests = merging.requests(chunks, self._table.unread(chunks), self.grid.shard, cost)
        return Ahead(requests, self._fetch) if requests else None

    def _fetch(self, request: Request) -> memoryview:
        key = self._array.key(request.shard)
        return fetch(self._store, key, request.start, request.length)

    def rows(self, rows: NDArray[np.int64], view: View = WHOLE) -> NDArray[Any]:
        """Return rows in the caller's order, repeats included.

        Args:
            rows: int64 of shape (k,), each from 0 to below the number of rows.
            view: which dimensions, as what, and where to.
        """
        return self._read(selecting.select_rows(rows, self.grid.chunk), len(rows), view)

    def range(self, start: int, stop: int, view: View = WHOLE) -> NDArray[Any]:
        """Return rows `start` up to, not including, `stop`."""
        chosen = selecting.RangeSelection(start, stop, self.grid.chunk)
        return self._read(chosen, stop - start, view)

    def _read(self, selection: Selection, count: int, view: View) -> NDArray[Any]:
        out = view.target(count, self.shape[1:], self.dtype)
        within = view.within(self.least)
        execute([self.plan(selection, within)], self._store, self._link, within, out)
        return out

    def plan_into(self, start: int, stop: int, out: NDArray[Any], room: int) -> ArrayPlan:
        """Return what reads rows `start` up to, not including, `stop` into an array.

        Args:
            start: a row.
            stop: past the last.
            out: of their shape and type, in C order.
            room: bytes that may be under way; more where a chunk takes more.
        """
        view = View(memory_limit=max(room, self.least))
        chosen = selecting.RangeSelection(start, stop, self.grid.chunk)
        return self.plan(chosen, view, out)

    def plan(
        self, selection: Selection, view: View = WHOLE, out: NDArray[Any] | None = None
    ) -> ArrayPlan:
        """Return what reading `selection` fetches; the chunk table is read for it.

        Args:
            selection: the wanted rows.
            view: bounds the memory of a request.
            out: where the rows go, if not to where those of other plans go.

        Raises:
            InvalidInputError: a memory limit that does not hold one chunk.
        """
        index = parallel.Later(lambda: self._table.of(selection.chunks))
        marks = parallel.Later(lambda: checksums.marks(index().offset + index().nbytes))
        room = view.room(self.least)
        cost = self._link.cost().within(room - self._array.chunk_bytes)
        places = self._places(selection.chunks, cost) or index()
        self._require_room(places, room)
        kept = self._kept(selection.chunks, places, index)
        early = view.ahead.wanted(selection.chunks, places, self.grid.shard) if view.ahead else {}
        lacks = np.ones(len(places), np.bool_)
        lacks[list(kept)] = False
        for request in early:
            lacks[request.wanted] = False
        return ArrayPlan(
            array=self._array,
            selection=selection,
            places=places,
            index=index,
            marks=marks,
            is_ahead=bool(lacks.any() or early) and not index.is_known,
            cost=cost,
            lacking=np.flatnonzero(lacks),
            early=early,
            kept=kept,
            scales=self._scales,
            out=out,
        )

    def _places(self, chunks: NDArray[np.int64], cost: CostModel) -> Places | None:
        """Return where to look for chunks before the chunk table says where they lie, if it may.

        Compressed, only where all are wanted, in whole shards: it does not matter then.
        """
        if self._table.is_known:
            return None
        if self._array.is_raw:
            return self._table.unread(chunks)
        if len(chunks) < self.grid.chunks:
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
    ) -> dict[int, bytes]:
        """Return the chunks at hand, by their places in `chunks`."""
        if self._array.inline is not None:
            return dict.fromkeys(range(len(chunks)), self._array.inline)
        cache = self._link.cache
        if cache is None or cache.is_empty or not cache.takes(int(places.nbytes.sum())):
            return {}
        known = index()
        found = (
            cache.find(self._array.chunk_name(chunks[at], known, at)) for at in range(len(known))
        )
        return {at: stored for at, stored in enumerate(found) if stored is not None}

    def _require_room(self, places: Places, room: int) -> None:
        """Refuse a memory limit that does not hold one chunk."""
        least = self._array.chunk_bytes + int(places.nbytes.max(initial=0))
        if room < least:
            raise InvalidInputError(
                "input-argument",
                f"memory_limit: expected at least {least} bytes, what a chunk of "
                f"{self._array.name} takes stored and decoded, found {room}",
            )
