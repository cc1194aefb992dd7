"""Runs of numbers say what sets of numbers say, however many they are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import intervals

NUMBERS = st.sets(st.integers(1, 60))
BILLION = 10**9


def spread(runs: list[list[int]]) -> set[int]:
    return {number for first, last in runs for number in range(first, last + 1)}


@given(NUMBERS, NUMBERS)
def test_runs_hold_what_was_put_in(some: set[int], others: set[int]) -> None:
    """Merged, they hold each number once, and neither touch nor overlap."""
    runs = intervals.merged(intervals.merged([], some), others)

    assert spread(runs) == some | others
    assert intervals.count_of(runs) == len(some | others)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(runs))


@given(NUMBERS, NUMBERS)
def test_what_is_gone_is_left_out(some: set[int], gone: set[int]) -> None:
    """What is left is the difference of the sets."""
    left = intervals.without(intervals.merged([], some), intervals.merged([], gone))

    assert spread(left) == some - gone


@given(NUMBERS, st.integers(1, 20))
def test_the_newest_come_first(some: set[int], count: int) -> None:
    """Taken by turns, all numbers come once, falling."""
    runs, taken = intervals.merged([], some), list[int]()
    while runs:
        batch, runs = intervals.take_newest(runs, count)
        assert 0 < len(batch) <= count
        taken += batch

    assert taken == sorted(some, reverse=True)


def test_a_billion_numbers_cost_nothing() -> None:
    """Only what is taken is made."""
    runs = intervals.without([[1, BILLION]], [[2, 10], [20, BILLION - 3]])

    assert runs == [[1, 1], [11, 19], [BILLION - 2, BILLION]]
    assert intervals.take_newest([[1, BILLION]], 2) == ([BILLION, BILLION - 1], [[1, BILLION - 2]])


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ([[3, 6]], [[7, 9], [20, 29]]),
        ([[0, 4]], [[5, 9], [20, 29]]),
        ([[0, 5]], [[6, 9], [20, 29]]),
        ([[8, 21]], [[5, 7], [22, 29]]),
        ([[6, 6], [8, 22], [25, 40]], [[5, 5], [7, 7], [23, 24]]),
        ([[0, 99]], []),
        ([], [[5, 9], [20, 29]]),
    ],
)
def test_what_goes_may_reach_beyond_what_is_there(
    gone: list[list[int]], left: list[list[int]]
) -> None:
    """Before a run, over its ends and into the next."""
    assert intervals.without([[5, 9], [20, 29]], gone) == left
