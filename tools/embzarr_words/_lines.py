"""Text files of any system as lines."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TYPE_CHECKING, Final

import embzarr

if TYPE_CHECKING:
    import os

_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def read_lines(
    path: str | os.PathLike[str], *, expected: str = "a list of words", code: str = "words"
) -> list[str]:
    r"""Read a text file as its lines, whatever system it comes from.

    The text is UTF-8, or what its byte order mark says; the mark is no part of the first line. A
    line ends in ``\n``; in ``\r\n`` where all do, and in ``\r`` where there is no ``\n``. Else
    ``\r`` is a letter like any other, as it may be in a word. The end of the file ends a line too,
    and begins none.

    Args:
        path: of a local file.
        expected: what it should be, as messages call it.
        code: what the codes of errors begin with.

    Raises:
        embzarr.NotFoundError: ``words-missing``, there is no such file.
        embzarr.AccessDeniedError: ``access-denied``, it may not be read.
        embzarr.InvalidInputError: ``words-not-text``, with the first line that is none.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as exc:
        found = f"{file}: expected {expected}: {exc.strerror}"
        raise embzarr.NotFoundError(f"{code}-missing", found) from exc
    except PermissionError as exc:
        raise embzarr.AccessDeniedError("access-denied", f"{file}: {exc.strerror}") from exc
    text = _decoded(file, data, code=code)
    ends = text.count("\n")
    if not ends:
        text = text.replace("\r", "\n")
    elif ends == text.count("\r\n"):
        text = text.replace("\r\n", "\n")
    return text.removesuffix("\n").split("\n") if text else []


def _decoded(file: Path, data: bytes, *, code: str) -> str:
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    if not mark and b"\0" in data[:2] != b"\0\0":
        found = f"{file}: expected UTF-8, found UTF-16 without a byte order mark"
        raise embzarr.InvalidInputError(f"{code}-not-text", found)
    encoding = _MARKS.get(mark, "utf-8")
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as exc:
        number = data.count("\n".encode(encoding), 0, len(mark) + exc.start) + 1
        found = f"byte {data[len(mark) + exc.start]:#04x}"
        raise embzarr.InvalidInputError(
            f"{code}-not-text",
            f"{file}, line {number}: expected {encoding.upper()}, found {found}",
        ) from exc
