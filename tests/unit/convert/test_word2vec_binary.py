"""What reading word2vec's binary format promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embzarr
import vector_files
from embzarr.convert import import_vectors
from embzarr.convert._readers import word2vec_binary as word2vec_binary_reader
from vector_files import ODD_WORDS, word2vec_binary

MATRIX = vector_files.vectors(4, 5)
WORDS = ["the", "of", "and", "in"]
SOUND = word2vec_binary(WORDS, MATRIX)


def imported(folder: Path, data: bytes, **choices: object) -> tuple[list[str], np.ndarray]:
    """Import bytes as a file; return what the checkpoint then holds."""
    (folder / "vectors.bin").write_bytes(data)
    import_vectors(folder / "vectors.bin", folder / "run", **choices)  # type: ignore[arg-type]  # any
    return vector_files.stored(folder / "run")


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_file_is_imported_whole(tmp_path: Path, end: bytes) -> None:
    """With and without a newline behind its rows, a file gives its words and its very bits."""
    words, matrix = imported(tmp_path, word2vec_binary(WORDS, MATRIX, end=end))

    assert words == WORDS
    assert matrix.tobytes() == MATRIX.tobytes()


@pytest.mark.parametrize("end", [b"\n", b""])
def test_odd_words_come_through(tmp_path: Path, end: bytes) -> None:
    """Any word without a space: empty, NUL, emoji, byte order mark, and 70,000 letters."""
    odd = [word for word in ODD_WORDS if " " not in word]
    matrix = vector_files.vectors(len(odd), 3)

    assert imported(tmp_path, word2vec_binary(odd, matrix, end=end))[0] == odd


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("byte", b" \n")
def test_numbers_may_have_the_bytes_of_blanks(tmp_path: Path, end: bytes, byte: int) -> None:
    """What ends a word or a row elsewhere is a part of a number here."""
    matrix = np.frombuffer(bytes([byte]) * 4 * MATRIX.size, "<f4").reshape(MATRIX.shape)
    data = word2vec_binary(WORDS, matrix, end=end)
    words, found = imported(tmp_path, data, format="word2vec")  # all of it could be text

    assert words == WORDS
    assert found.tobytes() == matrix.tobytes()


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("at_once", [1, 2, 23, 24, 25, 2**20])
def test_rows_come_in_pieces_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes, at_once: int
) -> None:
    """Of a byte, and of just a row or a byte less or more."""
    monkeypatch.setattr(word2vec_binary_reader, "_PIECE_BYTES", at_once)
    words, matrix = imported(tmp_path, word2vec_binary(WORDS, MATRIX, end=end))

    assert words == WORDS
    assert matrix.tobytes() == MATRIX.tobytes()


def test_rows_cross_the_borders_of_what_is_read_at_once(tmp_path: Path) -> None:
    """A file of several pieces of reading, and vectors longer than a piece."""
    words = [f"{row:0{row % 40 + 1}d}_" for row in range(30_000)]
    matrix = vector_files.vectors(len(words), 40)
    long = vector_files.vectors(3, 700_000)

    found = imported(tmp_path, word2vec_binary(words, matrix))
    np.testing.assert_array_equal(found[1], matrix)
    assert found[0] == words
    (tmp_path / "b").mkdir()
    np.testing.assert_array_equal(imported(tmp_path / "b", word2vec_binary("abc", long))[1], long)


@pytest.mark.peers
def test_gensim_reads_the_same(tmp_path: Path) -> None:
    """What is imported is what gensim loads from the same file."""
    gensim = pytest.importorskip("gensim.models")
    file = tmp_path / "vectors.bin"
    file.write_bytes(SOUND)

    import_vectors(file, tmp_path / "run")
    peer = gensim.KeyedVectors.load_word2vec_format(file, binary=True)

    words, matrix = vector_files.stored(tmp_path / "run")
    assert words == peer.index_to_key
    assert matrix.tobytes() == peer.vectors.tobytes()


@pytest.mark.parametrize(
    ("data", "code", "told"),
    [
        (SOUND[:-1][:-7], "input-file", "row 3, byte 78: cut short"),
        (SOUND[:60], "input-file", "row 2, byte 53: cut short"),
        (word2vec_binary(WORDS, MATRIX, rows=5), "input-file", "tells of 5 rows"),
        (word2vec_binary(WORDS, MATRIX, rows=10**18), "input-file", "tells of 10000"),
        (word2vec_binary(WORDS, MATRIX, rows=3), "input-file", "more behind the 3 rows"),
        (SOUND + b"x", "input-file", "more behind the 4 rows"),
        (b"4 99999999\n" + SOUND, "input-file", "vectors of 1 to"),
        (b"4 0\n" + SOUND, "input-file", "vectors of 1 to"),
        (
            SOUND[:52] + b"x" + SOUND[52:],
            "input-file",
            "byte 52: expected a newline behind the row",
        ),
        (b"4 5\n" + b"x" * (17 << 20), "input-file", "expected a word, found none"),
        (SOUND.replace(b"of ", b"\xff\xfe "), "input-word", "row 1, byte 29: a word that is not"),
        (word2vec_binary(WORDS, MATRIX * np.nan), "input-nonfinite", "row 0, byte 4: nan at"),
        (b"", "input-file", "an empty file"),
    ],
)
def test_damage_is_told_with_its_place(tmp_path: Path, data: bytes, code: str, told: str) -> None:
    """Each kind of damage is a typed error that names row and byte, and nothing is committed."""
    with pytest.raises(embzarr.InvalidInputError, match=told) as caught:
        imported(tmp_path, data, format="word2vec" if data[:1] != b"" else None)

    assert caught.value.code == code
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "run")


def test_what_is_cut_can_be_passed_over(tmp_path: Path) -> None:
    """The rows before a cut are kept, and what is lost is told in result and metadata."""
    (tmp_path / "cut.bin").write_bytes(SOUND[:60])

    found = import_vectors(tmp_path / "cut.bin", tmp_path / "run", on_error="skip")

    assert list(found.checkpoint.words) == WORDS[:2]
    assert (found.rows_read, found.skipped) == (3, 1)
    told = found.checkpoint.metadata["import"]
    assert told["skipped"] == 1
    assert told["problems"] == list(found.problems)


WORD = st.text(st.characters(exclude_characters=" \n", codec="utf-8"), max_size=8)


@settings(max_examples=15)
@given(st.lists(WORD, unique=True, min_size=1, max_size=20), st.integers(1, 9), st.booleans())
def test_any_words_and_numbers_come_through(
    tmp_path_factory: pytest.TempPathFactory,
    words: list[str],
    dim: int,
    newline: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever a writer wrote, a reader of the checkpoint finds."""
    matrix = vector_files.vectors(len(words), dim)
    data = word2vec_binary(words, matrix, end=b"\n" if newline else b"")

    found = imported(tmp_path_factory.mktemp("any"), data, format="word2vec")

    assert found[0] == words
    assert found[1].tobytes() == matrix.tobytes()
