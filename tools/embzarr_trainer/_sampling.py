"""The tables of the kernel: frequency subsampling, negative sampling, and the logistic function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr_trainer._buffers import LOGIT_LIMIT, TABLE_SIZE, Tables

if TYPE_CHECKING:
    import numpy.typing as npt

_TOP: Final = 2**32 - 1
_NEGATIVE_POWER: Final = 0.75


def build_tables(
    counts: npt.NDArray[np.int64], *, sample: float, frozen: npt.NDArray[np.uint8] | None = None
) -> Tables:
    """Make the tables for a vocabulary whose word ``i`` occurs ``counts[i]`` (> 0) times."""
    cut, alias = alias_table(counts.astype(np.float64) ** _NEGATIVE_POWER)
    logits = (np.arange(TABLE_SIZE) + 0.5) * (2 * LOGIT_LIMIT / TABLE_SIZE) - LOGIT_LIMIT
    return Tables(
        keep=keep_thresholds(counts, sample=sample),
        frozen=np.zeros(len(counts), np.uint8) if frozen is None else frozen,
        alias_cut=cut,
        alias_word=alias,
        sigmoid=(1 / (1 + np.exp(-logits))).astype(np.float32),
        softplus=np.log1p(np.exp(logits)).astype(np.float32),
    )


def keep_thresholds(
    counts: npt.NDArray[np.int64], *, sample: float, total: int | None = None
) -> npt.NDArray[np.uint32]:
    """Return, by word, the probability that an occurrence is kept, scaled to 0 .. 2^32 - 1.

    As in word2vec.c: a word of share f is kept with probability
    (sqrt(f / sample) + 1) * sample / f, at most 1. A ``sample`` of 0 keeps everything. The
    ``total`` is that of all words, where ``counts`` are of some.
    """
    if sample == 0:
        return np.full(len(counts), _TOP, np.uint32)
    share = counts / (counts.sum() if total is None else total)
    kept = np.minimum((np.sqrt(share / sample) + 1) * sample / share, 1.0)
    thresholds: npt.NDArray[np.uint32] = (kept * _TOP).astype(np.uint32)
    return thresholds


def alias_table(
    weights: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32]]:
    """Make a table from which an index is drawn in proportion to its weight in constant time.

    Vose's alias method (1991): draw a cell evenly, take its index when 32 random bits are below
    ``cut``, else its ``alias``.

    Args:
        weights: (n,), each > 0.

    Returns:
        ``cut`` and ``alias``, both (n,).
    """
    filled = weights * (len(weights) / weights.sum())
    cut = np.ones(len(weights))
    alias = np.arange(len(weights), dtype=np.int32)
    low = np.flatnonzero(filled < 1).tolist()
    high = np.flatnonzero(filled >= 1).tolist()
    while low and high:
        poor, rich = low.pop(), high[-1]
        cut[poor], alias[poor] = filled[poor], rich
        filled[rich] -= 1 - filled[poor]
        if filled[rich] < 1:
            low.append(high.pop())
    return (cut * _TOP).astype(np.uint32), alias
