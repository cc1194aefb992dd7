"""A matrix whose words stand elsewhere, as rows: numpy's, and safetensors'."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr.convert._blocks import Block, Given, Table, check_dim, rows_in_block
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from embzarr.convert._source import Source, Stream

_BOM: Final = b"\xef\xbb\xbf"
_PIECE_BYTES: Final = 1 << 20
_PLANE: Final = 2
_STORED: Final = {"float16": "float16", "float32": "float32", "float64": "float64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What a file says of the matrix that follows."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_bfloat16: bool = False
    """The numbers are the upper halves of float32, which `dtype` has as uint16."""

    def check(self, given: Given) -> None:
        """Refuse what is no matrix of floating point numbers, or comes without its words.

        Raises:
            InvalidInputError: codes ``input-file``, ``input-argument``.
        """
        if len(self.shape) != _PLANE or min(self.shape) < 0:
            raise given.damage.error(f"expected a matrix, found an array of shape {self.shape}")
        if not self.is_bfloat16 and self.dtype.name not in _STORED:
            raise given.damage.error(f"expected floating point numbers, found {self.dtype.name}")
        check_dim(given.damage, self.shape[1])
        if given.vocabulary is None:
            raise InvalidInputError(
                "input-argument",
                f"{given.damage.name}: {self.shape[0]} vectors without words: give the file of "
                "their words as vocabulary=",
            )

    def floats(self, data: bytes) -> NDArray[Any]:
        """Return the numbers of some rows."""
        rows = np.frombuffer(data, self.dtype).reshape(-1, self.shape[1])
        if not self.is_bfloat16:
            return rows.astype(self.dtype.newbyteorder("="), copy=False)
        return (rows.astype(np.uint32) << np.uint32(16)).view(np.float32)


def table(matrix: Matrix, given: Given, read: Callable[[int], bytes]) -> Table:
    """Return the rows of a matrix that is read from here on, beside their words.

    Args:
        matrix: what is known of it.
        given: the file and its vocabulary.
        read: returns so many of the matrix's bytes.
    """
    matrix.check(given)
    assert given.vocabulary is not None  # noqa: S101 - checked just now
    dtype = "float32" if matrix.is_bfloat16 else _STORED[matrix.dtype.name]
    words = Words(given.vocabulary)
    return Table(
        dim=matrix.shape[1],
        dtype=dtype,
        blocks=_blocks(matrix, given, read, words),
        has_counts=words.has_counts,
    )


def _blocks(
    matrix: Matrix, given: Given, read: Callable[[int], bytes], words: Words
) -> Iterator[Block]:
    rows, dim = matrix.shape
    nbytes = dim * matrix.dtype.itemsize
    most, first = rows_in_block(dim, matrix.dtype.itemsize), 0
    lines = iter(words)
    while first < rows:
        count = min(most, rows - first)
        data = read(count * nbytes)
        whole = len(data) // nbytes
        taken = list(islice(lines, whole))
        if len(taken) < whole:
            raise _other_length(given, rows, f"{first + len(taken)}")
        if whole:
            yield _block(matrix, data[: whole * nbytes], taken, first)
        first += whole
        if whole < count:
            given.damage.lose(f"row {first}: cut short: expected {rows} rows of {nbytes} bytes")
            return
    if next(lines, None) is not None:
        raise _other_length(given, rows, "more")


def _block(matrix: Matrix, data: bytes, lines: list[tuple[bytes, int]], first: int) -> Block:
    counts = np.array([count for _, count in lines], np.int64)
    return Block(
        words=[word for word, _ in lines],
        vectors=matrix.floats(data),
        place=lambda row: f"row {first + row}",
        counts=counts if lines[0][1] >= 0 else None,
    )


def _other_length(given: Given, rows: int, found: str) -> InvalidInputError:
    return given.damage.error(
        f"expected a word for each of {rows} rows, found {found} in the vocabulary",
        code="input-rows",
    )


class Words:
    """The lines of a vocabulary file: words, and their counts where it has them."""

    def __init__(self, source: Source) -> None:
        """Look at the first lines."""
        self._source = source
        with source.stream() as stream:
            head = stream.peek().removeprefix(_BOM)
        lines = [line.split(b"\t") for line in head.split(b"\n")[:-1] or [head]]
        self._is_numbered = _is_numbered(lines)
        fields = [line[self._is_numbered :] for line in lines]
        self.has_counts = bool(head) and all(
            len(f) == _PLANE and f[1].strip().isdigit() for f in fields
        )
        """Whether a whole number stands behind each word."""

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Yield each word and its count, -1 where there are none.

        Raises:
            InvalidInputError: code ``input-file``: a line without a count, where others have one.
        """
        with self._source.stream() as stream:
            for number, line in enumerate(_lines(stream)):
                fields = line.split(b"\t")[self._is_numbered :]
                word = fields[0] if fields else b""
                yield word, self._count(number, fields) if self.has_counts else -1

    def _count(self, number: int, fields: list[bytes]) -> int:
        found = fields[1].strip() if len(fields) == _PLANE else b""
        if not found.isdigit() or len(found) > 18:  # noqa: PLR2004 - of int64
            raise InvalidInputError(
                "input-file",
                f"{self._source.base_name}: line {number + 1}: expected a count behind the word",
            )
        return int(found)


def _is_numbered(lines: list[list[bytes]]) -> bool:
    """Tell whether each line begins with its own number, from 0 or from 1."""
    if not all(len(line) > 1 for line in lines):
        return False
    return any(
        all(line[0] == b"%d" % (number + first) for number, line in enumerate(lines))
        for first in (0, 1)
    )


def _lines(stream: Stream) -> Iterator[bytes]:
    tail = b""
    if stream.peek().startswith(_BOM):
        stream.read(len(_BOM))
    while piece := stream.read(_PIECE_BYTES):
        *whole, tail = (tail + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")
    if tail:
        yield tail.removesuffix(b"\r")
