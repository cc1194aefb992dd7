"""From the state to a checkpoint as any reader wants it: by workers, a part each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import embzarr
from embzarr_spark._state import MEMBER, flat, refuse_changes
from embzarr_spark._tasks import Gathering, gather_part
from embzarr_trainer import MODEL

if TYPE_CHECKING:
    from embzarr_spark._engine import Engine
    from embzarr_spark._places import Places
    from embzarr_spark._plan import BlockPlan

_TOLD: Final = ("groups", "segments", "corpus", "vocabulary")
"""Of the plan, beside its options, in the metadata of a checkpoint."""
_ROUND: Final = "round"
"""Beside these: how many rounds were done."""


def check_newest(places: Places, plan: BlockPlan) -> None:
    """Refuse a place whose newest checkpoint is of another run: its step may be one of this run's.

    Raises:
        embzarr.InvalidInputError: ``trainer-changed``, or ``trainer-foreign``: no run in blocks.
    """
    with places.run(places.url) as run:
        if not run.numbers():
            return
        told = _told_of(run.open())
    options, blocks = told.get("options"), told.get(MEMBER)
    if not isinstance(options, dict) or not isinstance(blocks, dict):
        raise embzarr.InvalidInputError(
            "trainer-foreign",
            f"{run.url} holds what training in blocks has not saved: another address begins anew",
        )
    before = {name: blocks[name] for name in _TOLD if name in blocks}
    refuse_changes({**before, **options}, flat(plan.to_json()))


def _told_of(checkpoint: embzarr.Checkpoint) -> dict[str, Any]:
    told: Any = checkpoint.metadata.get("trainer")
    return told if isinstance(told, dict) else {}


def gather(
    engine: Engine,
    places: Places,
    plan: BlockPlan,
    state: embzarr.Checkpoint,
    *,
    keep_last: int | None,
) -> embzarr.Checkpoint:
    """Make a checkpoint of a commit of the state, unless it is there: return it.

    Args:
        engine: runs as many tasks as there are groups.
        places: where from and where to.
        plan: of the run.
        state: what it is to be of.
        keep_last: give up all but the newest so many checkpoints.
    """
    with places.run(places.url) as run:
        if run.numbers() and _is_of_round(newest := run.open(), state.step):
            return newest  # the driver was killed after this very commit, and goes on
        made = _published(engine, places, plan, state)
        if keep_last is not None:
            run.gc(keep_last=keep_last)
    return made


def _is_of_round(checkpoint: embzarr.Checkpoint, number: int) -> bool:
    """Tell whether it is of a round: of a short text, several have the same step."""
    blocks = _told_of(checkpoint).get(MEMBER)
    return isinstance(blocks, dict) and blocks.get(_ROUND) == number


def _published(
    engine: Engine, places: Places, plan: BlockPlan, state: embzarr.Checkpoint
) -> embzarr.Checkpoint:
    size = plan.options.vector_size
    planned = embzarr.plan_step(
        places.url,
        rows=plan.words,
        dim=size,
        parts=plan.groups,
        step=plan.words_before(state.step),
        columns={"context": ("float32", (size,))},
        storage_options=places.storage_options,
    )
    job = Gathering(places=places, plan=plan, base=state.commit, step=planned)
    engine.run(gather_part, job, plan.groups)
    told = state.metadata[MEMBER]
    trainer = {
        "model": MODEL,
        "options": plan.options.to_json(),
        "metrics": told["metrics"],
        MEMBER: {**{name: told["plan"][name] for name in _TOLD}, _ROUND: state.step},
    }
    with places.open(places.words) as words:
        return embzarr.publish(
            places.url,
            planned,
            words,
            counts=words.load_rows(0, plan.words, columns=("counts",)).columns["counts"],
            metadata={"trainer": trainer},
            storage_options=places.storage_options,
        )
