"""Rows of text: a word and its numbers, with spaces between, as word2vec, fastText and GloVe do it.

word2vec and fastText begin with a line of rows and dimension, GloVe does not, nor do tables with
tabs between. A word may hold spaces: numbers are counted from the right.
"""

from __future__ import annotations

import csv
import struct
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from embzarr.convert._blocks import (
    BLOCK_BYTES,
    COUNT_NAMES,
    MOST_WORD_BYTES,
    Block,
    Table,
    check_dim,
)
from embzarr.convert._readers import csv_text, word2vec_binary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage
    from embzarr.convert._stream import Stream

_BOM: Final = b"\xef\xbb\xbf"
_MOST_NUMBER_BYTES: Final = 64
_LINES_LOOKED_AT: Final = 100
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r"))
_numbers_of: Final = msgspec.json.Decoder(list[float]).decode
_AS_JSON: Final = bytes.maketrans(b" \t\n\r", b",,,,")
_LEAST_COLUMNS: Final = 2
"""Of a table that is told by its beginning: a word and one number is a list of counts."""


# How a file begins --------------------------------------------------------------------------------
def has_header(head: bytes) -> bool:
    """Tell whether a file begins with rows and dimension, and text behind."""
    head = head.removeprefix(_BOM)
    if not word2vec_binary.has_header(head):
        return False
    header, _, rest = head.partition(b"\n")
    lines = _whole_lines(rest)
    if not lines:
        return not _has_controls(rest)
    most = min(int(header.split()[1]), len(rest))
    return _trailing_numbers(lines[0]) >= most or not _has_controls(rest)


def is_rows(head: bytes) -> bool:
    """Tell whether a file begins as rows of text."""
    return not _has_controls(head) and _likely_dim(_whole_lines(head.removeprefix(_BOM))) > 0


def is_table(head: bytes) -> bool:
    """Tell whether a file begins as rows of text with tabs between."""
    lines = _whole_lines(head.removeprefix(_BOM))
    return not _has_controls(head) and _likely_dim(lines, b"\t") >= _LEAST_COLUMNS


def _has_controls(data: bytes) -> bool:
    return len(data.translate(None, _CONTROLS)) < len(data)


def _whole_lines(head: bytes) -> list[bytes]:
    """Return the lines, without one that goes on behind the head."""
    lines = head.split(b"\n")
    whole = lines[:-1] or lines
    return [line for line in whole if line.strip()][:_LINES_LOOKED_AT]


def _likely_dim(lines: list[bytes], between: bytes = b" ") -> int:
    """Return how many numbers most lines end in; a word that is a number counts as none."""
    found = Counter(_trailing_numbers(line, between) for line in lines)
    return found.most_common(1)[0][0] if lines else 0


def _trailing_numbers(line: bytes, between: bytes = b" ") -> int:
    tokens = line.rstrip(between + b"\r").split(between)[1:]
    found = 0
    for token in reversed(tokens):
        if not _is_number(token):
            break
        found += 1
    return found


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return b"_" not in token


# Readers ------------------------------------------------------------------------------------------
def read_with_header(given: Given) -> Table:
    """Read rows and dimension, and leave the rows to be read."""
    stream, damage = given.stream, given.damage
    _drop_bom(stream)
    rows, dim = word2vec_binary.header_of(stream, damage)
    return Table(
        dim=dim, dtype="float32", blocks=_Rows(stream, damage, dim=dim, rows=rows).blocks()
    )


def read_without_header(given: Given) -> Table:
    """Find the dimension in the first lines, and leave the rows to be read."""
    return _without_header(given, b" ")


def read_table(given: Given) -> Table:
    """Do the same where tabs stand between, behind a line of names if there is one.

    A column of counts is told by its name; it is no number of the vector.
    """
    _drop_bom(given.stream)
    first, _, _ = given.stream.peek().partition(b"\n")
    fields = first.decode("utf-8", "surrogateescape").rstrip("\r").split("\t")
    named = csv_text.are_names(fields)
    if named and not {field.strip().lower() for field in fields[1:]}.isdisjoint(COUNT_NAMES):
        return csv_text.read_fields(given, delimiter="\t", quoting=csv.QUOTE_NONE)
    if named:
        given.stream.read(len(first) + 1)
    return _without_header(given, b"\t", before=int(named))


def _without_header(given: Given, between: bytes, before: int = 0) -> Table:
    stream, damage = given.stream, given.damage
    _drop_bom(stream)
    likely = _likely_dim(_whole_lines(stream.peek()), between)
    if not likely:
        raise damage.error("expected lines of a word and numbers, found most without numbers")
    dim = check_dim(damage, likely)
    rows = _Rows(stream, damage, dim=dim, rows=None, between=between, before=before)
    return Table(dim=dim, dtype="float32", blocks=rows.blocks())


def _drop_bom(stream: Stream) -> None:
    if stream.peek().startswith(_BOM):
        stream.read(len(_BOM))


class _Rows:
    """The rows of a file."""

    def __init__(
        self,
        stream: Stream,
        damage: Damage,
        *,
        dim: int,
        rows: int | None,
        between: bytes = b" ",
        before: int = 0,
    ) -> None:
        self._between = between
        self._stream = stream
        self._damage = damage
        self._dim = dim
        self._rows = rows
        """That the header tells of, if there is one."""
        self._line = before if rows is None else 1
        self._found = 0
        self._most_bytes = MOST_WORD_BYTES + dim * _MOST_NUMBER_BYTES

    def blocks(self) -> Iterator[Block]:
        """Yield the rows, then see whether they were as many as the header tells of."""
        for offset, lines in self._lines():
            block = self._block(lines, offset)
            self._line += len(lines)
            self._found += len(block.words)
            if block.words:
                yield block
        found = self._found + self._damage.lost
        if self._rows is not None and found != self._rows:
            self._damage.note(f"line 1 tells of {self._rows} rows, found {found}")

    def _lines(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield lines, a few MiB at a time, with the place of the first in the file."""
        tail = b""
        while piece := self._stream.read(BLOCK_BYTES):
            cut = piece.rfind(b"\n") + 1
            if not cut:
                tail += piece
                self._refuse_long(tail)
                continue
            data = b"".join((tail, memoryview(piece)[: cut - 1]))
            tail = piece[cut:]
            yield self._stream.offset - len(tail) - 1 - len(data), data.split(b"\n")
        if tail:
            yield self._stream.offset - len(tail), [tail]

    def _refuse_long(self, line: bytes) -> None:
        if len(line) > self._most_bytes:
            raise self._damage.error(
                f"line {self._line + 1}: expected at most {self._most_bytes} bytes, found more"
            )

    def _block(self, lines: list[bytes], offset: int) -> Block:
        """Return the rows of some lines: at once, or where one is odd, one by one."""
        found = self._at_once(lines)
        rows: Sequence[int] = range(len(lines))
        if found is None:
            words, vectors, rows = self._one_by_one(lines, offset)
        else:
            words, vectors = found
        line = self._line + 1
        return Block(
            words=words,
            vectors=vectors,
            place=lambda row: f"line {line + rows[row]}, byte {_place(lines, rows[row], offset)}",
        )

    def _at_once(self, lines: list[bytes]) -> tuple[list[bytes], NDArray[np.float32]] | None:
        """Return words and numbers of lines none of which is odd; else None."""
        words, numbers = [], []
        for line in lines:
            word, _, rest = line.partition(self._between)
            rest = rest.rstrip(self._between + b"\r")
            if rest.count(self._between) != self._dim - 1:
                return None
            words.append(word)
            numbers.append(rest)
        text = b"[" + b"\n".join(numbers).translate(_AS_JSON) + b"]"
        found = _decoded(text)
        if found is not None and not found.all() and (b"-0," in text or b"-0]" in text):
            # A zero without a point is a whole number to JSON, and has no sign.
            found = _decoded(text.replace(b"-0,", b"-0.0,").replace(b"-0]", b"-0.0]"))
        if found is None or len(found) != len(lines) * self._dim:
            return None
        with np.errstate(over="ignore"):
            return words, found.astype(np.float32).reshape(len(lines), self._dim)

    def _one_by_one(
        self, lines: list[bytes], offset: int
    ) -> tuple[list[bytes], NDArray[np.float32], list[int]]:
        """Return words and numbers of the lines that are sound, and which lines those are."""
        words, numbers, sound = [], [], []
        for number, line in enumerate(lines):
            if not line.strip(b" \r"):
                if not self._is_end(number, lines):
                    self._skip(number, lines, offset, "an empty line")
                continue
            row = self._row(line)
            if isinstance(row, str):
                self._skip(number, lines, offset, row)
                continue
            words.append(row[0])
            numbers.append(row[1])
            sound.append(number)
        vectors = np.array(numbers, np.float32).reshape(len(numbers), self._dim)
        return words, vectors, sound

    def _is_end(self, number: int, lines: list[bytes]) -> bool:
        """Tell whether nothing but empty lines follows."""
        rest = lines[number:]
        return not any(line.strip() for line in rest) and not self._stream.peek().strip()

    def _row(self, line: bytes) -> tuple[bytes, NDArray[np.float32]] | str:
        """Return word and numbers of a line, or what is wrong with it."""
        word, *tokens = line.rstrip(self._between + b"\r").rsplit(self._between, self._dim)
        if len(tokens) < self._dim:
            return f"expected a word and {self._dim} numbers, found {len(tokens)} numbers"
        odd = next((token for token in tokens if not _is_number(token)), None)
        if odd is not None:
            return f"expected {self._dim} numbers behind a word, found {odd[:_MOST_NUMBER_BYTES]!r}"
        if self._is_too_long(word):
            return f"expected a vector of {self._dim} numbers, found a longer one"
        with np.errstate(over="ignore"):
            return word, np.array([float(token) for token in tokens]).astype(np.float32)

    def _is_too_long(self, word: bytes) -> bool:
        """Tell whether there are numbers, or in a table any columns, behind what is the word."""
        columns = word.split(self._between)[1:]
        if self._between == b" ":  # several of which may stand between
            columns = [column for column in columns if column]
        return bool(columns) and (self._between != b" " or all(map(_is_number, columns)))

    def _skip(self, number: int, lines: list[bytes], offset: int, problem: str) -> None:
        line, byte = self._line + number + 1, _place(lines, number, offset)
        self._damage.lose(f"line {line}, byte {byte}: {problem}")


def _decoded(text: bytes) -> NDArray[np.float64] | None:
    """Return the numbers of a list of JSON: read several times as fast as by numpy, as exactly."""
    try:
        found = _numbers_of(text)
    except msgspec.MsgspecError:
        return None
    # Packed first: numpy looks at each of a list's objects for its type.
    return np.frombuffer(struct.pack(f"{len(found)}d", *found))


def _place(lines: list[bytes], number: int, offset: int) -> int:
    return offset + sum(map(len, lines[:number])) + number
