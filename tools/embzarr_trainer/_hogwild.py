"""Threads that train turns of a schedule on shared weights."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
import time
from _thread import allocate_lock, start_new_thread
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from embzarr_trainer._buffers import Marks, Method
from embzarr_trainer._loops.kernel_gate import Kernel, Worker
from embzarr_trainer._sampling import build_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from embzarr_trainer._buffers import Weights
    from embzarr_trainer._corpus.reading import Corpus
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
        crew = _Crew(self._options.workers)
        try:
            crew.start(lambda: self._work(turns, crew))
            ended = False
            while not ended:
                ended = crew.wait(REPORT_SECONDS)
                seconds = spent + time.perf_counter() - started
                with self._lock:
                    self.tally = dataclasses.replace(self.tally, seconds=seconds)
                if listener(self.tally):
                    crew.stop = True
        except BaseException:
            crew.stop = True
            crew.join()
            raise

    def _work(self, turns: Iterator[int], crew: _Crew) -> None:
        """Train one turn after another until none is left."""
        worker = Worker(self._kernel)
        while not crew.stop:
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


class _Crew:
    """Threads that none is left of, whenever the thread that started them is interrupted.

    It takes no lock that they need: an interrupt may leave one of an executor, or of an event,
    taken for ever.
    """

    def __init__(self, size: int) -> None:
        """Start nothing yet."""
        self.stop = False
        """Whether they are to end their turns and go."""
        self._claims = [allocate_lock() for _ in range(size)]
        """Of each place, taken by its thread; or by `join`, so that no thread ever will."""
        self._ended: list[BaseException | None] = []
        """What each that has ended failed with."""
        self._bell = allocate_lock()
        self._bell.acquire()

    def start(self, work: Callable[[], None]) -> None:
        """Have each do the same."""
        for claim in self._claims:
            start_new_thread(self._run, (claim, work))

    def wait(self, seconds: float) -> bool:
        """Wait until one has ended, at most so long; tell whether all have.

        Raises:
            BaseException: what one failed with.
        """
        self._bell.acquire(timeout=seconds)
        for failure in list(self._ended):
            if failure is not None:
                raise failure
        return len(self._ended) == len(self._claims)

    def join(self) -> None:
        """Wait until none is left."""
        begun = sum(not claim.acquire(blocking=False) for claim in self._claims)
        while len(self._ended) < begun:
            self._bell.acquire(timeout=REPORT_SECONDS)

    def _run(self, claim: threading.Lock, work: Callable[[], None]) -> None:
        if not claim.acquire(blocking=False):
            return
        failure: BaseException | None = None
        try:
            work()
        except BaseException as exc:  # noqa: BLE001 - raised by `wait`, in the thread that trains
            failure, self.stop = exc, True
        self._ended.append(failure)
        with contextlib.suppress(RuntimeError):  # rung, and not heard yet
            self._bell.release()


def turn_seed(seed: int, turn: int) -> np.uint64:
    """Return the random state with which a turn begins."""
    return np.uint64(np.random.SeedSequence((seed, turn)).generate_state(1, np.uint64)[0])
