"""What `merging` promises: every wanted chunk once, in few requests, none of them too large."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import Grid, chunk_index
from embzarr._format.arrays.chunk_index import ChunkIndex
from embzarr._reading.planning import merging
from embzarr._reading.planning.merging import CostModel, Request


# Requests -----------------------------------------------------------------------------------------
def index_of(gaps: list[int], lengths: list[int], shard: int) -> ChunkIndex:
    """Lay chunks out in shards of `shard`, each after a gap."""
    offsets: list[int] = []
    for number, (gap, length) in enumerate(zip(gaps, lengths, strict=True)):
        end = offsets[-1] + lengths[number - 1] if number % shard else 0
        offsets.append(end + gap)
        assert length > 0
    return chunk_index.from_lists(offsets, lengths, [0] * len(lengths))


def pick(index: ChunkIndex, places: list[int]) -> ChunkIndex:
    return ChunkIndex(index.offset[places], index.nbytes[places], index.crc32c[places])


def planned(
    lengths: list[int],
    *,
    gaps: list[int] | None = None,
    chunks: list[int] | None = None,
    shard: int = 100,
    cost: CostModel,
    beside: int = 0,
) -> list[tuple[int, int, int, list[int]]]:
    """Return requests as shard, start, stop and wanted places."""
    index = index_of(gaps or [0] * len(lengths), lengths, shard)
    wanted = list(range(len(lengths))) if chunks is None else chunks
    found = merging.requests(
        np.array(wanted, np.int64), pick(index, wanted), shard, cost, beside=beside
    )
    return [(r.shard, r.start, r.start + r.length, r.wanted.tolist()) for r in found]


def model(*, gap: int, most: int) -> CostModel:
    return CostModel(
        latency=1.0,
        per_request=float(gap),
        per_byte=1.0,
        per_byte_alone=0.0,
        most=most,
    )


def costs(latency: float, per_request: float, per_byte: float, alone: float = 0.0) -> CostModel:
    return CostModel(
        latency=latency, per_request=per_request, per_byte=per_byte, per_byte_alone=alone
    )


def test_neighbours_share_a_request() -> None:
    """Chunks end to end are one range, from the first byte to the last."""
    assert planned([10, 20, 30], cost=model(gap=0, most=100)) == [(0, 0, 60, [0, 1, 2])]


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (5, [(0, 0, 25, [0, 1])]),
        (4, [(0, 0, 10, [0]), (0, 15, 25, [1])]),
    ],
)
def test_a_gap_is_read_where_it_costs_no_more_than_a_request(
    gap: int, expected: list[tuple[int, int, int, list[int]]]
) -> None:
    """A gap of just the model's is read through; a byte more and there are two requests."""
    assert planned([10, 10], gaps=[0, 5], cost=model(gap=gap, most=100)) == expected


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (30, [(0, 0, 30, [0, 1, 2])]),
        (29, [(0, 0, 20, [0, 1]), (0, 20, 30, [2])]),
        (20, [(0, 0, 20, [0, 1]), (0, 20, 30, [2])]),
        (19, [(0, 0, 10, [0]), (0, 10, 20, [1]), (0, 20, 30, [2])]),
        (10, [(0, 0, 10, [0]), (0, 10, 20, [1]), (0, 20, 30, [2])]),
        (1, [(0, 0, 10, [0]), (0, 10, 20, [1]), (0, 20, 30, [2])]),
    ],
)
def test_a_request_spans_at_most_its_limit(
    most: int, expected: list[tuple[int, int, int, list[int]]]
) -> None:
    """A range of just the limit is sent; a larger one is cut; a single chunk goes in any case."""
    assert planned([10, 10, 10], cost=model(gap=0, most=most)) == expected


def test_shards_are_different_objects() -> None:
    """Chunks of two shards never share a request, however near their offsets."""
    found = planned([10, 10, 10], shard=2, cost=model(gap=10**6, most=10**6))

    assert found == [(0, 0, 20, [0, 1]), (1, 0, 10, [2])]


def test_chunks_that_nobody_wants_are_read_over_or_left() -> None:
    """The gap between two wanted chunks is what lies between them, unwanted chunks included."""
    lengths = [10] * 5

    assert planned(lengths, chunks=[0, 2, 4], cost=model(gap=10, most=100)) == [
        (0, 0, 50, [0, 1, 2])
    ]
    assert planned(lengths, chunks=[0, 2, 4], cost=model(gap=9, most=100)) == [
        (0, 0, 10, [0]),
        (0, 20, 30, [1]),
        (0, 40, 50, [2]),
    ]


def test_chunks_may_lie_in_another_order_than_their_numbers() -> None:
    """Requests follow offsets; what they hold is told by the caller's places."""
    index = chunk_index.from_lists([20, 0, 10], [10, 10, 10], [0, 0, 0])

    found = merging.requests(np.arange(3), index, 4, model(gap=0, most=20))

    assert [(r.start, r.length, r.wanted.tolist()) for r in found] == [
        (0, 20, [1, 2]),
        (20, 10, [0]),
    ]


def test_nothing_wanted_is_no_request() -> None:
    """An empty plan asks the store for nothing."""
    assert planned([], cost=model(gap=0, most=1)) == []


LAYOUTS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40), st.booleans()), max_size=30)


@given(LAYOUTS, st.integers(1, 7), st.integers(0, 25), st.integers(1, 120))
def test_a_plan_is_sound(
    layout: list[tuple[int, int, bool]], shard: int, gap: int, most: int
) -> None:
    """Brute force over any layout finds each wanted chunk once, inside its request and shard."""
    index = index_of([g for g, _, _ in layout], [n for _, n, _ in layout], shard)
    chunks = [number for number, (_, _, wanted) in enumerate(layout) if wanted]
    part = pick(index, chunks)

    found = merging.requests(np.array(chunks, np.int64), part, shard, model(gap=gap, most=most))

    held = [at for request in found for at in request.wanted.tolist()]
    assert sorted(held) == list(range(len(chunks)))
    for request in found:
        assert_sound(request, chunks, part, shard, gap=gap, most=most)
    for before, after in itertools.pairwise(found):
        assert_apart(before, after, part, gap=gap, most=most)


def spans(request: Request, part: ChunkIndex) -> list[tuple[int, int]]:
    """Return first and past-the-last byte of each chunk of a request, in order."""
    wanted = request.wanted.tolist()
    return sorted((int(part.offset[at]), int(part.offset[at] + part.nbytes[at])) for at in wanted)


def assert_sound(
    request: Request, chunks: list[int], part: ChunkIndex, shard: int, *, gap: int, most: int
) -> None:
    """A request spans just its chunks, within one shard, one gap and the limit."""
    inside = spans(request, part)
    assert {chunks[at] // shard for at in request.wanted.tolist()} == {request.shard}
    assert (request.start, request.start + request.length) == (inside[0][0], inside[-1][1])
    assert request.length <= most or len(inside) == 1
    assert all(right[0] - left[1] <= gap for left, right in itertools.pairwise(inside))


def assert_apart(before: Request, after: Request, part: ChunkIndex, *, gap: int, most: int) -> None:
    """Two requests in a row could not have been one, but for equal pieces of what is too long."""
    begin, _ = spans(after, part)[0]
    end = before.start + before.length
    assert (
        before.shard < after.shard
        or begin - end > gap
        or (begin >= end and after.start + after.length - before.start > most / 2)
    )


# Costs --------------------------------------------------------------------------------------------
def test_a_gap_is_worth_what_a_request_costs() -> None:
    """The bytes that arrive in the time that a request costs are the widest gap worth reading."""
    assert costs(1, 0.01, 1 / 50e6).gap == 500_000
    assert costs(1, 0.0, 1 / 50e6).gap == 0


def test_a_plan_takes_latency_requests_and_bytes() -> None:
    """The expected time counts the latency once, and nothing for nothing."""
    cost = costs(0.1, 0.01, 1e-6)

    assert cost.seconds(10, 1_000_000) == pytest.approx(0.1 + 0.1 + 1)
    assert cost.seconds(0, 0) == 0


def test_more_is_under_way_where_answers_take_longer() -> None:
    """Many small requests on a far store run side by side, on a near store not."""
    near, far = costs(1e-4, 1e-3, 1e-9), costs(0.1, 1e-3, 1e-9)

    assert (near.connections(), far.connections()) == (4, 32)
    assert near.under_way(1_000_000) == 4_000_000 + 100_000
    assert far.under_way(1_000_000) == 4_000_000 + 100_000_000
    assert (near.side_by_side(1_000_000), far.side_by_side(1_000_000)) == (4, 104)
    assert (near.side_by_side(10_000), near.side_by_side(0)) == (14, 100_004)


def test_as_much_is_under_way_as_fills_the_link_and_some_more() -> None:
    """Where one connection gets a tenth of the link's bytes, more than ten are used."""
    assert costs(0, 0, 1e-9, alone=1e-8).under_way(1000) == 15_000


@given(st.lists(st.integers(1, 100), max_size=20), st.integers(1, 300))
def test_requests_fit_side_by_side(lengths: list[int], room: int) -> None:
    """As many as follow each other within the room, and one however long it is."""
    found = [merging.Request(0, 0, length, np.empty(0, np.int64)) for length in lengths]
    fitting = [
        stop - start
        for start, stop in itertools.combinations(range(len(lengths) + 1), 2)
        if sum(lengths[start:stop]) <= room
    ]

    assert merging.side_by_side(found, room) == max(fitting, default=1)


def test_plans_sent_together_are_divided_as_one() -> None:
    """A part of a large read goes in requests as long as the whole read's."""
    cost = costs(0, 0.001, 1, alone=1e-8)

    assert len(planned([10**5] * 40, shard=10**6, cost=cost)) == 6
    assert len(planned([10**5] * 40, shard=10**6, cost=cost, beside=16 * 4 * 10**6)) == 2


@pytest.mark.parametrize(
    ("megabytes", "alone", "requests"),
    [(1, 1e-8, 3), (10, 1e-8, 10), (10, 1e-9, 3), (100, 1e-8, 32), (3000, 1e-8, 179), (20, 0, 2)],
)
def test_a_long_stretch_is_read_side_by_side(megabytes: int, alone: float, requests: int) -> None:
    """In as many pieces as make up for what each request costs, of at most 16 MiB."""
    cost = costs(1, 0.001, 1, alone=alone)
    chunks = [10**4] * 100 * megabytes

    found = planned(chunks, shard=10**6, cost=cost)

    assert len(found) == requests
    assert max(stop - start for _, start, stop, _ in found) <= 2**24


@pytest.mark.parametrize(("megabytes", "requests"), [(4, 3), (12, 3), (24, 3), (40, 5), (240, 22)])
def test_no_more_are_side_by_side_than_fill_the_link(megabytes: int, requests: int) -> None:
    """They would share it; long ones are divided all the same, and read one after the other."""
    cost = replace(costs(0.002, 0.0016, 1 / 500e6, alone=1 / 300e6), enough=3)

    found = planned([10**4] * 100 * megabytes, shard=10**6, cost=cost)

    assert len(found) == requests


def test_a_request_with_gaps_is_shorter() -> None:
    """It holds memory for bytes that nobody wants: 8 MiB of them at most, not 16."""
    cost = costs(1, 1e9, 1)
    longest = [
        max(
            stop - start for _, start, stop, _ in planned(chunks, gaps=gaps, shard=10**6, cost=cost)
        )
        for chunks, gaps in (([10**4] * 4000, [0] * 4000), ([10**4] * 4000, [0, 1] * 2000))
    ]

    assert 2**23 < longest[0] <= 2**24
    assert 2**22 < longest[1] <= 2**23


@pytest.mark.parametrize(("gap", "most"), [(0, 2**24), (2, 2**23)])
def test_memory_for_a_request_is_bounded_to_the_byte(gap: int, most: int) -> None:
    """Just 16 MiB are one request, or 8 where a gap is in it; a byte more makes two."""
    cost = costs(1, 1e9, 1)
    half = most // 2

    assert planned([half, half - gap], gaps=[0, gap], cost=cost) == [(0, 0, most, [0, 1])]
    assert len(planned([half, half - gap + 1], gaps=[0, gap], cost=cost)) == 2


def test_requests_are_long_where_none_has_the_link_to_itself() -> None:
    """As long as they may be: several side by side gain nothing."""
    assert costs(1, 1, 1).span(1) == 2**24


@given(st.integers(1, 10**9), st.floats(1e-5, 1e-2), st.floats(1e-10, 1e-7))
def test_no_other_number_of_requests_is_quicker(
    nbytes: int, per_request: float, alone: float
) -> None:
    """By the model: all requests one after the other, and one of them alone on its connection."""
    cost = replace(costs(0, per_request, 0, alone=alone), most=10**12, enough=10**9)
    best = max(round(nbytes / max(cost.span(nbytes), 1)), 1)

    def seconds(requests: int) -> float:
        return requests * per_request + nbytes / requests * alone

    for other in (best + 1, max(best - 1, 1), 2 * best):
        assert seconds(best) <= seconds(other) * 1.1


@pytest.mark.parametrize(("room", "asked"), [(2**23, 2**22), (2**23 - 2, 0), (2**24, 2**23)])
def test_what_is_asked_ahead_is_worth_it(room: int, asked: int) -> None:
    """From four MiB on, and half of the memory at most; then of one kind and of none."""
    grid = Grid(rows=2**20, row_bytes=200, chunk=512, shard=2048)
    cost = costs(latency=1.0, per_request=0.1, per_byte=1e-9)

    assert merging.ahead(2000, grid, 10**8, room, cost) == asked
    assert merging.ahead(1, grid, 10**8, room, cost) == 0
    assert merging.ahead(0, grid, 10**8, room, cost) == 0
    # As many rows as take more by themselves, then more than there is room for.
    assert merging.ahead(100_000, grid, 10**8, 2**24, cost) == 196 * 10**8 // 2048
    assert merging.ahead(10**6, grid, 10**8, 2**24, cost) == 2**24


@pytest.mark.parametrize(("chunks", "asked"), [(1, 0), (2, 2 * 10**7), (3, 2 * 10**7)])
def test_of_one_chunk_nothing_is_asked_ahead(chunks: int, asked: int) -> None:
    """It is wanted in any case; of two it is not known which."""
    grid = Grid(rows=2 * chunks, row_bytes=5 * 10**6, chunk=2, shard=4)
    cost = costs(latency=1.0, per_request=10.0, per_byte=1e-7)

    assert merging.ahead(1, grid, 10**7 * chunks, 10**9, cost) == asked


@pytest.mark.parametrize(("per_request", "asked"), [(2.02, 2**25), (1.98, 0)])
def test_what_is_asked_ahead_has_gaps_that_are_read_over(per_request: float, asked: int) -> None:
    """Of two chunks one is wanted, so that half of the bytes lie between: half a widest gap."""
    grid = Grid(rows=4, row_bytes=2**23, chunk=2, shard=4)
    cost = costs(latency=1.0, per_request=per_request, per_byte=2**-24)

    assert merging.ahead(1, grid, 2**25, 2**30, cost) == asked


PIECES = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 30)), min_size=1, max_size=8)


@given(PIECES, st.integers(1, 5), st.integers(0, 200), st.integers(1, 3))
def test_over_a_narrow_link_gaps_are_read_while_that_is_quicker(
    pieces: list[tuple[int, int]], shard: int, per_request: int, per_byte: int
) -> None:
    """Of all gaps that one might read over the smallest with which the read is quickest."""
    lengths = [length for _, length in pieces]
    index = index_of([gap for gap, _ in pieces], lengths, shard)
    cost = costs(1.0, per_request, per_byte)
    gaps = [gap for at, (gap, _) in enumerate(pieces) if at % shard]

    def seconds(widest: int) -> int:
        read = [gap for gap in gaps if gap <= widest]
        return max((len(pieces) - len(read)) * per_request, (sum(lengths) + sum(read)) * per_byte)

    narrow = merging.narrowed(cost, np.arange(len(pieces)), index, shard)

    assert narrow == replace(cost, widest=min(sorted({0, *gaps}), key=seconds))


def test_a_plan_tells_what_other_chunks_would_have_fetched() -> None:
    """Of 4 KiB, 16 KiB and the usual 128 KiB, in the proportion that these are compressed."""
    grid = Grid(rows=100_000, row_bytes=256, chunk=512, shard=1024)
    rows = np.array([0, 1, 20, 70_000])
    stored = index_of([0] * 2, [grid.chunk_bytes // 2] * 2, 1024)
    cost = costs(latency=0.1, per_request=0.01, per_byte=1e-9)

    plan = merging.explain([], [stored], cost, rows=rows, grid=grid)

    assert plan.in_chunks_of == {4096: 3 * 2048, 16384: 2 * 8192, 131072: 2 * 65536}
    assert (plan.chunks, plan.bytes_wanted) == (2, grid.chunk_bytes)
    assert (plan.requests, plan.bytes_fetched, plan.seconds) == (0, 0, 0)
