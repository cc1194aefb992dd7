"""Reading text: words, line ends, encodings, and what is no text."""

from __future__ import annotations

import gzip
import hashlib
import itertools
from typing import TYPE_CHECKING

import pytest

import embzarr
from embzarr_trainer._text import _BLOCK_BYTES, LINE_END, TextReader

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, *, unicode_errors: str = "strict") -> list[str]:
    return list(itertools.chain.from_iterable(TextReader([path], unicode_errors=unicode_errors)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The KING, the Queen!", ["the", "king", "the", "queen"]),
        ("don't don\u2019t dogs' 'tis", ["don't", "don't", "dogs", "tis"]),
        ("__init__ os_path x=1.5", ["init", "os_path", "x", "1", "5"]),
        ("caf\u00e9 cafe\u0301", ["caf\u00e9", "caf\u00e9"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("Ünïcode МОСКВА Ἀθῆναι", ["ünïcode", "москва", "ἀθῆναι"]),  # noqa: RUF001
        ("北京 \U00020000\U00020001 🙂", ["北京", "\U00020000\U00020001"]),
        ("葛\U000e0100城 x", ["葛\U000e0100城", "x"]),
        ("\ufeffbom\u00a0space\u3000wide", ["bom", "space", "wide"]),
    ],
)
def test_words(tmp_path: Path, text: str, words: list[str]) -> None:
    """Words are lower-cased runs of letters, marks and digits of any script, in composed form."""
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")

    assert read(path) == [*words, LINE_END]


def test_line_ends(tmp_path: Path) -> None:
    """Every line end is reported, and one at the end of the file."""
    path = tmp_path / "text.txt"
    path.write_bytes(b"one two\r\n\nthree")

    assert read(path) == ["one", "two", LINE_END, LINE_END, "three", LINE_END]


def test_blocks_do_not_cut_words(tmp_path: Path) -> None:
    """A word, and a character of several bytes, survive lying across the blocks that are read."""
    path = tmp_path / "one-line.txt"
    words = ["größe", "straße", "übermut"] * (_BLOCK_BYTES // 10)
    path.write_text(" ".join(words), encoding="utf-8")

    assert path.stat().st_size > 2 * _BLOCK_BYTES
    assert read(path) == [*words, LINE_END]


def test_gzip(tmp_path: Path) -> None:
    """A name that ends in .gz is unpacked, and the digest is of the unpacked text."""
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress(b"one two"))
    reader = TextReader([path], unicode_errors="strict")

    assert list(itertools.chain.from_iterable(reader)) == ["one", "two", LINE_END]
    assert reader.digest == hashlib.sha256(b"one two\0").hexdigest()


@pytest.mark.parametrize(
    ("unicode_errors", "words"),
    [("replace", ["caf", "s", "bar"]), ("ignore", ["cafs", "bar"])],
)
def test_lenient_decoding(tmp_path: Path, unicode_errors: str, words: list[str]) -> None:
    """Ill-formed bytes are replaced or left out, and counted."""
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"caf\xe9s bar\xff")
    reader = TextReader([path], unicode_errors=unicode_errors)

    assert list(itertools.chain.from_iterable(reader)) == [*words, LINE_END]
    assert reader.invalid == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "latin1.txt",
            b"x" * _BLOCK_BYTES + b"caf\xe9s",
            f"not UTF-8 at offset {_BLOCK_BYTES + 3}",
        ),
        ("cut.txt", b"caf\xc3", "not UTF-8 at offset 3"),
        ("binary.txt", b"ab\0", "NUL byte at offset 2"),
        ("plain.gz", b"no gzip at all", "cannot be unpacked"),
        ("cut.gz", gzip.compress(b"one two" * 100)[:-9], "cannot be unpacked"),
    ],
)
def test_not_text(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    """What is not text is refused, with the file and the place."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(embzarr.InvalidInputError, match=says) as caught:
        read(path)

    assert caught.value.code == "corpus-not-text"
    assert name in str(caught.value)


def test_missing(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named."""
    for path in (tmp_path / "nowhere.txt", tmp_path):
        with pytest.raises(embzarr.NotFoundError, match=path.name) as caught:
            read(path)

        assert caught.value.code == "corpus-missing"
