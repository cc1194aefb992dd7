"""The matrices between rounds: a run of its own, whose rows are blocks of many words' vectors.

A checkpoint's rows are words, and a step that is written in parts has all columns of a row in one
part. Here one task has input rows, and another the output rows, of the same words. So the state is
a table whose first half are the input matrix, group by group, and whose second half the output
matrix; each task writes one part of each half, and a commit makes a round of all parts. A row packs
many words, so that a commit, which names its rows, stays small however large the vocabulary is.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
from embzarr_spark._memory import Rows
from embzarr_spark._plan import MOST_GROUPS
from embzarr_trainer import check_integer, check_number, padded, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from embzarr_spark._places import Places
    from embzarr_spark._plan import BlockPlan

INPUT: Final = 0
OUTPUT: Final = 1
MEMBER: Final = "blocks"
"""What ``metadata`` of the state's commits, and of a checkpoint's trainer, calls the plan."""
_ROW_BYTES: Final = 128 * 1024
READ_BYTES: Final = 32 * 2**20
"""Read at once: many requests side by side."""
_WRITTEN_BYTES: Final = 4 * 2**20
"""Handed to a writer at once, which copies them."""
_PADDING: Final = 16
"""A group is padded by about this part of itself at most."""


def packing(places: Places, *, words: int, groups: int, dim: int) -> tuple[int, int]:
    """Return how many words are a row of the state, and how many rows half a group has.

    It is as many rows as a part of a planned step has, so that groups and parts are the same.
    """
    largest = -(-words // groups)
    packed = 1 << (max(min(_ROW_BYTES // (4 * dim), largest // _PADDING), 1).bit_length() - 1)
    rows = -(-largest // packed)
    while True:
        plan = _planned(places, rows=rows, groups=groups, dim=packed * dim, step=None)
        if plan.part_rows == rows:
            return packed, rows
        rows = plan.part_rows


def plan_round(places: Places, plan: BlockPlan, number: int) -> embzarr.StepPlan:
    """Plan the step that round ``number - 1`` ends with; 0 is the start."""
    dim = plan.packed * plan.options.vector_size
    return _planned(places, rows=plan.rows, groups=plan.groups, dim=dim, step=number)


def _planned(
    places: Places, *, rows: int, groups: int, dim: int, step: int | None
) -> embzarr.StepPlan:
    return embzarr.plan_step(
        places.rows,
        rows=2 * groups * rows,
        dim=dim,
        parts=2 * groups,
        step=step,
        allow_new_dim=True,
        storage_options=places.storage_options,
    )


def publish_round(
    places: Places, plan: BlockPlan, step: embzarr.StepPlan, told: Mapping[str, Any]
) -> embzarr.Checkpoint:
    """Commit a round all of whose parts are there."""
    names = _names(plan.groups * plan.rows)
    metadata = {MEMBER: {"digest": plan.digest, "plan": plan.to_json(), **told}}
    return embzarr.publish(
        places.rows, step, names, metadata=metadata, storage_options=places.storage_options
    )


@functools.lru_cache(maxsize=1)
def _names(rows: int) -> Sequence[str]:
    """Return the names of as many rows of each half, the same in every round."""
    return [f"{half}-{row}" for half in ("input", "output") for row in range(rows)]


def newest_round(places: Places, plan: BlockPlan) -> embzarr.Checkpoint | None:
    """Open the newest sound commit of the state, None where there is none.

    Raises:
        embzarr.InvalidInputError: ``trainer-changed``: it is another run's, and of what.
    """
    checkpoint = _newest(places)
    if checkpoint is not None:
        _check_same(checkpoint, plan)
    return checkpoint


def groups_before(places: Places) -> int | None:
    """Return the groups of the run that the state is of, None where there is none."""
    checkpoint = _newest(places)
    if checkpoint is None:
        return None
    with checkpoint:
        groups: Any = _plan_told(checkpoint).get("groups")
    check_integer("groups of the state", groups, low=1, high=MOST_GROUPS)
    return int(groups)


def _newest(places: Places) -> embzarr.Checkpoint | None:
    run = places.run(places.rows)
    for number in run.numbers():
        try:
            return run.open(commit=number)
        except (embzarr.NotFoundError, embzarr.DamagedError):
            continue  # given up, a garbage collection, or damaged: the one before it is as good
    return None


def seconds_of(checkpoint: embzarr.Checkpoint) -> float:
    """Return the training time that a commit of the state tells, of all rounds before."""
    told = checkpoint.metadata[MEMBER].get("metrics")
    seconds: Any = told.get("seconds") if isinstance(told, dict) else 0.0
    check_number(f"metadata.{MEMBER}.metrics.seconds", seconds, low=0.0, high=sys.float_info.max)
    return float(seconds)


def _check_same(checkpoint: embzarr.Checkpoint, plan: BlockPlan) -> None:
    """Refuse the state of another run, and what is no state."""
    now = flat(plan.to_json())
    refuse_changes({**dict.fromkeys(now), **flat(_plan_told(checkpoint))}, now)
    check_integer("step of the state", checkpoint.step, low=0, high=plan.rounds)
    shape = (2 * plan.groups * plan.rows, plan.packed * plan.options.vector_size)
    if checkpoint.shape != shape or checkpoint.dtype != np.float32:
        found = f"{checkpoint.dtype} {checkpoint.shape}"
        raise refused("vectors of the state", f"float32 {shape}", found)
    seconds_of(checkpoint)


def refuse_changes(before: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Refuse to go on with a run of which something is not as it was.

    Raises:
        embzarr.InvalidInputError: ``trainer-changed``, naming what.
    """
    for name in sorted(name for name in before if before[name] != now.get(name))[:1]:
        raise embzarr.InvalidInputError(
            "trainer-changed",
            f"cannot resume: {name:.40} was {before[name]!r:.80}, and is {now.get(name)!r:.80}; "
            "another address, or another state, begins anew",
        )


def _plan_told(checkpoint: embzarr.Checkpoint) -> Mapping[str, Any]:
    told = checkpoint.metadata.get(MEMBER)
    if not isinstance(told, dict) or not isinstance(told.get("plan"), dict):
        raise refused(f"metadata.{MEMBER}", "the plan of a run in blocks", told)
    plan: Mapping[str, Any] = told["plan"]
    return plan


def flat(plan: Mapping[str, Any]) -> dict[str, object]:
    """Return the members of a plan, as JSON has it, with its options beside them."""
    options = plan.get("options")
    rest = {name: value for name, value in plan.items() if name != "options"}
    return {**rest, **(options if isinstance(options, dict) else {})}


def read_words(
    checkpoint: embzarr.Checkpoint, plan: BlockPlan, half: int, group: int, start: int, stop: int
) -> npt.NDArray[np.float32]:
    """Return the rows of the words ``start`` to ``stop`` of a group, of one matrix."""
    first = (half * plan.groups + group) * plan.rows
    low, high = start // plan.packed, -(-stop // plan.packed)
    loaded = checkpoint.load_rows(first + low, first + high, columns=("vectors",))
    words = np.asarray(loaded.vectors).reshape(-1, plan.options.vector_size)
    return words[start - low * plan.packed : stop - low * plan.packed]


def read_group(checkpoint: embzarr.Checkpoint, plan: BlockPlan, half: int, group: int) -> Rows:
    """Return a group of one matrix as the compiled loops want it: rows padded with zeros.

    It is read block by block, so that memory holds it once.
    """
    bounds, size = plan.bounds(), plan.options.vector_size
    words = int(bounds[group + 1] - bounds[group])
    wide = Rows(words, padded(np.zeros((0, size), np.float32)).shape[1])
    for start, stop in blocks_of(plan, words, READ_BYTES):
        wide.array[start:stop, :size] = read_words(checkpoint, plan, half, group, start, stop)
    return wide


def blocks_of(plan: BlockPlan, words: int, nbytes: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of words that are whole rows of the state, so many bytes each."""
    rows = max(nbytes // (plan.packed * plan.options.vector_size * 4), 1)
    for start in range(0, words, rows * plan.packed):
        yield start, min(start + rows * plan.packed, words)


def write_group(
    places: Places,
    plan: BlockPlan,
    step: embzarr.StepPlan,
    half: int,
    group: int,
    words: npt.NDArray[np.float32],
    *,
    give_up: Callable[[int], object] | None = None,
) -> int:
    """Write a group of one matrix as a part of a step; return its bytes.

    Args:
        places: of the run.
        plan: of the run.
        step: the step.
        half: which matrix.
        group: which group.
        words: its rows, padded or not.
        give_up: called with a number once the rows before it are not needed any more.
    """
    size = plan.options.vector_size
    index = half * plan.groups + group
    with embzarr.write_part(
        places.rows, step, index, storage_options=places.storage_options
    ) as part:
        for start, stop in blocks_of(plan, plan.rows * plan.packed, _WRITTEN_BYTES):
            block = np.zeros((stop - start, size), np.float32)
            there = words[start:stop, :size]
            block[: len(there)] = there
            part.append(block.reshape(-1, plan.packed * size))
            if give_up is not None:
                give_up(min(stop, len(words)))
    return plan.rows * plan.packed * size * 4
