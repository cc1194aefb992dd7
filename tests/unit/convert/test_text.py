"""What reading vectors from text promises: word2vec's, fastText's and GloVe's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embzarr
import vector_files
from embzarr.convert import Imported, import_vectors
from embzarr.convert._readers import text as text_reader
from vector_files import TEXT_WORDS, text

WORDS = ["the", "of", "and", "in"]
MATRIX = vector_files.vectors(4, 5)
SOUND = text(WORDS, MATRIX)


def imported(folder: Path, data: bytes, **choices: object) -> Imported:
    """Import bytes as a file."""
    (folder / "vectors.txt").write_bytes(data)
    return import_vectors(folder / "vectors.txt", folder / "run", **choices)  # type: ignore[arg-type]  # any


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
@pytest.mark.parametrize("header", [True, False])
def test_a_file_is_imported_whole(tmp_path: Path, end: str, *, header: bool) -> None:
    """With and without a header, and with the line ends of any writer: the very numbers."""
    found = imported(tmp_path, text(WORDS, MATRIX, header=header, end=end))
    words, matrix = vector_files.stored(tmp_path / "run")

    assert found.format == ("word2vec-text" if header else "glove")
    assert words == WORDS
    assert matrix.tobytes() == MATRIX.tobytes()


@pytest.mark.parametrize("behind", [b"\n", b" \r\n\n", b"\n" * 40])
@pytest.mark.parametrize("at_once", [1, 7, 2**20])
def test_empty_lines_at_the_end_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: bytes, at_once: int
) -> None:
    """However little of a file is read at a time."""
    monkeypatch.setattr(text_reader, "BLOCK_BYTES", at_once)
    found = imported(tmp_path, SOUND + behind)

    assert (list(found.checkpoint.words), found.problems) == (WORDS, ())
    assert found.checkpoint.to_numpy().tobytes() == MATRIX.tobytes()


@pytest.mark.parametrize("header", [True, False])
def test_odd_words_come_through(tmp_path: Path, *, header: bool) -> None:
    """Words with spaces, empty ones, NUL, numbers, a byte order mark in the middle of a file."""
    matrix = vector_files.vectors(len(TEXT_WORDS), 6)
    name = "word2vec-text" if header else "glove"
    imported(tmp_path, text(TEXT_WORDS, matrix, header=header), format=name)

    words, found = vector_files.stored(tmp_path / "run")
    assert words == TEXT_WORDS
    assert found.tobytes() == matrix.tobytes()


@pytest.mark.parametrize("header", [True, False])
def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path: Path, *, header: bool) -> None:
    """A file that an editor of Windows saved is the same file."""
    found = imported(tmp_path, b"\xef\xbb\xbf" + text(WORDS, MATRIX, header=header))

    assert list(found.checkpoint.words) == WORDS


@pytest.mark.parametrize("first", ["new york", "5", ". . .", "a 0.5 b"])
def test_the_first_word_may_hold_spaces_or_be_a_number(tmp_path: Path, first: str) -> None:
    """Without a header, most lines tell the dimension, not the first."""
    found = imported(tmp_path, text([first, *WORDS[1:]], MATRIX, header=False))

    assert (found.checkpoint.dim, found.checkpoint.words[0]) == (5, first)


@pytest.mark.parametrize("spelled", [".5", "+0.5", "5e-1", "0.5", "05.0e-01", "5.E-1"])
def test_numbers_may_be_spelled_in_any_way(tmp_path: Path, spelled: str) -> None:
    """What Python reads as a number is one, whoever has printed it."""
    found = imported(tmp_path, f"2 2\na {spelled} 1\nb 1 -2\n".encode())

    assert found.checkpoint["a"].tolist() == [0.5, 1]


@pytest.mark.parametrize(
    "numbers", ["-0 0", "0 -0", "-0 -0", "-0.0 -0", "-1e-0 -0", "0.5 -0", "-0\r 1"]
)
@pytest.mark.parametrize("between", [" ", "\t"])
def test_a_zero_keeps_its_sign(tmp_path: Path, numbers: str, between: str) -> None:
    """Also where it has no point, as in what C++ and our own exports write."""
    lines = [f"{word} {numbers}\n" for word in "abc"]
    found = imported(tmp_path, "".join(lines).replace(" ", between).encode())

    expected = np.array([*map(float, numbers.split())] * 3, np.float32)
    assert found.checkpoint.to_numpy().tobytes() == expected.tobytes()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its open file
@pytest.mark.peers
def test_gensim_reads_the_same(tmp_path: Path) -> None:
    """What is imported from many rows is what gensim loads from the same file."""
    gensim = pytest.importorskip("gensim.models")
    words = [f"w{row}" for row in range(300)]
    imported(tmp_path, text(words, vector_files.vectors(300, 40), header=False))

    peer = gensim.KeyedVectors.load_word2vec_format(tmp_path / "vectors.txt", no_header=True)

    found = vector_files.stored(tmp_path / "run")
    assert found[0] == peer.index_to_key
    assert found[1].tobytes() == peer.vectors.tobytes()


def test_rows_cross_the_borders_of_what_is_read_at_once(tmp_path: Path) -> None:
    """A file of several pieces of reading, with an odd line among the others."""
    words = [f"w{row}" for row in range(9_000)]
    words[7_000] = "two words"
    matrix = vector_files.vectors(len(words), 40)
    imported(tmp_path, text(words, matrix))

    found = vector_files.stored(tmp_path / "run")
    assert found[0] == words
    assert found[1].tobytes() == matrix.tobytes()


LINES = SOUND.split(b"\n")
OF_AT = len(LINES[0]) + len(LINES[1]) + 2


@pytest.mark.parametrize(
    ("data", "code", "told"),
    [
        (SOUND.replace(b"of ", b"of x"), "input-file", f"line 3, byte {OF_AT}: expected 5 numbers"),
        (
            b"\n".join([*LINES[:2], b"of 1 2", *LINES[3:]]),
            "input-file",
            f"line 3, byte {OF_AT}: exp",
        ),
        (
            b"\n".join([*LINES[:2], b"of 1 2 3 4 5 6", *LINES[3:]]),
            "input-file",
            "found a longer one",
        ),
        (
            b"\n".join([*LINES[:2], b"", *LINES[2:]]),
            "input-file",
            f"line 3, byte {OF_AT}: an empty",
        ),
        (b"the  1  2\nof  3  4\n", "input-file", "line 1, byte 0: .* found a longer one"),
        (b"the 1 2\rof 3 4\r", "input-file", "a carriage return"),
        (SOUND.replace(b"4 5", b"5 5"), "input-file", "tells of 5 rows, found 4"),
        (SOUND.replace(b"4 5", b"3 5"), "input-file", "tells of 3 rows, found 4"),
        (SOUND.replace(b"4 5", b"9" * 18 + b" 5"), "input-file", "found 4"),
        (
            SOUND.replace(b"of ", b"\xff "),
            "input-word",
            f"line 3, byte {OF_AT}: a word that is not",
        ),
        (b"2 2\na 1 2\nb nan 1\n", "input-nonfinite", "line 3, byte 10: nan at position 0"),
        (b"2 2\na 1 2\nb 1e999 1\n", "input-nonfinite", "line 3, byte 10: inf at position 0"),
        (b"2 2\na 1 2\nb 1e39 1\n", "input-nonfinite", "line 3, byte 10: inf at position 0"),
        (b"2 2\na 1 2\nb 1\t0 1\n", "input-file", "line 3, byte 10: expected 2 numbers"),
        (b"2 2\na 1 2\nb 1_0 1\n", "input-file", "line 3, byte 10: expected 2 numbers"),
        (b"1 1\na 1]\n", "input-file", "line 2, byte 4: expected 1 numbers"),
        (b"2 2\na 1 2\na 3 4\n", "input-duplicate-word", "'a' in rows 0 and 1"),
    ],
)
def test_damage_is_told_with_its_place(tmp_path: Path, data: bytes, code: str, told: str) -> None:
    """Each kind of damage is a typed error that names line and byte, and nothing is committed."""
    with pytest.raises(embzarr.InvalidInputError, match=told) as caught:
        imported(tmp_path, data)

    assert caught.value.code == code
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "run")


@pytest.mark.parametrize("data", [b"king\nqueen\n", b"2 1\nking \0\n\0\0queen \0\n\0\0"])
def test_lines_without_numbers_are_told(tmp_path: Path, data: bytes) -> None:
    """A list of words, or another format, of which the caller says that it is GloVe's."""
    with pytest.raises(embzarr.InvalidInputError, match="found most without numbers"):
        imported(tmp_path, data, format="glove")


def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    """A line longer than any row is not held in memory."""
    with pytest.raises(embzarr.InvalidInputError, match="expected at most"):
        imported(tmp_path, b"2 2\na 1 2\n" + b"x" * (20 << 20))


def test_a_row_has_room_for_a_word_and_64_bytes_for_each_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read however long each is; a byte more, and nothing is looked for behind it."""
    monkeypatch.setattr(text_reader, "MOST_WORD_BYTES", 100)
    monkeypatch.setattr(text_reader, "BLOCK_BYTES", 1)
    line = b"w" * 100 + b" %063d %063d" % (1, 2)

    assert imported(tmp_path, b"1 2\n" + line).checkpoint["w" * 100].tolist() == [1, 2]
    with pytest.raises(embzarr.InvalidInputError, match="line 2: expected at most 228 bytes"):
        imported(tmp_path, b"1 2\nw" + line)


def test_damaged_rows_can_be_skipped_or_mended(tmp_path: Path) -> None:
    """Rows that are no rows are left out; bad UTF-8 and NaN cost a row, or are replaced."""
    data = b"5 2\na 1 2\nb 1\n\xff 3 4\nc nan 5\nd 6 7\n"
    (tmp_path / "other").mkdir()

    skipped = imported(tmp_path, data, on_error="skip")
    mended = imported(tmp_path / "other", data, on_error="replace")

    assert list(skipped.checkpoint.words) == ["a", "d"]
    assert (skipped.rows_read, skipped.skipped, skipped.replaced) == (5, 3, 0)
    assert list(mended.checkpoint.words) == ["a", "\ufffd", "c", "d"]
    assert mended.checkpoint["c"].tolist() == [0, 5]
    assert (mended.rows_read, mended.skipped, mended.replaced) == (5, 1, 2)
    assert [problem.split(":")[0] for problem in mended.problems] == [
        "line 3, byte 10",
        "line 4, byte 14",
        "line 5, byte 20",
    ]


WORD = st.text(st.characters(exclude_characters="\n\r 0123456789", codec="utf-8"), max_size=8)


@settings(max_examples=15)
@given(st.lists(WORD, unique=True, min_size=1, max_size=20), st.integers(1, 9), st.booleans())
def test_any_words_and_numbers_come_through(
    tmp_path_factory: pytest.TempPathFactory,
    words: list[str],
    dim: int,
    header: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever a writer wrote, a reader of the checkpoint finds."""
    folder = tmp_path_factory.mktemp("any")
    matrix = vector_files.vectors(len(words), dim)
    words = ["x", *words[1:]] if words[0].startswith("\ufeff") else words
    name = "word2vec-text" if header else "glove"

    imported(folder, text(words, matrix, header=header), format=name)

    found = vector_files.stored(folder / "run")
    assert found[0] == words
    assert found[1].tobytes() == matrix.tobytes()
