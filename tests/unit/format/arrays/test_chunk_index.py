"""What `chunk_index` promises: no chunk is read from where it cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import chunk_index
from embzarr._format.arrays.chunk_index import ChunkIndex
from embzarr._format.arrays.grids import Grid
from embzarr.errors import DamagedError

GRID = Grid(rows=80, row_bytes=12, chunk=8, shard=4)
"""Ten chunks of 96 bytes (100 with their checksum) in three shards, whose indexes have 68 bytes."""
SIZES = [468, 468, 268]
"""Shards of four, four and two chunks without a gap."""


def packed() -> ChunkIndex:
    """Return the index of chunks that lie end to end, uncompressed."""
    return chunk_index.from_lists([0, 100, 200, 300] * 2 + [0, 100], [100] * 10, [7] * 10)


def changed(column: str, at: int, value: int) -> ChunkIndex:
    """Return the index with one number changed."""
    numbers = getattr(packed(), column).copy()
    numbers[at] = value
    return replace(packed(), **{column: numbers})


def check(index: ChunkIndex, **given: Any) -> None:
    told: dict[str, Any] = {"chunks": range(10), "sizes": SIZES, "raw": True} | given
    chunk_index.check(
        index,
        GRID,
        chunks=np.array(told["chunks"], np.int64),
        sizes=np.array(told["sizes"], np.int64),
        raw=told["raw"],
        what="steps/1/vectors",
    )


def refusal(index: ChunkIndex, **given: Any) -> str:
    """Return the message of a refusal, whose code is always the same."""
    with pytest.raises(DamagedError, match=r"^steps/1/vectors: chunk \d") as caught:
        check(index, **given)
    assert caught.value.code == "chunk-range"
    return str(caught.value)


def numbers(index: ChunkIndex) -> list[list[int]]:
    return [index.offset.tolist(), index.nbytes.tolist(), index.crc32c.tolist()]


# Forms --------------------------------------------------------------------------------------------
def test_a_table_has_a_row_for_each_chunk() -> None:
    """Offset, length and checksum stand side by side as unsigned numbers."""
    table = chunk_index.from_lists([0, 9], [9, 5], [2**32 - 1, 0]).table()

    assert table.dtype == np.uint64
    assert table.tolist() == [[0, 9, 2**32 - 1], [9, 5, 0]]


PLACES = st.tuples(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), st.integers(0, 2**32 - 1))


@given(st.lists(PLACES))
def test_lists_and_tables_hold_the_same(places: list[tuple[int, int, int]]) -> None:
    """An index is the same from the manifest's lists and from a chunk table."""
    columns = [list(column) for column in zip(*places, strict=True)] or [[], [], []]
    index = chunk_index.from_lists(columns[0], columns[1], columns[2])

    assert len(index) == len(places)
    assert numbers(index) == columns
    assert numbers(chunk_index.from_table(index.table())) == columns


def test_hostile_numbers_of_a_table_stay_large() -> None:
    """Numbers beyond 2**63 do not turn negative, nor small."""
    table = np.array([[2**64 - 1, 2**63, 2**63 + 5], [2**62, 1, 2]], np.uint64)

    assert numbers(chunk_index.from_table(table)) == [[2**62, 2**62], [2**62, 1], [2**62, 2]]


def test_indexes_are_joined() -> None:
    """The indexes of shards, none at all included, follow each other."""
    one = chunk_index.from_lists([0], [5], [1])
    two = chunk_index.from_lists([0, 6], [6, 7], [2, 3])

    assert numbers(chunk_index.concatenate([one, two])) == [[0, 0, 6], [5, 6, 7], [1, 2, 3]]
    assert numbers(chunk_index.concatenate([])) == [[], [], []]
    assert chunk_index.concatenate([]).table().shape == (0, 3)


# Sound places -------------------------------------------------------------------------------------
def sound(index: ChunkIndex, **given: Any) -> bool:
    check(index, **given)
    return True


def test_chunks_end_to_end_pass() -> None:
    """What a writer makes of uncompressed rows is sound to the last byte."""
    assert sound(packed())


def test_no_chunks_pass() -> None:
    """An array without rows has an empty index."""
    assert sound(chunk_index.from_lists([], [], []), chunks=[], sizes=[])


def test_a_few_chunks_pass() -> None:
    """A part of a chunk table is judged by itself, chunk for chunk in its own shard."""
    part = chunk_index.from_lists([300, 0, 100], [100] * 3, [0] * 3)

    assert sound(part, chunks=[3, 4, 9])


def test_chunks_may_lie_in_any_order_with_gaps() -> None:
    """A writer may order compressed chunks as it likes, and leave bytes between them."""
    index = chunk_index.from_lists([350, 0, 100, 230], [100] * 4, [0] * 4)

    assert sound(index, chunks=[0, 1, 2, 3], sizes=[450 + 68], raw=False)
    assert "chunk 0 cannot be" in refusal(index, chunks=[0, 1, 2, 3], sizes=[450 + 68])


def test_chunks_without_compression_lie_where_their_numbers_say() -> None:
    """Each behind the one before it, from the first byte of its shard: known before any table."""
    chunks = np.arange(10)

    places = chunk_index.packed(chunks, GRID)

    assert places.offset.tolist() == packed().offset.tolist()
    assert places.nbytes.tolist() == packed().nbytes.tolist()
    assert len(places.take(np.array([9, 0]))) == 2
    assert places.take(np.array([9, 0])).offset.tolist() == [100, 0]


@pytest.mark.parametrize("nbytes", [5, 6, 100, 200, 2 * 100 + 4096])
def test_compressed_chunks_have_many_lengths(nbytes: int) -> None:
    """From a byte and its checksum up to twice the rows and a header."""
    index = chunk_index.from_lists([0], [nbytes], [0])

    assert sound(index, chunks=[0], sizes=[nbytes + 68], raw=False)


# Places that cannot be ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("column", "at", "value"),
    [
        ("offset", 0, -1),
        ("offset", 3, 301),
        ("offset", 9, 10**6),
        ("offset", 9, 2**62),
        ("nbytes", 0, 99),
        ("nbytes", 3, 101),
        ("nbytes", 0, 0),
        ("nbytes", 0, -100),
        ("nbytes", 5, 2**62),
        ("crc32c", 7, -1),
        ("crc32c", 7, 2**32),
    ],
)
def test_a_place_that_cannot_be_is_refused(column: str, at: int, value: int) -> None:
    """Beyond the shard's rows, of another length than its rows, or with a checksum of 33 bits."""
    assert f"chunk {at} cannot be" in refusal(changed(column, at, value))


@pytest.mark.parametrize("nbytes", [-1, 0, 4, 2 * 100 + 4097])
def test_a_compressed_chunk_is_not_empty_and_not_blown_up(nbytes: int) -> None:
    """No codec makes nothing of a chunk, nor twice as much."""
    index = chunk_index.from_lists([0], [nbytes], [0])

    assert "chunk 0 cannot be" in refusal(index, chunks=[0], sizes=[10**6], raw=False)


@pytest.mark.parametrize("size", [467, 400, 68, 10, 0])
def test_a_chunk_ends_before_the_index_of_its_shard(size: int) -> None:
    """A shard that is too small for its chunks and their index is refused."""
    assert "cannot be" in refusal(packed(), sizes=[468, size, 268])


@pytest.mark.parametrize(
    ("at", "offset"), [(1, 0), (1, 99), (2, 250), (0, 300), (5, 99), (6, 250), (9, 1)]
)
def test_chunks_do_not_overlap(at: int, offset: int) -> None:
    """Not even by a byte, in whatever order and whichever shard they lie."""
    assert "lies over another chunk" in refusal(changed("offset", at, offset), raw=False)


def test_chunks_of_different_shards_do_not_meet() -> None:
    """The same bytes of two objects are two places."""
    index = chunk_index.from_lists([0, 0], [100, 100], [0, 0])

    assert sound(index, chunks=[3, 4], raw=False)
    assert "chunk 3 lies over" in refusal(index, chunks=[2, 3], raw=False)


def test_sums_beyond_machine_integers_are_refused() -> None:
    """A table's largest offset and length, whose sum wraps around, pass for nothing."""
    table = np.full((1, 3), 2**64 - 1, np.uint64)

    assert "chunk 0 cannot be" in refusal(chunk_index.from_table(table), chunks=[0], raw=False)


@given(st.lists(st.tuples(st.integers(-5, 500), st.integers(-5, 300)), min_size=1, max_size=4))
def test_what_passes_lies_apart_and_inside(places: list[tuple[int, int]]) -> None:
    """Byte by byte, chunks that pass lie in their object, before its index, each by itself."""
    offsets, lengths = [p[0] for p in places], [p[1] for p in places]
    index = chunk_index.from_lists(offsets, lengths, [0] * len(places))
    covered = [byte for offset, length in places for byte in range(offset, offset + length)]
    expected = (
        all(length >= 5 for length in lengths)
        and set(covered) <= set(range(400))
        and len(set(covered)) == len(covered)
    )
    try:
        passed = sound(index, chunks=range(len(places)), sizes=[468], raw=False)
    except DamagedError:
        passed = False

    assert passed == expected


def test_a_shard_has_room_for_its_chunks_at_their_longest() -> None:
    """The last one for those that are left; uncompressed that is what each takes."""
    sizes = chunk_index.largest_shards(GRID, raw=True)
    compressed = chunk_index.largest_shards(GRID, raw=False)

    assert sizes.tolist() == [468, 468, 268]
    assert compressed.tolist() == [4 * 4296 + 68, 4 * 4296 + 68, 2 * 4296 + 68]
    assert chunk_index.largest_shards(replace(GRID, rows=0), raw=True).tolist() == []
