"""Which words are trained with which: drawn once a segment, and dealt out to the blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from embzarr_spark._memory import give_back_large_arrays
from embzarr_spark._plan import PIECE_WORDS, drawn
from embzarr_trainer import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from embzarr_spark._plan import BlockPlan
    from embzarr_spark._shards import Shard

_S32: Final = np.uint64(32)
_S33: Final = np.uint64(33)


class _Chosen(NamedTuple):
    """What subsampling left of the sentences of a segment, in the order of training."""

    rows: npt.NDArray[np.int64]
    reach: npt.NDArray[np.int64]
    sentence: npt.NDArray[np.int64]
    piece: npt.NDArray[np.uint64]
    """The order of its piece in the segment."""
    offset: npt.NDArray[np.int64]
    """Of the word, in the whole text."""


class Share(NamedTuple):
    """The windows that a shard has for one block, piece by piece."""

    order: npt.NDArray[np.uint64]
    """(pieces,) by which pieces are sorted, of all shards together."""
    offset: npt.NDArray[np.int64]
    """(pieces,) where a piece begins in the whole text, which tells equals apart."""
    counts: npt.NDArray[np.int32]
    """(pieces,) how many windows each has."""
    centres: npt.NDArray[np.int32]
    """(windows,) rows within the group of output rows."""
    sizes: npt.NDArray[np.uint16]
    """(windows,) how many context words each has."""
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


def deal(
    shard: Shard, plan: BlockPlan, *, before: int, epoch: int, segment: int
) -> Iterator[tuple[int, Share]]:
    """Yield what a shard has for each block of a segment, by the block's number.

    Block ``b * groups + g`` trains the output rows of group ``b`` with the input rows of group
    ``g``. Everything drawn depends on the place of a word in the text, so that another cut of the
    text into shards deals out the same.

    Args:
        shard: sentences.
        plan: of the run.
        before: words of the text before the shard.
        epoch: from 0.
        segment: of the epoch, from 0.
    """
    give_back_large_arrays()
    chosen = _choose(shard, plan, before=before, epoch=epoch, segment=segment)
    bounds = plan.bounds()
    group = np.searchsorted(bounds, chosen.rows, side="right") - 1
    within = (chosen.rows - bounds[group]).astype(np.int32)
    centre, context = _pairs(chosen, window=plan.options.window)
    block = (group[centre] * plan.groups + group[context]).astype(np.uint16)
    order = np.argsort(block, kind="stable")  # by radix
    centre, context, block = centre[order], context[order], block[order]
    edges = np.flatnonzero(np.diff(block)) + 1
    for one in np.split(np.arange(len(block)), edges) if len(block) else ():
        yield int(block[one[0]]), _share(centre[one], context[one], chosen, within)


def _choose(shard: Shard, plan: BlockPlan, *, before: int, epoch: int, segment: int) -> _Chosen:
    """Take the sentences of a segment in its order, and thin them out."""
    starts, lengths = shard.starts[:-1], np.diff(shard.starts)
    order = drawn(plan.seed("pieces", epoch), (before + starts) // PIECE_WORDS)
    here = (order >> _S33) % np.uint64(plan.segments_of(epoch)) == np.uint64(segment)
    taken = np.flatnonzero(here)
    taken = taken[np.lexsort((taken, order[taken]))]
    places = spread(starts[taken], lengths[taken])
    sentence = np.repeat(taken, lengths[taken])
    bits = drawn(plan.seed("keep", epoch), before + places) >> _S32
    kept = bits <= shard.keep[shard.codes[places]]
    places, sentence = places[kept], sentence[kept]
    reach = drawn(plan.seed("reach", epoch), before + places) >> _S32
    reach = 1 + ((reach * np.uint64(plan.options.window)) >> _S32)
    return _Chosen(
        rows=shard.rows[shard.codes[places]],
        reach=reach.astype(np.int64),
        sentence=sentence,
        piece=order[sentence],
        offset=before + places,
    )


def _pairs(chosen: _Chosen, *, window: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return centre and context of each pair, as places in what is chosen, centre by centre."""
    words = len(chosen.rows)
    distances = [*range(-window, 0), *range(1, window + 1)]
    reached = np.zeros((words, len(distances)), np.bool_)
    for column, distance in enumerate(distances):
        size = max(words - abs(distance), 0)
        own = slice(max(-distance, 0), max(-distance, 0) + size)
        other = slice(max(distance, 0), max(distance, 0) + size)
        same = chosen.sentence[own] == chosen.sentence[other]
        reached[own, column] = same & (chosen.reach[own] >= abs(distance))
    centre, which = np.nonzero(reached)
    return centre, centre + np.array(distances, np.int64)[which]


def _share(
    centre: npt.NDArray[np.int64],
    context: npt.NDArray[np.int64],
    chosen: _Chosen,
    within: npt.NDArray[np.int32],
) -> Share:
    first = np.flatnonzero(np.diff(centre, prepend=-1))
    centres = centre[first]
    piece = chosen.piece[centres]
    begins = np.flatnonzero(np.append(True, piece[1:] != piece[:-1]))
    return Share(
        order=piece[begins],
        offset=chosen.offset[centres[begins]],
        counts=np.diff(np.append(begins, len(centres))).astype(np.int32),
        centres=within[centres],
        sizes=np.diff(np.append(first, len(centre))).astype(np.uint16),
        contexts=within[context],
    )


def merge(shares: Sequence[Share]) -> Windows:
    """Put what all shards have for a block in the order of training, whatever order they come in.

    Two shards may each have some of a piece.
    """
    if not shares:
        return Windows(np.zeros(0, np.int32), np.zeros(0, np.uint16), np.zeros(0, np.int32))
    joined = Share(*(np.concatenate(arrays) for arrays in zip(*shares, strict=True)))
    pieces = np.lexsort((joined.offset, joined.order))
    counts = joined.counts.astype(np.int64)
    windows = spread((np.cumsum(counts) - counts)[pieces], counts[pieces])
    sizes = joined.sizes.astype(np.int64)
    contexts = spread((np.cumsum(sizes) - sizes)[windows], sizes[windows])
    return Windows(joined.centres[windows], joined.sizes[windows], joined.contexts[contexts])


def spread(starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the numbers of ranges, one range after another."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())
