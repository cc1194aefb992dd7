"""Which words are trained with which: drawn once a segment, and dealt out to the blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

import embzarr_trainer
from embzarr_spark._memory import give_back_large_arrays
from embzarr_spark._plan import PIECE_WORDS, drawn
from embzarr_trainer import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from embzarr_spark._plan import BlockPlan
    from embzarr_spark._shards import Shard
    from embzarr_trainer import Chosen, Share

_S32: Final = np.uint64(32)
_S33: Final = np.uint64(33)


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
    dealt = embzarr_trainer.deal_windows(chosen, groups=plan.groups)
    for block in np.flatnonzero(np.diff(dealt.edges[:, 0])).tolist():
        yield block, dealt.share(block)


def _choose(shard: Shard, plan: BlockPlan, *, before: int, epoch: int, segment: int) -> Chosen:
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
    bounds, codes = plan.bounds(), shard.codes[places]
    group = np.searchsorted(bounds, shard.rows, side="right") - 1
    return embzarr_trainer.Chosen(
        group=group.astype(np.int32)[codes],
        within=(shard.rows - bounds[group]).astype(np.int32)[codes],
        reach=reach.astype(np.int32),
        sentence=sentence,
        piece=order[sentence],
        offset=before + places,
    )


def merge(shares: Sequence[Share]) -> Windows:
    """Put what all shards have for a block in the order of training, whatever order they come in.

    Two shards may each have some of a piece.
    """
    if not shares:
        return Windows(np.zeros(0, np.int32), np.zeros(0, np.uint16), np.zeros(0, np.int32))
    joined = embzarr_trainer.Share(*map(np.concatenate, zip(*shares, strict=True)))
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
