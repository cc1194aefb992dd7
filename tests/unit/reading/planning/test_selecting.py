"""What `selecting` promises: every wanted row once, however the chunks come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._reading.planning import selecting
from embzarr._reading.planning.selecting import Blocks, RangeSelection, RowSelection, Selection

ROWS = 53
CHUNK = st.sampled_from([1, 2, 8, 16, 64])


def read(selection: Selection, count: int, chunk: int, data: st.DataObject) -> list[int]:
    """Fill a result from an array whose row i holds i, and that is padded with -7.

    The chunks come in any order and any groups, each in a slot among others that hold -9.
    """
    stored = np.arange(-(-ROWS // chunk) * chunk)
    stored[ROWS:] = -7
    out = np.full(count, -1)
    left = list(range(len(selection.chunks)))
    if not data.draw(st.booleans(), "in order"):
        left = data.draw(st.permutations(left))
    while left:
        group = np.array(left[: data.draw(st.integers(1, len(left)))])
        slots = np.array(data.draw(st.permutations(range(len(group) + 2))))[: len(group)]
        if data.draw(st.booleans(), "in order"):
            slots = np.sort(slots)
        rows = np.full((len(group) + 2, chunk), -9)
        rows[slots] = stored.reshape(-1, chunk)[selection.chunks[group]]
        selection.copy(Blocks(group, rows, slots), out)
        left = left[len(group) :]
    return out.tolist()


def assert_few_chunks(selection: Selection, rows: list[int], chunk: int) -> None:
    """Just the chunks that hold wanted rows are read, each once, in order."""
    assert selection.chunks.tolist() == sorted({row // chunk for row in rows})


@given(st.integers(0, ROWS), st.integers(0, ROWS), CHUNK, st.data())
def test_a_range_is_filled_row_by_row(a: int, b: int, chunk: int, data: st.DataObject) -> None:
    """Any half-open range comes from just its chunks, without their padding."""
    start, stop = sorted([a, b])
    selection = RangeSelection(start, stop, chunk)

    assert read(selection, stop - start, chunk, data) == list(range(start, stop))
    assert_few_chunks(selection, list(range(start, stop)), chunk)


def test_a_run_of_chunks_is_copied_at_once_but_for_its_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Padding of the last chunk, or rows before the first wanted one, cost one copy more each."""
    apart: list[int] = []
    copy_part = RangeSelection._copy_part

    def copy(self: RangeSelection, low: int, *given: Any) -> None:
        apart.append(low)
        copy_part(self, low, *given)

    monkeypatch.setattr(RangeSelection, "_copy_part", copy)
    rows, out = np.arange(80).reshape(10, 8), np.full(70, -1)

    RangeSelection(3, 73, 8).copy(Blocks(np.arange(10), rows, np.arange(10)), out)

    assert out.tolist() == list(range(3, 73))
    assert apart == [-3, 69]


@given(st.lists(st.integers(0, ROWS - 1), max_size=80), CHUNK, st.data())
def test_rows_come_in_the_order_asked_for(rows: list[int], chunk: int, data: st.DataObject) -> None:
    """Rows may repeat and stand in any order; each of their chunks is read once."""
    selection = selecting.select_rows(np.array(rows, np.int64), chunk)

    assert read(selection, len(rows), chunk, data) == rows
    assert_few_chunks(selection, rows, chunk)


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (7, 7), (ROWS, ROWS)])
def test_an_empty_range_reads_nothing(start: int, stop: int) -> None:
    """No rows need no chunk, at either end too."""
    assert RangeSelection(start, stop, 8).chunks.tolist() == []


def test_no_rows_read_nothing() -> None:
    """An empty list of rows needs no chunk."""
    selection = selecting.select_rows(np.empty(0, np.int64), 8)

    assert selection.chunks.tolist() == []
    assert selection.edges.tolist() == [0]


@pytest.mark.parametrize(
    ("start", "stop", "chunks"),
    [
        (0, 1, [0]),
        (0, 8, [0]),
        (7, 9, [0, 1]),
        (8, 16, [1]),
        (15, 16, [1]),
        (48, 53, [6]),
        (0, 53, [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_rows_at_the_edges_of_chunks_name_their_chunks(
    start: int, stop: int, chunks: list[int]
) -> None:
    """The last row of a chunk, the first of the next, and the last of the array are at home."""
    assert RangeSelection(start, stop, 8).chunks.tolist() == chunks
    assert selecting.select_rows(np.arange(start, stop), 8).chunks.tolist() == chunks


@given(st.integers(0, ROWS), st.integers(0, ROWS), CHUNK)
def test_chunks_that_a_range_holds_whole_are_told_their_places(
    start: int, stop: int, chunk: int
) -> None:
    """They may be decoded straight into the result; of the first and last a part may not be."""
    ranged = RangeSelection(start, stop, chunk)
    firsts = (ranged.chunks * chunk).tolist()

    found = ranged.whole(np.arange(len(firsts))).tolist()

    assert found == [
        first - start if start <= first and first + chunk <= stop else -1 for first in firsts
    ]


def test_rows_of_several_dimensions_are_copied_whole() -> None:
    """A row of a matrix goes to its place as one, from a list of rows and from a range."""
    rows = np.arange(48.0).reshape(2, 4, 2, 3)
    blocks = Blocks(np.array([0, 1]), rows, np.array([0, 1]))
    chosen, ranged = np.zeros((3, 2, 3)), np.zeros((7, 2, 3))
    listed: RowSelection = selecting.select_rows(np.array([6, 4, 8]), 4)

    listed.copy(blocks, chosen)
    RangeSelection(4, 11, 4).copy(blocks, ranged)
    whole = np.zeros((8, 2, 3))
    RangeSelection(4, 12, 4).copy(blocks, whole)

    np.testing.assert_array_equal(chosen, rows.reshape(8, 2, 3)[[2, 0, 4]])
    np.testing.assert_array_equal(ranged, rows.reshape(8, 2, 3)[:7])
    np.testing.assert_array_equal(whole, rows.reshape(8, 2, 3))


@pytest.mark.parametrize(
    ("ats", "slots", "runs"),
    [
        ([4], [2], [(4, [2])]),
        ([0, 1, 2], [1, 2, 3], [(0, [1, 2, 3])]),
        ([0, 1, 3], [0, 1, 2], [(0, [0, 1]), (3, [2])]),
        ([5, 6, 7], [0, 2, 3], [(5, [0]), (6, [2, 3])]),
        ([0, 2, 4], [0, 1, 2], [(0, [0]), (2, [1]), (4, [2])]),
        ([1, 2], [1, 0], [(1, [1]), (2, [0])]),
    ],
)
def test_chunks_that_follow_each_other_are_copied_at_once(
    ats: list[int], slots: list[int], runs: list[tuple[int, list[int]]]
) -> None:
    """Where they do in the result and where they are at hand, too."""
    blocks = Blocks(np.array(ats), np.arange(4)[:, None], np.array(slots))

    assert [(at, rows[:, 0].tolist()) for at, rows in blocks.runs()] == runs


def test_a_range_costs_no_memory_for_each_row() -> None:
    """A range of 10**12 rows is planned by its chunks alone."""
    selection = RangeSelection(5, 10**12, 2**40)

    assert selection.chunks.tolist() == [0]


def test_the_chunks_of_a_range_are_listed_once() -> None:
    """Each chunk that comes in asks for its number: listing all for each took quadratic time."""
    selection = RangeSelection(0, 10**6, 1)

    assert selection.chunks is selection.chunks
