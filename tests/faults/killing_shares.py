"""Kills tasks and drivers of writes whose shares an engine hands out, as Spark does; a program.

What Spark sends from a task to the driver goes between children here: pickles of a plan and of
shares. Only forked children touch a store, see `faults.forking`.
"""

from __future__ import annotations

import base64
import json
import pickle
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embzarr
from embzarr._history import Target
from embzarr._parts import ShareWriter, discard, gather, plan_shares
from embzarr._storage.open import open_store
from faults.forking import Telling, Voice
from faults.killing_parts import AFTER, BEFORE, Options, begin, in_piles, said_by, told
from oracle import make_words

ROWS, DIM, TASKS = 600, 16, 3
WORDS = make_words(ROWS)
BLOCK = 50
OF_TASKS = "of a task between its first write and its answer"
OF_DRIVERS = "of a driver between its first write and its answer"


def vectors_of(step: int) -> NDArray[np.float32]:
    """The vectors of a step; no two steps have a number in common."""
    numbers = np.arange(ROWS * DIM, dtype=np.float32).reshape(ROWS, DIM)
    return numbers + np.float32(1e5 * step)


def _text(value: object) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()


def _value(text: str) -> Any:
    return pickle.loads(base64.b64decode(text))  # noqa: S301 - our own


@dataclass(kw_only=True)
class Place:
    """One store, and what must stand in it."""

    url: str
    options: Options
    chance: random.Random
    landed: Counter[str]
    steps: list[int] = field(default_factory=list)
    """That were committed, oldest first."""

    def target(self, voice: Voice) -> Target:
        """Return where a child writes."""
        store = Telling(open_store(self.url, storage_options=self.options), voice)
        return Target(url=store, options=None, single_writer=False)

    def plan(self, step: int, voice: Voice) -> str:
        """Plan a step upon what is there."""
        return _text(plan_shares(self.target(voice), dtype="float32", columns={}, step=step))

    def write(self, plan: str, task: int, voice: Voice) -> str:
        """Write one task's share."""
        agreed = _value(plan)
        rows = range(task * ROWS // TASKS, (task + 1) * ROWS // TASKS)
        with ShareWriter(self.target(voice), agreed) as writer:
            for start in range(rows.start, rows.stop, BLOCK):
                part = slice(start, min(start + BLOCK, rows.stop))
                writer.append(WORDS[part], {"vectors": vectors_of(agreed.step)[part]})
        return _text(writer.share)

    def commit(self, plan: str, shares: list[str], voice: Voice) -> int:
        """Commit what all tasks have written."""
        how: dict[str, Any] = {"placement": "given", "compression": "auto", "chunk_bytes": None}
        written = [_value(share) for share in shares]
        made = gather(self.target(voice), _value(plan), written, metadata={}, **how)
        return made.commit

    def abort(self, shares: list[str], voice: Voice) -> None:
        """Remove shares, as Spark has it done after a commit that failed, or seemed to."""
        discard(self.target(voice), [_value(share) for share in shares])

    def newest(self, _: Voice) -> int:
        """Return the newest step, which a killed driver may have committed."""
        return embzarr.open(self.url, storage_options=self.options).step

    def collect(self, _: Voice) -> int:
        """Give up whatever no commit names."""
        run = embzarr.Run(self.url, storage_options=self.options)
        return len(run.gc(older_than=0).objects)

    def check(self, _: Voice) -> str | None:
        """Return what is wrong with the store."""
        run = embzarr.Run(self.url, storage_options=self.options)
        if (found := [info.step for info in reversed(run.commits())]) != self.steps:
            return f"steps {found} instead of {self.steps}"
        checkpoint = run.open()
        if problems := checkpoint.verify().problems:
            return str(problems[0])
        same = np.array_equal(checkpoint.to_numpy(), vectors_of(self.steps[-1]))
        return None if same and checkpoint.words == WORDS else "rows read as something else"

    def kill(self, work: Callable[[Voice], object], window: str) -> None:
        """Begin something, and kill it after any of its writes."""
        child = begin(work)
        child.await_writes(self.chance.randrange(12), 10)
        time.sleep(self.chance.uniform(0, 0.01))
        child.kill()
        said = said_by(child)
        self.landed["kills"] += 1
        self.landed[AFTER if said else window if child.writes else BEFORE] += 1


def one_job(place: Place, step: int) -> str | None:
    """Write a step, with kills; return what went wrong."""
    chance = place.chance
    plan = told(partial(place.plan, step))
    shares = []
    for task in chance.sample(range(TASKS), TASKS):
        work = partial(place.write, plan, task)
        for _ in range(chance.randrange(3)):
            place.kill(work, OF_TASKS)
        shares.append((task, told(work)))
        if chance.random() < 0.2:
            told(work)  # a speculative attempt, of which nobody hears
    return _commit(place, step, plan, [share for _, share in sorted(shares)])


def _commit(place: Place, step: int, plan: str, shares: list[str]) -> str | None:
    work = partial(place.commit, plan, shares)
    for _ in range(place.chance.randrange(3)):
        place.kill(work, OF_DRIVERS)
        if wrong := _whole(place, step):
            return wrong
    if place.chance.random() < 0.3:  # the job failed for good, so far as Spark knows
        told(partial(place.abort, shares))
        place.landed["aborts"] += 1
        return _whole(place, step) or (None if step in place.steps else one_job(place, step))
    if told(work) != told(work):
        return "committed twice"
    return _whole(place, step) or _after_all(place, step, shares)


def _after_all(place: Place, step: int, shares: list[str]) -> str | None:
    """Abort a job that was committed, and collect: the step stays, and nothing else does."""
    told(partial(place.abort, shares))
    if place.steps[-1] != step:
        return f"step {step} is not there"
    told(place.collect)
    return told(place.check)  # type: ignore[no-any-return]  # JSON


def _whole(place: Place, step: int) -> str | None:
    """Say what is wrong; the step is there, whole, or not at all."""
    if place.steps[-1] != step and told(place.newest) == step:
        place.steps.append(step)
    return told(place.check)  # type: ignore[no-any-return]  # JSON


def rounds(url: str, options: Options, kills: int, *, seed: int) -> dict[str, Any]:
    """Write steps until so many were killed; return where the kills landed, and what failed."""

    def first(pile: int, chance: random.Random, landed: Counter[str]) -> Place:
        place = Place(url=f"{url}-{pile}", options=options, chance=chance, landed=landed)
        told(partial(_first, place))
        place.steps.append(0)
        return place

    landed, failures = in_piles(first, one_job, kills, seed=seed)
    return {"landed": landed, "failures": failures}


def _first(place: Place, _: Voice) -> int:
    return embzarr.save(
        place.url, WORDS, vectors_of(0), step=0, storage_options=place.options
    ).commit


if __name__ == "__main__":
    task = json.load(sys.stdin)
    sys.stdout.write(
        json.dumps(rounds(task["url"], task["options"], task["count"], seed=task["seed"]))
    )
