"""One array of a layer as the manifest tells of it: all that reading needs to know. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embzarr._format import chunk_index, dtypes
from embzarr._reading.cache import ChunkName
from embzarr._storage import forks

if TYPE_CHECKING:
    import numpy as np

    from embzarr._format import ChunkIndex, Codec, Grid, Layer


@dataclass(frozen=True, eq=False)
class StoredArray:
    """Where an array lies, how its rows fall into chunks, and what its bytes mean."""

    layer: Layer
    name: str
    """Its path below the layer."""
    grid: Grid
    shape: tuple[int, ...]
    """Of the whole array as rows."""
    dtype: np.dtype[Any]
    codec: Codec
    inline: bytes | None
    """Its only chunk as it is stored, where the manifest holds that."""

    @classmethod
    def of(cls, layer: Layer, name: str) -> StoredArray:
        """Return what the manifest says of the array of this name."""
        array = layer.arrays[name]
        grid = array.grid
        shape = (grid.rows, *array.shape[array.split + 1 :])
        dtype = dtypes.numpy_dtype(array.dtype)
        return cls(layer, name, grid, shape, dtype, array.codec, array.data)

    @property
    def what(self) -> str:
        """The array, for messages."""
        return f"{self.layer.path}/{self.name}"

    @forks.cached_property
    def chunk_bytes(self) -> int:
        """Bytes of one chunk, uncompressed."""
        return self.grid.chunk_bytes

    @property
    def is_raw(self) -> bool:
        """Whether its chunks are stored as they are in memory."""
        return self.codec.name == "none"

    @forks.cached_property
    def least(self) -> int:
        """Bytes that a read takes at once: one chunk, stored as badly as can be, and decoded."""
        return self.chunk_bytes + chunk_index.longest(self.grid, raw=self.is_raw)

    def key(self, shard: int) -> str:
        """Return the key of the object that a shard is."""
        return self.layer.shard_key(self.name, shard)

    def chunk_told(self, chunk: int) -> str:
        """Return a chunk for messages: of a full layer's columns, with the rows that it holds."""
        found = f"{self.what} chunk {chunk}"
        if self.layer.kind == "full" and self.name in self.layer.columns:
            first, last = self.grid.rows_of_chunk(chunk)
            found += f", rows {first}:{last}"
        return found

    def chunk_name(self, chunk: int, index: ChunkIndex, at: int) -> ChunkName:
        """Return what a chunk is known by in caches: `index` has it at `at`."""
        return ChunkName(
            *self.layer.shard(self.name, chunk // self.grid.shard),
            int(index.offset[at]),
            int(index.nbytes[at]),
            int(index.crc32c[at]),
        )
