"""What a reader of a format gives: rows in blocks, and what is known of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from embzarr.convert._damage import Damage
    from embzarr.convert._source import Source
    from embzarr.convert._stream import Stream

T = TypeVar("T")

BLOCK_BYTES: Final = 1 << 21
"""Of vectors that are read at a time."""
MOST_DIM: Final = 1 << 20
"""Numbers in a vector; a file that claims more is damaged."""
MOST_WORD_BYTES: Final = 16 << 20
"""A longer word cannot be stored."""
WORD_NAMES: Final = ("word", "token", "text", "key")
"""Under which tables have their words, the likeliest first."""
VECTOR_NAMES: Final = ("vector", "embedding", "embeddings", "values")
"""Under which they have their vectors."""
COUNT_NAMES: Final = ("count", "counts", "frequency")
"""Under which they have how often each word stood in a text."""
MOST_COUNT: Final = (1 << 63) - 1
_PIECE_BYTES: Final = 1 << 21
_MOST_TOLD: Final = 1 << 16
"""Letters of what a file says of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some rows of a file."""

    words: list[bytes]
    """As they stand in the file, which should be UTF-8."""
    vectors: NDArray[Any]
    """Whose memory may be written to again when the next block is asked for."""
    place: Callable[[int], str]
    """Says where a row of this block stands in the file."""
    counts: NDArray[Any] | None = None

    def first(self, count: int) -> Block:
        """Return the first rows."""
        return Block(
            words=self.words[:count],
            vectors=self.vectors[:count],
            place=self.place,
            counts=None if self.counts is None else self.counts[:count],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file whose beginning was read."""

    dim: int
    dtype: str
    """Of the vectors, as `embzarr.create` takes it."""
    blocks: Iterator[Block]
    has_counts: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of itself."""
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What it has beside rows of words; stays there until the blocks are taken."""
    model: Mapping[str, Any] | None = None
    """What these are, as `embzarr.save` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a reader is given."""

    source: Source
    """For what is not read from beginning to end, or has files beside it."""
    stream: Stream
    """The file, from its beginning."""
    vocabulary: Source | None
    damage: Damage
    allow_pickle: bool


Read = Callable[[Given], Table]
"""Reads a file's beginning; its rows are read as the table's blocks are taken."""


def rows_in_block(dim: int, itemsize: int = 4) -> int:
    """Return how many rows to read at a time."""
    return max(1, BLOCK_BYTES // (dim * itemsize))


def gathered(
    rows: Iterable[tuple[bytes, T, int]],
    dim: int,
    unit: str,
    together: Callable[[list[T]], NDArray[Any]],
    counts: Callable[[list[T]], NDArray[Any]] | None = None,
) -> Iterator[Block]:
    """Yield rows in blocks.

    Args:
        rows: of each the word, what it has, and its number in the file.
        dim: the numbers in a vector.
        unit: what is numbered, such as ``line``.
        together: makes an array of the vectors of what the rows of a block have.
        counts: makes one of their counts.
    """

    def block() -> Block:
        return Block(
            words=words,
            vectors=together(having),
            place=lambda row, numbers=numbers: f"{unit} {numbers[row]}",  # type: ignore[misc]  # bound
            counts=None if counts is None else counts(having),
        )

    most = rows_in_block(dim)
    words, having, numbers = [], [], []
    for word, one, number in rows:
        words.append(word)
        having.append(one)
        numbers.append(number)
        if len(words) == most:
            yield block()
            words, having, numbers = [], [], []
    if words:
        yield block()


def as_float32(vectors: list[list[float]]) -> NDArray[Any]:
    """Return numbers of a text as float32; what is beyond its range is infinite."""
    with np.errstate(over="ignore"):
        return np.array(vectors, np.float32)


def numbered_lines(stream: Stream, damage: Damage, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file without their ends, and their numbers, from 1.

    Raises:
        InvalidInputError: code ``input-file``: a line of more than `most` bytes.
    """
    tail, number = b"", 0
    while piece := stream.read(_PIECE_BYTES):
        *whole, tail = (tail + piece).split(b"\n")
        for line in whole:
            number += 1
            yield number, line
        if len(tail) > most:
            raise damage.error(f"line {number + 1}: expected at most {most} bytes, found more")
    if tail:
        yield number + 1, tail


def told(pairs: Mapping[Any, Any] | None) -> dict[str, Any]:
    """Return what a file says of itself as texts, as metadata of a `Table`.

    What is no text of its own is written as JSON; what is too long, or no text at all, is left out.
    """
    kept, left_out, size = {}, 0, 0
    for name, value in (pairs or {}).items():
        pair = _text_of(name), _text_of(value)
        size += sum(len(text or "") for text in pair)
        if None in pair or size > _MOST_TOLD:
            left_out += 1
        else:
            kept[pair[0]] = pair[1]
    found = {"metadata": kept, "metadata_left_out": left_out}
    return {name: value for name, value in found.items() if value}


def _text_of(value: Any) -> str | None:  # noqa: ANN401 - of several libraries
    try:
        if isinstance(value, np.generic | np.ndarray):
            value = value.tolist()
        if isinstance(value, bytes):
            return value.decode()
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        text.encode()
    except (UnicodeError, TypeError, ValueError, RecursionError):
        return None
    return text


def check_dim(damage: Damage, dim: int) -> int:
    """Return the numbers in a vector, once they are known to be sensible.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    if not 1 <= dim <= MOST_DIM:
        raise damage.error(f"expected vectors of 1 to {MOST_DIM} numbers, found {dim}")
    return dim
