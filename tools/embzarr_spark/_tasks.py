"""What workers do: pure functions of a plan, a place in it and a commit.

A task may be killed at any moment, tried again, or run twice at once: each attempt on one type of
processor gives the same bits, and a part is there once.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import TYPE_CHECKING

import numpy as np

import embzarr
import embzarr_trainer
from embzarr_spark._memory import give_back_large_arrays
from embzarr_spark._state import (
    INPUT,
    OUTPUT,
    READ_BYTES,
    blocks_of,
    read_group,
    read_words,
    write_group,
)
from embzarr_spark._windows import merge
from embzarr_spark._words import counts_between
from embzarr_trainer import Method, Weights, build_tables, start_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from embzarr_spark._places import Places
    from embzarr_spark._plan import BlockPlan


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What all tasks of a round are told."""

    places: Places
    plan: BlockPlan
    number: int
    """Of the round, in the whole run."""
    base: int
    """The state's commit that the round begins from."""
    step: embzarr.StepPlan
    """The step that it ends with."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a task tells of itself."""

    task: int
    loss: float
    """Sum over windows, of one pair each, in nats."""
    windows: int
    pairs: int
    bytes_read: int
    """From the store."""
    bytes_written: int
    """To the store."""
    bytes_shuffled: int
    """Windows that were dealt to it."""
    seconds: float


def train_block(job: Round, task: int, shares: Iterable[bytes]) -> Report:
    """Train two groups with the windows that they share, and write a part of each matrix.

    Args:
        job: the round.
        task: which of its tasks.
        shares: what shards have for this block, in any order.

    Raises:
        embzarr.InvalidInputError: ``training-diverged``: vectors are no longer finite.
    """
    give_back_large_arrays()
    begin = time.perf_counter()
    plan, group = job.plan, job.plan.input_group(job.number, task)
    stored = list(shares)
    windows = merge([embzarr_trainer.Share.from_bytes(data) for data in stored])
    with job.places.open(job.places.rows, commit=job.base) as state:
        inputs = read_group(state, plan, INPUT, group)
        outputs = read_group(state, plan, OUTPUT, task)
        read = state.traffic.bytes_read
    counts = counts_between(job.places, *(int(n) for n in plan.bounds()[task : task + 2]))
    weights = Weights(inputs.array, outputs.array)
    method = Method(window=plan.options.window, negative=plan.options.negative, cbow=False)
    blocks = embzarr_trainer.Blocks(
        method=method, weights=weights, tables=build_tables(counts, sample=0)
    )
    seed = plan.seed("negatives", *plan.position(job.number), task)
    loss = blocks.train(windows, alpha=plan.alpha(job.number), seed=seed)
    written = 0
    for half, number, trained in ((INPUT, group, inputs), (OUTPUT, task, outputs)):
        rows = _finite(trained.array)
        written += write_group(
            job.places, plan, job.step, half, number, rows, give_up=trained.give_up
        )
    return Report(
        task=task,
        loss=loss,
        windows=len(windows.centres),
        pairs=len(windows.contexts),
        bytes_read=read + counts.nbytes,
        bytes_written=written,
        bytes_shuffled=sum(map(len, stored)),
        seconds=time.perf_counter() - begin,
    )


def _finite(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if not np.isfinite([rows.min(initial=0), rows.max(initial=0)]).all():
        raise embzarr.InvalidInputError(
            "training-diverged", "vectors are no longer finite numbers: a lower alpha may help"
        )
    return rows


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What those are told who write the start of the state."""

    places: Places
    plan: BlockPlan
    step: embzarr.StepPlan


def begin_group(job: Beginning, group: int) -> None:
    """Draw the input rows of a group, and write them with output rows of zeros."""
    bounds = job.plan.bounds()
    seed = int(job.plan.seed("start", group) >> np.uint64(1))
    size = job.plan.options.vector_size
    start = start_weights(int(np.diff(bounds)[group]), vector_size=size, seed=seed)
    for half, rows in ((INPUT, start.inputs), (OUTPUT, start.outputs)):
        write_group(job.places, job.plan, job.step, half, group, rows)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """What those are told who write a checkpoint of the state."""

    places: Places
    plan: BlockPlan
    base: int
    step: embzarr.StepPlan


def gather_part(job: Gathering, part: int) -> None:
    """Copy the rows of one part of a checkpoint from the state, piece by piece."""
    give_back_large_arrays()
    with (
        job.places.open(job.places.rows, commit=job.base) as state,
        embzarr.write_part(
            job.places.url, job.step, part, storage_options=job.places.storage_options
        ) as writer,
    ):
        for group, start, stop in _pieces_between(job.plan, writer.start, writer.stop):
            vectors = read_words(state, job.plan, INPUT, group, start, stop)
            context = read_words(state, job.plan, OUTPUT, group, start, stop)
            writer.append(vectors, context=context)


def _pieces_between(plan: BlockPlan, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield groups with the first and past-the-last word in them, which together are a range."""
    for group, (low, high) in enumerate(itertools.pairwise(plan.bounds().tolist())):
        first, last = max(low, start) - low, min(high, stop) - low
        for begin, end in blocks_of(plan, last - first, READ_BYTES // 2):  # of each matrix
            yield group, first + begin, first + end
