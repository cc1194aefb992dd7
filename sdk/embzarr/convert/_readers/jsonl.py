"""JSON lines: an object a line, with a word and its vector, under the names that are in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from embzarr.convert._blocks import (
    MOST_DIM,
    MOST_WORD_BYTES,
    VECTOR_NAMES,
    WORD_NAMES,
    Block,
    Table,
    as_float32,
    check_dim,
    gathered,
    numbered_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage
    from embzarr.convert._source import Stream

_BOM: Final = b"\xef\xbb\xbf"
_MOST_LINE_BYTES: Final = MOST_WORD_BYTES + MOST_DIM * 64
_SHOWN_BYTES: Final = 40
_BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What is raised of a line that is no such object."""


def begins(head: bytes) -> bool:
    """Tell whether a file begins with an object that has both."""
    return is_object(head) and _names_in(head) is not None


def is_object(head: bytes) -> bool:
    """Tell whether a file begins with an object, of whatever."""
    return head.removeprefix(_BOM).lstrip()[:1] == b"{"


def read(given: Given) -> Table:
    """Look at the first line for names and dimension, and leave the rows to be read.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    stream, damage = given.stream, given.damage
    if stream.peek().startswith(_BOM):
        stream.read(len(_BOM))
    names = _names_in(stream.peek().lstrip())
    if names is None:
        raise damage.error(
            f"line 1: expected an object with one of {', '.join(WORD_NAMES)} and one of "
            f"{', '.join(VECTOR_NAMES)}, found {stream.peek()[:_SHOWN_BYTES]!r}"
        )
    rows = _Rows(stream, damage, names)
    return Table(dim=rows.dim, dtype="float32", blocks=rows.blocks())


def _names_in(head: bytes) -> tuple[str, str] | None:
    """Return under which names the first line has word and vector."""
    members = [(head.find(b'"%s"' % name.encode()), name) for name in (*WORD_NAMES, *VECTOR_NAMES)]
    found = [name for at, name in members if at >= 0]
    words = [name for name in WORD_NAMES if name in found]
    vectors = [name for name in VECTOR_NAMES if name in found]
    return (words[0], vectors[0]) if words and vectors else None


class _Rows:
    """The rows of a file."""

    def __init__(self, stream: Stream, damage: Damage, names: tuple[str, str]) -> None:
        self._damage = damage
        self._lines = numbered_lines(stream, damage, _MOST_LINE_BYTES)
        word, vector = names
        row: Any = msgspec.defstruct(
            "Row",
            [("word", str), ("vector", list[float])],
            rename={"word": word, "vector": vector},
            gc=False,
        )
        self._decode = msgspec.json.Decoder(row).decode
        self._first = next(self._lines, (1, b""))
        try:
            self.dim = check_dim(damage, len(self._decode(self._first[1]).vector))
        except _BROKEN as exc:
            raise damage.error(f"line 1: {exc}") from exc

    def blocks(self) -> Iterator[Block]:
        """Return the rows, in blocks."""
        return gathered(self._rows(), self.dim, "line", as_float32)

    def _rows(self) -> Iterator[tuple[bytes, list[float], int]]:
        for number, line in self._all():
            row = self._row(number, line)
            if row is not None:
                yield row.word.encode("utf-8", "surrogatepass"), row.vector, number

    def _all(self) -> Iterator[tuple[int, bytes]]:
        yield self._first
        yield from self._lines

    def _row(self, number: int, line: bytes) -> Any:  # noqa: ANN401 - a class made at run time
        """Return a line's row; None where it has none."""
        if not line.strip():
            return None
        try:
            row = self._decode(line)
        except _BROKEN as exc:
            self._damage.lose(f"line {number}: {exc}")
            return None
        if len(row.vector) != self.dim:
            self._damage.lose(
                f"line {number}: expected {self.dim} numbers, found {len(row.vector)}"
            )
            return None
        return row
