"""How a command line names rows and words."""

from pathlib import Path
from typing import TYPE_CHECKING

from embzarr_tools._failures import UsageError

if TYPE_CHECKING:
    import embzarr


def row_bytes(checkpoint: "embzarr.Checkpoint") -> int:
    """Return what the vector of a row takes, by which work on rows is told in bytes."""
    return checkpoint.dim * checkpoint.dtype.itemsize if checkpoint.columns else 1


def words_of(file: Path) -> list[str]:
    """Return the words of a file, one a line, or of ``-``, standard input; blanks are no words."""
    from embzarr_words import read_lines  # noqa: PLC0415 - imports embzarr, see _options

    lines = read_lines("/dev/stdin" if str(file) == "-" else file)
    return [line for line in lines if line.strip()]


def row_range(text: str) -> tuple[int, int | None]:
    """Return the rows of ``A:B``, either of which may be left out, as a slice takes them."""
    first, colon, last = text.partition(":")
    try:
        if colon:
            return int(first or 0), int(last) if last else None
    except ValueError:
        pass
    raise UsageError(f"--rows expects A:B, found {text!r}")
