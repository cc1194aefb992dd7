"""CSV and TSV as people write them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

import embzarr
from embzarr.convert import import_vectors
from embzarr.convert._readers import csv_text
from unit.convert.others import MATRIX, WORDS, check


def rows() -> list[list[str]]:
    return [[word, *map(repr, map(float, row))] for word, row in zip(WORDS, MATRIX, strict=True)]


def written(records: list[list[str]], **how: Any) -> bytes:
    file = io.StringIO()
    csv.writer(file, **how).writerows(records)
    return file.getvalue().encode()


HEADER = [["word", *map(str, range(6))]]
CSV = {
    "plain": written(rows()),
    "all in quotes": written(rows(), quoting=csv.QUOTE_ALL),
    "newline": written(rows(), lineterminator="\n"),
    "header": written(HEADER + rows()),
    "header counted from one": written([["word", *map(str, range(1, 7))], *rows()]),
    "header of names": written([["token", *"abcdef"], *rows()]),
    "header that begins with a number": written([["1", *"abcdef"], *rows()]),
    "header without a name for words": written([["", *map(str, range(6))], *rows()]),
    "index": written(
        [["", *HEADER[0]], *([str(number), *row] for number, row in enumerate(rows()))]
    ),
    "words behind": written([[*map(str, range(6)), "token"], *([*r[1:], r[0]] for r in rows())]),
    "mark of byte order": b"\xef\xbb\xbf" + written(HEADER + rows()),
    "no end of line": written(rows())[:-2],
}


@pytest.mark.parametrize(
    ("head", "is_csv"),
    [
        (b"a,1,2\nb,3,4\n", True),
        (b"\xef\xbb\xbfa,b,c\r\nx,1,\t2\r\n", True),
        (b"a,1,2\nb,3", True),  # what ends amid a line says nothing of it
        (b"a,1,2", True),
        (b"1,2,3\n", True),
        (b"a,1,2\n" * 20 + b"a,1\n", True),
        (b"a,1,2\n" * 19 + b"a,1\n", False),
        (b"a,1\nb,2\n", False),  # may be counts
        (b"a,1,2\nb,3,4\nc,x,5\n", False),
        (b'"a"b,1,2\n', False),
        (b"a\x1f,1,2\n", False),
        (b"a\0,1,2\n", False),
        (b"\n\n", False),
        (b"", False),
    ],
)
def test_csv_is_told_by_how_it_begins(head: bytes, *, is_csv: bool) -> None:
    """By up to twenty whole lines of one length, of three fields at least, the last of numbers."""
    assert csv_text.begins(head) is is_csv


@pytest.mark.parametrize("how", CSV)
def test_csv_is_imported_as_people_write_it(tmp_path: Path, how: str) -> None:
    """With and without a header, quotes and an index; words in whatever column they are."""
    (tmp_path / "a.csv").write_bytes(CSV[how])
    check(import_vectors(tmp_path / "a.csv", tmp_path / "run"), "csv")


def test_a_word_of_csv_may_hold_lines(tmp_path: Path) -> None:
    """Quotes hold them."""
    (tmp_path / "a.csv").write_bytes(b'"a\nb",1,2\r\n"c\r\nd",3,4\r\n')
    found = import_vectors(tmp_path / "a.csv", tmp_path / "run", format="csv").checkpoint
    assert list(found.words) == ["a\nb", "c\r\nd"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"a,1,2\nb,1\n", "line 2: expected 3 fields, found 2"),
        (b"a,1,2\nb,1,x\n", "line 2: could not convert"),
        (b'a,1,2\n"b,1,2\n', "line 2: unexpected end of data"),
        (b'a,1,2\n"b"c,1,2\n', "line 2: "),
        (b'"' + b"m" * 200_000 + b'",1,2\n', "line 1: field larger than field limit"),
        (b"word,0,1\nb,1\n", "line 2: expected 3 fields, found 2"),
        (b"a\nb\n", "expected vectors of 1 to"),
        (b"a,1,2\nb,3,1_0\n", "line 2: expected a number, found '1_0'"),
    ],
)
def test_damage_of_csv_is_told(tmp_path: Path, data: bytes, told: str) -> None:
    """With its line, and nothing is committed."""
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(tmp_path / "a.csv", tmp_path / "run", format="csv")
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "run")
