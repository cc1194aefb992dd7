"""A record of a distributed checkpoint is looked at before anything is made of it."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeAlias

import pytest

from embzarr.interop._frameworks.pieces import check_paths, check_whole

Piece: TypeAlias = tuple[list[int], list[int]]


def divided(shape: Sequence[int], cuts: Sequence[int]) -> Iterator[Piece]:
    """Yield the pieces of a tensor whose dimensions are divided by so many each."""
    ends = [
        [length * at // count for at in range(count + 1)]
        for length, count in zip(shape, cuts, strict=True)
    ]
    for place in itertools.product(*(itertools.pairwise(one) for one in ends)):
        yield [first for first, _ in place], [last - first for first, last in place]


@pytest.mark.parametrize(
    ("shape", "cuts"),
    [
        ([], []),
        ([7], [1]),
        ([7], [3]),
        ([4], [9]),
        ([8, 6], [4, 3]),
        ([5, 7, 3], [2, 3, 1]),
        ([0, 5], [2, 2]),
        ([3, 4096], [1, 4096]),
        ([64, 64], [64, 64]),
    ],
)
def test_whole_tensors_are_taken_and_no_others(shape: list[int], cuts: list[int]) -> None:
    """Pieces of a sharding, in any order; without one, with one twice or elsewhere they are not."""
    pieces, chance = [*divided(shape, cuts)], Random(len(shape))
    chance.shuffle(pieces)

    check_whole(pieces, shape)

    full = [piece for piece in pieces if math.prod(piece[1])]
    for piece in full[:3]:
        others = [one for one in pieces if one is not piece]
        in_its_place = [[one, *others] for one in others if one[1] == piece[1]]
        for wrong in (others, [*pieces, piece], *in_its_place[:1]):
            with pytest.raises(ValueError, match=r"expected pieces|share numbers"):
                check_whole(wrong, shape)


def test_pieces_that_overlap_and_leave_a_hole_are_told() -> None:
    """The count of numbers is right, and yet some are read twice and some never."""
    with pytest.raises(ValueError, match="share numbers"):
        check_whole([([0, 0], [2, 2]), ([1, 1], [2, 2])], [2, 4])


@pytest.mark.parametrize("size", [[2**40, 2**40], [2**62], [1]])
def test_a_size_without_pieces_is_no_tensor(size: list[int]) -> None:
    """Who makes a tensor of what a record claims makes none of what is not there."""
    with pytest.raises(ValueError, match="found 0"):
        check_whole([], size)


def test_a_hundred_thousand_pieces_are_soon_told() -> None:
    """All side by side, in whichever dimension one looks, as no sharding has them."""
    count = 100_000
    many = [([0, 0], [1, 1])] * count
    begun = time.process_time()
    with pytest.raises(ValueError, match="no order"):
        check_whole(many, [count, 1])
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "path",
    [
        ("a", 10**12),
        (10**6,),
        ("a", -1),
        ("a", True),
        ("a", 1.0),
        ("a", None),
        ("a", ("b",)),
        ("a",) * 65,
        (0,) * 10**6,
    ],
    ids=lambda path: str(path)[:20],
)
def test_a_path_makes_no_list_that_its_state_does_not_have(path: tuple[object, ...]) -> None:
    """Torch extends a list up to the index that a path has."""
    with pytest.raises(ValueError, match=r"no path|lists of"):
        check_paths({"a.0": ("a", 0), "w": path})


def test_many_paths_make_no_long_lists_together() -> None:
    """Each of a thousand lists is of a length that one alone may have."""
    with pytest.raises(ValueError, match="lists of"):
        check_paths({str(at): (str(at), 999) for at in range(1000)})


def test_paths_of_a_state_are_taken() -> None:
    """Optimizers have lists of groups, and dicts by number."""
    paths = {f"p{at}": ("optimizer", "groups", at, "lr") for at in range(3000)}
    check_paths({**paths, "w": ("model", "w"), "s": ("optimizer", "state", 0, "step"), "": ()})
