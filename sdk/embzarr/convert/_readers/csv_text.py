"""Comma-separated values (RFC 4180): quotes, a header or none, a column of words and the rest.

The words are in the column that is named so, or else in the first one, and how often each stood in
a text in one that is named so; every other column with a name of a number or of none is a number of
the vector. Other columns of text are refused.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr.convert._blocks import (
    COUNT_NAMES,
    MOST_COUNT,
    MOST_DIM,
    MOST_WORD_BYTES,
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
_LEAST_COLUMNS: Final = 3
"""Of a table that is told by its beginning: a word and one number is a list of counts."""


def begins(head: bytes) -> bool:
    """Tell whether a file begins as rows with commas between, of one length, with numbers."""
    lines = head.removeprefix(_BOM).split(b"\n")
    text = [_text(line + b"\n") for line in lines[:-1][:20] or lines]
    if any(byte < 32 and byte not in b"\t\r\n" for byte in head):  # noqa: PLR2004 - controls
        return False
    try:
        rows = [row for row in csv.reader(text, strict=True) if row]
    except csv.Error:
        return False
    if not rows or len({len(row) for row in rows}) > 1 or len(rows[0]) < _LEAST_COLUMNS:
        return False
    return sum(map(_is_number, rows[-1])) >= len(rows[-1]) - 1


def read(given: Given) -> Table:
    """Look at the first row for names and dimension, and leave the rows to be read.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    if given.stream.peek().startswith(_BOM):
        given.stream.read(len(_BOM))
    return read_fields(given)


def read_fields(given: Given, **dialect: Any) -> Table:  # noqa: ANN401 - as the standard library's
    """Do the same of records that another dialect divides, as `csv.reader` takes it."""
    rows = _Rows(given.stream, given.damage, dialect)
    return Table(
        dim=rows.dim, dtype="float32", blocks=rows.blocks(), has_counts=rows.count_at is not None
    )


class _Rows:
    """The rows of a file."""

    def __init__(self, stream: Stream, damage: Damage, dialect: dict[str, Any]) -> None:
        self._damage = damage
        self.count_at: int | None = None
        """The column of counts, if there is one."""
        self._records = _records(stream, damage, dialect)
        self._line, self._first = next(self._records, (1, []))
        self._word = 0
        self._numbers: list[int] = list(range(1, len(self._first)))
        self._width = len(self._first)
        if are_names(self._first):
            self._take_header()
        self.dim = check_dim(damage, len(self._numbers))

    def _take_header(self) -> None:
        """Take the first row for names, and go on to the second."""
        names = [name.strip().lower() for name in self._first]
        self._line, self._first = next(self._records, (2, []))
        known = [names.index(name) for name in WORD_NAMES if name in names]
        self._word = known[0] if known else 0
        counts = [names.index(name) for name in COUNT_NAMES if name in names]
        self.count_at = counts[0] if counts and counts[0] != self._word else None
        others = [at for at in range(len(names)) if at not in {self._word, self.count_at}]
        # An index, as pandas writes it, has no name.
        self._numbers = [at for at in others if names[at] or not known]

    def blocks(self) -> Iterator[Block]:
        """Return the rows that have a word and as many numbers as the first, in blocks."""
        counts = None if self.count_at is None else _counts
        return gathered(self._rows(), self.dim, "line", _vectors, counts)

    def _rows(self) -> Iterator[tuple[bytes, _Row, int]]:
        for line, row in self._all():
            numbers = self._row_of(line, row)
            if numbers is not None:
                yield row[self._word].encode("utf-8", "surrogateescape"), numbers, line

    def _all(self) -> Iterator[tuple[int, list[str]]]:
        yield self._line, self._first
        yield from self._records

    def _row_of(self, line: int, row: list[str]) -> _Row | None:
        if not row:
            return None  # an empty line
        if len(row) != self._width:
            self._damage.lose(f"line {line}: expected {self._width} fields, found {len(row)}")
            return None
        try:
            count = -1 if self.count_at is None else _count_of(row[self.count_at])
            return _numbers_of([row[at] for at in self._numbers]), count
        except ValueError as exc:
            self._damage.lose(f"line {line}: {exc}")
            return None


_Row = tuple[list[float], int]
"""Numbers of a vector, and a count, -1 where there are none."""


def _vectors(rows: list[_Row]) -> NDArray[Any]:
    return as_float32([numbers for numbers, _ in rows])


def _counts(rows: list[_Row]) -> NDArray[Any]:
    return np.array([count for _, count in rows], np.int64)


def _numbers_of(fields: list[str]) -> list[float]:
    numbers = [*map(float, fields)]
    if "_" in "".join(fields):  # a number to Python alone
        odd = next(field for field in fields if "_" in field)
        raise ValueError(f"expected a number, found {odd[:64]!r}")
    return numbers


def _count_of(text: str) -> int:
    """Return a count, which pandas writes as a fraction where others are missing."""
    count = -1 if "_" in text else int(text.removesuffix(".0"))
    if not 0 <= count <= MOST_COUNT:
        raise ValueError(f"expected a count of 0 to {MOST_COUNT}, found {text[:64]}")
    return count


def _records(
    stream: Stream, damage: Damage, dialect: dict[str, Any]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each record, and the line that it begins in, from 1.

    Raises:
        InvalidInputError: code ``input-file``: a field of more than 131,072 letters, or quotes that
            are not closed.
    """
    reader = csv.reader(_lines(stream, damage), strict=True, **dialect)
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            raise damage.error(f"line {line}: {exc}") from exc
        yield line, row
        line = reader.line_num + 1


def _lines(stream: Stream, damage: Damage) -> Iterator[str]:
    for _, line in numbered_lines(stream, damage, _MOST_LINE_BYTES):
        yield _text(line + b"\n")


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def are_names(fields: list[str]) -> bool:
    """Tell whether the fields of a row name columns.

    Behind the first none is a number, or those that are count from 0 or 1, and one names the words,
    or none as pandas does.
    """
    numbers = [field for field in fields if _is_number(field)]
    if not numbers[_is_number(fields[0]) if fields else 0 :]:
        return True
    names = {field.strip().lower() for field in fields}
    return not names.isdisjoint({"", *WORD_NAMES}) and any(
        numbers == [str(number + first) for number in range(len(numbers))] for first in (0, 1)
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
