"""Where each inner chunk of an array lies, and the checksum that its bytes must have.

The manifest holds it for small arrays, a chunk table for large ones (spec section "Chunk table").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import spec
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embzarr._format.arrays.grids import Grid


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where chunks lie, one entry a chunk."""

    offset: NDArray[np.int64]
    """First byte within the shard that holds the chunk."""
    nbytes: NDArray[np.int64]
    """Stored bytes, the four of the checksum included."""

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self.offset)

    def take(self, at: NDArray[np.int64]) -> Places:
        """Return the entries of these numbers, in that order."""
        return Places(self.offset[at], self.nbytes[at])


@dataclass(frozen=True, slots=True, eq=False)
class ChunkIndex(Places):
    """Places of chunks, and what their bytes must be."""

    crc32c: NDArray[np.int64]
    """CRC-32C of the stored bytes before the checksum."""

    def take(self, at: NDArray[np.int64]) -> ChunkIndex:
        """Return the entries of these numbers, in that order."""
        return ChunkIndex(self.offset[at], self.nbytes[at], self.crc32c[at])

    def lists(self) -> dict[str, list[int]]:
        """Return the members as JSON has them."""
        return {
            "offset": self.offset.tolist(),
            "nbytes": self.nbytes.tolist(),
            "crc32c": self.crc32c.tolist(),
        }

    def table(self) -> NDArray[np.uint64]:
        """Return the rows of a chunk table: uint64 of shape (chunks, 3)."""
        return np.stack((self.offset, self.nbytes, self.crc32c), axis=1).astype(np.uint64)


def from_table(table: NDArray[np.uint64]) -> ChunkIndex:
    """Take apart the rows of a chunk table, shape (chunks, 3)."""
    # Beyond 2**62 nothing is valid; clipping keeps a hostile number from turning negative.
    columns = np.minimum(table, np.uint64(2**62)).astype(np.int64).T
    return ChunkIndex(columns[0], columns[1], columns[2])


def from_lists(offset: Sequence[int], nbytes: Sequence[int], crc32c: Sequence[int]) -> ChunkIndex:
    """Build an index from three lists of equal length."""
    return ChunkIndex(
        np.array(offset, np.int64), np.array(nbytes, np.int64), np.array(crc32c, np.int64)
    )


def concatenate(parts: Sequence[ChunkIndex]) -> ChunkIndex:
    """Join indexes of consecutive chunks."""
    return ChunkIndex(
        np.concatenate([p.offset for p in parts] or [np.empty(0, np.int64)]),
        np.concatenate([p.nbytes for p in parts] or [np.empty(0, np.int64)]),
        np.concatenate([p.crc32c for p in parts] or [np.empty(0, np.int64)]),
    )


def packed(chunks: NDArray[np.int64], grid: Grid) -> Places:
    """Return where uncompressed chunks lie, which their numbers tell."""
    size = grid.chunk_bytes + spec.CRC_BYTES
    return Places(chunks % grid.shard * size, np.full(len(chunks), size, np.int64))


def longest(grid: Grid, *, raw: bool) -> int:
    """Return the most bytes that a chunk can take where it is stored, its checksum included."""
    size = grid.chunk_bytes + spec.CRC_BYTES
    # No codec here grows data by more than 1 % and a header.
    return size if raw else 2 * size + 4096


def largest_shards(grid: Grid, *, raw: bool) -> NDArray[np.int64]:
    """Return the most bytes that each shard can take; uncompressed, what each takes."""
    chunks = np.full(grid.shards, grid.shard, np.int64)
    chunks[-1:] = grid.chunks - grid.shard * (grid.shards - 1)
    return chunks * longest(grid, raw=raw) + grid.shard_index_bytes


def check(
    index: ChunkIndex,
    grid: Grid,
    *,
    chunks: NDArray[np.int64],
    sizes: NDArray[np.int64],
    raw: bool,
    what: str,
) -> None:
    """Refuse places that cannot be true, before any of them is read.

    Args:
        index: places of `chunks`.
        grid: the array's grid.
        chunks: their numbers, ascending, each once.
        sizes: bytes of each shard object, from the manifest.
        raw: whether chunks are stored uncompressed, so that their places are known.
        what: the array, for messages.

    Raises:
        DamagedError: code ``chunk-range``: a chunk outside its shard, over another, longer than
            its codec can make it, uncompressed and not where it must be, or a checksum beyond 32
            bits.
    """
    shard = chunks // grid.shard
    end = index.offset + index.nbytes
    bad = (
        (index.offset < 0)
        | _is_amiss(index, chunks, grid, raw=raw)
        | (end > sizes[shard] - grid.shard_index_bytes)
        | (index.crc32c < 0)
        | (index.crc32c >= 2**32)
    )
    if bad.any():
        at = int(bad.argmax())
        raise DamagedError(
            "chunk-range",
            f"{what}: chunk {chunks[at]} cannot be {index.nbytes[at]} bytes at {index.offset[at]}",
        )
    order = np.lexsort((index.offset, shard))
    over = (end[order][:-1] > index.offset[order][1:]) & (shard[order][:-1] == shard[order][1:])
    if over.any():
        at = int(order[1:][over][0])
        raise DamagedError("chunk-range", f"{what}: chunk {chunks[at]} lies over another chunk")


def _is_amiss(
    index: Places, chunks: NDArray[np.int64], grid: Grid, *, raw: bool
) -> NDArray[np.bool_]:
    """Tell which chunks have a length, or uncompressed a place, that their codec cannot give."""
    if raw:
        known = packed(chunks, grid)
        amiss = (index.offset != known.offset) | (index.nbytes != known.nbytes)
    else:
        amiss = (index.nbytes <= spec.CRC_BYTES) | (index.nbytes > longest(grid, raw=raw))
    return np.asarray(amiss)
