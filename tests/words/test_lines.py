"""Text files of any system are read as the lines that people see."""

from __future__ import annotations

from pathlib import Path

import pytest

import embzarr
from embzarr_words import read_lines

LINES = ["king", "café", "猫 Katze", "", " x"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be"]
)
def test_every_system_is_read_alike(tmp_path: Path, encoding: str, end: str, last: bool) -> None:  # noqa: FBT001
    """Encoding, byte order mark and line ends of Linux, Windows and old Macs are no matter."""
    text = end.join(LINES) + (end if last else "")
    mark = "\ufeff" if encoding.endswith("be") else ""
    (tmp_path / "words.txt").write_bytes((mark + text).encode(encoding))

    assert read_lines(tmp_path / "words.txt") == LINES


def test_what_a_line_holds_is_kept(tmp_path: Path) -> None:
    """Only what all lines end in is a line end; an empty file has no line."""
    (tmp_path / "words.txt").write_bytes(b"a\rb\n\x0b\x1c\nc\r\n\xe2\x80\xa8")
    assert read_lines(tmp_path / "words.txt") == ["a\rb", "\x0b\x1c", "c\r", "\u2028"]
    (tmp_path / "words.txt").write_bytes(b"")
    assert read_lines(tmp_path / "words.txt") == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"king\ncaf\xe9\n", "line 2: expected UTF-8, found byte 0xe9"),
        (b"\xff\xfek\0\n\0\x00\xd8", "line 2: expected UTF-16-LE, found byte 0x00"),
        ("king\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("king\n".encode("utf-16-be"), "UTF-16 without a byte order mark"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, data: bytes, says: str) -> None:
    """Bytes of another encoding are refused with file, line and byte."""
    file = tmp_path / "words.txt"
    file.write_bytes(data)
    with pytest.raises(embzarr.InvalidInputError, match=says) as caught:
        read_lines(file)
    assert caught.value.code == "words-not-text"
    assert str(file) in str(caught.value)


def test_no_file_is_named(tmp_path: Path) -> None:
    """A path without a file is an error that names it."""
    for name in ("nothing.txt", "."):
        with pytest.raises(embzarr.NotFoundError, match="expected a list of words") as caught:
            read_lines(tmp_path / name)
        assert caught.value.code == "words-missing"
