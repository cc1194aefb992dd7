"""What reading tables promises: tab-separated text, JSON lines, Parquet and Arrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr.convert import Imported, export_vectors, import_vectors

WORDS = ["the", "new york", "猫", "</s>", "5"]
MATRIX = vector_files.vectors(5, 4)
COLUMNS = [{"word": w, "vector": v} for w, v in zip(WORDS, MATRIX.tolist(), strict=True)]


def imported(folder: Path, data: bytes, **choices: object) -> Imported:
    """Import bytes as a file."""
    (folder / "vectors").write_bytes(data)
    return import_vectors(folder / "vectors", folder / "run", **choices)  # type: ignore[arg-type]  # any


def tsv(words: list[str], matrix: np.ndarray) -> bytes:
    rows = zip(words, matrix.tolist(), strict=True)
    return "".join("\t".join([w, *map(repr, v)]) + "\n" for w, v in rows).encode()


def jsonl(rows: list[dict[str, Any]], names: tuple[str, str] = ("word", "vector")) -> bytes:
    renamed = [{names[0]: row["word"], "more": [1], names[1]: row["vector"]} for row in rows]
    return "".join(json.dumps(row) + "\n" for row in renamed).encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("tsv", tsv(WORDS, MATRIX)),
        ("tsv", b"\xef\xbb\xbf" + tsv(WORDS, MATRIX).replace(b"\n", b"\r\n")),
        ("tsv", b"word\t0\t1\t2\t3\r\n" + tsv(WORDS, MATRIX).replace(b"\n", b"\r\n")),
        ("tsv", b"token\ta\tb\tc\td\n" + tsv(WORDS, MATRIX)),
        ("jsonl", jsonl(COLUMNS)),
        ("jsonl", b"\xef\xbb\xbf" + jsonl(COLUMNS)),
        ("jsonl", jsonl(COLUMNS, ("token", "embedding")).replace(b"\n", b"\r\n")),
        ("jsonl", jsonl(COLUMNS).rstrip(b"\n") + b"\n\n"),
    ],
)
def test_a_table_is_imported_whole(tmp_path: Path, name: str, data: bytes) -> None:
    """It is told by what is inside, and read to the bit."""
    found = imported(tmp_path, data)
    words, matrix = vector_files.stored(tmp_path / "run")

    assert found.format == name
    assert words == WORDS
    assert matrix.tobytes() == MATRIX.tobytes()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            tsv(WORDS, MATRIX).replace(b"new york\t", b"new york\tx\t"),
            "5 numbers|longer|found b'x'",
        ),
        (tsv(WORDS, MATRIX) + b"cut\t1\t2\n", "line 6, byte .*expected a word and 4 numbers"),
        (jsonl(COLUMNS) + b'{"word": "cut", "vector": [1, 2]}\n', "line 6: expected 4 .* found 2"),
        (jsonl(COLUMNS) + b'{"word": "cut"}\n', "line 6: .*missing required field `vector`"),
        (jsonl(COLUMNS) + b'{"word": 5, "vector": [1, 2, 3, 4]}\n', "line 6: Expected `str`"),
        (jsonl(COLUMNS) + b'{"word": "x", "vector": [', "line 6: Input data was truncated"),
        (b'{"word": "x", "vector": 3}\n', "line 1: Expected `array`"),
        (b'{"word": "x", "vector": []}\n', "vectors of 1 to"),
        (b"[1, 2]", "a JSON array"),
        (b'{"name": "x", "numbers": [1]}\n', "line 1: expected an object with one of word, token"),
        (b'{"king": [1, 2], "queen": [3, 4]}', "line 1: expected an object with one of word"),
    ],
)
def test_damage_is_told_with_its_line(tmp_path: Path, data: bytes, problem: str) -> None:
    """And nothing is stored."""
    with pytest.raises(embzarr.InvalidInputError, match=problem) as caught:
        imported(tmp_path, data)

    assert caught.value.code == "input-file"
    assert not (tmp_path / "run" / "latest.json").exists()


@pytest.mark.parametrize("data", [tsv(WORDS, MATRIX) + b"cut\t1\n", jsonl(COLUMNS) + b"{}\n"])
def test_damaged_lines_may_be_skipped(tmp_path: Path, data: bytes) -> None:
    """They are counted, and listed."""
    found = imported(tmp_path, data, on_error="skip")

    assert (found.rows_read, found.skipped, len(found.problems)) == (6, 1, 1)
    assert list(found.checkpoint.words) == WORDS


def test_a_vocabulary_is_no_table(tmp_path: Path) -> None:
    """A word and its count in each line are no vectors of one number, unless somebody says so."""
    data = b"the\t10\nof\t9\n"

    with pytest.raises(embzarr.InvalidInputError, match="of no format"):
        imported(tmp_path, data)
    assert imported(tmp_path, data, format="tsv").checkpoint["of"].tolist() == [9]


@pytest.mark.parametrize("ending", ["tsv", "jsonl", "vec", "bin", "fifu"])
def test_what_is_exported_is_imported(tmp_path: Path, ending: str) -> None:
    """The same words and bits come back."""
    words = [word for word in WORDS if " " not in word]
    matrix = MATRIX[: len(words)]
    checkpoint = embzarr.save(tmp_path / "first", words, matrix)
    export_vectors(checkpoint, tmp_path / f"x.{ending}")

    import_vectors(tmp_path / f"x.{ending}", tmp_path / "run")

    assert vector_files.stored(tmp_path / "run")[0] == words
    assert vector_files.stored(tmp_path / "run")[1].tobytes() == matrix.tobytes()


# Parquet and Arrow --------------------------------------------------------------------------------
@pytest.mark.parametrize("data", [b"PAR1" + bytes(9), b"ARROW1\0\0"])
def test_what_is_to_be_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """Without its library, a file is told by its beginning all the same."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(embzarr.UnsupportedError, match=r"embzarr\[arrow\]") as caught:
        imported(tmp_path, data)
    assert caught.value.code == "feature-unsupported"


@pytest.mark.peers
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_what_is_exported_to_arrow_is_imported(tmp_path: Path, ending: str, dtype: str) -> None:
    """The same words, bits and data type come back, told by what is inside."""
    pytest.importorskip("pyarrow")
    words = [f"w{row}" for row in range(30_000)]
    matrix = np.random.default_rng(4).normal(size=(len(words), 40)).astype(dtype)
    checkpoint = embzarr.save(tmp_path / "first", words, matrix)
    export_vectors(checkpoint, tmp_path / f"x.{ending}")

    found = import_vectors(tmp_path / f"x.{ending}", tmp_path / "run")

    assert found.format == ending
    assert list(found.checkpoint.words) == words
    assert found.checkpoint.to_numpy().tobytes() == matrix.tobytes()


@pytest.mark.peers
def test_what_polars_writes_is_read(tmp_path: Path) -> None:
    """Its texts are views."""
    pl = pytest.importorskip("polars")
    pl.DataFrame(COLUMNS).with_columns(pl.col("vector").cast(pl.List(pl.Float32))).write_ipc(
        tmp_path / "x.arrow"
    )
    found = import_vectors(tmp_path / "x.arrow", tmp_path / "run")
    assert list(found.checkpoint.words) == WORDS
    np.testing.assert_array_equal(found.checkpoint.to_numpy(), MATRIX)


@pytest.mark.peers
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_other_columns_and_lists_of_any_kind_are_read(tmp_path: Path, ending: str) -> None:
    """Rows without a word, or with a vector of another length, are told, or skipped."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    vectors: list[list[float] | None] = [*MATRIX.tolist(), [1.0], None, [1.0, 2.0, 3.0, 4.0]]
    columns = {
        "id": pa.array(range(8)),
        "embedding": pa.array(vectors, pa.list_(pa.float32())),
        "token": pa.array([*WORDS, "short", "null", None]),
    }
    file = tmp_path / f"x.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table(columns), file)
    else:
        with pa.ipc.new_file(str(file), pa.table(columns).schema) as sink:
            sink.write_table(pa.table(columns))

    with pytest.raises(embzarr.InvalidInputError, match=r"row 5: expected 4 numbers, .* of 1"):
        import_vectors(file, tmp_path / "run")
    found = import_vectors(file, tmp_path / "run", on_error="skip")

    assert (found.rows_read, found.skipped) == (8, 3)
    assert [problem.split("found ")[1] for problem in found.problems] == [
        "a vector of 1 numbers",
        "a vector of 0 numbers",
        "no word",
    ]
    assert list(found.checkpoint.words) == WORDS
    np.testing.assert_array_equal(found.checkpoint.to_numpy(), MATRIX)


@pytest.mark.peers
def test_a_word_of_parquet_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    """pyarrow takes a file's word for it; skipped or replaced, as of every format."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    words = pa.array([b"a", b"\xe4b", b"c"], pa.binary()).view(pa.string())
    vectors = pa.array(vector_files.vectors(3, 2).tolist(), pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"word": words, "vector": vectors}), tmp_path / "a.parquet")

    with pytest.raises(embzarr.InvalidInputError, match="row 1: a word that is not UTF-8"):
        import_vectors(tmp_path / "a.parquet", tmp_path / "run")
    found = import_vectors(tmp_path / "a.parquet", tmp_path / "run", on_error="replace")
    assert list(found.checkpoint.words) == ["a", "\ufffdb", "c"]


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_column_a_number_is_imported(tmp_path: Path, ending: str, dtype: str) -> None:
    """As pandas writes a frame whose index is words; with another column it is not guessed."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    matrix, file = MATRIX.clip(-9, 9).astype(dtype), tmp_path / f"wide.{ending}"
    numbers = {str(at): column for at, column in enumerate(matrix.T)}

    def write(columns: dict[str, Any]) -> None:
        table = pa.table(columns)
        if ending == "parquet":
            pq.write_table(table, file)
        else:
            with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)

    write({**numbers, "word": WORDS})
    found = import_vectors(file, tmp_path / "run").checkpoint
    assert (list(found.words), found.dtype) == (WORDS, matrix.dtype)
    assert np.asarray(found).tobytes() == matrix.tobytes()
    write({**numbers, "word": WORDS, "rank": [1, 2, 3, 4, 5]})
    with pytest.raises(embzarr.InvalidInputError, match=r"column of floats.* and 1 more"):
        import_vectors(file, tmp_path / "run")
    write({**numbers, "0": [None, *matrix[1:, 0]], "word": WORDS})
    with pytest.raises(embzarr.InvalidInputError, match="row 0: nan at position 0"):
        import_vectors(file, tmp_path / "run")


@pytest.mark.peers
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_damaged_file_of_arrow_is_told(tmp_path: Path, ending: str) -> None:
    """Cut anywhere, it is an error of ours; nothing is stored."""
    pytest.importorskip("pyarrow")
    checkpoint = embzarr.save(tmp_path / "first", WORDS, MATRIX)
    export_vectors(checkpoint, tmp_path / f"x.{ending}")
    whole = (tmp_path / f"x.{ending}").read_bytes()

    for length in range(8, len(whole), 37):
        with pytest.raises(embzarr.InvalidInputError, match="pyarrow cannot read it"):
            imported(tmp_path, whole[:length])
    assert not (tmp_path / "run" / "latest.json").exists()
