"""What `grids` promises: every row in one chunk, every chunk in one shard."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import grids
from embzarr._format.arrays.grids import Cut, Grid


def grid(rows: int, *, chunk: int = 4, shard: int = 3, row_bytes: int = 12) -> Grid:
    return Grid(rows=rows, row_bytes=row_bytes, chunk=chunk, shard=shard)


@pytest.mark.parametrize(
    ("rows", "chunks", "shards"),
    [(0, 0, 0), (1, 1, 1), (4, 1, 1), (5, 2, 1), (12, 3, 1), (13, 4, 2), (24, 6, 2), (25, 7, 3)],
)
def test_chunks_and_shards_are_counted_up(rows: int, chunks: int, shards: int) -> None:
    """A part of a chunk is a chunk, a part of a shard is a shard, and no rows are neither."""
    assert (grid(rows).chunks, grid(rows).shards) == (chunks, shards)


def test_sizes_are_those_of_the_specification() -> None:
    """Chunks are rows times bytes; an index is 16 bytes a chunk and a checksum of 4."""
    wide = grid(100, chunk=8, shard=4, row_bytes=1200)

    assert wide.chunk_bytes == 9600
    assert wide.shard_rows == 32
    assert wide.shard_index_bytes == 68


def test_a_chunk_may_be_larger_than_the_array() -> None:
    """Three rows in a chunk of a thousand are one chunk whose rows end with the array."""
    small = grid(3, chunk=1024)

    assert (small.chunks, small.shards) == (1, 1)
    assert small.rows_of_chunk(0) == (0, 3)
    assert small.chunks_of_shard(0) == range(1)


@given(st.integers(0, 300), st.integers(0, 6), st.integers(1, 9))
def test_every_row_lies_in_one_place(rows: int, power: int, shard: int) -> None:
    """Going through shards and their chunks passes every row once, in order."""
    whole = grid(rows, chunk=2**power, shard=shard)

    chunks = [c for s in range(whole.shards) for c in whole.chunks_of_shard(s)]
    passed = [row for c in chunks for row in range(*whole.rows_of_chunk(c))]

    assert chunks == list(range(whole.chunks))
    assert passed == list(range(rows))
    assert all(0 < len(whole.chunks_of_shard(s)) <= shard for s in range(whole.shards))


@pytest.mark.parametrize(
    ("shape", "itemsize", "expected"),
    [((5,), 8, 8), ((5, 300), 4, 1200), ((0, 2, 3), 2, 12), ((7, 0), 4, 0)],
)
def test_a_row_is_all_but_the_first_dimension(
    shape: tuple[int, ...], itemsize: int, expected: int
) -> None:
    """The number of rows says nothing of the bytes of one."""
    assert grids.row_bytes(shape, itemsize) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [(1, 131_072), (8, 16_384), (1200, 64), (131_072, 1), (131_073, 1), (10**9, 1), (0, 131_072)],
)
def test_chunks_aim_at_128_kib(row: int, expected: int) -> None:
    """Rows per chunk are the largest power of two within 128 KiB, and at least one."""
    assert grids.choose_chunk(row) == expected


@given(st.integers(1, 2**30), st.integers(1, 2**30))
def test_chosen_sizes_are_powers_of_two_that_just_fit(size: int, target: int) -> None:
    """Twice as many would be too many, unless one alone is too large already."""
    for chosen in (
        grids.choose_chunk(size, target=target),
        grids.choose_shard(size, target=target),
    ):
        assert chosen.bit_count() == 1
        assert 2 * chosen * size > target
        assert chosen == 1 or chosen * size <= target


@given(st.integers(0, 5000), st.integers(0, 10), st.integers(1, 64))
def test_fitting_wastes_less_than_half(rows: int, power: int, shard: int) -> None:
    """A fitted grid holds all rows in no larger chunks, with less padding than rows."""
    chunk, chunks = grids.fit(rows, 2**power, shard)
    fitted = grid(rows, chunk=chunk, shard=chunks)
    padding = fitted.chunks * chunk - rows

    assert chunk.bit_count() == 1
    assert chunk <= 2**power
    assert 1 <= chunks <= shard
    assert padding < max(rows, 1) or chunk == 2**power
    assert fitted.shards == grid(rows, chunk=2**power, shard=shard).shards
    assert fitted.shards != 1 or chunks == fitted.chunks


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(0, (1, 1)), (1, (1, 1)), (3, (4, 1)), (64, (64, 1)), (65, (64, 2)), (10**6, (64, 512))],
)
def test_small_arrays_have_small_grids(rows: int, expected: tuple[int, int]) -> None:
    """Three words are stored in a chunk of four rows, not of sixty-four."""
    assert grids.fit(rows, 64, 512) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(1350, 128), (1344, 128), (1280, 256), (300, 16), (20, 8), (3, 4), (0, 1), (10**6, 256)],
)
def test_little_of_a_delta_is_padding(rows: int, expected: int) -> None:
    """Chunks of 256 rows are halved until it is one row in sixteen, or eight of 512 bytes."""
    chunk = grids.choose_tight_chunk(rows, 512)

    assert chunk == expected
    assert -rows % chunk <= max(rows // 16, 8)


def test_the_last_chunk_ends_with_the_array() -> None:
    """Only the last chunk is short, and chunks follow each other without a gap."""
    spans = [grid(10).rows_of_chunk(chunk) for chunk in range(3)]

    assert spans == [(0, 4), (4, 8), (8, 10)]
    assert all(left[1] == right[0] for left, right in itertools.pairwise(spans))


@pytest.mark.parametrize(
    ("rows", "parts", "row_bytes"),
    [
        (1000, 4, [48]),
        (1, 1, [4]),
        (0, 3, [4]),
        (3, 7, [4, 1200]),
        (10**9, 64, [1200, 8, 1200, 1]),
        (2**20 + 1, 16, [400, 8]),
        (12_345_678, 1000, [1200, 12, 3]),
        (100_000, 3, [2_000_000]),
    ],
)
def test_parts_are_equal_and_of_whole_shards(rows: int, parts: int, row_bytes: list[int]) -> None:
    """No shard lies in two parts, none is too large, and no part is much longer than its share."""
    part, cuts = grids.divide(rows, parts, row_bytes)
    share = max(-(-rows // parts), 1)

    assert share <= part <= share + share // 16
    for nbytes, (chunk, shard) in zip(row_bytes, cuts, strict=True):
        assert chunk & (chunk - 1) == 0
        assert part % (chunk * shard) == 0
        assert chunk == 1 or chunk * nbytes <= 128 * 1024
        assert chunk * shard * nbytes <= 16 * 2**20


@pytest.mark.parametrize(("experts", "parts"), [(160, 16), (48, 8), (72, 8), (60, 4)])
def test_experts_are_dealt_out_evenly(experts: int, parts: int) -> None:
    """Of rows of some MiB each part has as many, and none is left without any."""
    part, [(chunk, shard)] = grids.divide(experts, parts, [1024 * 2816 * 2], target=2**20)

    assert part == experts // parts
    assert (chunk, shard) == (1, 1 if part % 2 else 2)


SHAPES = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@given(SHAPES, st.integers(0, 3), st.integers(0, 3), st.integers(1, 4))
def test_shards_of_a_cut_stand_where_their_rows_do(
    sizes: list[int], split: int, power: int, shard: int
) -> None:
    """In the order of their rows, which is that of C, from the first corner to the last."""
    at = split % len(sizes)
    cut = Cut(shape=tuple(sizes), split=at, chunk=2**power, shard=shard)
    counts = [-(-size // piece) for size, piece in zip(sizes, cut.shard_shape, strict=True)]
    places = [cut.place(number) for number in range(math.prod(counts))]

    assert places == list(itertools.product(*map(range, counts)))
    assert len(places) == cut.blocks * cut.block_shards
    assert cut.row_shape == tuple(sizes[at + 1 :])
    assert cut.chunk_shape == (*[1] * at, 2**power, *cut.row_shape)
    assert cut.shard_shape == (*[1] * at, 2**power * shard, *cut.row_shape)
    # Where another block follows, the last shard of one is full.
    whole = cut.length if cut.blocks == 1 else cut.block_shards * 2**power * shard
    assert (cut.length, cut.block_rows, cut.rows) == (sizes[at], whole, cut.blocks * whole)


@pytest.mark.parametrize(
    ("shape", "itemsize", "expected"),
    [
        ((5,), 8, (0, 8, 1)),
        ((1000, 300), 4, (0, 512, 2)),
        ((1350, 300), 4, (0, 128, 11)),
        ((10**6, 300), 4, (0, 512, 16)),
        ((1, 5000, 1000), 4, (1, 256, 16)),
        ((3, 5000, 1000), 4, (1, 256, 10)),
        ((2, 70_000, 300), 4, (1, 512, 23)),
        ((2, 3, 700, 1024), 4, (1, 1, 3)),
        ((2, 3, 1100, 1024), 4, (2, 128, 9)),
        ((3, 2**20), 4, (0, 1, 3)),
        ((3, 2**20 + 1), 4, (1, 65_536, 17)),
        ((2, 1024), 4096, (0, 1, 2)),
        ((2, 1025), 4096, (1, 64, 17)),
        ((1, 1), 9 * 2**20, (1, 1, 1)),
    ],
)
def test_a_tensor_is_cut_where_its_rows_become_small(
    shape: tuple[int, ...], itemsize: int, expected: tuple[int, int, int]
) -> None:
    """Rows of 4 MiB at most, chunks of about one, of which one row in sixteen is padding."""
    cut = grids.cut_tensor(shape, itemsize)

    assert (cut.split, cut.chunk, cut.shard) == expected


def test_chunks_of_a_tensor_may_be_smaller() -> None:
    """Whoever reads single rows says so."""
    cut = grids.cut_tensor((1024, 1024), 4, target=2**16)

    assert (cut.split, cut.chunk, cut.shard) == (0, 16, 64)


@given(st.integers(2, 5), st.integers(1, 10**6), st.integers(1, 5000))
def test_little_of_a_block_is_padding(blocks: int, length: int, row: int) -> None:
    """The largest chunk of which that is a sixteenth at most, in equal shards of about 16 MiB."""
    cut = grids.cut_tensor((blocks, length, row * 1024), 1)
    if cut.split != 1:
        return
    twice = 2 * cut.chunk

    assert -length % cut.chunk * 16 <= length
    assert twice * row > 1024 or -length % twice * 16 > length
    chunks = -(-length // cut.chunk)
    shards = -(-chunks * cut.chunk * row // (16 * 1024))
    assert cut.shard == -(-chunks // shards)
