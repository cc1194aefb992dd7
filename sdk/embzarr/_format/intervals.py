"""Runs of numbers, first and last of each, rising: what is claimed of a billion costs two integers.

Numbers of commits come from keys and manifests of strangers. A list as long as they say is never
made; one as long as what was found is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Run: TypeAlias = list[int]
"""The first number and the last."""


def merged(runs: Iterable[Sequence[int]], numbers: Iterable[int] = ()) -> list[Run]:
    """Return the numbers in `runs` and in `numbers` as runs that neither touch nor overlap."""
    found: list[Run] = []
    for first, last in sorted([*map(tuple, runs), *((number, number) for number in numbers)]):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(last, found[-1][1])
        else:
            found.append([first, last])
    return found


def without(runs: Iterable[Run], gone: Iterable[Sequence[int]]) -> list[Run]:
    """Return `runs` without the numbers in `gone`; both rise and do not overlap."""
    left: list[Run] = []
    holes = list(gone)
    at = 0
    for start, last in runs:
        first = start
        while at < len(holes) and holes[at][1] < first:
            at += 1
        for hole_first, hole_last in holes[at:]:
            if hole_first > last:
                break
            if first < hole_first:
                left.append([first, hole_first - 1])
            first = hole_last + 1
        if first <= last:
            left.append([first, last])
    return left


def take_newest(runs: list[Run], count: int) -> tuple[list[int], list[Run]]:
    """Return up to `count` of the highest numbers, falling, and the runs that are left."""
    rest = [*runs]
    taken: list[int] = []
    while rest and len(taken) < count:
        first, last = rest.pop()
        stop = max(first, last - (count - len(taken)) + 1)
        taken += range(last, stop - 1, -1)
        if first < stop:
            rest.append([first, stop - 1])
    return taken, rest


def count_of(runs: Iterable[Run]) -> int:
    """Return how many numbers there are."""
    return sum(last - first + 1 for first, last in runs)
