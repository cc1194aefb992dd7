"""What `stored` promises: of one array all that reading needs, as the manifest tells it."""

from __future__ import annotations

import numpy as np

from embzarr._format import ChunkIndex, Layer
from embzarr._reading.planning.stored import StoredArray


def test_an_array_takes_at_least_one_chunk(layers: dict[str, Layer]) -> None:
    """Decoded, and stored as badly as can be; it is named with the rows that it holds."""
    raw, packed = (StoredArray.of(layers[name], "vectors") for name in ("none", "zstd"))

    assert raw.least == 2 * 32768 + 4
    assert packed.least == 32768 + 2 * (32768 + 4) + 4096
    assert (raw.is_raw, packed.is_raw) == (True, False)
    assert (raw.shape, raw.dtype) == ((400, 64), np.dtype("f4"))
    path = layers["none"].path
    assert raw.chunk_told(3) == f"{path}/vectors chunk 3, rows 384:400"
    words = StoredArray.of(layers["none"], "words/data")
    assert words.chunk_told(0) == f"{path}/words/data chunk 0"
    assert raw.key(0) == f"{path}/vectors/c/0/0"


def test_a_chunk_is_known_by_its_object_and_place(layers: dict[str, Layer]) -> None:
    """And by its checksum: one that was written anew is another."""
    raw = StoredArray.of(layers["none"], "vectors")
    index = ChunkIndex(np.array([5, 6]), np.array([7, 8]), np.array([9, 10]))
    name = raw.chunk_name(3, index, 1)

    assert name[-3:] == (6, 8, 10)
    assert tuple(name[:-3]) == tuple(raw.layer.shard("vectors", 0))
