"""What `import_vectors` promises of any format: sources, choices, counts, and nothing by halves."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import hashlib
import importlib
import io
import lzma
import os
import struct
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]  # has no stubs
import numpy as np
import pytest

import embzarr
import vector_files
from embzarr._storage import open_store
from embzarr.convert import _remote, import_vectors
from embzarr.convert._readers import FORMATS
from embzarr.convert._source import Source
from vector_files import text, word2vec_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr.convert._blocks import Block, Given, Table
    from embzarr.convert._stream import Stream
    from servers.s3 import S3Server

WORDS = ["the", "of", "and", "in"]
MATRIX = vector_files.vectors(4, 5)
SOUND = word2vec_binary(WORDS, MATRIX)


def zipped(*names: str) -> bytes:
    """Return an archive that holds the same file under several names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, SOUND)
    return file.getvalue()


def zstd(data: bytes) -> bytes:
    """Compress as the standard library of Python 3.14 does."""
    module: Any = pytest.importorskip("backports.zstd")
    return bytes(module.compress(data))


def refused(source: Any, url: Path, **choices: Any) -> embzarr.EmbzarrError:
    """Return the error of an import, after which nothing is to be seen."""
    with pytest.raises(embzarr.EmbzarrError) as caught:
        import_vectors(source, url, **choices)
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(url)
    return caught.value


def by_zip(_: bytes) -> bytes:
    """Put the sound file into an archive."""
    return zipped("a.bin")


PACKS: dict[str, Any] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
    "zip": by_zip,
}


# Where from ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("pack", PACKS)
def test_what_is_compressed_is_unpacked(tmp_path: Path, pack: str) -> None:
    """By its content, whatever it is called; size and digest are those of the file as it lies."""
    data = PACKS[pack](SOUND)
    (tmp_path / "vectors").write_bytes(data)

    found = import_vectors(tmp_path / "vectors", tmp_path / "run")

    words, matrix = vector_files.stored(tmp_path / "run")
    assert words == WORDS
    assert matrix.tobytes() == MATRIX.tobytes()
    if pack != "zip":  # which is not read in order
        assert found.source.size == len(data)
        assert found.source.sha256 == hashlib.sha256(data).hexdigest()


def test_a_text_that_is_really_compressed_is_read(tmp_path: Path) -> None:
    """A name ending in .txt does not hide gzip; two files of gzip one behind the other are one."""
    data = text(WORDS, MATRIX)
    (tmp_path / "a.txt").write_bytes(gzip.compress(data[:50]) + gzip.compress(data[50:]))

    assert list(import_vectors(tmp_path / "a.txt", tmp_path / "run").checkpoint.words) == WORDS


def test_a_url_and_a_member_of_an_archive_are_read(tmp_path: Path) -> None:
    """Any URL of fsspec's, chained ones included."""
    with fsspec.open("memory://imports/a.zip", "wb") as file:
        file.write(zipped("one.bin", "two.bin"))
    source = "zip://two.bin::memory://imports/a.zip"

    found = import_vectors(source, tmp_path / "run")

    assert list(found.checkpoint.words) == WORDS
    assert "zip://one.bin::" in str(refused("memory://imports/a.zip", tmp_path / "other"))


def test_an_object_of_s3_is_read_with_nothing_else_installed(
    moto_s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the SDK's own client: its options, pieces that come in order, archives in it."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setattr(_remote, "_PIECE_BYTES", 1000)
    bucket = moto_s3.new_bucket()
    store = open_store(moto_s3.url(bucket, "files"), storage_options=moto_s3.options)
    words, matrix = [f"w{row}" for row in range(500)], vector_files.vectors(500, 7)
    plain = vector_files.word2vec_binary(words, matrix)
    store.put("a.bin", plain)
    store.put("a.gz", gzip.compress(plain))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.bin", plain)
    store.put("a.zip", packed.getvalue())

    for name in ("a.bin", "a.gz", "a.zip"):
        url = moto_s3.url(bucket, f"files/{name}")
        found = import_vectors(url, tmp_path / name, source_options=moto_s3.options)
        assert list(found.checkpoint.words) == words
        np.testing.assert_array_equal(found.checkpoint.to_numpy(), matrix)
        stored = bytes(store.get(name))
        assert found.source.size == len(stored)
        assert found.source.sha256 == hashlib.sha256(stored).hexdigest()
    missing = refused(f"{url}x", tmp_path / "other", source_options=moto_s3.options)
    assert missing.code == "object-missing"


def test_an_open_file_is_read_from_where_it_stands(tmp_path: Path) -> None:
    """It stays open, and what is before is none of it."""
    file = io.BytesIO(b"before" + SOUND)
    file.seek(6)

    assert list(import_vectors(file, tmp_path / "run").checkpoint.words) == WORDS
    assert not file.closed


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("missing.bin", "object-missing"),
        (".", "input-file"),
        ("nonsense://x", "input-argument"),
        ("s3:/bucket/a.bin", "input-argument"),
        ("memory://imports/none", "object-missing"),
        ("", "input-argument"),
        (7, "input-argument"),
    ],
)
def test_a_source_that_is_not_there_is_told(tmp_path: Path, source: Any, code: str) -> None:
    """A typed error, before anything is written."""
    assert refused(source, tmp_path / "run").code == code


class Failing(io.RawIOBase):
    """A network that breaks in the middle of a file."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._data.read(min(size, 100_000))
        if not data:
            raise ConnectionResetError(104, "reset by peer, secret=hunter2")
        return data


def test_a_network_that_breaks_leaves_nothing_visible(tmp_path: Path) -> None:
    """The error is the store's kind, which may be tried again."""
    words = [f"w{row}" for row in range(9000)]
    file = Failing(word2vec_binary(words, vector_files.vectors(9000, 50))[:-400_000])

    error = refused(file, tmp_path / "run")

    assert isinstance(error, embzarr.StoreError)
    assert "hunter2" not in str(error)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Else it would be waited for, and called a file that is still being written."""
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "pipe", "/dev/null"):
        error = refused(source, tmp_path / "run")
        assert error.code == "input-argument"
        assert "found a device or a pipe" in str(error)


def test_a_file_that_grows_or_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A text that is still being written is not taken for a whole one."""
    file = tmp_path / "a.txt"
    words = [f"w{row}" for row in range(9000)]
    data = text(words, vector_files.vectors(9000, 50), header=False)
    file.write_bytes(data)

    def grow(done: int, total: int) -> None:
        assert done > 0
        assert total == len(data)
        with file.open("ab") as more:
            more.write(b"more" + b" 1" * 50 + b"\n")

    assert refused(file, tmp_path / "run", progress=grow).code == "input-changed"


@pytest.mark.parametrize(("is_packed", "code"), [(False, "object-missing"), (True, "store-failed")])
def test_a_file_that_is_gone_before_it_is_opened_by_its_path_is_told(
    tmp_path: Path, code: str, *, is_packed: bool
) -> None:
    """Deleted by another program, as may be the copy of one that was unpacked."""
    (tmp_path / "a.bin").write_bytes(gzip.compress(SOUND) if is_packed else SOUND)
    source = Source(tmp_path / "a.bin", None, what="source")

    def read(stream: Stream) -> None:
        with source.on_disk(stream) as path:
            path.unlink()
            path.read_bytes()

    with source.stream() as stream, pytest.raises(embzarr.EmbzarrError) as caught:
        read(stream)

    assert caught.value.code == code
    assert "a.bin" in str(caught.value)


@pytest.mark.parametrize("pack", ["gzip", "bzip2", "xz"])
def test_a_bomb_is_bounded(tmp_path: Path, pack: str) -> None:
    """What unpacks to gigabytes of nothing is refused after some MiB."""
    (tmp_path / "bomb").write_bytes(PACKS[pack](b"1 2\n" + bytes(40 << 20)))

    assert refused(tmp_path / "bomb", tmp_path / "run", format="glove").code == "input-file"


@pytest.mark.parametrize(
    ("pack", "is_cut"),
    [
        ("gzip", True),
        ("gzip", False),
        ("bzip2", True),
        ("bzip2", False),
        ("xz", True),
        ("xz", False),
        ("zstd", True),  # which has no checksum unless its writer asks for one
    ],
)
def test_what_cannot_be_unpacked_is_told(tmp_path: Path, pack: str, *, is_cut: bool) -> None:
    """Compressed bytes that are cut or changed."""
    data = PACKS[pack](SOUND)
    (tmp_path / "a.gz").write_bytes(data[:-5] if is_cut else data[:20] + b"?????" + data[25:])

    assert refused(tmp_path / "a.gz", tmp_path / "run").code == "input-file"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'[{"word": "a", "vector": [1, 2]}]', "JSON"),
        (b"GGUF\3\0\0\0", "GGUF"),
        (struct.pack("<12id", 2, 5, 5, 5, 5, 1, 2, 2, 2000000, 3, 6, 100, 1e-4), "fastText"),
        (b"\x80\x04\x95", "pickle"),
        (b"\xff\xfea\0", "UTF-16"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (bytes(257) + b"ustar", "tar archive"),
        (b"\x00\x01\x02\x03", "of no format that is read"),
        (zipped("a/data.pkl", "a/version"), "PyTorch"),
    ],
)
def test_what_is_not_read_is_called_by_its_name(tmp_path: Path, data: bytes, told: str) -> None:
    """And the message says what can be done."""
    (tmp_path / "a.bin").write_bytes(data)

    error = refused(tmp_path / "a.bin", tmp_path / "run")
    assert error.code == "input-file"
    assert told in str(error)


@pytest.mark.parametrize(
    ("data", "choices"), [(b"\xff 1 2\nb 3 4\n", 2), (b"a 1 nan\nb 3 4\n", 2), (b"a 1 2\nb 3\n", 1)]
)
def test_an_error_tells_how_to_go_on_all_the_same(
    tmp_path: Path, data: bytes, choices: int
) -> None:
    """Without the row, or, where something can be put in its place, with the rest of it."""
    (tmp_path / "a.txt").write_bytes(data)
    told = refused(tmp_path / "a.txt", tmp_path / "run", format="glove").__notes__
    assert [note.partition(" ")[0] for note in told] == [
        "on_error='skip'", "on_error='replace'",
    ][:choices]  # fmt: skip


# What is chosen -----------------------------------------------------------------------------------
def test_a_result_and_the_metadata_tell_what_came_of_it(tmp_path: Path) -> None:
    """Format, name, size, digest and counts, beside the caller's metadata."""
    (tmp_path / "a.bin").write_bytes(SOUND)

    found = import_vectors(tmp_path / "a.bin", tmp_path / "run", metadata={"licence": "PDDL"})

    assert found.checkpoint.metadata == {
        "licence": "PDDL",
        "import": {
            "format": "word2vec",
            "source": {
                "name": "a.bin",
                "size": len(SOUND),
                "sha256": hashlib.sha256(SOUND).hexdigest(),
            },
            "rows_read": 4,
            "skipped": 0,
            "replaced": 0,
            "duplicates": 0,
        },
    }


def test_the_file_of_words_is_told_of(tmp_path: Path) -> None:
    """Its name, size and digest, as those of the vectors."""
    np.save(tmp_path / "a.npy", np.ones((2, 3), "f4"))
    (tmp_path / "words.txt").write_bytes(b"the\nof\n")

    given = tmp_path / "words.txt"
    found = import_vectors(tmp_path / "a.npy", tmp_path / "run", vocabulary=given)

    expected = {"name": "words.txt", "size": 7, "sha256": hashlib.sha256(b"the\nof\n").hexdigest()}
    assert found.checkpoint.metadata["import"]["vocabulary"] == expected
    assert found.vocabulary is not None
    assert found.vocabulary.to_json() == expected


@pytest.mark.parametrize(("duplicates", "rows"), [("first", [0, 1, 3]), ("last", [1, 2, 3])])
def test_a_word_that_stands_twice(tmp_path: Path, duplicates: Any, rows: list[int]) -> None:
    """The first or the last row is kept, in the order of the file, and the others are counted."""
    (tmp_path / "a.bin").write_bytes(word2vec_binary(["the", "of", "the", "in"], MATRIX))

    found = import_vectors(tmp_path / "a.bin", tmp_path / "run", duplicates=duplicates)

    words, matrix = vector_files.stored(tmp_path / "run")
    assert words == [["the", "of", "the", "in"][row] for row in rows]
    np.testing.assert_array_equal(matrix, MATRIX[rows])
    assert (found.duplicates, found.duplicate_words) == (1, ("the",))
    error = refused(tmp_path / "a.bin", tmp_path / "other")
    assert error.code == "input-duplicate-word"


def test_ten_words_that_stand_twice_are_named(tmp_path: Path) -> None:
    """Of more the first ones, though all are counted."""
    words = [f"w{row}" for row in range(12)]
    data = word2vec_binary(words * 2, vector_files.vectors(24, 2))
    (tmp_path / "a.bin").write_bytes(data)

    found = import_vectors(tmp_path / "a.bin", tmp_path / "run", duplicates="first")

    assert (found.duplicates, found.duplicate_words) == (12, tuple(words[:10]))


def test_a_limit_reads_no_further(tmp_path: Path) -> None:
    """The first rows are kept, whatever stands behind; there is no digest of a file half read."""
    (tmp_path / "a.bin").write_bytes(SOUND[:90])

    found = import_vectors(tmp_path / "a.bin", tmp_path / "run", limit=2)

    assert list(found.checkpoint.words) == WORDS[:2]
    assert (found.rows_read, found.skipped, found.limit) == (2, 0, 2)
    assert found.checkpoint.metadata["import"]["limit"] == 2


def test_a_limit_that_is_not_reached_is_not_told(tmp_path: Path) -> None:
    """It has left out nothing."""
    (tmp_path / "a.bin").write_bytes(SOUND)

    found = import_vectors(tmp_path / "a.bin", tmp_path / "run", limit=5)

    assert found.limit is None
    assert "limit" not in found.checkpoint.metadata["import"]


def test_only_some_words_are_kept(tmp_path: Path) -> None:
    """In the order of the file; those that are not in it are counted and named, here and there."""
    (tmp_path / "a.bin").write_bytes(SOUND)

    found = import_vectors(tmp_path / "a.bin", tmp_path / "run", words={"in", "of", "no"})

    assert list(found.checkpoint.words) == ["of", "in"]
    told = (found.rows_read, found.unwanted, found.missing, found.missing_words)
    assert told == (4, 2, 1, ("no",))
    stored = found.checkpoint.metadata["import"]
    assert [stored[name] for name in ("unwanted", "missing", "missing_words")] == [2, 1, ["no"]]


def test_a_vocabulary_that_is_not_wanted_is_refused(tmp_path: Path) -> None:
    """Where a file has its words: who gives others expects something of them."""
    (tmp_path / "a.bin").write_bytes(SOUND)
    (tmp_path / "words.txt").write_text("a\t4\nb\t3\nc\t2\nd\t1\n")

    error = refused(tmp_path / "a.bin", tmp_path / "run", vocabulary=tmp_path / "words.txt")

    assert error.code == "input-argument"
    assert "words of word2vec stand in the file itself" in str(error)


def test_vectors_are_stored_as_another_type(tmp_path: Path) -> None:
    """As `embzarr.create` would."""
    matrix = np.ones((4, 5), np.float32)
    (tmp_path / "a.bin").write_bytes(word2vec_binary(WORDS, matrix))

    found = import_vectors(tmp_path / "a.bin", tmp_path / "run", dtype="float16", step=7)

    assert found.checkpoint.step == 7
    assert found.checkpoint["the"].dtype == np.float16


@pytest.mark.parametrize(
    "choices",
    [
        {"on_error": "ignore"},
        {"duplicates": "any"},
        {"limit": -1},
        {"words": 7},
        {"format": "glove2"},
        {"step": -1},
        {"dtype": "int8"},
    ],
)
def test_a_choice_that_is_none_is_refused(tmp_path: Path, choices: dict[str, Any]) -> None:
    """Before anything is written."""
    (tmp_path / "a.bin").write_bytes(SOUND)

    assert refused(tmp_path / "a.bin", tmp_path / "run", **choices).code.startswith("input-")


def test_the_public_names_are_these() -> None:
    """Nothing joins or leaves the door unnoticed."""
    door = importlib.import_module("embzarr.convert")

    assert {"Imported", "Provenance", "import_vectors"} <= set(door.__all__)


@pytest.mark.parametrize("choices", [{"limit": 1}, {"limit": 1, "duplicates": "last"}], ids=str)
def test_a_reader_whose_rows_are_not_all_taken_lets_go_of_its_files(
    choices: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and not whenever Python comes round to it."""
    read = FORMATS["word2vec"]
    kept: list[object] = []
    ended: list[Given] = []

    def watched(given: Given) -> Table:
        def blocks() -> Iterator[Block]:
            try:
                yield from table.blocks
            finally:
                ended.append(given)

        table = read(given)
        made = dataclasses.replace(table, blocks=blocks())
        kept.append(made.blocks)
        return made

    monkeypatch.setitem(FORMATS, "word2vec", watched)
    monkeypatch.setattr("embzarr.convert._blocks.BLOCK_BYTES", 1)
    import_vectors(io.BytesIO(SOUND), tmp_path / "run", format="word2vec", **choices)

    assert len(ended) == len(kept) > 0
