"""Word2vec with negative sampling, compiled: the inner loops of the trainer and nothing else.

Method: Mikolov et al., "Distributed Representations of Words and Phrases and their
Compositionality" (2013), as in word2vec.c: skip-gram, where the words around a centre word each
predict it, or CBOW, where their mean does, against ``negative`` words drawn from counts^0.75. As
in Ji et al., "Parallelizing Word2Vec in Shared and Distributed Memory" (2016, arXiv 1604.04661),
all context words of one window share the negatives, so that the output rows are gathered once into
contiguous scratch, used by every context word, and scattered back. Unlike there, context words
follow one another (each sees the output rows as the one before left them), which keeps the
statistics of plain stochastic gradient descent; the step for one and the products for the next
are one pass over the rows. CBOW hands each context word its share of the gradient of the mean
(Irsoy et al. 2021, arXiv 2012.15332), where word2vec.c hands each the whole.

Every array comes from the caller; nothing here allocates. Threads call ``train_chunk`` on the same
weights without locks (Hogwild, Niu et al. 2011). All compiled functions are in this file, because
numba's disk cache watches one file only. All but the outermost are inlined by LLVM, which
made training three times faster than with calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr_trainer._buffers import (
    GROUP,
    LOGIT_LIMIT,
    ROW_STRIDE,
    TABLE_SIZE,
    Marks,
    Method,
    Scratch,
    Tables,
    Weights,
)
from embzarr_trainer._numba import compiled, inlined

if TYPE_CHECKING:
    import numpy.typing as npt

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


@inlined
def _mixed(state: np.uint64) -> np.uint64:
    """Turn a counter into 64 random bits: splitmix64 (Steele, Lea and Flood 2014)."""
    z = (state ^ (state >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@inlined
def _below(bits: np.uint64, bound: int) -> np.int64:
    """Map the upper 32 of 64 random bits onto 0 .. bound - 1 (Lemire's multiply and shift)."""
    return np.int64(((bits >> _S32) * np.uint64(bound)) >> _S32)


@inlined
def _subsample(
    ids: npt.NDArray[np.int32], start: int, stop: int, tables: Tables, scratch: Scratch
) -> int:
    """Copy the occurrences that frequency subsampling keeps; return how many."""
    state = scratch.state[0]
    count = 0
    for position in range(start, stop):
        word = ids[position]
        state += _GAMMA
        scratch.kept[count] = word
        count += int((_mixed(state) >> _S32) <= np.uint64(tables.keep[word]))
    scratch.state[0] = state
    return count


@inlined
def _draw_targets(negative: int, tables: Tables, scratch: Scratch) -> int:
    """Add negatives to the centre word in ``targets``; return how many there are with it.

    A negative that is drawn twice, or is the centre word, is left out, as in word2vec.c.
    """
    targets = scratch.targets
    state = scratch.state[0]
    count = 1
    for _ in range(negative):
        state += _GAMMA
        bits = _mixed(state)
        cell = _below(bits, len(tables.alias_cut))
        alias = np.int64(tables.alias_word[cell])
        drawn = cell if (bits & _LOW_32) < np.uint64(tables.alias_cut[cell]) else alias
        new = True
        for earlier in range(count):
            new = new and targets[earlier] != drawn
        targets[count] = drawn
        count += new
    scratch.state[0] = state
    return count


@inlined
def _mark(marks: npt.NDArray[np.uint8], word: int) -> None:
    """Mark a row; read first, since threads that all write one cache line wait for each other."""
    if marks[word] == 0:
        marks[word] = 1


@inlined
def _gather(outputs: npt.NDArray[np.float32], first: int, live: int, scratch: Scratch) -> None:
    """Copy the output rows of ``live`` targets into scratch."""
    for slot in range(live):
        row = outputs[scratch.targets[first + slot]]
        for k in range(len(row)):
            scratch.rows[slot * ROW_STRIDE + k] = row[k]


@inlined
def _scatter(
    outputs: npt.NDArray[np.float32],
    first: int,
    live: int,
    marks: Marks,
    tables: Tables,
    scratch: Scratch,
) -> None:
    """Copy the rows back, but for frozen ones."""
    for slot in range(live):
        word = scratch.targets[first + slot]
        if not tables.frozen[word]:
            _mark(marks.outputs, word)
            row = outputs[word]
            for k in range(len(row)):
                row[k] = scratch.rows[slot * ROW_STRIDE + k]


@inlined
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


@inlined
def _cell(logit: np.float32) -> int:
    return min(max(int((logit + _LIMIT) * _TABLE_SCALE), 0), TABLE_SIZE - 1)


@inlined
def _loss(first: int, live: int, tables: Tables, scratch: Scratch) -> np.float32:
    """Return the loss of a group of logits; the first of all is the centre word's."""
    loss = _ZERO
    for slot in range(live):
        loss += tables.softplus[_cell(scratch.slopes[slot])]
    return loss - min(scratch.slopes[0], _LIMIT) if first == 0 else loss


@inlined
def _to_slopes(first: int, live: int, alpha: np.float32, tables: Tables, scratch: Scratch) -> None:
    """Turn a group of logits into step sizes, 0 for slots that are not in use."""
    slopes = scratch.slopes
    for slot in range(GROUP):
        label = _ONE if first == 0 and slot == 0 else _ZERO
        slope = alpha * (label - tables.sigmoid[_cell(slopes[slot])])
        slopes[slot] = slope if slot < live else _ZERO


@inlined
def _step(
    row: npt.NDArray[np.float32], following: npt.NDArray[np.float32], scratch: Scratch
) -> None:
    """Move the input row and the gathered rows, each along the other's value before the step.

    Sets ``slopes`` to the products of the moved rows with the ``following`` input row.
    """
    rows = scratch.rows
    slopes = scratch.slopes
    g0, g1, g2 = slopes[0], slopes[1], slopes[2]
    g3, g4, g5 = slopes[3], slopes[4], slopes[5]
    s0 = s1 = s2 = s3 = s4 = s5 = _ZERO
    for k in range(len(row)):
        x = row[k]
        o0, o1 = rows[k], rows[ROW_STRIDE + k]
        o2, o3 = rows[2 * ROW_STRIDE + k], rows[3 * ROW_STRIDE + k]
        o4, o5 = rows[4 * ROW_STRIDE + k], rows[5 * ROW_STRIDE + k]
        row[k] = x + g0 * o0 + g1 * o1 + g2 * o2 + g3 * o3 + g4 * o4 + g5 * o5
        rows[k] = o0 = o0 + g0 * x
        rows[ROW_STRIDE + k] = o1 = o1 + g1 * x
        rows[2 * ROW_STRIDE + k] = o2 = o2 + g2 * x
        rows[3 * ROW_STRIDE + k] = o3 = o3 + g3 * x
        rows[4 * ROW_STRIDE + k] = o4 = o4 + g4 * x
        rows[5 * ROW_STRIDE + k] = o5 = o5 + g5 * x
        y = following[k]
        s0 += y * o0
        s1 += y * o1
        s2 += y * o2
        s3 += y * o3
        s4 += y * o4
        s5 += y * o5
    slopes[0], slopes[1], slopes[2] = s0, s1, s2
    slopes[3], slopes[4], slopes[5] = s3, s4, s5


@inlined
def _train_contexts(
    contexts: int,
    first: int,
    live: int,
    alpha: np.float32,
    weights: Weights,
    tables: Tables,
    scratch: Scratch,
) -> np.float32:
    """Step along each context word in turn; return the loss of the first, before any step."""
    row = weights.inputs[scratch.context[0]]
    _logits(row, scratch)
    loss = _loss(first, live, tables, scratch)
    for place in range(1, contexts):
        _to_slopes(first, live, alpha, tables, scratch)
        following = weights.inputs[scratch.context[place]]
        _step(row, following, scratch)
        row = following
    _to_slopes(first, live, alpha, tables, scratch)
    _step(row, scratch.start, scratch)  # nothing follows
    return loss


@inlined
def _train_mean(
    first: int, live: int, alpha: np.float32, tables: Tables, scratch: Scratch
) -> np.float32:
    """Step along the mean of the context; return the loss before."""
    _logits(scratch.mean, scratch)
    loss = _loss(first, live, tables, scratch)
    _to_slopes(first, live, alpha, tables, scratch)
    _step(scratch.mean, scratch.start, scratch)
    return loss


@inlined
def _average(contexts: int, weights: Weights, scratch: Scratch) -> None:
    """Set ``mean``, and ``start`` to the same, to the mean of the context's rows."""
    share = _ONE / np.float32(contexts)
    mean, start = scratch.mean, scratch.start
    for k in range(len(mean)):
        start[k] = _ZERO
    for place in range(contexts):
        row = weights.inputs[scratch.context[place]]
        for k in range(len(row)):
            start[k] += share * row[k]
    for k in range(len(mean)):
        mean[k] = start[k]


@inlined
def _spread(contexts: int, weights: Weights, tables: Tables, scratch: Scratch) -> None:
    """Move each context row by its share of what the mean has moved: the gradient of a mean."""
    share = _ONE / np.float32(contexts)
    for place in range(contexts):
        word = scratch.context[place]
        if not tables.frozen[word]:
            row = weights.inputs[word]
            for k in range(len(row)):
                row[k] += share * (scratch.mean[k] - scratch.start[k])


@inlined
def _train_window(
    contexts: int,
    alpha: np.float32,
    method: Method,
    weights: Weights,
    marks: Marks,
    tables: Tables,
    scratch: Scratch,
) -> np.float32:
    """Train ``context[:contexts]`` to predict ``targets[0]``."""
    count = _draw_targets(method.negative, tables, scratch)
    loss = _ZERO
    if method.cbow:
        _average(contexts, weights, scratch)
    for first in range(0, count, GROUP):
        live = min(count - first, GROUP)
        _gather(weights.outputs, first, live, scratch)
        if method.cbow:
            loss += _train_mean(first, live, alpha, tables, scratch)
        else:
            loss += _train_contexts(contexts, first, live, alpha, weights, tables, scratch)
        _scatter(weights.outputs, first, live, marks, tables, scratch)
    if method.cbow:
        _spread(contexts, weights, tables, scratch)
    return loss


@inlined
def _choose_window(
    centre: int, count: int, method: Method, tables: Tables, scratch: Scratch
) -> int:
    """Set ``targets[0]`` and ``context`` from ``kept``; return how many words the context has.

    Skip-gram has nothing to learn from a frozen context word; for CBOW it is part of the mean.
    """
    scratch.state[0] += _GAMMA
    reach = 1 + int(_below(_mixed(scratch.state[0]), method.window))
    scratch.targets[0] = scratch.kept[centre]
    contexts = 0
    for position in range(max(centre - reach, 0), min(centre + reach + 1, count)):
        word = scratch.kept[position]
        scratch.context[contexts] = word
        contexts += int(position != centre and (method.cbow or not tables.frozen[word]))
    return contexts


@compiled
def train_chunk(
    ids: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    alpha: np.float32,
    method: Method,
    weights: Weights,
    marks: Marks,
    tables: Tables,
    scratch: Scratch,
) -> tuple[float, int]:
    """Train on the sentences ``ids[starts[i]:starts[i + 1]]``, each of at most MAX_SENTENCE words.

    Args:
        ids: (words of the corpus,) word ids.
        starts: (sentences + 1,) where the sentences of this chunk begin, and the last one ends.
        alpha: the learning rate of the whole chunk.
        method: see ``Method``.
        weights: changed in place.
        marks: set for the rows that are changed.
        tables: see ``Tables``.
        scratch: the calling thread's own, its ``state`` seeded.

    Returns:
        The sum of the loss (nats) over one (context, centre) pair of each window, taken before the
        window's steps, and how many windows there were.
    """
    loss = 0.0
    windows = 0
    for sentence in range(len(starts) - 1):
        count = _subsample(ids, starts[sentence], starts[sentence + 1], tables, scratch)
        for centre in range(count):
            if not tables.frozen[scratch.kept[centre]]:
                _mark(marks.inputs, scratch.kept[centre])
            contexts = _choose_window(centre, count, method, tables, scratch)
            if contexts:
                loss += float(
                    _train_window(contexts, alpha, method, weights, marks, tables, scratch)
                )
                windows += 1
    return loss, windows
