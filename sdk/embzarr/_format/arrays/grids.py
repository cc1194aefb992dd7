"""How an array's rows fall into chunks, and chunks into shards: arithmetic only.

Source: Zarr v3 core, section "Regular grids", and the ``sharding_indexed`` codec. One dimension
is divided, of columns the first; every chunk holds whole rows (spec section "Zarr profile").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr._format import spec

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The chunks and shards of one array."""

    rows: int
    """Length of the first dimension."""
    row_bytes: int
    """Bytes of one row, uncompressed."""
    chunk: int
    """Rows in one inner chunk: a power of two."""
    shard: int
    """Inner chunks in one shard."""

    @property
    def chunks(self) -> int:
        """Number of inner chunks; the last may be part padding."""
        return -(-self.rows // self.chunk)

    @property
    def shards(self) -> int:
        """Number of shards, which are the array's objects."""
        return -(-self.chunks // self.shard)

    @property
    def chunk_bytes(self) -> int:
        """Uncompressed bytes of one inner chunk, without its checksum."""
        return self.chunk * self.row_bytes

    @property
    def shard_rows(self) -> int:
        """Rows in one shard."""
        return self.chunk * self.shard

    @property
    def shard_index_bytes(self) -> int:
        """Bytes of the index that ends every shard: 16 a chunk, and 4 of checksum."""
        return spec.INDEX_ENTRY_BYTES * self.shard + spec.CRC_BYTES

    def chunks_of_shard(self, shard: int) -> range:
        """Return the numbers of the chunks that shard `shard` holds."""
        first = shard * self.shard
        return range(first, min(first + self.shard, self.chunks))

    def rows_of_chunk(self, chunk: int) -> tuple[int, int]:
        """Return first and past-the-last row of chunk `chunk`."""
        return chunk * self.chunk, min((chunk + 1) * self.chunk, self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How an array of any shape becomes rows.

    One dimension is divided; those after it are a row's, and of those before it one index is taken
    at a time: each such block begins a shard, and what its last shard has beyond it is padding.
    """

    shape: tuple[int, ...]
    split: int
    """The dimension that is divided."""
    chunk: int
    shard: int

    @property
    def length(self) -> int:
        """Rows of one block that are no padding."""
        return self.shape[self.split]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.shape[self.split + 1 :]

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return math.prod(self.shape[: self.split])

    @property
    def block_shards(self) -> int:
        """Shards of one block."""
        return -(-self.length // (self.chunk * self.shard))

    @property
    def block_rows(self) -> int:
        """Rows of one block, with padding where another one follows."""
        rows = self.block_shards * self.chunk * self.shard
        return self.length if self.blocks == 1 else rows

    @property
    def rows(self) -> int:
        """Rows of all blocks."""
        return self.blocks * self.block_rows

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of a chunk, in all dimensions."""
        return (*[1] * self.split, self.chunk, *self.row_shape)

    @property
    def shard_shape(self) -> tuple[int, ...]:
        """Shape of a shard, in all dimensions."""
        return (*[1] * self.split, self.chunk * self.shard, *self.row_shape)

    def place(self, shard: int) -> tuple[int, ...]:
        """Return where a shard stands in the grid of shards, in all dimensions."""
        block, within = divmod(shard, self.block_shards)
        outer: list[int] = []
        for size in reversed(self.shape[: self.split]):
            block, index = divmod(block, size)
            outer.insert(0, index)
        return (*outer, within, *[0] * len(self.row_shape))


def cut_tensor(shape: tuple[int, ...], itemsize: int, *, target: int | None = None) -> Cut:
    """Return how to divide a tensor that has elements: chunks of about a MiB, shards of 16.

    Args:
        shape: its dimensions.
        itemsize: bytes of a number.
        target: the most that a chunk of several rows takes; None for a MiB.
    """
    sizes = [math.prod(shape[at + 1 :]) * itemsize for at in range(len(shape))]
    fits = (at for at, nbytes in enumerate(sizes) if nbytes <= spec.TENSOR_ROW_BYTES)
    split = next(fits, len(shape) - 1)  # a text may be longer by itself
    length, nbytes = shape[split], sizes[split]
    chunk = choose_chunk(nbytes, target=target or spec.TENSOR_CHUNK_BYTES)
    if math.prod(shape[:split]) == 1:
        chunk = _tight(length, nbytes, fit(length, chunk, 1)[0])
        chunk, shard = fit(length, chunk, choose_shard(chunk * nbytes))
        return Cut(shape=shape, split=split, chunk=chunk, shard=shard)
    while -length % chunk * spec.PADDING_SHARE > length:
        chunk //= 2
    chunks = -(-length // chunk)
    shards = -(-chunks * chunk * nbytes // spec.SHARD_BYTES)
    return Cut(shape=shape, split=split, chunk=chunk, shard=-(-chunks // shards))


def row_bytes(shape: tuple[int, ...], itemsize: int) -> int:
    """Return the bytes of one row of an array of this shape."""
    return math.prod(shape[1:]) * itemsize


def choose_chunk(bytes_per_row: int, *, target: int = spec.CHUNK_BYTES) -> int:
    """Return rows per chunk: the largest power of two within `target` bytes, at least 1."""
    return _power_of_two_below(target // max(bytes_per_row, 1))


def choose_shard(chunk_bytes: int, *, target: int = spec.SHARD_BYTES) -> int:
    """Return chunks per shard: the largest power of two within `target` bytes, at least 1."""
    return _power_of_two_below(target // max(chunk_bytes, 1))


def choose_tight_chunk(rows: int, bytes_per_row: int) -> int:
    """Return rows per chunk of an array of so many rows, of which little is to be padding.

    A delta of 1,350 rows in chunks of 256 would take a seventh more than its rows do.
    """
    return fit(rows, _tight(rows, bytes_per_row, choose_chunk(bytes_per_row)), 1)[0]


def _tight(rows: int, bytes_per_row: int, chunk: int) -> int:
    """Return rows of a chunk, of `chunk` or less, with which little is padding."""
    spare = max(rows // spec.PADDING_SHARE, spec.PADDING_BYTES // max(bytes_per_row, 1))
    while -rows % chunk > spare:
        chunk //= 2
    return chunk


def fit(rows: int, chunk: int, shard: int) -> tuple[int, int]:
    """Shrink a grid to an array that fills less than one chunk, or less than one shard.

    A checkpoint of three words should not store a padded 128 KiB.
    """
    if rows < chunk:
        chunk = _power_of_two_above(max(rows, 1))
    return chunk, max(min(shard, -(-rows // chunk)), 1)


def divide(
    rows: int, parts: int, row_bytes: Sequence[int], *, target: int = spec.CHUNK_BYTES
) -> tuple[int, list[tuple[int, int]]]:
    """Cut a table for several writers, so that no shard of any column lies in two parts.

    Parts are equal, but for the last ones, which may have fewer rows or none; they are no longer
    than `rows` over `parts` and a sixteenth, and rounded up.

    Args:
        rows: of the table.
        parts: how many writers.
        row_bytes: bytes of one row of each column.
        target: the most that a chunk of several rows takes.

    Returns:
        Rows of a part; and for each column rows in a chunk, and chunks in a shard.
    """
    even = max(-(-rows // parts), 1)
    grain = _power_of_two_below(even // spec.PART_GRAIN)
    chunks = [min(choose_chunk(nbytes, target=target), grain) for nbytes in row_bytes]
    units = [
        _even_unit(even, chunk, nbytes) for chunk, nbytes in zip(chunks, row_bytes, strict=True)
    ]
    # All are powers of two, so that the largest is a multiple of the others.
    largest = max(unit for unit, _ in units)
    part = -(-even // largest) * largest
    return part, [
        (chunk, shard or part // unit) for chunk, (unit, shard) in zip(chunks, units, strict=True)
    ]


def _even_unit(even: int, chunk: int, row_bytes: int) -> tuple[int, int]:
    """Return of how many rows a part is a multiple, and chunks in a shard; 0 for a unit's share.

    Shards are a power of two in number, so that they are equal and full. Of long rows a part would
    be many more than an equal one for that: there the rows of a shard are a power of two.
    """
    shards = min(
        _power_of_two_above(_shards_for(even, row_bytes)), _power_of_two_below(even // chunk)
    )
    spare = even // spec.PART_GRAIN
    if -even % (chunk * shards) <= spare:
        return chunk * shards, 0
    shard = choose_shard(chunk * row_bytes)
    while -even % (chunk * shard) > spare:
        shard //= 2
    return chunk * shard, shard


def _shards_for(rows: int, bytes_per_row: int) -> int:
    """Return how many shards so many rows need, and a sixteenth more of them."""
    nbytes = rows * bytes_per_row * (spec.PART_GRAIN + 1) // spec.PART_GRAIN
    return max(-(-nbytes // spec.SHARD_BYTES), 1)


def _power_of_two_above(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _power_of_two_below(number: int) -> int:
    return 1 << (max(number, 1).bit_length() - 1)
