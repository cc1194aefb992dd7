"""word2vec's binary format: rows and dimension in a line of text, then word, space, numbers.

The original program ends each row by a newline, gensim does not; the first row tells which.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr.convert._blocks import MOST_WORD_BYTES, Block, Table, check_dim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage
    from embzarr.convert._stream import Stream

_HEADER: Final = re.compile(rb"[ \t]*(\d{1,19})[ \t]+(\d{1,19})[ \t\r]*\n")
_MOST_HEADER_BYTES: Final = 64
_FIRST_BYTES: Final = 1 << 16
_PIECE_BYTES: Final = 1 << 21
"""Read at once; less to begin with, so that a small file takes little memory."""
_COPY_BYTES: Final = 1 << 18
"""Of vectors that are copied at a time."""


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
        # Two pieces of memory in turn: one is digested while the other is filled, and memory that
        # is new each time takes as long as what is done with it.
        self._data, self._spare = bytearray(b"\n"), bytearray()
        self._at, self._end = 0, 1
        """Where the next row begins in the data, and where they end: behind the header."""
        self._between = b"\n"
        """What stands between two rows: nothing, or a newline, as behind the header."""
        self._read = 0
        self._piece = _FIRST_BYTES
        self._vectors = np.empty((0, dim), "<f4")

    def blocks(self) -> Iterator[Block]:
        """Yield the rows, then look at what is behind them."""
        self._find_between()
        row = re.compile(rb"(?s)%b([^ ]*+) .{%d}|.+" % (self._between, self._nbytes))
        while self._read < self._rows:
            block = self._scan(row)
            if block is not None:
                yield block
            elif not self._goes_on():
                return
        if self._rest + self._stream.peek() not in {b"", b"\n"}:
            self._damage.note(f"byte {self._offset}: more behind the {self._rows} rows it tells of")

    @property
    def _offset(self) -> int:
        """Where the next row begins in the file."""
        return self._stream.offset - self._end + self._at

    @property
    def _rest(self) -> bytes:
        return bytes(memoryview(self._data)[self._at : self._end])

    def _find_between(self) -> None:
        """Look whether a newline stands behind the first row."""
        self._more()
        while (space := self._data.find(b" ", 1, self._end)) < 0:
            if not self._may_hold_word() or not self._more():
                break
        behind = space + 1 + self._nbytes
        while space >= 0 and self._end <= behind and self._more():
            pass
        if not self._rows or not self._data.startswith(b"\n", behind, self._end):
            self._between, self._at = b"", 1

    def _may_hold_word(self) -> bool:
        return self._end - self._at <= MOST_WORD_BYTES

    def _more(self) -> bool:
        left = self._end - self._at
        piece, self._piece = self._piece, min(2 * self._piece, _PIECE_BYTES)
        if len(self._spare) < left + piece:
            self._spare = bytearray(left + 2 * piece)
        self._spare[:left] = self._rest
        self._data, self._spare = self._spare, self._data
        filled = self._stream.fill(memoryview(self._data)[left : left + piece])
        self._at, self._end = 0, left + filled
        return bool(filled)

    def _scan(self, row: re.Pattern[bytes]) -> Block | None:
        """Take the rows that are whole in the data; None where there is none.

        Args:
            row: what one is, or else all that is left, which gives an empty word.
        """
        words = row.findall(memoryview(self._data)[self._at : self._end])
        words = words[: self._rows - self._read]
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        steps = lengths + (len(self._between) + 1 + self._nbytes)
        places = self._at + np.cumsum(steps) - self._nbytes
        if words and not words[-1] and not self._is_row(int(places[-1])):
            words, places = words[:-1], places[:-1]
        if not words:
            return None
        begins, first, offset = places - 1 - lengths[: len(words)], self._read, self._offset
        offset -= self._at
        self._at = int(places[-1]) + self._nbytes
        self._read += len(words)
        return Block(
            words=words,
            vectors=self._numbers(places),
            place=lambda row: f"row {first + row}, byte {offset + begins[row]}",
        )

    def _is_row(self, place: int) -> bool:
        """Tell whether a row of the empty word has its vector at `place`."""
        before = self._between + b" "
        begins = self._data.startswith(before, place - len(before))
        return begins and place + self._nbytes <= self._end

    def _numbers(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors that begin at some places of the data, until the next are asked for.

        As items of a vector's size, one of which begins at each byte, they are copied one by one
        without a call for each; some at a time, whose copies are still in the processor's cache.
        """
        every = np.ndarray(self._end - self._nbytes + 1, f"V{self._nbytes}", self._data, strides=1)
        if len(self._vectors) < len(places):
            self._vectors = np.empty((len(places), self._dim), "<f4")
        items = self._vectors.view(every.dtype)[:, 0]
        step = max(1, _COPY_BYTES // self._nbytes)
        for first in range(0, len(places), step):
            some = places[first : first + step]
            items[first : first + len(some)] = every[some]
        return self._vectors[: len(places)]

    def _goes_on(self) -> bool:
        """Read on where the next row is not whole yet; tell of a row that never will be."""
        rest = self._rest
        is_row = rest.startswith(self._between)
        if (not rest or is_row) and self._may_hold_word() and self._more():
            return True
        here = f"row {self._read}, byte {self._offset + is_row * len(self._between)}"
        left = len(rest.removeprefix(self._between))
        if rest in {b"", b"\n"}:
            self._damage.note(f"{here}: the file ends, and tells of {self._rows} rows")
        elif not is_row:
            self._damage.lose(f"{here}: expected a newline behind the row before")
        elif not self._may_hold_word():
            self._damage.lose(f"{here}: expected a word, found none in {left} bytes")
        else:
            self._damage.lose(
                f"{here}: cut short: expected a word, a space and {self._nbytes} bytes, "
                f"found {left} bytes"
            )
        return False
