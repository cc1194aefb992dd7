"""Word2vec with negative sampling, compiled: the inner loops of the trainer and nothing else.

Method: Mikolov et al., "Distributed Representations of Words and Phrases and their
Compositionality" (2013), as in word2vec.c: skip-gram, where the words around a centre word each
predict it, or CBOW, where their mean does, against ``negative`` words drawn from counts^0.75. As
in Ji et al., "Parallelizing Word2Vec in Shared and Distributed Memory" (2016, arXiv 1604.04661),
all context words of one window share the negatives, so that the output rows are gathered once into
contiguous scratch, used by every context word, and scattered back. Unlike there, context words
follow one another (each sees the output rows as the one before left them), which keeps the
statistics of plain stochastic gradient descent; the step for one and the products for the next
are one pass over the rows. Which rows the next window needs is known meanwhile, and they are asked
for one after the other, since waiting for memory was a quarter of the time. CBOW hands each context
word its share of the gradient of the mean (Irsoy et al. 2021, arXiv 2012.15332), where word2vec.c
hands each the whole.

Every array comes from the caller, ``kernel_gate`` alone, which has checked it: nothing here
allocates, and no index is looked at. Threads call ``train_chunk`` on the same
weights without locks (Hogwild, Niu et al. 2011). All compiled functions but the outermost are
inlined by LLVM, which made training three times faster than with calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from embzarr_trainer import _buffers
from embzarr_trainer._buffers import GROUP
from embzarr_trainer._loops import compiling, draws, steps
from embzarr_trainer._loops.compiling import compiled, inlined, stamp_of
from embzarr_trainer._loops.draws import choose_window, draw_targets, foresee, subsample
from embzarr_trainer._loops.steps import (
    fetch,
    fetch_ahead,
    finish,
    gather,
    logits,
    loss_of,
    mark,
    step,
    to_slopes,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from embzarr_trainer._buffers import Marks, Method, Scratch, Tables, Weights, Windows

_ZERO: Final = np.float32(0)
_ONE: Final = np.float32(1)
_NEXT_CONTEXTS: Final = 2
"""Of the next window: where windows fall apart into blocks, it seldom has more."""


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
    """Step along each context word in turn but the last, whose slopes are set.

    Returns:
        The loss of the first, before any step.
    """
    row = weights.inputs[scratch.context[0]]
    logits(row, scratch)
    loss = loss_of(first, live, tables, scratch)
    for place in range(1, contexts):
        fetch_ahead(weights.outputs, place - 1, place, scratch)
        to_slopes(first, live, alpha, tables, scratch)
        following = weights.inputs[scratch.context[place]]
        step(row, following, scratch)
        row = following
    fetch_ahead(weights.outputs, contexts - 1, GROUP, scratch)
    to_slopes(first, live, alpha, tables, scratch)
    return loss


@inlined
def _train_mean(
    first: int, live: int, alpha: np.float32, tables: Tables, scratch: Scratch
) -> np.float32:
    """Set the slopes of the context's mean; return the loss."""
    logits(scratch.mean, scratch)
    loss = loss_of(first, live, tables, scratch)
    to_slopes(first, live, alpha, tables, scratch)
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
    count: int,
    alpha: np.float32,
    method: Method,
    weights: Weights,
    marks: Marks,
    tables: Tables,
    scratch: Scratch,
) -> np.float32:
    """Train ``context[:contexts]`` to predict ``targets[0]`` among ``targets[:count]``."""
    loss = _ZERO
    if method.cbow:
        _average(contexts, weights, scratch)
    for first in range(0, count, GROUP):
        live = min(count - first, GROUP)
        gather(weights.outputs, first, live, scratch)
        if method.cbow:
            last = scratch.mean
            loss += _train_mean(first, live, alpha, tables, scratch)
        else:
            last = weights.inputs[scratch.context[contexts - 1]]
            loss += _train_contexts(contexts, first, live, alpha, weights, tables, scratch)
        finish(last, weights.outputs, first, live, marks, tables, scratch)
    if method.cbow:
        _spread(contexts, weights, tables, scratch)
    return loss


class TrainChunk(Protocol):
    """The outermost compiled function, which ``Kernel.train`` describes."""

    def __call__(
        self,
        ids: npt.NDArray[np.int32],
        starts: npt.NDArray[np.int64],
        alpha: np.float32,
        method: Method,
        weights: Weights,
        marks: Marks,
        tables: Tables,
        scratch: Scratch,
    ) -> tuple[float, int]:
        """Train on sentences; nothing is checked here."""
        ...


def _train_chunk(stamp: int) -> TrainChunk:
    """Return the function as numba keeps it for sources of this stamp.

    numba's disk cache watches the file of the outermost function alone, but its key holds what a
    closure refers to.
    """

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
        loss = 0.0
        windows = stamp & 0  # what a closure does not name is not in it
        for sentence in range(len(starts) - 1):
            count = subsample(ids, starts[sentence], starts[sentence + 1], tables, scratch)
            for centre in range(count):
                if not tables.frozen[scratch.kept[centre]]:
                    mark(marks.inputs, scratch.kept[centre])
                fetch(weights.inputs, scratch.kept[min(centre + method.window, count - 1)])
                contexts = choose_window(centre, count, method, tables, scratch)
                if contexts:
                    targets = draw_targets(method.negative, tables, scratch)
                    following = scratch.kept[min(centre + 1, count - 1)]
                    foresee(following, 1, method.negative, tables, scratch)
                    loss += float(
                        _train_window(
                            contexts, targets, alpha, method, weights, marks, tables, scratch
                        )
                    )
                    windows += 1
        return loss, windows

    return train_chunk


class TrainWindows(Protocol):
    """The outermost compiled function that ``Blocks.train`` describes."""

    def __call__(
        self,
        windows: Windows,
        alpha: np.float32,
        method: Method,
        weights: Weights,
        marks: Marks,
        tables: Tables,
        scratch: Scratch,
    ) -> float:
        """Train on windows that were drawn elsewhere; nothing is checked here."""
        ...


def _train_windows(stamp: int) -> TrainWindows:
    """Return the function as numba keeps it for sources of this stamp, as ``_train_chunk``."""

    @compiled
    def train_windows(
        windows: Windows,
        alpha: np.float32,
        method: Method,
        weights: Weights,
        marks: Marks,
        tables: Tables,
        scratch: Scratch,
    ) -> float:
        loss = 0.0
        at = stamp & 0
        last = len(windows.centres) - 1
        for window in range(last + 1):
            scratch.targets[0] = windows.centres[window]
            contexts = int(windows.sizes[window])
            for place in range(contexts):
                scratch.context[place] = windows.contexts[at + place]
            at += contexts
            targets = draw_targets(method.negative, tables, scratch)
            foresee(windows.centres[min(window + 1, last)], 0, method.negative, tables, scratch)
            for place in range(at, min(at + _NEXT_CONTEXTS, len(windows.contexts))):
                fetch(weights.inputs, windows.contexts[place])
            loss += float(
                _train_window(contexts, targets, alpha, method, weights, marks, tables, scratch)
            )
        return loss

    return train_windows


_STAMP: Final = stamp_of(_buffers, compiling, draws, steps)
train_chunk: Final = _train_chunk(_STAMP)
train_windows: Final = _train_windows(_STAMP)
