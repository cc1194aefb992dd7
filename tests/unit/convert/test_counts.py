"""How often words stood in a text, by a column of a table: kept, and no number of vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr.convert import Imported, import_vectors

WORDS = ["the", "count", "猫", "5"]
MATRIX = vector_files.vectors(4, 3)
COUNTS = [2**63 - 1, 2**53 + 1, 7, 0]


def delimited(between: str, name: str, counts: list[Any] = COUNTS) -> bytes:
    """Return a table whose counts stand between words and numbers."""
    lines = [["word", name, "0", "1", "2"]]
    lines += [
        [word, str(count), *map(repr, row)]
        for word, count, row in zip(WORDS, counts, MATRIX.tolist(), strict=True)
    ]
    return "".join(between.join(line) + "\n" for line in lines).encode()


def jsonl(name: str, counts: list[Any] = COUNTS) -> bytes:
    rows = zip(WORDS, counts, MATRIX.tolist(), strict=True)
    return b"".join(
        json.dumps({"word": word, name: count, "vector": row}).encode() + b"\n"
        for word, count, row in rows
    )


def imported(folder: Path, data: bytes, **how: Any) -> Imported:
    (folder / "table").write_bytes(data)
    return import_vectors(folder / "table", folder / "run", **how)


def check(found: Imported, rows: slice = slice(None)) -> None:
    checkpoint = found.checkpoint
    assert list(checkpoint.words) == WORDS[rows]
    np.testing.assert_array_equal(np.asarray(checkpoint), MATRIX[rows])
    counts = checkpoint.load_rows(0, len(checkpoint), columns=["counts"]).columns["counts"]
    assert counts.tolist() == COUNTS[rows]


@pytest.mark.parametrize("name", ["count", "Counts", "frequency"])
@pytest.mark.parametrize("between", [",", "\t"])
def test_counts_of_a_delimited_table_are_kept(tmp_path: Path, between: str, name: str) -> None:
    """A column of that name is no dimension, whatever its numbers."""
    found = imported(tmp_path, delimited(between, name))
    assert found.format == {",": "csv", "\t": "tsv"}[between]
    check(found)


@pytest.mark.parametrize("name", ["count", "counts", "frequency"])
def test_counts_of_json_lines_are_kept(tmp_path: Path, name: str) -> None:
    """Also where a word is called as they are."""
    check(imported(tmp_path, jsonl(name)))


@pytest.mark.parametrize("odd", [-1, 2**63, 1.5, "x", None])
def test_a_count_that_is_none_is_told_with_its_line(tmp_path: Path, odd: Any) -> None:
    """Or its row is skipped; a whole number written as a fraction is one."""
    counts = [*COUNTS[:3], odd]
    for data, line in ((jsonl("count", counts), 4), (delimited(",", "count", counts), 5)):
        with pytest.raises(embzarr.InvalidInputError, match=f"line {line}: "):
            imported(tmp_path, data)
        check(imported(tmp_path, data, on_error="skip"), slice(0, 3))
    check(imported(tmp_path, delimited("\t", "count", [*COUNTS[:2], "7.0", "0.0"])))


@pytest.mark.peers
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize("wide", [False, True])
def test_counts_of_arrow_are_kept(tmp_path: Path, ending: str, *, wide: bool) -> None:
    """Of any type of whole numbers, wherever the column stands; a null is told with its row."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    vectors = dict(zip("abc", MATRIX.T, strict=True)) if wide else {"vector": list(MATRIX)}
    file = tmp_path / f"table.{ending}"

    def write(counts: Any) -> None:
        table = pa.table({"counts": counts, **vectors, "word": WORDS})
        if ending == "parquet":
            pq.write_table(table, file, row_group_size=3)
            return
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)

    write(pa.array(COUNTS, pa.uint64()))
    check(import_vectors(file, tmp_path / "run"))
    for counts in ([1, 2, 3, None], [1, 2, 3, -1]):
        write(pa.array(counts, pa.int64()))
        with pytest.raises(embzarr.InvalidInputError, match="row 3: expected a count from 0"):
            import_vectors(file, tmp_path / "run")
    write(pa.array([1, 2, 3, 2**64 - 1], pa.uint64()))
    with pytest.raises(embzarr.InvalidInputError, match="pyarrow cannot read it"):
        import_vectors(file, tmp_path / "run")
