"""What a reader of a format gives: rows in blocks, and what is known of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr.convert._damage import Damage
    from embzarr.convert._source import Source, Stream

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some rows of a file."""

    words: list[bytes]
    """As they stand in the file, which should be UTF-8."""
    vectors: NDArray[Any]
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


def check_dim(damage: Damage, dim: int) -> int:
    """Return the numbers in a vector, once they are known to be sensible.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    if not 1 <= dim <= MOST_DIM:
        raise damage.error(f"expected vectors of 1 to {MOST_DIM} numbers, found {dim}")
    return dim
