"""JSON lines: an object a line, with a word and its vector, under the names that are in use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import numpy as np

from embzarr.convert._blocks import (
    COUNT_NAMES,
    MOST_COUNT,
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

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage
    from embzarr.convert._stream import Stream

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
    return Table(dim=rows.dim, dtype="float32", blocks=rows.blocks(), has_counts="count" in names)


def _names_in(head: bytes) -> dict[str, str] | None:
    """Return under which names the first line has word and vector, and a count if it has one."""
    line = head.partition(b"\n")[0]
    kinds = {"word": WORD_NAMES, "vector": VECTOR_NAMES, "count": COUNT_NAMES}
    named = {
        kind: [name for name in names if re.search(rb'"%s"\s*:' % name.encode(), line)]
        for kind, names in kinds.items()
    }
    found = {kind: names[0] for kind, names in named.items() if names}
    return found if found.keys() >= {"word", "vector"} else None


_COUNT: Final = Annotated[int, msgspec.Meta(ge=0, le=MOST_COUNT)]


def _vectors(rows: list[Any]) -> NDArray[Any]:
    return as_float32([row.vector for row in rows])


def _counts(rows: list[Any]) -> NDArray[Any]:
    return np.array([row.count for row in rows], np.int64)


class _Rows:
    """The rows of a file."""

    def __init__(self, stream: Stream, damage: Damage, names: dict[str, str]) -> None:
        self._damage = damage
        self._lines = numbered_lines(stream, damage, _MOST_LINE_BYTES)
        kinds = {"word": str, "vector": list[float], "count": _COUNT}
        self._counts = _counts if "count" in names else None
        row: Any = msgspec.defstruct(
            "Row", [(name, kinds[name]) for name in names], rename=names, gc=False
        )
        self._decode = msgspec.json.Decoder(row).decode
        self._first = next(self._lines, (1, b""))
        try:
            self.dim = check_dim(damage, len(self._decode(self._first[1]).vector))
        except _BROKEN as exc:
            raise damage.error(f"line 1: {exc}") from exc

    def blocks(self) -> Iterator[Block]:
        """Return the rows, in blocks."""
        return gathered(self._rows(), self.dim, "line", _vectors, self._counts)

    def _rows(self) -> Iterator[tuple[bytes, Any, int]]:
        for number, line in self._all():
            row = self._row(number, line)
            if row is not None:
                yield row.word.encode("utf-8", "surrogatepass"), row, number

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
