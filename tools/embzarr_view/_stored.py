"""What a checkpoint takes: layers, arrays, shards and chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from embzarr_view._shown import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import embzarr

_MOST_BOXES: Final = 400


def storage(checkpoint: embzarr.Checkpoint) -> dict[str, Any]:
    """Return layers, their arrays, and the bytes of each array's shards: all from the manifest."""
    info = checkpoint.info()
    arrays = [
        {
            "name": shown(one.name),
            "layer": one.layer,
            "shape": list(one.shape),
            "dtype": one.dtype,
            "codec": one.codec,
            "lossy": one.source_dtype,
            "chunks": one.chunks,
            "shard_chunks": one.shard_chunks,
            "chunk_rows": one.chunk_rows,
            "bytes_raw": one.bytes_raw,
            "bytes_stored": one.bytes_stored,
            "boxes": boxes(checkpoint.stored_sizes(one.name, layer=one.layer)),
        }
        for one in info.columns
    ]
    return {
        "step": info.step,
        "commit": info.commit,
        "bytes_raw": info.bytes_raw,
        "bytes_stored": info.bytes_stored,
        "layers": [
            {
                "kind": layer.kind,
                "rows": layer.rows,
                "objects": layer.objects,
                "bytes_stored": layer.bytes_stored,
                "path": shown(layer.path),
            }
            for layer in info.layers
        ],
        "arrays": arrays,
    }


def chunks(checkpoint: embzarr.Checkpoint, layer: int, array: str, shard: int) -> dict[str, Any]:
    """Return the bytes of the chunks of one shard.

    Raises:
        embzarr.InvalidInputError: there is no such layer, array or shard.
    """
    sizes = checkpoint.stored_sizes(array, layer=layer, shard=shard)
    return {"layer": layer, "name": shown(array), "shard": shard, "boxes": boxes(sizes)}


def boxes(sizes: NDArray[Any]) -> list[dict[str, int]]:
    """Return sizes as boxes of a picture: neighbours together where there are too many to see."""
    together = -(-len(sizes) // _MOST_BOXES) or 1
    return [
        {
            "first": at,
            "last": min(at + together, len(sizes)) - 1,
            "bytes": int(sizes[at : at + together].sum()),
        }
        for at in range(0, len(sizes), together)
    ]
