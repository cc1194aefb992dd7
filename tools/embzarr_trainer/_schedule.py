"""What is trained when: the whole run as plain data, decided before it starts.

A run is a list of turns. Each turn trains one chunk (whole sentences, about 10,000 words) at one
learning rate. Every epoch goes through all chunks in an order of its own, because neighbouring
text is about the same things: mixing it lowers both forgetting and the clashes between threads.
All of it follows from the corpus, the options and the seed, so that a position in the list is
all that a later session needs to know to go on.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from embzarr_trainer._options import TrainOptions

_CHUNK_WORDS: Final = 10_000
_SMALLEST_CHUNK: Final = 500
_CHUNKS_OF_SMALL_CORPUS: Final = 64


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """All turns of a run."""

    bounds: npt.NDArray[np.int64]
    """(chunks + 1,) the sentences at which chunks start, and at last their number."""
    order: npt.NDArray[np.int64]
    """(turns,) the chunk of each turn; every ``chunks`` turns are one epoch."""
    done: npt.NDArray[np.int64]
    """(turns + 1,) words trained before each turn, and at last in all."""
    alpha: npt.NDArray[np.float32]
    """(turns,) learning rates, falling linearly with the words trained."""

    @property
    def chunks(self) -> int:
        """How many turns an epoch has."""
        return len(self.bounds) - 1

    @property
    def total_words(self) -> int:
        """Words trained when all is done: occurrences of the vocabulary times epochs."""
        return int(self.done[-1])


def plan_schedule(starts: npt.NDArray[np.int64], *, options: TrainOptions) -> Schedule:
    """Lay out a run over the sentences that begin at ``starts`` (sentences + 1, last: words)."""
    bounds = chunk_bounds(starts)
    chunks = len(bounds) - 1
    order = np.concatenate(
        [
            np.random.default_rng((options.seed, epoch)).permutation(chunks)
            for epoch in range(options.epochs)
        ]
    )
    done = np.append(0, np.cumsum(np.diff(starts[bounds])[order]))
    fall = (options.alpha - options.min_alpha) * done[:-1] / done[-1]
    return Schedule(
        bounds=bounds,
        order=order,
        done=done,
        alpha=(options.alpha - fall).astype(np.float32),
    )


def chunk_bounds(starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Group sentences into chunks of about 10,000 words, fewer for a small corpus.

    A small corpus gets about 64 chunks, so that its order and learning rate are still fine-grained.
    """
    words = int(starts[-1])
    size = min(_CHUNK_WORDS, max(_SMALLEST_CHUNK, words // _CHUNKS_OF_SMALL_CORPUS))
    marks = np.searchsorted(starts, np.arange(0, words, size))
    return np.unique(np.append(marks, len(starts) - 1))


def save_points(
    done: npt.NDArray[np.int64], *, every: int | None, number: int | None
) -> tuple[int, ...]:
    """Return the turn counts at which to save: the first at or after each due number of words.

    Args:
        done: (turns + 1,) words trained before each turn, and at last in all.
        every: words between two checkpoints; or None.
        number: of evenly spaced checkpoints; or None. With neither there is one, at the end.
    """
    total = int(done[-1])
    if every is not None:
        due = np.arange(every, total, every)
    else:
        parts = number or 1
        due = np.array([total * part // parts for part in range(1, parts)], np.int64)
    reached = np.searchsorted(done, due)
    return tuple(np.unique(np.append(reached[reached > 0], len(done) - 1)).tolist())
