"""Training from text to checkpoints."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
from embzarr_trainer._corpus import read_corpus
from embzarr_trainer._hogwild import NOTHING, Hogwild, Tally, start_weights
from embzarr_trainer._numba import require_numba
from embzarr_trainer._options import TrainOptions
from embzarr_trainer._progress import Metrics, Progress
from embzarr_trainer._schedule import plan_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from embzarr_trainer._buffers import Weights
    from embzarr_trainer._corpus import Corpus

MODEL: Final = "word2vec-negative-sampling"
"""What ``metadata["trainer"]["model"]`` says of these checkpoints."""


def train(  # noqa: PLR0913 - a trainer's settings under gensim's names; their one public place
    corpus: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    url: object,
    *,
    vector_size: int = 100,
    window: int = 5,
    negative: int = 5,
    sg: bool = True,
    epochs: int = 5,
    min_count: int = 5,
    max_vocab: int | None = None,
    sample: float = 1e-3,
    alpha: float = 0.025,
    min_alpha: float = 1e-4,
    workers: int | None = None,
    seed: int = 1,
    save_every: int | None = None,
    checkpoints: int | None = None,
    unicode_errors: str = "strict",
    progress: Callable[[Progress], object] | None = None,
    store_options: Mapping[str, Any] | None = None,
    compression: str = "auto",
) -> embzarr.Checkpoint:
    """Train word vectors on text and save them, along the way and at the end.

    The model is skip-gram or CBOW with negative sampling (Mikolov et al. 2013). A checkpoint
    holds the words, commonest first; ``vectors`` float32 (words, vector_size); ``counts`` int64
    (words,); ``context``, the output matrix, shaped as ``vectors``. Its step is the number of
    words trained, and ``metadata["trainer"]`` tells the options, the corpus's digest and, as
    ``metrics``, a ``Metrics`` record.
    Training pauses while a checkpoint is saved.

    Args:
        corpus: UTF-8 text file or files, gzip where the name ends in ``.gz``. A line is a
            sentence; a file of one long line (text8) is cut into sentences of 10,000 words.
        url: where checkpoints go, as for ``embzarr.save``.
        vector_size: dimensions, 1 .. 4096.
        window: widest distance, in words, between centre and context.
        negative: words drawn against each centre word, 1 .. 63.
        sg: skip-gram; or else CBOW, which predicts a word from the mean of its context.
        epochs: times that the corpus is gone through.
        min_count: words that occur fewer times are left out.
        max_vocab: the most words that are kept, the commonest; None for no bound.
        sample: share of the corpus above which a word's occurrences are thinned out; 0 for never.
        alpha: learning rate at the start, falling linearly; a small corpus wants 0.05.
        min_alpha: learning rate at the end.
        workers: threads, by default one for each CPU that this process may use. One worker gives
            the same vectors every time on one machine; several race on the same weights.
        seed: of start vectors, order and draws.
        save_every: words trained between checkpoints; there is always one at the end.
        checkpoints: evenly spaced checkpoints instead; by default 1.
        unicode_errors: ``strict``, ``replace`` or ``ignore`` for bytes that are not UTF-8.
        progress: called about five times a second, and after each save, from this thread.
        store_options: credentials and endpoint, as for ``embzarr.save``.
        compression: of the checkpoints, as for ``embzarr.save``.

    Returns:
        The last checkpoint, open.

    Raises:
        embzarr.InvalidInputError: a setting out of its bounds (``input-argument``), or the corpus:
            ``corpus-empty``, ``corpus-no-words``, ``corpus-not-text``; nothing was saved. Or
            vectors that are no longer finite (``training-diverged``); those are not saved.
        embzarr.NotFoundError: no such corpus (``corpus-missing``), bucket or folder.
        embzarr.UnsupportedError: numba is not installed (``feature-unsupported``).
        embzarr.EmbzarrError: as from ``embzarr.save``; checkpoints saved before stay good.
    """
    options = TrainOptions(
        vector_size=vector_size,
        window=window,
        negative=negative,
        sg=sg,
        epochs=epochs,
        min_count=min_count,
        max_vocab=max_vocab,
        sample=sample,
        alpha=alpha,
        min_alpha=min_alpha,
        workers=_usable_cpus() if workers is None else workers,
        seed=seed,
        save_every=save_every,
        checkpoints=checkpoints,
        unicode_errors=unicode_errors,
    )
    require_numba()
    encoded = read_corpus(
        corpus, min_count=min_count, max_vocab=max_vocab, unicode_errors=unicode_errors
    )
    session = _Session(
        encoded,
        url,
        options=options,
        progress=progress,
        save_options={"store_options": store_options, "compression": compression},
    )
    return session.run()


class _Session:
    """One run: the turns of its schedule, and a checkpoint wherever one is due."""

    def __init__(
        self,
        corpus: Corpus,
        url: object,
        *,
        options: TrainOptions,
        progress: Callable[[Progress], object] | None,
        save_options: Mapping[str, Any],
    ) -> None:
        self._corpus = corpus
        self._url = url
        self._options = options
        self._progress = progress
        self._save_options = save_options
        self._schedule = plan_schedule(corpus.starts, options=options)
        weights = start_weights(
            len(corpus.words), vector_size=options.vector_size, seed=options.seed
        )
        self._learner = Hogwild(corpus, self._schedule, weights, options=options)
        self._step: int | None = None
        self._saved_at = 0.0
        self._stall = 0.0
        self._reported = NOTHING
        self._loss = 0.0

    def run(self) -> embzarr.Checkpoint:
        """Train to the end; return the last checkpoint."""
        *between, last = self._schedule.saves
        for turn in between:
            self._run_to(turn)
        return self._run_to(last)

    def _run_to(self, turn: int) -> embzarr.Checkpoint:
        before = self._learner.tally
        self._learner.train_turns(turn, listener=self._report)
        tally = self._learner.tally
        stopped = time.perf_counter()
        checkpoint = self._save(tally, before)
        self._step = tally.words
        self._saved_at = time.perf_counter()
        self._stall = self._saved_at - stopped
        self._report(tally)
        return checkpoint

    def _save(self, tally: Tally, before: Tally) -> embzarr.Checkpoint:
        size = self._options.vector_size
        weights = self._learner.weights
        _check_finite(weights, options=self._options)
        return embzarr.save(
            self._url,
            self._corpus.words,
            weights.inputs[:, :size],
            step=tally.words,
            counts=self._corpus.counts,
            columns={"context": weights.outputs[:, :size]},
            metadata={"trainer": self._describe(tally, before)},
            **self._save_options,
        )

    def _describe(self, tally: Tally, before: Tally) -> dict[str, object]:
        """Tell what a reader of the checkpoint, or a later session, wants to know: plain JSON."""
        return {
            "model": MODEL,
            "options": self._options.to_json(),
            "turns": tally.turns,
            "words_total": self._schedule.total_words,
            "metrics": self._metrics(tally, before).to_json(),
            "corpus": {
                "sha256": self._corpus.digest,
                "words": self._corpus.raw_words,
                "vocabulary_words": len(self._corpus.ids),
                "sentences": len(self._corpus.starts) - 1,
                "invalid_utf8": self._corpus.invalid,
            },
        }

    def _metrics(self, tally: Tally, before: Tally) -> Metrics:
        seconds = tally.seconds - before.seconds
        return Metrics(
            step=tally.words,
            words=tally.words,
            epoch=self._epoch(tally),
            loss=tally.loss_since(before),
            alpha=self._alpha(tally),
            words_per_second=(tally.words - before.words) / max(seconds, 1e-9),
            seconds=tally.seconds,
        )

    def _report(self, tally: Tally) -> None:
        if self._progress is None:
            return
        if tally.pairs > self._reported.pairs:
            self._loss = tally.loss_since(self._reported)
            self._reported = tally
        speed = tally.words / max(tally.seconds, 1e-9)
        left = self._schedule.total_words - tally.words
        age = None if self._step is None else time.perf_counter() - self._saved_at
        self._progress(
            Progress(
                words=tally.words,
                total_words=self._schedule.total_words,
                epoch=self._epoch(tally),
                epochs=self._options.epochs,
                words_per_second=speed,
                eta_seconds=left / speed if speed else 0.0,
                loss=self._loss,
                alpha=self._alpha(tally),
                step=self._step,
                saved_seconds_ago=age,
                stall_seconds=self._stall,
                problem=None,
            )
        )

    def _epoch(self, tally: Tally) -> float:
        return tally.turns / self._schedule.chunks

    def _alpha(self, tally: Tally) -> float:
        """Return the learning rate of the next turn, or of the last."""
        turn = min(tally.turns, len(self._schedule.alpha) - 1)
        return round(float(self._schedule.alpha[turn]), 8)


def _check_finite(weights: Weights, *, options: TrainOptions) -> None:
    """Refuse weights that have run away; NaN and infinity survive summing."""
    with np.errstate(invalid="ignore", over="ignore"):
        finite = all(np.isfinite(matrix.sum()) for matrix in weights)
    if not finite:
        raise embzarr.InvalidInputError(
            "training-diverged",
            f"the vectors are no longer finite: try an alpha below {options.alpha:g},"
            f" a window below {options.window} or fewer than {options.negative} negatives",
        )


def _usable_cpus() -> int:
    """Count the CPUs that this process may use (Linux), or that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
