"""Windows of a text dealt out to blocks, compiled: a block is a pair of groups of words.

A window's context words are of several groups, so that it falls apart into as many windows, each of
its own block. The first pass counts what each block gets, the second one fills arrays of that size.

Every array comes from the caller, ``dealing_gate`` alone, which has checked it: nothing here
allocates, and no index is looked at. They are described here, in the file that numba's disk cache
watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from embzarr_trainer._loops.compiling import compiled

if TYPE_CHECKING:
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


class Share(NamedTuple):
    """The windows of some text for one block, or for one block after another, piece by piece."""

    order: npt.NDArray[np.uint64]
    """(pieces,) by which pieces are sorted, of all shares together."""
    offset: npt.NDArray[np.int64]
    """(pieces,) where a piece begins in the whole text, which tells equals apart."""
    counts: npt.NDArray[np.int32]
    """(pieces,) how many windows each has."""
    centres: npt.NDArray[np.int32]
    """(windows,) rows within the group of output rows."""
    sizes: npt.NDArray[np.uint16]
    """(windows,) how many context words each has, at least one."""
    contexts: npt.NDArray[np.int32]
    """(sum of sizes,) rows within the group of input rows."""

    def to_bytes(self) -> bytes:
        """Return all of it, some ten bytes a window."""
        lengths = np.array([len(array) for array in self], np.int64)
        return b"".join([lengths.tobytes(), *(array.tobytes() for array in self)])

    @staticmethod
    def from_bytes(data: bytes) -> Share:
        """Return what `to_bytes` was made of."""
        lengths = np.frombuffer(data, np.int64, len(_KINDS))
        at = lengths.nbytes
        arrays = []
        for kind, length in zip(_KINDS, lengths.tolist(), strict=True):
            arrays.append(np.frombuffer(data, kind, length, at))
            at += arrays[-1].nbytes
        return Share(*arrays)


_KINDS: Final = (np.uint64, np.int64, np.int32, np.int32, np.uint16, np.int32)
_COUNTED: Final = (PIECES, PIECES, PIECES, WINDOWS, WINDOWS, CONTEXTS)
"""What each array of a share is one of."""


class Dealt(NamedTuple):
    """Windows dealt out, block by block."""

    edges: npt.NDArray[np.int64]
    """(blocks + 1, 3): where the pieces, windows and context words of each block begin."""
    shares: Share
    """Of all blocks."""

    @staticmethod
    def of_sizes(edges: npt.NDArray[np.int64]) -> Dealt:
        """Return room for what was counted, of zeros."""
        sizes = edges[-1, list(_COUNTED)]
        return Dealt(edges, Share(*map(np.zeros, sizes, _KINDS)))

    def share(self, block: int) -> Share:
        """Return what one block has."""
        arrays: tuple[npt.NDArray[Any], ...] = self.shares
        cuts = [slice(*self.edges[block : block + 2, kind]) for kind in _COUNTED]
        return Share(*(array[cut] for array, cut in zip(arrays, cuts, strict=True)))


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
        dealt: room for what was counted, of zeros.
    """
    words, shares = len(chosen.group), dealt.shares
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
                    if not begun or shares.order[piece - 1] != chosen.piece[centre]:
                        shares.order[piece] = chosen.piece[centre]
                        shares.offset[piece] = chosen.offset[centre]
                        at[block, PIECES] = piece + 1
                    shares.counts[at[block, PIECES] - 1] += 1
                    shares.centres[at[block, WINDOWS]] = chosen.within[centre]
                    at[block, WINDOWS] += 1
                shares.sizes[at[block, WINDOWS] - 1] += 1
                shares.contexts[at[block, CONTEXTS]] = chosen.within[place]
                at[block, CONTEXTS] += 1
