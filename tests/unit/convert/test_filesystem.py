"""A checkpoint as files of fsspec's, by chained URLs."""

from __future__ import annotations

import gc
import importlib
import pickle
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # has no stubs
import numpy as np
import pytest

import embzarr
from embzarr.convert import export_vectors
from embzarr.convert._filesystem import CheckpointFileSystem
from unit.convert.others import needs

CHECKOUT = Path(__file__).resolve().parents[3]
WORDS = ["king", "queen", "kin", "man"]
MATRIX = np.random.default_rng(1).standard_normal((4, 3), np.float32)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Save two steps; have fsspec know us, whoever is installed, and look for what stays."""
    fsspec.register_implementation("embzarr", CheckpointFileSystem, clobber=True)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    embzarr.save(tmp_path / "run", WORDS, -MATRIX, step=1)
    embzarr.save(tmp_path / "run", WORDS, MATRIX, step=2)
    yield tmp_path / "run"
    gc.collect()
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("name", ["vectors.vec", "x.bin", "x.npz", "x.jsonl"])
def test_a_chained_url_is_what_an_export_writes(run: Path, tmp_path: Path, name: str) -> None:
    """Of the newest checkpoint; it may be sought in."""
    export_vectors(run, tmp_path / name)
    expected = (tmp_path / name).read_bytes()

    with fsspec.open(f"embzarr://{name}::file://{run}") as file:
        assert file.read() == expected
        file.seek(3)
        assert file.read(4) == expected[3:7]
    filesystem, path = fsspec.url_to_fs(f"embzarr://{name}::file://{run}")
    assert (path, filesystem.size(path)) == (name, len(expected))
    assert filesystem.modified(path) == filesystem.modified(path)


@needs("duckdb")
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_duckdb_reads_it(run: Path) -> None:
    """By its own door to fsspec's filesystems, of which it leaves files open."""
    pytest.importorskip("pyarrow")
    import duckdb  # noqa: PLC0415 - it may not be there

    with duckdb.connect() as database:
        database.register_filesystem(fsspec.url_to_fs(f"embzarr://::file://{run}")[0])
        found = database.sql("SELECT word FROM 'embzarr://x.parquet'").fetchall()
        database.unregister_filesystem("embzarr")

    assert [word for (word,) in found] == WORDS


def test_options_choose_a_checkpoint_and_its_rows(run: Path) -> None:
    """As an export takes them."""
    how = {"step": 1, "prefix": "kin", "dtype": "float16"}
    with fsspec.open(f"embzarr://x.npy::file://{run}", embzarr=how) as file:
        found = np.load(file)

    np.testing.assert_array_equal(found, -MATRIX[[2, 0]].astype("f2"))


def test_words_lie_beside_a_matrix(run: Path) -> None:
    """Once it is made."""
    filesystem, path = fsspec.url_to_fs(f"embzarr://x.npy::file://{run}")
    filesystem.info(path)

    assert filesystem.cat("x.txt").decode().split() == WORDS


def test_it_is_a_folder_that_is_read_alone(run: Path) -> None:
    """Of a name for each format; it travels."""
    made, _ = fsspec.url_to_fs(f"embzarr://::file://{run}")
    filesystem = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own

    assert "vectors.parquet" in filesystem.ls("", detail=False)
    assert filesystem.isdir("")
    assert filesystem.exists("vectors.bin")
    assert not filesystem.exists("a/vectors.bin")
    with pytest.raises(OSError, match="is not changed"):
        filesystem.open("x.bin", "wb")
    with pytest.raises(embzarr.InvalidInputError, match="format= must"):
        filesystem.open("x.what")
    with pytest.raises(embzarr.NotFoundError):
        fsspec.url_to_fs("embzarr://x.bin::memory://nowhere")[0].open("x.bin")


def test_fsspec_finds_it_once_it_is_installed() -> None:
    """By the entry point that the package declares."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, name = project["entry-points"]["fsspec.specs"]["embzarr"].partition(":")

    assert getattr(importlib.import_module(module), name) is CheckpointFileSystem
