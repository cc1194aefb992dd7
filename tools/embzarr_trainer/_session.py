"""One run of training: turns of its schedule, and checkpoints beside them."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from embzarr_trainer._hogwild import Hogwild, Tally, tally_at
from embzarr_trainer._progress import Metrics, Progress
from embzarr_trainer._record import MODEL, CorpusRecord, Record
from embzarr_trainer._saver import Saver, diverged
from embzarr_trainer._schedule import save_points

if TYPE_CHECKING:
    from collections.abc import Callable

    import embzarr
    from embzarr_trainer._options import SaveOptions, TrainOptions
    from embzarr_trainer._start import Start

_POLL_SECONDS: Final = 0.2


class _Told(NamedTuple):
    """What is told of a checkpoint once it is saved: of its own moment, not of that one."""

    metrics: Metrics
    stall: float


class Session:
    """The turns of a schedule, and a checkpoint wherever one is due."""

    def __init__(
        self,
        start: Start,
        run: embzarr.Run,
        *,
        options: TrainOptions,
        saving: SaveOptions,
        progress: Callable[[Progress], object] | None,
    ) -> None:
        """Make all ready; nothing is trained yet."""
        self._start = start
        self._saver = Saver(
            run,
            start.corpus,
            start.weights,
            options=saving,
            vector_size=options.vector_size,
            base=start.checkpoint,
        )
        self._options = options
        self._saving = saving
        self._progress = progress
        self._schedule = start.schedule
        turn = min(start.turn, len(self._schedule.order))
        self._learner = Hogwild(
            start.corpus,
            self._schedule,
            start.weights,
            options=options,
            frozen=start.frozen,
            tally=tally_at(self._schedule, turn, seconds=start.seconds),
        )
        self._began = self._reported = self._saved = self._learner.tally
        self._loss = 0.0
        self._under_way: _Told | None = None
        self._newest: _Told | None = None
        self._due = self._next_due()

    def run(self) -> embzarr.Checkpoint:
        """Train to the end; return the last checkpoint."""
        try:
            for turn in self._save_turns():
                self._train_to(turn)
                self._save_in_turn()
            return self._save_last()
        finally:
            self._saver.close()

    def _save_turns(self) -> tuple[int, ...]:
        """Return the turns still to come after which a checkpoint is due; the last is all."""
        points = save_points(
            self._schedule.done, every=self._saving.words, number=self._saving.checkpoints
        )
        return tuple(turn for turn in points if turn > self._learner.tally.turns)

    def _train_to(self, turn: int) -> None:
        """Train, with checkpoints by the clock on the way."""
        while self._learner.tally.turns < turn:
            self._learner.train_turns(turn, listener=self._listen)
            if self._learner.tally.turns < turn:
                self._submit()

    def _listen(self, tally: Tally) -> bool:
        """Report; tell whether threads are to pause for a checkpoint."""
        self._settle()
        self._report(tally)
        return time.perf_counter() >= self._due and not self._saver.busy

    def _save_in_turn(self) -> None:
        """Save when the checkpoint before is done; but do not wait for a store that fails."""
        while self._saver.busy and self._saver.failure is None:
            self._settle(patience=_POLL_SECONDS)
            self._report(self._learner.tally)
        if not self._saver.busy and self._saver.failure is None:
            self._submit()

    def _save_last(self) -> embzarr.Checkpoint:
        """Save the final state, if need be again, for as long as patience lasts.

        Raises:
            embzarr.EmbzarrError: of the last try.
        """
        end = time.perf_counter() + self._saving.patience
        while True:
            self._pause(lambda: not self._saver.busy)
            saved = self._saver.saved
            if saved is not None and saved.step >= self._step(self._learner.tally):
                self._report(self._learner.tally)
                return saved
            if self._saver.failure is not None:
                again = time.perf_counter() + self._saver.wait
                if again > end:
                    raise self._saver.failure
                self._pause(lambda: time.perf_counter() >= again)  # noqa: B023 - called at once
            self._submit()

    def _pause(self, done: Callable[[], bool]) -> None:
        """Report until something is done; training has come to its end."""
        while not done():
            if self._saver.busy:
                self._settle(patience=_POLL_SECONDS)
            else:
                time.sleep(_POLL_SECONDS)
            self._report(self._learner.tally)

    def _settle(self, *, patience: float = 0.0) -> None:
        """Take note of a save that has ended; after a failure the clock calls for another."""
        is_saved = self._saver.settle(patience=patience)
        if is_saved:
            self._newest = self._under_way
        elif is_saved is False:
            self._due = time.perf_counter() + self._saver.wait

    def _submit(self) -> None:
        """Have the present state saved; threads are still."""
        learner, tally = self._learner, self._learner.tally
        record = self._describe(tally)
        metadata = {"trainer": record.to_json()}
        self._saver.save(learner.marks, step=record.metrics.step, metadata=metadata)
        self._saved = tally
        self._due = self._next_due()
        stall = time.perf_counter() - learner.idle_since
        self._under_way = _Told(metrics=record.metrics, stall=stall)

    def _next_due(self) -> float:
        return time.perf_counter() + (self._saving.seconds or math.inf)

    def _describe(self, tally: Tally) -> Record:
        corpus = self._start.corpus
        return Record(
            model=MODEL,
            options=self._options,
            turns=tally.turns,
            words_total=self._schedule.total_words,
            base_words=self._start.base_words,
            metrics=self._metrics(tally),
            corpus=CorpusRecord(
                sha256=corpus.digest,
                cut_sha256=corpus.cut,
                words=corpus.raw_words,
                vocabulary_words=len(corpus.ids),
                sentences=len(corpus.starts) - 1,
                invalid_utf8=corpus.invalid,
            ),
        )

    def _metrics(self, tally: Tally) -> Metrics:
        seconds, loss = tally.seconds - self._saved.seconds, tally.loss_since(self._saved)
        if not math.isfinite(loss):
            raise diverged()
        return Metrics(
            step=self._step(tally),
            words=tally.words,
            epoch=self._epoch(tally),
            loss=loss,
            alpha=self._alpha(tally),
            words_per_second=(tally.words - self._saved.words) / max(seconds, 1e-9),
            seconds=tally.seconds,
        )

    def _report(self, tally: Tally) -> None:
        if self._progress is None:
            return
        if tally.pairs > self._reported.pairs:
            self._loss = tally.loss_since(self._reported)
            self._reported = tally
        seconds = max(tally.seconds - self._began.seconds, 1e-9)
        speed = (tally.words - self._began.words) / seconds
        saved, saved_at, newest = self._saver.saved, self._saver.saved_at, self._newest
        left = self._schedule.total_words - tally.words
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
                step=None if saved is None else saved.step,
                checkpoint=newest and newest.metrics,
                saved_seconds_ago=None if saved_at is None else time.perf_counter() - saved_at,
                stall_seconds=newest.stall if newest else 0.0,
                problem=self._saver.problem or self._start.trouble,
            )
        )

    def _step(self, tally: Tally) -> int:
        return self._start.base_words + tally.words

    def _epoch(self, tally: Tally) -> float:
        return tally.turns / self._schedule.chunks

    def _alpha(self, tally: Tally) -> float:
        """Return the learning rate of the next turn, or of the last."""
        turn = min(tally.turns, len(self._schedule.alpha) - 1)
        return round(float(self._schedule.alpha[turn]), 8)
