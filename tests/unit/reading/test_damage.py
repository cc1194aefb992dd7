"""Every chunk of a load is checked: whichever of them is damaged, it is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr import Checkpoint

ROWS, DIM = 232, 16
WORDS = [f"word{row:04}" for row in range(ROWS)]
VECTORS = np.random.default_rng(8).standard_normal((ROWS, DIM)).astype("f4")
SPARSE = np.arange(0, ROWS, 7)
LOADS: dict[str, Callable[[Checkpoint], object]] = {
    "all": lambda checkpoint: checkpoint.to_numpy(),
    "all as float64": lambda checkpoint: checkpoint.load_rows(0, ROWS, dtype="f8").vectors,
    "all words": lambda checkpoint: checkpoint[WORDS],
    "all words from the last on": lambda checkpoint: checkpoint[WORDS[::-1]],
    "some words": lambda checkpoint: checkpoint[[WORDS[row] for row in SPARSE]],
    "a range that begins and ends within chunks": lambda checkpoint: (
        checkpoint.load_rows(3, ROWS - 3).vectors
    ),
    "a part of each row": lambda checkpoint: (
        checkpoint.load_rows(0, ROWS, dims=slice(2, 5)).vectors
    ),
}


@pytest.fixture(scope="module", params=["none", "lz4", "zstd"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chunks of 16 rows, in few shards."""
    place = tmp_path_factory.mktemp("run")
    embzarr.save(place, WORDS, VECTORS, compression=request.param, chunk_bytes=1024)
    return place


def chunks_of(place: Path) -> list[tuple[int, Path, int, int]]:
    """Return each chunk of the vectors: number, object, first byte and length."""
    layer = embzarr.open(place)._commit.manifest.base
    grid, index = layer.arrays["vectors"].grid, layer.arrays["vectors"].inline_index
    assert index is not None
    return [
        (
            chunk,
            place / layer.path / f"vectors/c/{chunk // grid.shard}/0",
            int(index.offset[chunk]),
            int(index.nbytes[chunk]),
        )
        for chunk in range(grid.chunks)
    ]


@pytest.mark.parametrize("how", LOADS)
def test_each_damaged_chunk_of_a_load_is_refused(saved: Path, how: str) -> None:
    """In its first byte, in the middle, or in its checksum, in turn; no other chunk is told."""
    load = LOADS[how]
    load(embzarr.open(saved))
    chunks = chunks_of(saved)
    assert len(chunks) == -(-ROWS // 16)
    for chunk, file, offset, nbytes in chunks:
        at = offset + (0, nbytes // 2, nbytes - 1)[chunk % 3]
        sound = file.read_bytes()
        damaged = bytearray(sound)
        damaged[at] ^= 1 << chunk % 8
        file.write_bytes(damaged)
        try:
            with pytest.raises(embzarr.DamagedError) as caught:
                load(embzarr.open(saved))
        finally:
            file.write_bytes(sound)
        assert caught.value.code == "chunk-checksum"
        rows = f"{16 * chunk}:{min(16 * chunk + 16, ROWS)}"
        assert f"vectors chunk {chunk}, rows {rows}: " in str(caught.value)


def test_two_chunks_that_have_changed_places_are_refused(tmp_path: Path) -> None:
    """Each is sound by its own checksum, and not what the chunk table names."""
    embzarr.save(tmp_path, WORDS, VECTORS, compression="none", chunk_bytes=1024)
    chunks = chunks_of(tmp_path)
    (first, file, offset, nbytes), (_, other, there, _) = chunks[2], chunks[9]
    assert file == other
    data = bytearray(file.read_bytes())
    here = slice(offset, offset + nbytes), slice(there, there + nbytes)
    data[here[0]], data[here[1]] = data[here[1]], data[here[0]]
    file.write_bytes(data)

    with pytest.raises(embzarr.DamagedError, match=rf"chunk {first}\b") as caught:
        embzarr.open(tmp_path).to_numpy()

    assert caught.value.code == "chunk-checksum"
