"""Which words are trained with which: drawn once a segment, and dealt out to the blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from embzarr_spark._memory import give_back_large_arrays
from embzarr_spark._plan import PIECE_WORDS, drawn
from embzarr_trainer import Chosen, Windows, deal_windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from embzarr_spark._plan import BlockPlan
    from embzarr_spark._shards import Shard
    from embzarr_trainer import Dealt

_S32: Final = np.uint64(32)
_S33: Final = np.uint64(33)


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
    dealt = deal_windows(chosen, groups=plan.groups)
    for block in np.flatnonzero(np.diff(dealt.edges[:, 0])).tolist():
        yield block, _share(dealt, block)


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
    return Chosen(
        group=group.astype(np.int32)[codes],
        within=(shard.rows - bounds[group]).astype(np.int32)[codes],
        reach=reach.astype(np.int32),
        sentence=sentence,
        piece=order[sentence],
        offset=before + places,
    )


def _share(dealt: Dealt, block: int) -> Share:
    pieces, windows, contexts = (slice(*dealt.edges[block : block + 2, kind]) for kind in range(3))
    return Share(
        order=dealt.order[pieces],
        offset=dealt.offset[pieces],
        counts=dealt.counts[pieces],
        centres=dealt.centres[windows],
        sizes=dealt.sizes[windows],
        contexts=dealt.contexts[contexts],
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
