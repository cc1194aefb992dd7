"""How a command line names rows, words and files; ``-`` is standard input, or output."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from embzarr_tools._failures import UsageError
from embzarr_tools._screen import StandardOutput, on_terminal

if TYPE_CHECKING:
    import embzarr

_COPIED_BYTES = 2**20


def row_bytes(checkpoint: "embzarr.Checkpoint") -> int:
    """Return what the vector of a row takes, by which work on rows is told in bytes."""
    return checkpoint.dim * checkpoint.dtype.itemsize if checkpoint.columns else 1


def words_of(file: Path) -> list[str]:
    """Return the words of a file, one a line, or of ``-``, standard input; blanks are no words."""
    from embzarr_words import read_lines  # noqa: PLC0415 - imports embzarr, see _options

    with read_from(file) as (path,):
        return [line for line in read_lines(path) if line.strip()]


@contextmanager
def read_from(*files: str | Path) -> Iterator[list[str]]:
    """Give the paths or URLs of files that are read more than once: of ``-`` that of a copy.

    Raises:
        UsageError: several files are ``-``, or standard input is closed.
        OSError: there is no room for the copy.
    """
    require_one_input(*files)
    named = [str(file) for file in files]
    if "-" not in named:
        yield named
        return
    if sys.stdin is None:
        raise UsageError("standard input is closed: there is nothing to read")
    with tempfile.TemporaryDirectory(prefix="embzarr-") as folder:
        path = Path(folder, "standard-input")
        try:
            with path.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy, _COPIED_BYTES)
        except OSError as exc:
            told = (
                f"{exc.strerror}: standard input is copied here first; TMPDIR names another place"
            )
            raise OSError(exc.errno, told, folder) from exc
        yield [str(path) if name == "-" else name for name in named]


def write_to(file: str, *, as_json: bool) -> str | BinaryIO:
    """Return where to write: ``-`` is standard output, which then has nothing else.

    Raises:
        UsageError: a terminal, or JSON, would have it as well; or nobody would.
    """
    if file != "-":
        return file
    if as_json:
        raise UsageError("--json and - both want standard output")
    if sys.__stdout__ is None:
        raise UsageError("standard output is closed: there is nowhere to write")
    if on_terminal():
        raise UsageError("a file is not for a terminal: redirect standard output, as by > FILE")
    return cast("BinaryIO", StandardOutput())  # of which it has what a writer needs


def require_one_input(*files: object) -> None:
    """Refuse to read standard input twice.

    Raises:
        UsageError: several files are ``-``.
    """
    if [str(file) for file in files].count("-") > 1:
        raise UsageError("- is standard input, which can be read once")


def row_range(text: str) -> tuple[int, int | None]:
    """Return the rows of ``A:B``, either of which may be left out, as a slice takes them.

    Raises:
        UsageError: no two numbers, or the second lies before the first, of the same sign.
    """
    first, colon, last = text.partition(":")
    try:
        start, stop = int(first or 0), int(last) if last else None
    except ValueError:
        colon = ""
    if not colon:
        raise UsageError(f"--rows expects A:B, found {text!r}")
    if stop is not None and stop < start and (stop < 0) == (start < 0):
        raise UsageError(f"--rows expects A:B with A before B, found {text!r}: {stop}:{start}?")
    return start, stop
