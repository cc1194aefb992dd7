"""The gate before the compiled loops that deal windows out: as `kernel_gate` before the others."""

from __future__ import annotations

from typing import Final

import numpy as np

from embzarr_trainer._buffers import MAX_WINDOW
from embzarr_trainer._loops.checks import check_array, check_kind, refusal
from embzarr_trainer._loops.dealing import Chosen, Dealt, Share, count_dealt, fill_dealt
from embzarr_trainer._options import check_integer

__all__ = ["Chosen", "Dealt", "Share", "deal_windows"]

_KINDS: Final[tuple[type[np.generic], ...]] = (
    np.int32,
    np.int32,
    np.int32,
    np.int64,
    np.uint64,
    np.int64,
)
_MAX_GROUPS: Final = 1024


def deal_windows(chosen: Chosen, *, groups: int) -> Dealt:
    """Deal each word's window out to the blocks of its context words.

    Block ``b * groups + g`` gets the centre words of group ``b`` with those of their context words
    that are of group ``g``; windows and context words stay in the order of the text.

    Args:
        chosen: words of a text, each with how far its window reaches.
        groups: of words.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, naming the array, what was expected of it
            and what was found.
    """
    check_integer("groups", groups, low=1, high=_MAX_GROUPS)
    _check(chosen, groups)
    blocks = groups**2
    counts = np.zeros((blocks, 3), np.int64)
    count_dealt(chosen, groups, np.zeros(blocks, np.int64), np.zeros(blocks, np.uint64), counts)
    edges = np.zeros((blocks + 1, 3), np.int64)
    np.cumsum(counts, axis=0, out=edges[1:])
    dealt = Dealt.of_sizes(edges)
    fill_dealt(chosen, groups, np.zeros(blocks, np.int64), edges[:-1].copy(), dealt)
    return dealt


def _check(chosen: Chosen, groups: int) -> None:
    check_kind("chosen", chosen, Chosen)
    for name, kind in zip(Chosen._fields, _KINDS, strict=True):
        array = getattr(chosen, name)
        check_array(f"chosen.{name}", array, kind, "(words,)", rank=1)
        if len(array) != len(chosen.group):
            expected = f"shape ({len(chosen.group)},), as chosen.group"
            raise refusal(f"chosen.{name}", expected, str(array.shape))
    for name, low, high in (("group", 0, groups - 1), ("reach", 1, MAX_WINDOW)):
        array = getattr(chosen, name)
        least, most = int(array.min(initial=low)), int(array.max(initial=low))
        if least < low or most > high:
            raise refusal(f"chosen.{name}", f"from {low} to {high}", f"from {least} to {most}")
