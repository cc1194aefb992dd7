"""Reading text: words, line ends, encodings, and what is no text."""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import itertools
import lzma
import sys
import zlib
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # has no stubs
import numcodecs  # type: ignore[import-untyped]  # has no stubs
import numpy as np
import pytest

import embzarr
from embzarr_trainer._corpus import tokenizers
from embzarr_trainer._corpus.packing import _BLOCK_BYTES
from embzarr_trainer._corpus.sources import Source, find_sources
from embzarr_trainer._corpus.text import TextReader
from embzarr_trainer._corpus.tokenizers import LINE_END, find_tokenizer, split_words


def reader_of(path: object, *, unicode_errors: str = "strict") -> TextReader[list[str]]:
    return TextReader(find_sources(str(path)), unicode_errors=unicode_errors, split=split_words)


def read(path: object, *, unicode_errors: str = "strict") -> list[str]:
    return list(itertools.chain.from_iterable(reader_of(path, unicode_errors=unicode_errors)))


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
    path.write_bytes(gzip.compress(b"one two", mtime=0))
    reader = reader_of(path)

    assert list(itertools.chain.from_iterable(reader)) == ["one", "two", LINE_END]
    assert reader.digest == hashlib.sha256(b"one two\0").hexdigest()


PACKED = {
    "gz": gzip.compress(b"one ", mtime=0) + gzip.compress(b"two"),
    "bz2": bz2.compress(b"one ") + bz2.compress(b"two"),
    "xz": lzma.compress(b"one ") + lzma.compress(b"two"),
    "zst": numcodecs.Zstd().encode(b"one ") + numcodecs.Zstd().encode(b"two"),
}


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("name", ["text.txt.{}", "TEXT.{}", "text"])
def test_compressed_text_is_unpacked(tmp_path: Path, ending: str, name: str) -> None:
    """By its ending in any case, or by how it begins; the digest is of the unpacked text."""
    if ending == "zst" and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")
    path = tmp_path / name.format(ending.upper() if name.isupper() else ending)
    path.write_bytes(PACKED[ending])
    reader = reader_of(path, unicode_errors="ignore")

    assert list(itertools.chain.from_iterable(reader)) == ["one", "two", LINE_END]
    assert reader.digest == hashlib.sha256(b"one two\0").hexdigest()


@pytest.mark.parametrize("ending", PACKED)
def test_compressed_text_that_is_cut_is_told(tmp_path: Path, ending: str) -> None:
    """What ends too early is no shorter text."""
    if ending == "zst" and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")
    path = tmp_path / f"text.{ending}"
    path.write_bytes(PACKED[ending][:-3])

    kind = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}[ending]
    with pytest.raises(
        embzarr.InvalidInputError, match=f"{kind} .* but cannot be unpacked"
    ) as caught:
        read(path)
    assert caught.value.code == "corpus-not-text"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("text.zip", b"", "a zip archive"),
        ("text", b"PK\x03\x04abc", "a zip archive"),
        ("text.7z", b"", "7-Zip"),
        ("text.rar", b"", "RAR"),
        ("text.tar.gz", gzip.compress(b"one two", mtime=0), "a tar archive"),
        ("TEXT.TGZ", gzip.compress(b"one two", mtime=0), "a tar archive"),
        ("text", b"\x04\x22\x4d\x18abc", "lz4"),
        ("text", zlib.compress(b"one two"), "compress or zlib"),
    ],
)
def test_what_is_not_unpacked_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    """An archive is not read as text, however lenient decoding is."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(embzarr.InvalidInputError, match=f"{says}.*unpack it first") as caught:
        read(tmp_path / name, unicode_errors="ignore")
    assert caught.value.code == "corpus-not-text"


def test_zstd_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without zstd, the command that installs it is told."""
    (tmp_path / "text.zst").write_bytes(PACKED["zst"])
    for module in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(embzarr.UnsupportedError, match=r"pip install 'embzarr\[zstd\]'"):
        read(tmp_path / "text.zst")


def test_a_file_that_cannot_be_read_is_not_called_badly_packed() -> None:
    """What fails below the unpacking is told as it is."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            del size
            raise OSError(errno.EIO, "Input/output error")

    for name in ("text.bz2", "text.gz", "text.xz", "text"):
        source = Source(name=name, open=lambda: Failing(b"x"))
        with pytest.raises(embzarr.StoreError, match="Input/output error"):
            list(source.blocks())


@pytest.mark.parametrize(
    ("unicode_errors", "words"),
    [("replace", ["caf", "s", "bar"]), ("ignore", ["cafs", "bar"])],
)
def test_lenient_decoding(tmp_path: Path, unicode_errors: str, words: list[str]) -> None:
    """Ill-formed bytes are replaced or left out, and counted."""
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"caf\xe9s bar\xff")
    reader = reader_of(path, unicode_errors=unicode_errors)

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
        ("cut.gz", gzip.compress(b"one two" * 100, mtime=0)[:-9], "cannot be unpacked"),
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
    """A file that is not there, or a folder that holds none, is named."""
    for path in (tmp_path / "nowhere.txt", tmp_path, "memory://nowhere/at-all.txt"):
        with pytest.raises(embzarr.NotFoundError, match=Path(path).name) as caught:
            read(path)

        assert caught.value.code == "corpus-missing"


def test_folder(tmp_path: Path) -> None:
    """All files of a folder, by name, whatever lies deeper; hidden ones are left out."""
    (tmp_path / "b").mkdir()
    for name, text in (("c.txt", "three"), ("b/x.txt", "two"), ("a.txt", "one"), (".no", "no")):
        (tmp_path / name).write_text(text)

    assert read(tmp_path) == ["one", LINE_END, "two", LINE_END, "three", LINE_END]


def test_urls() -> None:
    """A file and a folder at a URL that fsspec knows, packed or not."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/texts/1.txt.gz", gzip.compress(b"one two", mtime=0))
    memory.pipe("/texts/2.txt", b"three")

    assert read("memory://texts/1.txt.gz") == ["one", "two", LINE_END]
    assert read("memory://texts") == ["one", "two", LINE_END, "three", LINE_END]
    with pytest.raises(embzarr.InvalidInputError, match="nothing://here"):
        read("nothing://here")


@pytest.mark.parametrize("paths", [[], "", ["a.txt", ""]])
def test_no_path_is_not_the_working_folder(paths: str | list[str]) -> None:
    """A path that is empty, as an unset variable of a shell is, names no corpus."""
    with pytest.raises(embzarr.InvalidInputError, match="corpus: expected a file") as caught:
        find_sources(paths)

    assert caught.value.code == "input-argument"


def test_ascii_is_split_as_other_text_is() -> None:
    """The short way for ASCII and the general one find the same words."""
    draws = np.random.default_rng(5)
    letters = np.array(list("aZ9'_ .\n-\t\x01\x1c"))
    for _ in range(500):
        text = "".join(draws.choice(letters, 40))
        assert split_words(text) == tokenizers._split_any(text.lower())


def test_tokenizers() -> None:
    """A function from a line to its words is named by where it is, and gets a line at a time."""
    name, split = find_tokenizer(str.split)
    assert name.endswith("split")
    assert split("A b\n\n c\u3000d ") == ["A", "b", LINE_END, LINE_END, "c", "d"]
    assert find_tokenizer(lambda line: [*line, " ", ""])[1]("ab") == ["a", "b"]
    with pytest.raises(embzarr.InvalidInputError, match="found 'guess'"):
        find_tokenizer("guess")


def test_jieba() -> None:
    """Chinese is cut into words, and punctuation left out."""
    pytest.importorskip("jieba")
    name, split = find_tokenizer("jieba")

    assert name == "jieba"
    assert split("我爱北京天安门。很大。\nOK!") == [
        "我",
        "爱",
        "北京",
        "天安门",
        "很大",
        LINE_END,
        "ok",
    ]


def test_jieba_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jieba, the command that installs it is told."""
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(embzarr.UnsupportedError, match=r"pip install 'embzarr\[zh\]'"):
        find_tokenizer("jieba")
