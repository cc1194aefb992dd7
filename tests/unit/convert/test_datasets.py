"""Tables of several files of Parquet or Arrow in a folder, and Arrow's streams."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr.convert import import_vectors
from unit.convert.others import needs

WORDS = [f"w{row}" for row in range(50)]
MATRIX = vector_files.vectors(50, 4)


def table(rows: slice = slice(None), dtype: str = "f4") -> Any:
    import pyarrow as pa  # noqa: PLC0415 - it may not be there

    return pa.table({"word": WORDS[rows], "vector": list(MATRIX[rows].astype(dtype))})


def parts(folder: Path, ending: str) -> Path:
    """Write a table as pyarrow does, and beside it what Spark and pyarrow have there."""
    from pyarrow import dataset  # noqa: PLC0415 - it may not be there

    many = {"max_rows_per_file": 15, "max_rows_per_group": 15}
    dataset.write_dataset(table(), folder, format=ending, **many)
    for name in ("_SUCCESS", f"_metadata.{ending}", f".part.{ending}.crc", f"._part.{ending}"):
        (folder / name).write_bytes(b"none of its rows")
    return folder


@needs("pyarrow")
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_folder_of_files_is_one_table(tmp_path: Path, ending: str) -> None:
    """Its rows are those of all files, by name; so are its size and its digest."""
    folder = parts(tmp_path / "table", ending)
    found = import_vectors(folder, tmp_path / "run")

    whole = b"".join(file.read_bytes() for file in sorted(folder.glob(f"part-*.{ending}")))
    assert found.format == ending
    assert list(found.checkpoint.words) == WORDS
    assert found.checkpoint.to_numpy().tobytes() == MATRIX.tobytes()
    assert found.source.name == "table"
    assert found.source.size == len(whole)
    assert found.source.sha256 == hashlib.sha256(whole).hexdigest()


@needs("pyarrow")
def test_files_of_a_folder_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    """Of another length, with their rows; of another type; and nothing is stored."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - it may not be there

    folder = parts(tmp_path / "table", "parquet")
    pq.write_table(table(slice(15, 20), "f8"), folder / "part-1.parquet")
    with pytest.raises(embzarr.InvalidInputError, match="files of float32 and of float64"):
        import_vectors(folder, tmp_path / "run")
    short = table(slice(15, 20)).set_column(1, "vector", [[[0.5]] * 5])
    pq.write_table(short, folder / "part-1.parquet")
    with pytest.raises(embzarr.InvalidInputError, match=r"row 15: expected 4 .* of 1 numbers"):
        import_vectors(folder, tmp_path / "run")
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "run")


def test_a_folder_without_files_of_a_table_is_told(tmp_path: Path) -> None:
    """As one that is of no kind."""
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "_metadata.parquet").write_bytes(b"")
    with pytest.raises(embzarr.InvalidInputError, match="or files of Parquet or Arrow"):
        import_vectors(tmp_path / "table", tmp_path / "run")


@needs("pyarrow")
def test_a_stream_of_arrow_is_read_to_its_end(tmp_path: Path) -> None:
    """As in the folders of Hugging Face's datasets; what is cut between batches is no whole one."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    folder = tmp_path / "set"
    folder.mkdir()
    for number, rows in enumerate((slice(0, 30), slice(30, 50))):
        name = str(folder / f"data-0000{number}-of-00002.arrow")
        with pa.OSFile(name, "wb") as sink, pa.ipc.new_stream(sink, table().schema) as writer:
            writer.write_table(table(rows), max_chunksize=7)
    (folder / "state.json").write_text("{}")
    last = folder / "data-00001-of-00002.arrow"

    for source, words in ((folder, WORDS), (last, WORDS[30:])):
        found = import_vectors(source, tmp_path / f"run-{source.name}")
        assert found.format == "arrow"
        assert list(found.checkpoint.words) == words
        np.testing.assert_array_equal(np.asarray(found.checkpoint), MATRIX[-len(words) :])

    last.write_bytes(last.read_bytes()[:-8])
    for source in (folder, last):
        with pytest.raises(embzarr.InvalidInputError, match=r"data-00001.*: a stream that is cut"):
            import_vectors(source, tmp_path / "cut")
