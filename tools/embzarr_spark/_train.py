"""The driver of a run in blocks: it plans, waits and commits, and holds no vectors."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import TYPE_CHECKING, Any, Final

import embzarr
from embzarr_spark._gather import check_newest, gather
from embzarr_spark._places import places_of
from embzarr_spark._plan import BlockPlan, groups_for
from embzarr_spark._state import (
    groups_before,
    newest_round,
    packing,
    plan_round,
    publish_round,
    seconds_of,
)
from embzarr_spark._tasks import Beginning, Round, begin_group
from embzarr_spark._words import holds, store_words, vocabulary_of
from embzarr_trainer import Metrics, TrainOptions, check_integer, require_numba

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from embzarr_spark._engine import Engine
    from embzarr_spark._places import Places
    from embzarr_spark._tasks import Report

_UNCOLLECTED_BYTES: Final = 4 * 2**30
"""About so much of old rounds may lie about before it is collected, which costs a commit."""
_SHARE_OF_MEMORY: Final = 0.7


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BlockProgress:
    """How far a run in blocks is, told after each round."""

    round: int
    """Rounds done."""
    rounds: int
    """``round`` when training is done."""
    metrics: Metrics
    """Of this round; its step is what a checkpoint made now would have."""
    bytes_read: int
    """From the store, by the tasks of this round together."""
    bytes_written: int
    """To the store, by them."""
    bytes_shuffled: int
    """Windows that were dealt to them."""
    largest_task_bytes: int
    """Read, written and dealt to the one of them that had the most."""
    step: int | None
    """Of the checkpoint that was made after this round; else None."""


def train(  # noqa: PLR0913 - a trainer's settings under gensim's names
    engine: Engine,
    url: object,
    *,
    vector_size: int = 100,
    window: int = 5,
    negative: int = 5,
    epochs: int = 5,
    min_count: int = 5,
    max_vocab: int | None = None,
    sample: float = 1e-3,
    alpha: float = 0.025,
    min_alpha: float = 1e-4,
    seed: int = 1,
    tokenizer: str = "words",
    groups: int | None = None,
    segments: int = 8,
    checkpoints: int = 1,
    keep_last: int | None = None,
    state: object | None = None,
    resume: bool = False,
    progress: Callable[[BlockProgress], object] | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> embzarr.Checkpoint:
    """Train word vectors by many workers, of which none holds the model; save checkpoints.

    The model is skip-gram with negative sampling, as `embzarr_trainer.train` trains it. The words
    lie in groups by hash. In a round each task loads the input rows of one group and the output
    rows of another, trains what the text has of these two, and writes them back: no two tasks
    share a row, so that nothing is merged and nothing is stale. A commit of the ``state`` ends each
    round, and a run that was killed goes on from the newest to the same bits (on one type of
    processor). While a model fits one machine, `embzarr_trainer.train` is quicker: see
    `quicker_alone`.

    A checkpoint holds what that trainer's do: the words (by hash), ``vectors``, ``counts`` and
    ``context``. Its step is the number of words trained, by plan.

    Args:
        engine: `SparkEngine` or `LocalEngine`, with the text.
        url: where checkpoints go; of a text.
        vector_size: as `embzarr_trainer.train`, and so all to ``tokenizer``.
        window: widest distance between centre and context.
        negative: words drawn against each centre word, from its group.
        epochs: times that the text is gone through.
        min_count: words that occur fewer times are left out.
        max_vocab: the most words that are kept; None for no bound.
        sample: share above which a word's occurrences are thinned out.
        alpha: learning rate at the start, falling linearly, constant within a round.
        min_alpha: learning rate at the end.
        seed: of start values, order and draws.
        tokenizer: ``words`` or ``jieba``.
        groups: of words, 1 .. 256: the tasks of a round. None for those of the run that is gone on
            with, else two to four for each task that runs at once, and at least 4; a task that has
            no memory for two groups needs more of them.
        segments: rounds through all groups in the first epoch; later ones have a quarter of them,
            or one where the text has less than 16 million words.
        checkpoints: evenly spaced, the last at the end.
        keep_last: give up all but the newest so many checkpoints; None to keep all.
        state: where words and rounds are kept, by default ``url`` with ``.state`` behind it; it
            may be deleted when training is done.
        resume: go on from what is there, if anything is.
        progress: called after each round.
        storage_options: credentials and endpoint; workers are given them, too.

    Returns:
        The last checkpoint, open.

    Raises:
        embzarr.InvalidInputError: a setting out of its bounds (``input-argument``), no word that
            is frequent enough (``corpus-no-words``), a place that holds a run
            (``trainer-run-exists``), or another text or other settings than those of the run to go
            on with (``trainer-changed``), which training in blocks did not save
            (``trainer-foreign``).
        embzarr.UnsupportedError: numba, or on executors embzarr, is not installed.
        embzarr.EmbzarrError: of the store; what was committed before stays good.

    Example:
        >>> engine = embzarr_spark.LocalEngine(corpus)
        >>> with engine:
        ...     made = embzarr_spark.train(engine, folder, vector_size=8, groups=2, epochs=1)
        >>> made["sea"].shape
        (8,)
    """
    options = _options_of(locals())
    require_numba()
    check_integer("checkpoints", checkpoints, low=1, high=100_000)
    if keep_last is not None:
        check_integer("keep_last", keep_last, low=1, high=100_000)
    places = places_of(url, state, storage_options)
    _check_places(places, resume=resume)
    known = groups_before(places) if groups is None else groups
    plan = _prepare(engine, places, options, groups=known, segments=segments)
    check_newest(places, plan)
    driver = _Driver(engine, places, plan, progress=progress)
    return driver.run(checkpoints=checkpoints, keep_last=keep_last)


def _options_of(given: Mapping[str, Any]) -> TrainOptions:
    """Return the settings that any trainer has, and those that training in blocks fixes."""
    names = {field.name for field in dataclasses.fields(TrainOptions)} & given.keys()
    fixed: dict[str, Any] = {"sg": True, "workers": 1, "unicode_errors": "replace"}
    return TrainOptions(**{name: given[name] for name in names}, **fixed)


def quicker_alone(words: int, vector_size: int, *, memory: int | None = None) -> str | None:
    """Say that one machine is quicker, where a model fits its memory; else return None.

    Training in blocks is a third as fast for each core, since windows fall apart, and moves the
    model once a round.

    Args:
        words: in the vocabulary.
        vector_size: numbers in a vector.
        memory: bytes of one machine; by default of this one.

    Example:
        >>> embzarr_spark.quicker_alone(1_000_000_000, 300, memory=16 * 2**30)
    """
    check_integer("words", words, low=1, high=2**53)
    check_integer("vector_size", vector_size, low=1, high=4096)
    if memory is not None:
        check_integer("memory", memory, low=1, high=2**63)
    have = memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    model = 2 * 4 * words * vector_size
    most = int(have * _SHARE_OF_MEMORY)
    if model > most:
        return None
    return (
        f"the model takes {model / 1e9:.3g} GB and fits one machine of {have / 1e9:.3g} GB, where "
        "`embzarr train` is three times as fast on as many cores; it is not from about "
        f"{most // (8 * vector_size):,} words x {vector_size} on"
    )


def _check_places(places: Places, *, resume: bool) -> None:
    """Refuse places that hold a run, where it is not said that it is to go on."""
    for url in (places.url, places.rows):
        with places.run(url) as run:
            if run.numbers() and not resume:
                raise embzarr.InvalidInputError(
                    "trainer-run-exists",
                    f"{run.url} holds a run already: resume (--resume) goes on, another address"
                    " begins anew",
                )


def _prepare(
    engine: Engine, places: Places, options: TrainOptions, *, groups: int | None, segments: int
) -> BlockPlan:
    """Count words, store them and encode the text; return the plan of the run."""
    vocabulary = vocabulary_of(
        engine.count(options), min_count=options.min_count, max_vocab=options.max_vocab
    )
    total, digest = int(vocabulary.counts.sum()), vocabulary.digest
    words = len(vocabulary)
    if groups is None:
        groups = min(groups_for(engine.slots), words)
    check_integer("groups", groups, low=1, high=words)
    with places.run(places.words) as run:
        known = run.open() if run.numbers() else None
    if known is None:
        store_words(places, vocabulary)
    elif not holds(known, vocabulary):
        raise embzarr.InvalidInputError(
            "trainer-changed", "cannot resume: the text has other words than the run"
        )
    del vocabulary
    packed, rows = packing(places, words=words, groups=groups, dim=options.vector_size)
    return BlockPlan(
        options=options,
        words=words,
        total=total,
        groups=groups,
        segments=segments,
        packed=packed,
        rows=rows,
        vocabulary=digest,
        corpus=engine.encode(places, options, total),
    )


class _Driver:
    """Goes from round to round."""

    def __init__(
        self,
        engine: Engine,
        places: Places,
        plan: BlockPlan,
        *,
        progress: Callable[[BlockProgress], object] | None,
    ) -> None:
        self._engine = engine
        self._places = places
        self._plan = plan
        self._progress = progress

    def run(self, *, checkpoints: int, keep_last: int | None) -> embzarr.Checkpoint:
        """Train from where the state is to the end; return the last checkpoint."""
        plan, places = self._plan, self._places
        state = newest_round(places, plan) or self._begin()
        due = {plan.rounds * part // checkpoints for part in range(1, checkpoints + 1)}
        dealt = None
        for number in range(state.step, plan.rounds):
            if number and number in due:  # here, since a driver may be killed before it is made
                gather(self._engine, places, plan, state, keep_last=keep_last).close()
            position = plan.position(number)
            if position[:2] != dealt:
                self._engine.deal(plan, position)
                dealt = position[:2]
            state = self._round(state, number, saves=number + 1 in due)
        return gather(self._engine, places, plan, state, keep_last=keep_last)

    def _begin(self) -> embzarr.Checkpoint:
        step = plan_round(self._places, self._plan, 0)
        job = Beginning(places=self._places, plan=self._plan, step=step)
        self._engine.run(begin_group, job, self._plan.groups)
        return publish_round(self._places, self._plan, step, {})

    def _round(self, state: embzarr.Checkpoint, number: int, *, saves: bool) -> embzarr.Checkpoint:
        """Train a round upon a commit of the state; return the next one."""
        begin, plan, places = time.perf_counter(), self._plan, self._places
        step = plan_round(places, plan, number + 1)
        job = Round(places=places, plan=plan, number=number, base=state.commit, step=step)
        reports = self._engine.train(job)
        before = seconds_of(state)
        seconds = time.perf_counter() - begin
        metrics = _metrics(plan, number, reports, before=before, seconds=seconds)
        state.close()
        made = publish_round(places, plan, step, {"metrics": metrics.to_json()})
        each = max(min(_UNCOLLECTED_BYTES // plan.state_bytes, plan.groups), 1)
        if (number + 1) % each == 0 or number + 1 == plan.rounds:
            with places.run(places.rows) as run:
                run.gc(keep_last=2)
        if self._progress is not None:
            self._progress(_progress(plan, number, reports, metrics, saves=saves))
        return made


def _metrics(
    plan: BlockPlan, number: int, reports: Sequence[Report], *, before: float, seconds: float
) -> Metrics:
    windows = max(sum(report.windows for report in reports), 1)
    words = plan.words_before(number + 1)
    return Metrics(
        step=words,
        words=words,
        epoch=plan.epochs_before(number + 1),
        loss=sum(report.loss for report in reports) / windows,
        alpha=float(plan.alpha(number)),
        words_per_second=(words - plan.words_before(number)) / max(seconds, 1e-9),
        seconds=before + seconds,
    )


def _progress(
    plan: BlockPlan, number: int, reports: Sequence[Report], metrics: Metrics, *, saves: bool
) -> BlockProgress:
    each = [one.bytes_read + one.bytes_written + one.bytes_shuffled for one in reports]
    return BlockProgress(
        round=number + 1,
        rounds=plan.rounds,
        metrics=metrics,
        bytes_read=sum(report.bytes_read for report in reports),
        bytes_written=sum(report.bytes_written for report in reports),
        bytes_shuffled=sum(report.bytes_shuffled for report in reports),
        largest_task_bytes=max(each),
        step=metrics.step if saves else None,
    )
