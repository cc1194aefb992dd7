"""Threads that train turns of a schedule on shared weights."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from embzarr_trainer._buffers import Marks, Method
from embzarr_trainer._kernel_gate import Kernel, Worker
from embzarr_trainer._sampling import build_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from embzarr_trainer._buffers import Weights
    from embzarr_trainer._corpus import Corpus
    from embzarr_trainer._options import TrainOptions
    from embzarr_trainer._schedule import Schedule

REPORT_SECONDS: Final = 0.2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What has been trained since training began."""

    turns: int
    words: int
    loss: float
    """Sum over ``pairs``, in nats."""
    pairs: int
    """(context, centre) pairs whose loss was taken, each with its negatives; one a window."""
    seconds: float
    """Wall time, without the time between calls of ``train_turns``."""

    def loss_since(self, earlier: Tally) -> float:
        """Return the mean loss of a pair since an earlier tally, 0.0 where there was no pair."""
        return (self.loss - earlier.loss) / max(self.pairs - earlier.pairs, 1)


def tally_at(schedule: Schedule, turn: int, *, seconds: float) -> Tally:
    """Return the tally before a turn, where the turns before took so many seconds."""
    words = int(schedule.done[turn])
    return Tally(turns=turn, words=words, loss=0.0, pairs=0, seconds=seconds)


class Listener(Protocol):
    """Called from the thread that called ``train_turns``, a few times a second."""

    def __call__(self, tally: Tally, /) -> bool:
        """Take note of what has been trained so far; tell whether to pause."""


class Hogwild:
    """The weights, and the threads that change them without locks (Niu et al. 2011).

    What a turn draws depends on the seed and on its number alone. So one worker gives the same
    weights every time; several differ in how their updates interleave.
    """

    marks: Marks
    """The rows touched since somebody last cleared these."""
    idle_since: float
    """When the first thread found nothing more to do (``time.perf_counter``)."""

    def __init__(
        self,
        corpus: Corpus,
        schedule: Schedule,
        weights: Weights,
        *,
        options: TrainOptions,
        frozen: npt.NDArray[np.uint8],
        tally: Tally,
    ) -> None:
        """Have the kernel compiled; no further word is trained yet."""
        self._corpus = corpus
        self._schedule = schedule
        self._options = options
        self._lock = threading.Lock()
        self.tally = tally
        rows = len(weights.inputs)
        self.marks = Marks(inputs=np.zeros(rows, np.uint8), outputs=np.zeros(rows, np.uint8))
        self._kernel = Kernel(
            method=Method(window=options.window, negative=options.negative, cbow=not options.sg),
            weights=weights,
            marks=self.marks,
            tables=build_tables(corpus.counts, sample=options.sample, frozen=frozen),
        )
        self.idle_since = time.perf_counter()
        nothing = corpus.starts[:1]
        Worker(self._kernel).train(corpus.ids, nothing, alpha=np.float32(0), seed=np.uint64(0))

    def train_turns(self, last: int, *, listener: Listener) -> None:
        """Train the turns from where training stands up to ``last``; weights are still on return.

        The turns done are always the first ones: where the listener wants a pause, each thread
        ends the turn that it is in. An exception in a thread or in the listener, or an interrupt,
        stops all threads in the same way and is raised here.
        """
        turns = iter(range(self.tally.turns, last))
        self.idle_since = math.inf
        started, spent = time.perf_counter(), self.tally.seconds
        stop = threading.Event()
        with ThreadPoolExecutor(self._options.workers) as pool:
            running = {pool.submit(self._work, turns, stop) for _ in range(self._options.workers)}
            try:
                while running:
                    done, running = wait(running, REPORT_SECONDS, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
                    seconds = spent + time.perf_counter() - started
                    with self._lock:
                        self.tally = dataclasses.replace(self.tally, seconds=seconds)
                    if listener(self.tally):
                        stop.set()
            finally:
                stop.set()

    def _work(self, turns: Iterator[int], stop: threading.Event) -> None:
        """Train one turn after another until none is left."""
        worker = Worker(self._kernel)
        while not stop.is_set():
            with self._lock:
                turn = next(turns, None)
            if turn is None:
                break
            self._train_turn(turn, worker)
        with self._lock:
            self.idle_since = min(self.idle_since, time.perf_counter())

    def _train_turn(self, turn: int, worker: Worker) -> None:
        plan = self._schedule
        chunk = plan.order[turn]
        first, last = plan.bounds[chunk], plan.bounds[chunk + 1]
        starts = self._corpus.starts[first : last + 1]
        seed = turn_seed(self._options.seed, turn)
        loss, pairs = worker.train(self._corpus.ids, starts, alpha=plan.alpha[turn], seed=seed)
        words = int(plan.done[turn + 1] - plan.done[turn])
        with self._lock:
            old = self.tally
            self.tally = Tally(
                turns=old.turns + 1,
                words=old.words + words,
                loss=old.loss + loss,
                pairs=old.pairs + pairs,
                seconds=old.seconds,
            )


def turn_seed(seed: int, turn: int) -> np.uint64:
    """Return the random state with which a turn begins."""
    return np.uint64(np.random.SeedSequence((seed, turn)).generate_state(1, np.uint64)[0])
