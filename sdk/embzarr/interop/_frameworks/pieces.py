"""What a record says of pieces of tensors, and of places in a state: looked at before it is used.

A record may be a stranger's. What it tells decides what is read, and what is made in memory.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_COMPARED = 2**24
"""Pairs of pieces: thousands of ranks that divide each dimension come to a tenth of that."""
_MOST_DEEP = 64
_MOST_EMPTY = 4096
"""Items of lists that no path leads to, of all lists together."""


def check_whole(pieces: Sequence[tuple[Sequence[int], Sequence[int]]], of: Sequence[int]) -> None:
    """Refuse pieces that leave something of a tensor out, or of which two share a number.

    Who reads a part that no piece holds would keep what was in memory before, and not be told.

    Args:
        pieces: offsets and sizes of each, which lies within the tensor.
        of: the tensor's sizes.

    Raises:
        ValueError: they do not make up the tensor.
    """
    held = [(first, size) for first, size in pieces if math.prod(size)]
    found, expected = sum(math.prod(size) for _, size in held), math.prod(of)
    if found != expected:
        raise ValueError(f"expected pieces of {expected} numbers, found {found}")
    if len(held) > 1:
        firsts = np.array([first for first, _ in held], np.int64)
        _check_apart(firsts, firsts + np.array([size for _, size in held], np.int64))


def _check_apart(firsts: np.ndarray, ends: np.ndarray) -> None:
    """Go through pieces along the dimension that is cut most often; few then stand side by side."""
    along = max(range(firsts.shape[1]), key=lambda at: len(np.unique(firsts[:, at])))
    order = np.argsort(firsts[:, along], kind="stable")
    firsts, ends = firsts[order], ends[order]
    beyond = np.searchsorted(firsts[:, along], ends[:, along])
    if (beyond - np.arange(len(firsts))).sum() > _MOST_COMPARED:
        raise ValueError(f"{len(firsts)} pieces lie in no order that a sharding has")
    for at, last in enumerate(beyond.tolist()):
        others = slice(at + 1, last)
        if ((firsts[others] < ends[at]) & (ends[others] > firsts[at])).all(axis=1).any():
            raise ValueError("two pieces share numbers")


def check_paths(paths: Mapping[str, Sequence[object]]) -> None:
    """Refuse places in a state that would make its lists far longer than what lies in them.

    Args:
        paths: keys and indices that lead to each value.

    Raises:
        ValueError: an index that no such state has, or a path of something else.
    """
    lengths: dict[tuple[object, ...], int] = defaultdict(int)
    for name, path in paths.items():
        if len(path) > _MOST_DEEP or not all(map(_is_step, path)):
            raise ValueError(f"{name}: no path of keys and indices")
        for at, part in enumerate(path):
            if isinstance(part, int):
                above = tuple(path[:at])
                lengths[above] = max(lengths[above], part + 1)
    if sum(lengths.values()) > _MOST_EMPTY + sum(map(len, paths.values())):
        raise ValueError(f"lists of {sum(lengths.values())} items for {len(paths)} values")


def _is_step(part: object) -> bool:
    if isinstance(part, int) and not isinstance(part, bool):
        return part >= 0
    return isinstance(part, str)
