"""Which layer gives which row, against a dictionary that is overwritten layer by layer."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._reading.planning import overlay
from embzarr._reading.planning.overlay import RowNumbers
from embzarr._reading.planning.selecting import Blocks, Selection

BASE_ROWS = 40
DELTAS = st.lists(st.sets(st.integers(0, BASE_ROWS + 9), max_size=30), max_size=4)
CHUNK = st.sampled_from([1, 2, 8, 64])


def arrays(deltas: list[set[int]]) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the row lists of deltas; rows beyond the base are in the first delta at least."""
    new = set(range(BASE_ROWS, BASE_ROWS + 10))
    return [
        np.array(sorted(rows | (new if at == 0 else set())), np.int64)
        for at, rows in enumerate(deltas)
    ]


def asked(lists: list[np.ndarray[tuple[int], np.dtype[np.int64]]]) -> list[RowNumbers]:
    """Return what gives each list."""
    return [partial(np.asarray, rows) for rows in lists]


def newest(rows: list[np.ndarray[tuple[int], np.dtype[np.int64]]]) -> dict[int, tuple[int, int]]:
    """Return layer and place of each row, by overwriting."""
    found = {row: (0, row) for row in range(BASE_ROWS)}
    for layer, numbers in enumerate(rows, 1):
        found |= {row: (layer, place) for place, row in enumerate(numbers.tolist())}
    return found


def alone(at: int, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Blocks:
    """Return a chunk that came in alone."""
    return Blocks(np.array([at]), rows[None], np.array([0]))


def gathered(
    selections: list[Selection], sizes: list[int], chunks: list[int], count: int
) -> list[tuple[int, int]]:
    """Do what a reader does: copy each chunk that is named, each holding layer and place."""
    out = np.full((count, 2), -1)
    for layer, (selection, size, chunk) in enumerate(zip(selections, sizes, chunks, strict=True)):
        for at, number in enumerate(selection.chunks.tolist()):
            places = np.arange(number * chunk, (number + 1) * chunk)
            assert places[0] < size
            rows = np.stack((np.full(chunk, layer), places), axis=1)
            selection.copy(alone(at, rows), out)
    return [(int(layer), int(place)) for layer, place in out]


@given(deltas=DELTAS, data=st.data())
def test_rows_come_from_the_newest_layer_that_has_them(
    deltas: list[set[int]], data: st.DataObject
) -> None:
    """In the caller's order, repeats included."""
    lists = arrays(deltas)
    expected = newest(lists)
    wanted = data.draw(st.lists(st.sampled_from(sorted(expected))))
    sizes = [BASE_ROWS, *map(len, lists)]
    chunks = [data.draw(CHUNK) for _ in sizes]

    found = overlay.of_rows(np.array(wanted, np.int64), asked(lists), chunks)

    assert gathered(found, sizes, chunks, len(wanted)) == [expected[row] for row in wanted]


@given(deltas=DELTAS, data=st.data())
def test_ranges_come_from_the_newest_layer_that_has_them(
    deltas: list[set[int]], data: st.DataObject
) -> None:
    """Every row of a range comes once, and no chunk of the base is named for nothing."""
    lists = arrays(deltas)
    expected = newest(lists)
    edges = st.integers(0, len(expected))
    start, stop = sorted((data.draw(edges), data.draw(edges)))
    sizes = [BASE_ROWS, *map(len, lists)]
    chunks = [data.draw(CHUNK) for _ in sizes]

    found = overlay.of_range(start, stop, asked(lists), chunks, BASE_ROWS)

    rows = range(start, stop)
    assert gathered(found, sizes, chunks, len(rows)) == [expected[row] for row in rows]
    needed = {row // chunks[0] for row in rows if expected[row][0] == 0}
    assert set(found[0].chunks.tolist()) == needed


def test_what_others_give_is_left_alone() -> None:
    """A base does not write where a delta does, whichever comes first."""
    selections = overlay.of_range(0, 4, asked([np.array([1])]), [4, 1], 4)
    out = np.zeros(4, np.int64)

    selections[1].copy(alone(0, np.array([9])), out)
    selections[0].copy(alone(0, np.array([5, 6, 7, 8])), out)

    assert out.tolist() == [5, 9, 7, 8]


def lost() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Stand for row numbers that are damaged."""
    raise ZeroDivisionError


def test_row_numbers_are_asked_for_only_while_rows_are_open() -> None:
    """What newer deltas hold needs no older one, and anything else does."""
    deltas = [lost, *asked([np.array([2, 3]), np.array([3, 7])])]
    chunks = [4, 1, 1, 1]

    rows = overlay.of_rows(np.array([7, 3, 2, 3]), deltas, chunks)
    range_ = overlay.of_range(2, 4, deltas, chunks, 8)

    for found in (rows, range_):
        assert [len(selection.chunks) for selection in found[:2]] == [0, 0]
        assert [len(selection.chunks) > 0 for selection in found[2:]] == [True, True]
    with pytest.raises(ZeroDivisionError):
        overlay.of_rows(np.array([7, 4]), deltas, chunks)
    with pytest.raises(ZeroDivisionError):
        overlay.of_range(2, 5, deltas, chunks, 8)
