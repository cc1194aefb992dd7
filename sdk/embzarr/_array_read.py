"""The executor of a plan: requests sent in parallel, chunks checked and decoded where they arrive.

Each worker fetches one request, checks each chunk's CRC-32C, decodes it and copies the wanted rows
to their places in the result, so that no byte is touched twice and none waits for another.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr import _chunk_index, _chunks, _dtypes, _parallel, _pieces, _plan
from embzarr._cache import ChunkName
from embzarr._view import WHOLE
from embzarr.errors import InvalidInputError
from embzarr.objects import PIECE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._chunk_index import ChunkIndex, Places
    from embzarr._link import Link
    from embzarr._manifest import Layer
    from embzarr._parallel import Later
    from embzarr._plan import CostModel, Request, Selection
    from embzarr._view import View
    from embzarr.objects import GetRange

WHOLE_TABLE_BYTES = 8 * 1024 * 1024
"""A chunk table up to this size is read whole, beside the lookup, to save a round trip."""
WHOLE_TABLE_CHUNKS = 2 * 1024 * 1024
"""The same, by what it holds: 64 MiB in memory, however well it compresses."""


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
        self._grid = self._array.grid
        self._dtype = _dtypes.numpy_dtype(self._array.dtype)
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
            return self._index.take(chunks)
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
        read([self.plan(selection, view)], view, out, self._link)
        return out

    def plan(self, selection: Selection, view: View = WHOLE) -> ArrayPlan:
        """Return what reading `selection` fetches; the chunk table is read for it.

        Args:
            selection: the wanted rows.
            view: bounds the memory of a request.

        Raises:
            InvalidInputError: a memory limit that does not hold one chunk.
        """
        index = _parallel.Later(lambda: self._index_of(selection.chunks))
        places = self._places(selection.chunks) or index()
        cost = self._link.cost().within(self._room(places, view))
        kept, keeps = self._kept(selection.chunks, places, index)
        lacks = np.ones(len(places), np.bool_)
        lacks[list(kept)] = False
        return ArrayPlan(self, selection, places, index, cost, np.flatnonzero(lacks), kept, keeps)

    def requests(self, planned: ArrayPlan, *, beside: int = 0) -> list[Request]:
        """Return the requests of a plan, beside others that together fetch so many bytes."""
        found = _plan.requests(
            planned.selection.chunks[planned.lacking],
            planned.places.take(planned.lacking),
            self._grid.shard,
            planned.cost,
            beside=beside,
        )
        return [replace(request, wanted=planned.lacking[request.wanted]) for request in found]

    def _places(self, chunks: NDArray[np.int64]) -> Places | None:
        """Return where chunks lie, of uncompressed ones before the chunk table says so too."""
        if self._index is None and self._array.codec.name == "none":
            return _chunk_index.packed(chunks, self._grid)
        return None

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
        names = (self._chunk_name(chunks[at], known, at) for at in range(len(known)))
        found = (cache.find(name, int(crc)) for name, crc in zip(names, known.crc32c, strict=True))
        return {at: stored for at, stored in enumerate(found) if stored is not None}, True

    def _chunk_name(self, chunk: int, places: Places, at: int) -> ChunkName:
        shard = self._layer.shard_name(self._name, int(chunk) // self._grid.shard)
        sha256 = self._layer.objects[shard].sha256
        return ChunkName(sha256, int(places.offset[at]), int(places.nbytes[at]))

    def _room(self, places: Places, view: View) -> int:
        """Return how long a request may be."""
        room = view.memory_limit - self._grid.chunk_bytes
        if room < places.nbytes.max(initial=0):
            least = self._grid.chunk_bytes + int(places.nbytes.max())
            raise InvalidInputError(
                "input-argument",
                f"memory_limit: expected at least {least} bytes, what a chunk of {self._name} "
                f"takes stored and decoded, found {view.memory_limit}",
            )
        return room

    def claim(self, request: Request) -> int:
        """Return the bytes that a request holds at once."""
        # One chunk is decoded at a time, and may grow far beyond what was stored.
        return min(request.length, PIECE_BYTES) + self._grid.chunk_bytes

    def run(self, request: Request, planned: ArrayPlan, view: View, out: NDArray[Any]) -> None:
        """Send one request; check and decode its chunks, and copy their rows into `out`."""
        key = self._layer.shard_key(self._name, request.shard)
        places = planned.places
        starts = places.offset[request.wanted] - request.start
        stops = starts + places.nbytes[request.wanted]
        wanted = zip(starts.tolist(), stops.tolist(), strict=True)
        arriving = _pieces.fetch(self._store, key, request.start, request.length, list(wanted))
        for at, stored in zip(request.wanted.tolist(), arriving, strict=True):
            self.take(stored, at, planned, view, out)
            self._keep(stored, at, planned)

    def _keep(self, stored: memoryview, at: int, planned: ArrayPlan) -> None:
        cache = self._link.cache
        if cache is not None and planned.keeps:
            name = self._chunk_name(planned.selection.chunks[at], planned.places, at)
            cache.keep(name, bytes(stored))

    def take(
        self, stored: memoryview, at: int, planned: ArrayPlan, view: View, out: NDArray[Any]
    ) -> None:
        """Check and decode the wanted chunk of place `at`, and copy its rows into `out`."""
        chunk = int(planned.selection.chunks[at])
        raw = _chunks.decode_chunk(
            stored,
            codec=self._array.codec,
            crc32c=int(planned.index().crc32c[at]),
            size=self._grid.chunk_bytes,
            what=f"{self._layer.path}/{self._name} chunk {chunk}",
        )
        block = raw.view(self._dtype).reshape(self._grid.chunk, *self.shape[1:])
        planned.selection.copy(at, view.cut(self._numbers(block, chunk)), out)

    def _numbers(self, block: NDArray[Any], chunk: int) -> NDArray[Any]:  # noqa: ARG002
        """Return what the stored numbers of a chunk mean."""
        return block


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPlan:
    """What is fetched of one array, and where it goes."""

    reader: ArrayReader
    selection: Selection
    places: Places
    """Where the wanted chunks lie."""
    index: Later[ChunkIndex]
    """The same with their checksums, which may come while the chunks do."""
    cost: CostModel
    lacking: NDArray[np.int64]
    """Wanted chunks that must be fetched, by their places."""
    kept: dict[int, bytes]
    """The others, by their places."""
    keeps: bool
    """Whether what is fetched goes to the cache."""


def requests(plans: Sequence[ArrayPlan]) -> list[tuple[Request, ArrayPlan]]:
    """Return what fetches several plans at once, divided no more finely than all of them need."""
    found = [planned.reader.requests(planned) for planned in plans]
    if len(plans) > 1:
        nbytes = sum(request.length for part in found for request in part)
        found = [planned.reader.requests(planned, beside=nbytes) for planned in plans]
    return [
        (request, planned) for planned, part in zip(plans, found, strict=True) for request in part
    ]


def read(plans: Sequence[ArrayPlan], view: View, out: NDArray[Any], link: Link) -> None:
    """Send the requests of several arrays at once, all into one result."""
    found = requests(plans)
    nbytes = sum(request.length for request, _ in found)
    for planned in plans:
        for at, stored in planned.kept.items():
            planned.reader.take(memoryview(stored), at, planned, view, out)
    budget = _parallel.ByteBudget(view.memory_limit)

    def run(request: Request, planned: ArrayPlan) -> None:
        with budget.claim(planned.reader.claim(request)):
            planned.reader.run(request, planned, view, out)

    tables = [
        planned.index for planned in plans if len(planned.lacking) and not planned.index.is_known
    ]
    jobs: list[Callable[[], object]] = [*tables, *(partial(run, *request) for request in found)]
    start = time.perf_counter()
    _parallel.each(
        lambda job: job(),
        jobs,
        workers=len(tables) + link.cost().workers(len(found), nbytes),
    )
    link.learn(len(found), nbytes, time.perf_counter() - start)
