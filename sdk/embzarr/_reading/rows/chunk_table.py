"""Where the chunks of one array lie: by its chunk table, and as far as is known before that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from embzarr._format import chunk_index, spec
from embzarr._storage import forks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from embzarr._format import ChunkIndex, Grid, Layer, Places

WHOLE_BYTES = 8 * 1024 * 1024
"""A table up to this size is read whole, beside the lookup, to save a round trip."""
WHOLE_CHUNKS = 2 * 1024 * 1024
"""The same, by what it holds: 64 MiB in memory, however well it compresses."""


class Rows(Protocol):
    """Reads the rows of a table."""

    def rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return these rows."""
        ...

    def range(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows `start` up to, not including, `stop`."""
        ...


class ChunkTable:
    """The places of the chunks of one array, which the manifest holds or another array."""

    def __init__(
        self, layer: Layer, name: str, grid: Grid, open_array: Callable[[str], Rows]
    ) -> None:
        """Prepare to read; nothing is fetched yet.

        Args:
            layer: what the manifest says of the layer.
            name: the array whose chunks they are.
            grid: how it is cut into chunks.
            open_array: makes a reader of another array of the layer.
        """
        array = layer.arrays[name]
        self._layer = layer
        self._name = name
        self._grid = grid
        self._raw = array.codec.name == "none"
        self._path = array.index if isinstance(array.index, str) else ""
        self._open = open_array
        self._known = array.inline_index
        if self._known is None:  # else it is never read
            self._lock = forks.Lock()

    @property
    def is_known(self) -> bool:
        """Whether all places are at hand."""
        return self._known is not None

    @forks.cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each shard that are chunks; below zero where the manifest is wrong.

        So, too, where a page that was not read tells of shards whose size nothing else does.
        """
        if self._layer.pages and self._layer.pages_of(spec.OBJECTS) and not self._raw:
            return np.full(self._grid.shards, -1, np.int64)
        return self._layer.shard_sizes(self._name) - self._grid.shard_index_bytes

    def prepare(self) -> None:
        """Read the table, where it is small enough to be worth having whole."""
        if self._path:
            table = self._layer.arrays[self._path]
            stored = table.inline_index.nbytes.sum() if table.inline_index else 0
            if stored <= WHOLE_BYTES and table.shape[0] <= WHOLE_CHUNKS:
                self._read_whole()

    def _read_whole(self) -> None:
        with self._lock:
            if self._known is None:
                chunks = np.arange(self._grid.chunks, dtype=np.int64)
                self._known = self._checked(self._open(self._path).range(0, len(chunks)), chunks)

    def of(self, chunks: NDArray[np.int64]) -> ChunkIndex:
        """Return the places of chunks, given by their numbers, and their checksums.

        Raises:
            DamagedError: code ``chunk-range``: a place that cannot be true.
        """
        if self._known is not None:
            return self._known.take(chunks)
        return self._checked(self._open(self._path).rows(chunks), chunks)

    def _checked(self, table: NDArray[np.uint64], chunks: NDArray[np.int64]) -> ChunkIndex:
        index = chunk_index.from_table(table)
        chunk_index.check(
            index,
            self._grid,
            chunks=chunks,
            sizes=self._layer.shard_sizes(self._name),
            raw=self._raw,
            what=f"{self._layer.path}/{self._path}",
        )
        return index

    def unread(self, chunks: NDArray[np.int64]) -> Places:
        """Return where to look for chunks as long as the table is not read.

        Uncompressed ones lie where their numbers tell, others anywhere in their shards.
        """
        if not self._raw:
            sizes = self.sizes[chunks // self._grid.shard]
            return chunk_index.Places(np.zeros_like(sizes), sizes)
        return chunk_index.packed(chunks, self._grid)

    def first(self, nbytes: int, most: int) -> NDArray[np.int64]:
        """Return the first chunks, as many as can be asked for before the table is read.

        Args:
            nbytes: what they take at least; compressed, they are all chunks of some shards.
            most: what they take at most.
        """
        if self._raw:
            size = self._grid.chunk_bytes + spec.CRC_BYTES
            count = min(-(-nbytes // size), most // size)
        else:
            ends = np.cumsum(self.sizes)
            shards = np.searchsorted(ends, nbytes) + 1, np.searchsorted(ends, most, "right")
            sound = nbytes and self.sizes.min(initial=1) > 0
            count = self._grid.shard * int(min(shards)) if sound else 0
        return np.arange(min(count, self._grid.chunks))
