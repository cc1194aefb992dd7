"""Where a run of training begins: from nothing, from its own checkpoint, or from another's."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
from embzarr_trainer._buffers import Weights
from embzarr_trainer._options import refused
from embzarr_trainer._schedule import plan_schedule
from embzarr_trainer._state import foreign, is_finite, newest_state, padded, start_weights
from embzarr_words import as_trained

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from embzarr_trainer._corpus.reading import Corpus
    from embzarr_trainer._options import TrainOptions
    from embzarr_trainer._record import Record
    from embzarr_trainer._schedule import Schedule
    from embzarr_trainer._state import State

_SHOWN_WORDS: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wishes:
    """What the caller wants to begin from."""

    resume: bool
    allow_changes: bool
    restart: bool
    init: object | None
    only: Iterable[str] | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """Where a run of training begins."""

    corpus: Corpus
    """Its words are the rows of the weights."""
    weights: Weights
    frozen: npt.NDArray[np.uint8]
    """(words,): 1 for rows that are to stay as they are."""
    schedule: Schedule
    turn: int = 0
    """The turn of the schedule to go on with."""
    base_words: int = 0
    """Words trained before this schedule began, on other text."""
    seconds: float = 0.0
    """Training time before this session."""
    checkpoint: embzarr.Checkpoint | None = None
    """The checkpoint that holds these very weights."""
    trouble: str | None = None
    """What was wrong with newer checkpoints than that."""


def check_place(run: embzarr.Run, wishes: Wishes, *, vector_size: int) -> None:
    """Refuse a place that holds a run, where it is not said what is to become of it.

    To begin anew with vectors of another length is refused as well, as where they are saved:
    readers of the run would find other vectors than they hold.

    Called before the corpus is read, and whatever is wished: that a store cannot be read is then
    known before hours of counting and training, too.

    Raises:
        embzarr.InvalidInputError: ``trainer-run-exists``; ``input-shape``: it holds vectors of
            another length; ``input-argument`` for wishes that contradict each other.
    """
    if wishes.resume and wishes.restart:
        raise refused("restart", "False with resume", wishes.restart)
    numbers = run.numbers()
    if numbers and not (wishes.resume or wishes.restart):
        raise embzarr.InvalidInputError(
            "trainer-run-exists",
            f"{run.url} holds a run already, to commit {numbers[0]}: resume (--resume) goes on from"
            " it, restart (--restart) begins anew beside its checkpoints, another URL leaves it"
            " alone",
        )
    held = _dim_of(run) if numbers and wishes.restart and not wishes.allow_changes else None
    if held not in {None, vector_size}:
        raise embzarr.InvalidInputError(
            "input-shape",
            f"{run.url} holds vectors of dimension {held}; found a vector_size of {vector_size}: "
            "train to another URL, or say allow_changes (--allow-changes) if it is meant",
        )


def _dim_of(run: embzarr.Run) -> int | None:
    """Return the dimension of the newest checkpoint; None without vectors, or if it is lost."""
    try:
        return run.open().info().dim or None
    except (embzarr.DamagedError, embzarr.NotFoundError):
        return None


def find_start(
    run: embzarr.Run,
    corpus: Corpus,
    wishes: Wishes,
    *,
    options: TrainOptions,
    storage_options: Mapping[str, Any] | None,
) -> Start:
    """Load what there is to go on from, or draw start vectors.

    Raises:
        embzarr.InvalidInputError: ``trainer-foreign`` or ``trainer-changed``, as ``train`` says;
            ``input-argument`` for vectors of another size.
    """
    schedule = plan_schedule(corpus.starts, options=options)
    accept = functools.partial(
        _check_changes, corpus, schedule, options=options, allowed=wishes.allow_changes
    )
    state, damaged = newest_state(run, accept=accept) if wishes.resume else (None, [])
    if state is None:
        weights = start_weights(
            len(corpus.words), vector_size=options.vector_size, seed=options.seed
        )
        frozen = _frozen(corpus, wishes.only, options=options)
        start = Start(corpus=corpus, weights=weights, frozen=frozen, schedule=schedule)
        if wishes.init is not None:
            _take_over(start, wishes.init, options=options, storage_options=storage_options)
        return start
    trouble = "; ".join([*damaged, f"went on from commit {state.checkpoint.commit}"])
    start = _go_on(state, corpus, schedule, options=options)
    return dataclasses.replace(
        start,
        frozen=_frozen(start.corpus, wishes.only, options=options),
        trouble=trouble if damaged else None,
    )


def _check_changes(
    corpus: Corpus,
    schedule: Schedule,
    record: Record,
    checkpoint: embzarr.Checkpoint,
    *,
    options: TrainOptions,
    allowed: bool,
) -> None:
    changes = record.changes(options, digest=corpus.digest, cut=corpus.cut) or _moves(
        record, schedule
    )
    if record.options.vector_size != options.vector_size:
        changes = [change for change in changes if change.startswith("vector_size")]
        hint = "this cannot change within a run"
    else:
        hint = "allow_changes (--allow-changes) goes on all the same"
        changes = [] if allowed else changes
    if changes:
        raise embzarr.InvalidInputError(
            "trainer-changed",
            f"cannot resume from commit {checkpoint.commit}: {'; '.join(changes)}; {hint}",
        )


def _moves(record: Record, schedule: Schedule) -> list[str]:
    """Tell where the same settings on the same text do not lead to the same place, in words."""
    turns = len(schedule.order)
    if record.turns > turns:
        return [f"the schedule had {record.turns} turns and more, and has {turns}"]
    before, before_total = record.metrics.words, record.words_total
    now, now_total = int(schedule.done[record.turns]), schedule.total_words
    if (before, before_total) == (now, now_total):
        return []
    told = f"{before} of {before_total} words, and now {now} of {now_total}"
    return [f"after {record.turns} turns the schedule had trained {told}"]


def _go_on(state: State, corpus: Corpus, schedule: Schedule, *, options: TrainOptions) -> Start:
    """Go on with the same schedule on the same text, or begin one on other text."""
    known = {word: row for row, word in enumerate(state.words)}
    new = [word for word in corpus.words if word not in known]
    words = [*state.words, *new]
    known.update((word, len(state.words) + number) for number, word in enumerate(new))
    rows = np.fromiter(map(known.__getitem__, corpus.words), np.int32, len(corpus.words))
    same = state.record.same_corpus(options, digest=corpus.digest, cut=corpus.cut)
    counts = np.append(state.counts, np.zeros(len(new), np.int64))
    if not same:
        counts[rows] += corpus.counts
    elif (counts[rows] < corpus.counts).any():
        row = int(np.argmax(counts[rows] < corpus.counts))
        found = f"{corpus.words[row]!r} {corpus.counts[row]} times in the same text"
        raise foreign(state.checkpoint, f"counts: expected {found}, found {counts[rows][row]}")
    return Start(
        corpus=corpus.renumbered(rows, words=words, counts=counts),
        weights=_grown(state.weights, new=len(new), options=options),
        frozen=np.zeros(len(words), np.uint8),
        schedule=schedule,
        turn=state.record.turns if same else 0,
        base_words=state.record.base_words if same else state.checkpoint.step,
        seconds=state.record.metrics.seconds,
        checkpoint=state.checkpoint if same else None,  # else counts are others, too
    )


def _grown(weights: Weights, *, new: int, options: TrainOptions) -> Weights:
    """Add rows for new words, as they are at the start of a run."""
    if not new:
        return weights
    old = len(weights.inputs)
    seed = int(np.random.SeedSequence((options.seed, old)).generate_state(1)[0])
    fresh = start_weights(new, vector_size=options.vector_size, seed=seed)
    grown = Weights(*(padded(matrix, rows=old + new) for matrix in weights))
    grown.inputs[old:] = fresh.inputs
    return grown


def _take_over(
    start: Start,
    init: object,
    *,
    options: TrainOptions,
    storage_options: Mapping[str, Any] | None,
) -> None:
    """Overwrite start vectors by another checkpoint's, for the words that it has.

    Only those words are loaded; with its context matrix, where it has one of this size.
    """
    other = (
        init
        if isinstance(init, embzarr.Checkpoint)
        else embzarr.open(init, storage_options=storage_options)
    )
    size = options.vector_size
    if other.dim != size:
        raise embzarr.InvalidInputError(
            "input-argument",
            f"init: expected vectors of vector_size {size}, found {other.dim} numbers each",
        )
    matrices = {"vectors": start.weights.inputs}
    if _has_context(other, size=size):
        matrices["context"] = start.weights.outputs
    found = other.load(start.corpus.words, missing="skip", columns=tuple(matrices))
    known = {word: row for row, word in enumerate(start.corpus.words)}
    rows = np.fromiter(map(known.__getitem__, found.words), np.int64, len(found.words))
    for name, matrix in matrices.items():
        with np.errstate(over="ignore"):  # what float32 cannot hold is told below
            values = found.columns[name].astype(np.float32)
        if not is_finite(values):
            raise embzarr.InvalidInputError(
                "input-argument", f"init: expected finite numbers as {name}, found others"
            )
        matrix[rows, :size] = values


def _has_context(other: embzarr.Checkpoint, *, size: int) -> bool:
    """Tell whether there is a context matrix of this size, before any of it is loaded."""
    return any(
        column.name == "context" and column.shape[1:] == (size,) and "float" in column.dtype
        for column in other.info().columns
        if column.layer == 0
    )


def _frozen(
    corpus: Corpus, only: Iterable[str] | None, *, options: TrainOptions
) -> npt.NDArray[np.uint8]:
    if only is None:
        return np.zeros(len(corpus.words), np.uint8)
    rows = {word: row for row, word in enumerate(corpus.words)}
    metadata = {"trainer": {"options": options.to_json()}}
    found = {
        word: next((rows[spelt] for spelt in as_trained(word, metadata) if spelt in rows), None)
        for word in _words_of(only)
    }
    missing = [word for word, row in found.items() if row is None]
    if len(missing) == len(found):
        raise embzarr.InvalidInputError(
            "input-argument",
            f"only: none of these {len(found)} words is among the {len(rows)} words of the"
            f" vocabulary{_such_as(missing)}",
        )
    if missing:
        logging.getLogger(__name__).warning(
            "only: %d of %d words are not in the vocabulary%s",
            *(len(missing), len(found), _such_as(missing)),
        )
    frozen = np.ones(len(rows), np.uint8)
    frozen[[row for row in found.values() if row is not None]] = 0
    return frozen


def _such_as(words: list[str]) -> str:
    shown = ", ".join(f"{word!r:.40}" for word in words[:_SHOWN_WORDS])
    more = ", ..." if len(words) > _SHOWN_WORDS else ""
    return f": {shown}{more}" if words else ""


def _words_of(only: Iterable[str]) -> list[str]:
    if not isinstance(only, Iterable) or isinstance(only, str):
        raise refused("only", "several words", only)
    words = list(only)
    if not all(isinstance(word, str) for word in words):
        raise refused("only", "several words", words)
    return list(dict.fromkeys(words))
