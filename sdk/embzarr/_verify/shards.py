"""What each shard of a layer should hold, and where its chunks lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import chunk_coding
from embzarr._reading import ArrayReader
from embzarr._storage import detached, parallel
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._format import ChunkIndex, Codec, Grid, Layer
    from embzarr._reading import Link
    from embzarr._storage import Readable

_PIECE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlace:
    """An object that holds chunks, and where they lie."""

    array: str
    codec: Codec
    grid: Grid
    chunks: range
    """The numbers of its chunks."""
    index: ChunkIndex | None
    """None where the chunk table cannot be read: then only the object's digest tells."""
    fault: DamagedError | None = None
    """What the chunk table says of this shard, where that cannot be true."""

    def rows(self, first: int, last: int) -> tuple[int, int]:
        """Return the rows from chunk `first` to chunk `last` of this shard, both included."""
        begin, _ = self.grid.rows_of_chunk(self.chunks[first])
        _, end = self.grid.rows_of_chunk(self.chunks[last])
        return begin, end


class Shards:
    """The shards of a layer by the names of their objects."""

    def __init__(self, store: Readable, layer: Layer, link: Link) -> None:
        """Prepare to read chunk tables; nothing is fetched yet."""
        self._layer = layer
        self._is_quick = parallel.is_quick(store)
        self._readers = {name: ArrayReader(store, layer, name, link) for name in layer.arrays}
        self._places = layer.shards

    def prepare(self) -> None:
        """Read the chunk tables that are small enough to be held whole, several at once."""
        parallel.each(self._prepare, list(self._readers), alone=self._is_quick)

    def find(self, name: str) -> ShardPlace | None:
        """Return what the object of this name, below the layer, should hold; None for others."""
        if name not in self._places:
            return None
        array, number = self._places[name]
        entry = self._layer.arrays[array]
        index: ChunkIndex | None = None
        fault: DamagedError | None = None
        try:
            index = self.index_of(name)
        except DamagedError as exc:
            # Of all other codes the table's own objects are checked, too, and named.
            fault = detached(exc) if exc.code == "chunk-range" else None
        chunks = entry.grid.chunks_of_shard(number)
        return ShardPlace(
            array=array,
            codec=entry.codec,
            grid=entry.grid,
            chunks=chunks,
            index=index,
            fault=fault,
        )

    def index_of(self, name: str) -> ChunkIndex:
        """Return where the chunks of the shard of this name lie.

        Raises:
            DamagedError: the chunk table cannot be read.
        """
        array, number = self._places[name]
        chunks = self._layer.arrays[array].grid.chunks_of_shard(number)
        return self._readers[array].index_of(chunks.start, chunks.stop)

    def _prepare(self, name: str) -> None:
        try:
            self._readers[name].prepare()
        except DamagedError:
            return


def pieces(index: ChunkIndex | None, size: int) -> Iterator[tuple[int, int, list[int]]]:
    """Divide an object into stretches that cut no chunk: start, stop, and the chunks inside.

    The last stretch holds the shard's index whole.
    """
    if index is None:
        for start in range(0, max(size, 1), _PIECE_BYTES):
            yield start, min(start + _PIECE_BYTES, size), []
        return
    start = 0
    inside: list[int] = []
    for at in np.argsort(index.offset).tolist():
        end = int(index.offset[at] + index.nbytes[at])
        if inside and end - start > _PIECE_BYTES:
            begin = int(index.offset[at])
            yield start, begin, inside
            start, inside = begin, []
        inside.append(at)
    yield start, size, inside


def shard_index_fault(tail: memoryview, grid: Grid, index: ChunkIndex) -> str | None:
    """Compare a shard's own index, which other Zarr readers use, with ours; None where it is so."""
    own = tail[-grid.shard_index_bytes :]
    if own == chunk_coding.index_bytes(index, grid):
        return None
    try:
        chunk_coding.shard_index(own, what="the index")
    except DamagedError:
        return "the index at its end has a wrong CRC-32C"
    return "the index at its end and the chunk table disagree"
