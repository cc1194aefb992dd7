"""Lazy arrays hold what was saved, block by block, with every scheduler of dask."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = pytest.mark.peers
xr = pytest.importorskip("xarray")
dask = pytest.importorskip("dask")
from embzarr.interop.xarray import to_xarray  # noqa: E402 - where its libraries are

ROWS, DIM = 5000, 32
WORDS = [f"w{row}" for row in range(ROWS - 1)] + [""]
VECTORS = make_vectors(ROWS, DIM)
PLACES = np.arange(ROWS * 6, dtype="i4").reshape(ROWS, 3, 2)
KINDS = np.array(["noun", "verb"] * (ROWS // 2))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of chunks of 16 rows."""
    path = tmp_path_factory.mktemp("run")
    columns = {"place": PLACES, "kind": KINDS}
    embzarr.save(path, WORDS, VECTORS, columns=columns, chunk_bytes=16 * DIM * 4, step=3)
    return path


@pytest.fixture
def checkpoint(url: Path) -> embzarr.Checkpoint:
    """The checkpoint, opened cold."""
    return embzarr.open(url)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_every_scheduler_reads_the_same(url: Path, scheduler: str) -> None:
    """Words, vectors and further columns, and what is computed of them."""
    table = to_xarray(url, block_rows=1600)
    assert table.vectors.chunksizes["word"] == (1600, 1600, 1600, 200)
    with dask.config.set(scheduler=scheduler, num_workers=2):
        found, mean = dask.compute(table, table.vectors.mean("word"))
    assert found.vectors.values.tobytes() == VECTORS.tobytes()
    assert found.place.values.tobytes() == PLACES.tobytes()
    assert found.kind.values.tolist() == KINDS.tolist()
    np.testing.assert_allclose(mean.values, VECTORS.mean(axis=0), atol=1e-5)
    assert (table.place.dims, table.attrs["step"]) == (("word", "place_1", "place_2"), 3)


def test_nothing_is_read_before_it_is_computed(checkpoint: embzarr.Checkpoint) -> None:
    """To be made takes no vector; a few rows or words take a few chunks."""
    table = to_xarray(checkpoint, ["vectors"], block_rows=16)
    made = checkpoint.traffic.bytes_read
    assert made < 0.2 * VECTORS.nbytes
    some = table.vectors.sel(word=["w7", "", "w4000"]).values
    assert some.tobytes() == VECTORS[[7, ROWS - 1, 4000]].tobytes()
    assert table.vectors[123, 4].values == VECTORS[123, 4]
    assert table.vectors[3000:10:-700, ::5].values.tobytes() == VECTORS[3000:10:-700, ::5].tobytes()
    assert checkpoint.traffic.bytes_read - made < 0.7 * VECTORS.nbytes
    without = embzarr.open(checkpoint.url)
    assert "word" not in to_xarray(without, words=False).coords
    assert without.traffic.bytes_read < 50_000


def test_blocks_are_whole_chunks(checkpoint: embzarr.Checkpoint) -> None:
    """By default as many as take 16 MiB, and one at least."""
    chunk = checkpoint.info().columns[0].chunk_rows
    (first, *_) = to_xarray(checkpoint).vectors.data.chunks[0]
    assert first == ROWS or (first % chunk == 0 and first * DIM * 4 <= 16 * 2**20)


def test_it_travels(url: Path) -> None:
    """A pickle is small and computes the same; the same checkpoint has the same names."""
    table = to_xarray(url)
    again = pickle.loads(pickle.dumps(table.drop_vars("word")))  # noqa: S301 - our own
    assert again.vectors.values.tobytes() == VECTORS.tobytes()
    assert again.vectors.data.name == to_xarray(embzarr.open(url)).vectors.data.name


def test_bfloat16_and_an_empty_one(tmp_path: Path) -> None:
    """bfloat16 is float32 of the same value; no rows are no rows."""
    half: Any = pytest.importorskip("ml_dtypes").bfloat16
    saved = embzarr.save(tmp_path / "half", WORDS, VECTORS.astype(half))
    expected = VECTORS.astype(half).astype("f4")
    assert to_xarray(saved).vectors.values.tobytes() == expected.tobytes()
    empty = embzarr.save(tmp_path / "empty", [], np.empty((0, 3), "f4"))
    assert to_xarray(empty).vectors.values.shape == (0, 3)


def test_what_cannot_be_used_is_told(checkpoint: embzarr.Checkpoint) -> None:
    """At the door, with what was expected."""
    with pytest.raises(embzarr.InvalidInputError, match="block_rows"):
        to_xarray(checkpoint, block_rows=0)
    with pytest.raises(embzarr.InvalidInputError, match="no column 'nope'"):
        to_xarray(checkpoint, ["nope"])
    with pytest.raises(embzarr.InvalidInputError, match="words: expected True or False"):
        to_xarray(checkpoint, words="no")  # type: ignore[arg-type]  # as said


@pytest.mark.parametrize("named", [dict, xr.Dataset])
def test_a_delta_takes_the_columns_of_a_dataset(tmp_path: Path, named: Any) -> None:
    """Which is a mapping of arrays, and no array, though it has a method for one."""
    embzarr.save(tmp_path, ["a", "b"], VECTORS[:2], columns={"place": PLACES[:2]})
    columns = {
        "vectors": xr.DataArray(VECTORS[7:8], dims=("row", "dim")),
        "place": xr.DataArray(PLACES[7:8], dims=("row", "x", "y")),
    }
    found = (
        embzarr.Run(tmp_path)
        .save_delta([1], named(columns))
        .load(["a", "b"], columns=("vectors", "place"))
    )

    assert found.vectors.tobytes() == VECTORS[[0, 7]].tobytes()
    assert found.columns["place"].tobytes() == PLACES[[0, 7]].tobytes()
