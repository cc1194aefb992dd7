"""word2vec's binary format: rows and dimension in a line of text, then word, space, numbers.

The original program ends each row by a newline, gensim does not; the first row tells which.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr.convert._blocks import MOST_WORD_BYTES, Block, Table, check_dim, rows_in_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage
    from embzarr.convert._source import Stream

_HEADER: Final = re.compile(rb"[ \t]*(\d{1,19})[ \t]+(\d{1,19})[ \t\r]*\n")
_MOST_HEADER_BYTES: Final = 64
_PIECE_BYTES: Final = 1 << 21


def has_header(head: bytes) -> bool:
    """Tell whether a file begins as this format does."""
    return _HEADER.match(head[:_MOST_HEADER_BYTES]) is not None


def read(given: Given) -> Table:
    """Read the header, and leave the rows to be read."""
    stream, damage = given.stream, given.damage
    rows, dim = header_of(stream, damage)
    return Table(
        dim=dim, dtype="float32", blocks=_Rows(stream, damage, rows=rows, dim=dim).blocks()
    )


def header_of(stream: Stream, damage: Damage) -> tuple[int, int]:
    """Take the line of rows and dimension; neither is believed, and nothing allocated by them.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    found = _HEADER.match(stream.peek()[:_MOST_HEADER_BYTES])
    if found is None:
        begins = stream.peek()[:24]
        raise damage.error(f"byte 0: expected a line of rows and dimension, found {begins!r}")
    stream.read(found.end())
    rows, dim = map(int, found.groups())
    return rows, check_dim(damage, dim)


class _Rows:
    """The rows of a file, and the bytes that were read and not yet understood."""

    def __init__(self, stream: Stream, damage: Damage, *, rows: int, dim: int) -> None:
        self._stream = stream
        self._damage = damage
        self._rows = rows
        self._dim = dim
        self._nbytes = dim * 4
        self._data = b""
        self._at = 0
        """Where the next row begins in the data."""
        self._between = b""
        """What stands between two rows: nothing, or a newline."""
        self._read = 0

    def blocks(self) -> Iterator[Block]:
        """Yield the rows, then look at what is behind them."""
        self._find_between()
        most = rows_in_block(self._dim)
        while self._read < self._rows:
            block = self._scan(min(most, self._rows - self._read))
            if block is not None:
                yield block
            elif not self._goes_on():
                return
        rest = self._data[self._at :] + self._stream.peek()
        if rest not in {b"", b"\n"}:
            self._damage.note(f"byte {self._offset}: more behind the {self._rows} rows it tells of")

    @property
    def _offset(self) -> int:
        """Where the next row begins in the file."""
        return self._stream.offset - len(self._data) + self._at

    @property
    def _before(self) -> bytes:
        """What stands before the next row's word."""
        return self._between if self._read else b""

    def _find_between(self) -> None:
        """Look whether a newline stands behind the first row."""
        self._more()
        while (space := self._data.find(b" ")) < 0 and self._may_hold_word() and self._more():
            pass
        behind = space + 1 + self._nbytes
        while space >= 0 and len(self._data) <= behind and self._more():
            pass
        if self._data[behind : behind + 1] == b"\n":
            self._between = b"\n"

    def _may_hold_word(self) -> bool:
        return len(self._data) - self._at <= MOST_WORD_BYTES

    def _more(self) -> bool:
        piece = self._stream.read(_PIECE_BYTES)
        if piece:
            self._data = self._data[self._at :] + piece
            self._at = 0
        return bool(piece)

    def _scan(self, most: int) -> Block | None:
        """Take the rows that are whole in the data; None where there is none."""
        data, nbytes, before = self._data, self._nbytes, self._before
        view, begins = memoryview(data), self._offset - self._at
        at, first = self._at, self._read
        words: list[bytes] = []
        numbers: list[memoryview] = []
        places: list[int] = []
        while len(words) < most and data.startswith(before, at):
            space = data.find(b" ", at + len(before))
            stop = space + 1 + nbytes
            if space < 0 or stop > len(data):
                break
            words.append(data[at + len(before) : space])
            numbers.append(view[space + 1 : stop])
            places.append(begins + at + len(before))
            at, before = stop, self._between
        if not words:
            return None
        self._at = at
        self._read += len(words)
        return Block(
            words=words,
            vectors=np.frombuffer(b"".join(numbers), "<f4").reshape(len(words), self._dim),
            place=lambda row: f"row {first + row}, byte {places[row]}",
        )

    def _goes_on(self) -> bool:
        """Read on where the next row is not whole yet; tell of a row that never will be."""
        rest = len(self._data) - self._at
        is_row = self._data.startswith(self._before, self._at)
        if (rest == 0 or is_row) and self._may_hold_word() and self._more():
            return True
        here = f"row {self._read}, byte {self._offset + is_row * len(self._before)}"
        if self._data[self._at :] in {b"", b"\n"}:
            self._damage.note(f"{here}: the file ends, and tells of {self._rows} rows")
        elif not is_row:
            self._damage.lose(f"{here}: expected a newline behind the row before")
        elif not self._may_hold_word():
            self._damage.lose(f"{here}: expected a word, found none in {rest} bytes")
        else:
            self._damage.lose(
                f"{here}: cut short: expected a word, a space and {self._nbytes} bytes, "
                f"found {rest} bytes"
            )
        return False
