"""Skip-gram with negative sampling, compiled: the inner loops of the trainer and nothing else.

Method: Mikolov et al., "Distributed Representations of Words and Phrases and their
Compositionality" (2013), as in word2vec.c: the words around a centre word each predict it, against
``negative`` words drawn from counts^0.75. As in Ji et al., "Parallelizing Word2Vec in Shared and
Distributed Memory" (2016, arXiv 1604.04661), all context words of one window share the negatives,
so that the output rows are gathered once into contiguous scratch, used by every context word, and
scattered back. Context words follow one another (each sees the output rows as the one before left
them), which keeps the statistics of plain stochastic gradient descent.

Every array comes from the caller; nothing here allocates. Threads call ``train_chunk`` on the same
weights without locks (Hogwild, Niu et al. 2011). All compiled functions and the constants that they
freeze are in this file, because numba's disk cache watches one file only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr_trainer._buffers import Scratch, Tables, Weights
from embzarr_trainer._numba import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

LANES: Final = 16
"""Rows of the weights are padded with zeros to a multiple of this many float32."""

MAX_VECTOR_SIZE: Final = 4096
MAX_NEGATIVE: Final = 63
MAX_SENTENCE: Final = 10_000
"""Words in the longest sentence that the scratch holds; the corpus cuts longer ones."""

GROUP: Final = 6
"""Output rows that the unrolled loops take at once: the centre word and the usual 5 negatives."""

ROW_STRIDE: Final = MAX_VECTOR_SIZE + 160
"""Float32 between gathered rows: a constant, so that the compiler can tell the rows apart, and
not a multiple of 4 KiB, so that they do not fall on the same cache lines."""

TABLE_SIZE: Final = 4096
LOGIT_LIMIT: Final = 6.0
"""Logits are clipped to +-this before the table lookup, as in word2vec.c."""

_TABLE_SCALE: Final = np.float32(TABLE_SIZE / (2 * LOGIT_LIMIT))
_LIMIT: Final = np.float32(LOGIT_LIMIT)
_ZERO: Final = np.float32(0)
_ONE: Final = np.float32(1)

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_S27: Final = np.uint64(27)
_S30: Final = np.uint64(30)
_S31: Final = np.uint64(31)
_S32: Final = np.uint64(32)
_LOW_32: Final = np.uint64(0xFFFFFFFF)


def new_scratch() -> Scratch:
    """Allocate one thread's working space; ``state`` is to be seeded before each chunk."""
    return Scratch(
        kept=np.zeros(MAX_SENTENCE, np.int32),
        targets=np.zeros(MAX_NEGATIVE + 1, np.int64),
        rows=np.zeros(GROUP * ROW_STRIDE, np.float32),
        slopes=np.zeros(GROUP, np.float32),
        state=np.zeros(1, np.uint64),
    )


@compiled
def _random(state: npt.NDArray[np.uint64]) -> np.uint64:
    """Draw 64 random bits: splitmix64 (Steele, Lea and Flood 2014)."""
    state[0] += _GAMMA
    z: np.uint64 = state[0]
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@compiled
def _below(bits: np.uint64, bound: int) -> np.int64:
    """Map the upper 32 of 64 random bits onto 0 .. bound - 1 (Lemire's multiply and shift)."""
    return np.int64(((bits >> _S32) * np.uint64(bound)) >> _S32)


@compiled
def _subsample(
    ids: npt.NDArray[np.int32], start: int, stop: int, tables: Tables, scratch: Scratch
) -> int:
    """Copy the occurrences that frequency subsampling keeps; return how many."""
    count = 0
    for position in range(start, stop):
        word = ids[position]
        if (_random(scratch.state) >> _S32) <= np.uint64(tables.keep[word]):
            scratch.kept[count] = word
            count += 1
    return count


@compiled
def _draw_targets(word: int, negative: int, tables: Tables, scratch: Scratch) -> int:
    """Set ``targets`` to the centre word and its negatives; return how many there are.

    A negative that is drawn twice, or is the centre word, is left out, as in word2vec.c.
    """
    targets = scratch.targets
    targets[0] = word
    count = 1
    for _ in range(negative):
        bits = _random(scratch.state)
        drawn = _below(bits, len(tables.alias_cut))
        if (bits & _LOW_32) >= np.uint64(tables.alias_cut[drawn]):
            drawn = np.int64(tables.alias_word[drawn])
        seen = False
        for earlier in range(count):
            seen = seen or targets[earlier] == drawn
        if not seen:
            targets[count] = drawn
            count += 1
    return count


@compiled
def _gather(outputs: npt.NDArray[np.float32], first: int, live: int, scratch: Scratch) -> None:
    """Copy the output rows of ``live`` targets into scratch."""
    for slot in range(live):
        row = outputs[scratch.targets[first + slot]]
        for k in range(len(row)):
            scratch.rows[slot * ROW_STRIDE + k] = row[k]


@compiled
def _scatter(outputs: npt.NDArray[np.float32], first: int, live: int, scratch: Scratch) -> None:
    """Copy the rows back."""
    for slot in range(live):
        row = outputs[scratch.targets[first + slot]]
        for k in range(len(row)):
            row[k] = scratch.rows[slot * ROW_STRIDE + k]


@compiled
def _logits(row: npt.NDArray[np.float32], scratch: Scratch) -> None:
    """Set ``slopes`` to the products of one input row with the gathered rows."""
    rows = scratch.rows
    s0 = s1 = s2 = s3 = s4 = s5 = _ZERO
    for k in range(len(row)):
        x = row[k]
        s0 += x * rows[k]
        s1 += x * rows[ROW_STRIDE + k]
        s2 += x * rows[2 * ROW_STRIDE + k]
        s3 += x * rows[3 * ROW_STRIDE + k]
        s4 += x * rows[4 * ROW_STRIDE + k]
        s5 += x * rows[5 * ROW_STRIDE + k]
    slopes = scratch.slopes
    slopes[0], slopes[1], slopes[2] = s0, s1, s2
    slopes[3], slopes[4], slopes[5] = s3, s4, s5


@compiled
def _to_slopes(
    positive: bool,  # noqa: FBT001 - numba knows no keyword-only arguments
    live: int,
    alpha: np.float32,
    tables: Tables,
    scratch: Scratch,
) -> np.float32:
    """Turn logits into step sizes (0 for slots not in use); return the loss of the group.

    Slot 0 holds the centre word where ``positive`` says so; all else is negative.
    """
    slopes = scratch.slopes
    loss = _ZERO
    for slot in range(GROUP):
        logit = slopes[slot]
        cell = min(max(int((logit + _LIMIT) * _TABLE_SCALE), 0), TABLE_SIZE - 1)
        label = _ONE if positive and slot == 0 else _ZERO
        if slot < live:
            loss += tables.softplus[cell] - label * min(logit, _LIMIT)
            slopes[slot] = alpha * (label - tables.sigmoid[cell])
        else:
            slopes[slot] = _ZERO
    return loss


@compiled
def _step(row: npt.NDArray[np.float32], scratch: Scratch) -> None:
    """Move the input row and the gathered rows, each along the other's value before the step."""
    rows = scratch.rows
    slopes = scratch.slopes
    g0, g1, g2 = slopes[0], slopes[1], slopes[2]
    g3, g4, g5 = slopes[3], slopes[4], slopes[5]
    for k in range(len(row)):
        x = row[k]
        o0, o1 = rows[k], rows[ROW_STRIDE + k]
        o2, o3 = rows[2 * ROW_STRIDE + k], rows[3 * ROW_STRIDE + k]
        o4, o5 = rows[4 * ROW_STRIDE + k], rows[5 * ROW_STRIDE + k]
        row[k] = x + g0 * o0 + g1 * o1 + g2 * o2 + g3 * o3 + g4 * o4 + g5 * o5
        rows[k] = o0 + g0 * x
        rows[ROW_STRIDE + k] = o1 + g1 * x
        rows[2 * ROW_STRIDE + k] = o2 + g2 * x
        rows[3 * ROW_STRIDE + k] = o3 + g3 * x
        rows[4 * ROW_STRIDE + k] = o4 + g4 * x
        rows[5 * ROW_STRIDE + k] = o5 + g5 * x


@compiled
def _train_window(
    centre: int,
    low: int,
    high: int,
    negative: int,
    alpha: np.float32,
    weights: Weights,
    tables: Tables,
    scratch: Scratch,
) -> np.float32:
    """Train ``kept[low:high]``, but for the centre itself, to predict ``kept[centre]``."""
    count = _draw_targets(scratch.kept[centre], negative, tables, scratch)
    loss = _ZERO
    for first in range(0, count, GROUP):
        live = min(count - first, GROUP)
        _gather(weights.outputs, first, live, scratch)
        for position in range(low, high):
            if position != centre:
                row = weights.inputs[scratch.kept[position]]
                _logits(row, scratch)
                loss += _to_slopes(first == 0, live, alpha, tables, scratch)
                _step(row, scratch)
        _scatter(weights.outputs, first, live, scratch)
    return loss


@compiled
def train_chunk(
    ids: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    window: int,
    negative: int,
    alpha: np.float32,
    weights: Weights,
    tables: Tables,
    scratch: Scratch,
) -> tuple[float, int]:
    """Train on the sentences ``ids[starts[i]:starts[i + 1]]``, each of at most MAX_SENTENCE words.

    Args:
        ids: (words of the corpus,) word ids.
        starts: (sentences + 1,) where the sentences of this chunk begin, and the last one ends.
        window: the widest distance; each centre word draws its own from 1 .. window.
        negative: words drawn against each centre word.
        alpha: the learning rate of the whole chunk.
        weights: changed in place.
        tables: see ``Tables``.
        scratch: the calling thread's own, its ``state`` seeded.

    Returns:
        The sum of the loss (nats) over the (context, centre) pairs, and how many pairs there were.
    """
    loss = 0.0
    pairs = 0
    for sentence in range(len(starts) - 1):
        count = _subsample(ids, starts[sentence], starts[sentence + 1], tables, scratch)
        for centre in range(count):
            reach = 1 + int(_below(_random(scratch.state), window))
            low = max(centre - reach, 0)
            high = min(centre + reach + 1, count)
            loss += float(
                _train_window(centre, low, high, negative, alpha, weights, tables, scratch)
            )
            pairs += high - low - 1
    return loss, pairs
