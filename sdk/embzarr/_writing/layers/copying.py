"""Copies arrays of a layer into another one, shard by shard, as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._format import chunk_index, digests
from embzarr._reading import ArrayReader, fetch, link_of
from embzarr._writing.layers.array import WrittenArray
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._format import Array, ChunkIndex, Layer
    from embzarr._storage import Data, Readable
    from embzarr._writing.layers.layer_files import LayerFiles


def copy(
    store: Readable,
    files: LayerFiles,
    layer: Layer,
    name: str,
    *,
    table: NDArray[Any] | None = None,
) -> None:
    """Start copying the shards of a sound array.

    Args:
        store: where from.
        files: where to.
        layer: the layer that holds it.
        name: the array.
        table: its chunk table, where it is known.

    Raises:
        DamagedError: code ``object-digest``, from the write: a shard is not what was recorded.
    """
    array = layer.arrays[name]
    index = (
        ArrayReader(store, layer, name, link_of(store)).index_of(0, array.grid.chunks)
        if table is None
        else chunk_index.from_table(table)
    )
    written = as_written(array, index)

    def fetched(shard: str) -> Data:
        key, digest = f"{layer.path}/{shard}", layer.objects[shard]
        data = fetch(store, key, 0, digest.size)
        if digests.sha256(data) != digest.sha256:
            raise DamagedError("object-digest", f"{key}: is not what the manifest says any more")
        return data

    shards = [layer.shard_name(name, shard) for shard in range(array.grid.shards)]
    files.copy(name, written, {shard: layer.objects[shard].size for shard in shards}, fetched)


def as_written(array: Array, index: ChunkIndex) -> WrittenArray:
    """Return what a manifest says of an array as its writer would tell it."""
    return WrittenArray(
        rows=array.grid.rows,
        row_shape=array.row_shape,
        dtype=array.dtype,
        chunk=array.chunk,
        shard=array.shard,
        codec=array.codec,
        index=index,
        only_chunk=array.data,
        cut=array.cut if array.split else None,
    )
