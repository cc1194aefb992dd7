"""Windows of a text dealt out to blocks, compiled: a block is a pair of groups of words.

A window's context words are of several groups, so that it falls apart into as many windows, each of
its own block. The first pass counts what each block gets, the second one fills arrays of that size.

Every array comes from the caller, ``dealing_gate`` alone, which has checked it: nothing here
allocates, and no index is looked at. They are described here, in the file that numba's disk cache
watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from embzarr_trainer._loops.compiling import compiled

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PIECES: Final = 0
WINDOWS: Final = 1
CONTEXTS: Final = 2
"""Columns of what is counted of each block."""


class Chosen(NamedTuple):
    """Words of a text whose windows are dealt out to blocks."""

    group: npt.NDArray[np.int32]
    """(words,): of each."""
    within: npt.NDArray[np.int32]
    """(words,): its row in its group."""
    reach: npt.NDArray[np.int32]
    """(words,): how far its window reaches, at least 1, within its sentence."""
    sentence: npt.NDArray[np.int64]
    """(words,): another one for words of another sentence."""
    piece: npt.NDArray[np.uint64]
    """(words,): by which pieces of the text are sorted."""
    offset: npt.NDArray[np.int64]
    """(words,): in the whole text."""


class Dealt(NamedTuple):
    """Windows dealt out, block by block."""

    edges: npt.NDArray[np.int64]
    """(blocks + 1, 3): where the pieces, windows and context words of each block begin."""
    order: npt.NDArray[np.uint64]
    """(pieces,): by which they are sorted."""
    offset: npt.NDArray[np.int64]
    """(pieces,): of the first centre word of each."""
    counts: npt.NDArray[np.int32]
    """(pieces,): how many windows each has."""
    centres: npt.NDArray[np.int32]
    """(windows,): rows within the group of output rows."""
    sizes: npt.NDArray[np.uint16]
    """(windows,): how many context words each has, at least one."""
    contexts: npt.NDArray[np.int32]
    """(sum of sizes,): rows within the group of input rows."""


@compiled
def count_dealt(
    chosen: Chosen,
    groups: int,
    seen: npt.NDArray[np.int64],
    last: npt.NDArray[np.uint64],
    counts: npt.NDArray[np.int64],
) -> None:
    """Count the pieces, windows and context words of each block.

    Args:
        chosen: the words.
        groups: of words.
        seen: (blocks,) zeros: becomes past the last centre of each block.
        last: (blocks,) becomes the last piece of each block.
        counts: (blocks, 3) zeros, filled in.
    """
    words = len(chosen.group)
    for centre in range(words):
        first = chosen.group[centre] * groups
        reach = chosen.reach[centre]
        for place in range(max(centre - reach, 0), min(centre + reach + 1, words)):
            if place != centre and chosen.sentence[place] == chosen.sentence[centre]:
                block = first + chosen.group[place]
                if seen[block] <= centre:
                    seen[block] = centre + 1
                    if not counts[block, PIECES] or last[block] != chosen.piece[centre]:
                        last[block] = chosen.piece[centre]
                        counts[block, PIECES] += 1
                    counts[block, WINDOWS] += 1
                counts[block, CONTEXTS] += 1


@compiled
def fill_dealt(
    chosen: Chosen,
    groups: int,
    seen: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    dealt: Dealt,
) -> None:
    """Write pieces, windows and context words, block by block.

    Args:
        chosen: the words.
        groups: of words.
        seen: (blocks,) zeros: becomes past the last centre of each block.
        at: (blocks, 3) where each block begins: becomes where it ends.
        dealt: of the sizes that were counted, and zeros in ``counts`` and ``sizes``.
    """
    words = len(chosen.group)
    for centre in range(words):
        first = chosen.group[centre] * groups
        reach = chosen.reach[centre]
        for place in range(max(centre - reach, 0), min(centre + reach + 1, words)):
            if place != centre and chosen.sentence[place] == chosen.sentence[centre]:
                block = first + chosen.group[place]
                if seen[block] <= centre:
                    seen[block] = centre + 1
                    piece = at[block, PIECES]
                    begun = piece > dealt.edges[block, PIECES]
                    if not begun or dealt.order[piece - 1] != chosen.piece[centre]:
                        dealt.order[piece] = chosen.piece[centre]
                        dealt.offset[piece] = chosen.offset[centre]
                        at[block, PIECES] = piece + 1
                    dealt.counts[at[block, PIECES] - 1] += 1
                    dealt.centres[at[block, WINDOWS]] = chosen.within[centre]
                    at[block, WINDOWS] += 1
                dealt.sizes[at[block, WINDOWS] - 1] += 1
                dealt.contexts[at[block, CONTEXTS]] = chosen.within[place]
                at[block, CONTEXTS] += 1
