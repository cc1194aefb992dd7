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

    from numpy.typing import NDArray

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
            self._data = b"".join((memoryview(self._data)[self._at :], piece))
            self._at = 0
        return bool(piece)

    def _scan(self, most: int) -> Block | None:
        """Take the rows that are whole in the data; None where there is none."""
        spaces = self._spaces(most)
        if not spaces:
            return None
        places = np.array(spaces) + 1
        begins = [self._at + len(self._before)]
        begins += (places[:-1] + self._nbytes + len(self._between)).tolist()
        data, first, offset = self._data, self._read, self._offset - self._at
        self._at = spaces[-1] + 1 + self._nbytes
        self._read += len(spaces)
        return Block(
            words=[data[begin:space] for begin, space in zip(begins, spaces, strict=True)],
            vectors=self._numbers(places),
            place=lambda row: f"row {first + row}, byte {offset + begins[row]}",
        )

    def _spaces(self, most: int) -> list[int]:
        """Return where the words of the rows end that are whole in the data.

        Only the next row's word has to be looked for: it ends at the next space. Whether newlines
        stand where they should is then seen of all rows at once.
        """
        data, before = self._data, self._before
        if not data.startswith(before, self._at):
            return []
        spaces: list[int] = []
        last, step = max(0, len(data) - self._nbytes), 1 + self._nbytes + len(self._between)
        space = data.find(b" ", self._at + len(before), last)
        while space >= 0 and len(spaces) < most:
            spaces.append(space)
            space = data.find(b" ", space + step, last)
        return spaces[: self._sound(spaces)]

    def _sound(self, spaces: list[int]) -> int:
        """Return how many rows come before one that has not the newline that it should have."""
        if not self._between or len(spaces) < 2:  # noqa: PLR2004 - of one nothing follows yet
            return len(spaces)
        behind = np.array(spaces[:-1]) + 1 + self._nbytes
        wrong = np.flatnonzero(np.frombuffer(self._data, np.uint8)[behind] != ord(self._between))
        return int(wrong[0]) + 1 if len(wrong) else len(spaces)

    def _numbers(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors that begin at some places of the data.

        As items of a vector's size, one of which begins at each byte, they are copied one by one
        without a call for each.
        """
        every = np.ndarray(
            len(self._data) - self._nbytes + 1, f"V{self._nbytes}", self._data, strides=1
        )
        return every[places].view("<f4").reshape(len(places), self._dim)

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
