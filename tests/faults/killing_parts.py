"""Kills workers and publishers of steps in parts; a program that reads its task from its input.

Some workers are stopped instead of killed, and wake up when another attempt has done their part,
or when the step is published, or given up. Only forked children touch a store, see
`faults.forking`.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import embzarr
from embzarr import StepPlan
from embzarr._storage.open import open_store
from embzarr._storage.port import Store
from faults.forking import Child, Telling, Voice
from oracle import make_words

ROWS, DIM, PARTS = 600, 16, 3
WORDS = make_words(ROWS)
COLUMNS = ("first", "second", "third")
"""Beside the vectors: four objects and a receipt for each part."""
PILE = 12
"""Steps on one store before a fresh one."""
BEFORE, AFTER = "before the first write", "after the last"
OF_WORKERS = "of a worker between its first write and its receipt"
OF_PUBLISHERS = "of a publisher between its first write and its answer"

Options = Mapping[str, Any] | None
P = TypeVar("P")
Table = dict[str, NDArray[np.float32]]


def table_of(step: int) -> Table:
    """Every column of a step; no two steps have a number in common."""
    names = ("vectors", *COLUMNS)
    numbers = np.arange(ROWS * DIM, dtype=np.float32).reshape(ROWS, DIM)
    return {name: numbers + np.float32(1e5 * step + 1e4 * at) for at, name in enumerate(names)}


def begin(work: Callable[[Voice], object]) -> Child:
    """Begin something, of which `said` tells how it ended."""
    return Child(partial(_outcome, work))


def said_by(child: Child) -> dict[str, Any] | None:
    """Wait for what a child says; None if it was killed before."""
    outcome: dict[str, Any] | None = child.hear()
    child.end()
    return outcome


def _outcome(work: Callable[[Voice], object], voice: Voice) -> dict[str, Any]:
    try:
        return {"value": work(voice)}
    except embzarr.EmbzarrError as exc:
        return {"code": exc.code, "message": str(exc)}
    except BaseException as exc:  # noqa: BLE001 - the parent tells of it
        return {"code": "untyped", "message": repr(exc)}


@dataclass(kw_only=True)
class Place:
    """One store, and what must stand in it."""

    url: str
    options: Options
    chance: random.Random
    landed: Counter[str]
    seconds: float = 0.1
    """That a worker takes about."""
    steps: list[int] = field(default_factory=list)
    """That were published, oldest first."""
    zombies: list[Child] = field(default_factory=list)

    def store(self, voice: Voice) -> Store:
        """Open the store in a child."""
        return Telling(open_store(self.url, storage_options=self.options), voice)

    def plan(self, step: int, voice: Voice) -> str:
        """Plan a step."""
        columns: dict[str, Any] = dict.fromkeys(COLUMNS, ("float32", (DIM,)))
        store = self.store(voice)
        return embzarr.plan_step(store, ROWS, DIM, PARTS, step=step, columns=columns).to_json()

    def write(self, text: str, index: int, table: Table, voice: Voice) -> None:
        """Write a part."""
        with embzarr.write_part(self.store(voice), StepPlan.from_json(text), index) as part:
            for start in range(part.start, part.stop, 50):
                rows = slice(start, min(start + 50, part.stop))
                part.append(**{name: column[rows] for name, column in table.items()})

    def publish(self, text: str, voice: Voice) -> int:
        """Publish a step."""
        return embzarr.publish(self.store(voice), StepPlan.from_json(text), WORDS).commit

    def collect(self, voice: Voice) -> int:
        """Give up whatever no commit names."""
        return len(embzarr.Run(self.store(voice)).gc(older_than=0).objects)

    def check(self, _: Voice) -> str | None:
        """Return what is wrong with the store."""
        run = embzarr.Run(self.url, storage_options=self.options)
        found = [info.step for info in reversed(run.commits())]
        if found != self.steps:
            return f"steps {found} instead of {self.steps}"
        if garbage := run.gc(older_than=0, dry_run=True).revoked:
            return f"{garbage} belongs to nothing"
        checkpoint = run.open()
        if problems := checkpoint.verify().problems:
            return str(problems[0])
        wrong = self.wrong_in(checkpoint, table_of(self.steps[-1]))
        return f"{wrong} read as something else" if wrong else None

    def wrong_in(self, checkpoint: embzarr.Checkpoint, table: Table) -> list[str]:
        """Return what of a checkpoint is not what was written."""
        loaded = checkpoint.load_rows(0, ROWS, columns=("vectors", *COLUMNS)).columns
        wrong = [name for name, rows in table.items() if not np.array_equal(loaded[name], rows)]
        return wrong if checkpoint.words == WORDS else [*wrong, "words"]

    def kill(self, work: Callable[[Voice], object], window: str) -> None:
        """Begin something and kill it at any moment."""
        child = begin(work)
        child.await_writes(self.chance.randrange(8), 2 * self.seconds)
        time.sleep(self.chance.uniform(0, 0.3 * self.seconds))
        child.kill()
        said = said_by(child)
        self.landed["kills"] += 1
        self.landed[AFTER if said else window if child.writes else BEFORE] += 1

    def sleeper(self, work: Callable[[Voice], object]) -> None:
        """Begin something and stop it at any moment, to go on later."""
        child = begin(work)
        child.await_writes(self.chance.randrange(1, 6), 2 * self.seconds)
        child.send(signal.SIGSTOP)
        self.zombies.append(child)
        self.landed["zombies"] += 1

    def wake(self) -> list[str]:
        """Let all that are stopped go on; return what they should not have said."""
        awake, self.zombies = self.zombies, []
        for child in awake:
            child.send(signal.SIGCONT)
        told = [said_by(child) for child in awake]
        return [str(said) for said in told if said is None or "value" not in said]


def told(work: Callable[[Voice], object]) -> Any:
    """Do something in a child and return what came of it."""
    outcome = said_by(begin(work))
    assert outcome is not None
    assert "value" in outcome, outcome
    return outcome["value"]


def one_step(place: Place, step: int) -> str | None:
    """Write a step in parts, with kills, zombies and other rows; return what went wrong."""
    chance = place.chance
    text = told(partial(place.plan, step))
    table = table_of(step)
    for index in chance.sample(range(PARTS), PARTS):
        work = partial(place.write, text, index, table)
        for _ in range(chance.randrange(3)):
            place.kill(work, OF_WORKERS)
        if chance.random() < 0.4:
            place.sleeper(work)
        told(work)
    if chance.random() < 0.3 and (failed := place.wake()):
        return failed[0]
    if place.steps and chance.random() < 0.2:
        return _give_up(place, text, table)
    if wrong := _publish(place, text) or _try_others(place, text):
        return wrong
    place.steps.append(step)
    return next(iter(place.wake()), None) or told(place.check)


def _publish(place: Place, text: str) -> str | None:
    for _ in range(place.chance.randrange(3)):
        place.kill(partial(place.publish, text), OF_PUBLISHERS)
    both = [begin(partial(place.publish, text)) for _ in range(2)]
    answers = [said_by(child) for child in both]
    place.landed["pairs of publishers"] += 1
    expected = {"value": len(place.steps) + 1 + place.landed[f"collections of {place.url}"]}
    return None if answers == [expected, expected] else f"{answers} instead of {expected}"


def _try_others(place: Place, text: str) -> str | None:
    """Let an attempt with other rows begin when all is published."""
    said = said_by(begin(partial(place.write, text, 0, table_of(-1))))
    place.landed["attempts with other rows"] += 1
    return None if said and said.get("code") == "part-conflict" else f"other rows: {said}"


def _give_up(place: Place, text: str, table: Table) -> str | None:
    """Collect a step before it is published: it stays unpublished, whoever writes on."""
    told(place.collect)
    place.landed[f"collections of {place.url}"] += 1
    place.landed["steps given up"] += 1
    told(partial(place.write, text, 0, table))
    failed = [said for said in place.wake() if "value" not in said]
    said = said_by(begin(partial(place.publish, text)))
    if failed or said is None or said.get("code") != "write-revoked":
        return f"given up, but {failed} {said}"
    told(place.collect)
    return told(place.check)  # type: ignore[no-any-return]  # JSON


def in_piles(
    first: Callable[[int, random.Random, Counter[str]], P],
    one: Callable[[P, int], str | None],
    kills: int,
    *,
    seed: int,
) -> tuple[Counter[str], list[str]]:
    """Write steps upon a first one, on one store after the other, until so many were killed.

    Args:
        first: writes the first step on the store of that number.
        one: writes another one, and says what is wrong.
        kills: how many.
        seed: of all chances.

    Returns:
        Where the kills landed, and what failed.
    """
    landed: Counter[str] = Counter()
    failures: list[str] = []
    chance = random.Random(seed)
    pile = 0
    while landed["kills"] < kills and not failures:
        pile += 1
        place = first(pile, chance, landed)
        for step in range(1, PILE):
            if landed["kills"] < kills and (wrong := one(place, step)):
                failures.append(f"seed {seed}, pile {pile}, step {step}: {wrong}")
                break
    return landed, failures


def rounds(
    url: str, options: Options, kills: int, *, seed: int, kind: type[Place] = Place
) -> dict[str, Any]:
    """Write steps until so many were killed; return where the kills landed, and what failed."""

    def first(pile: int, chance: random.Random, landed: Counter[str]) -> Place:
        place = kind(url=f"{url}-{pile}", options=options, chance=chance, landed=landed)
        begun = time.perf_counter()
        text = told(partial(place.plan, 0))
        for index in range(PARTS):
            told(partial(place.write, text, index, table_of(0)))
        place.seconds = (time.perf_counter() - begun) / (PARTS + 1)
        told(partial(place.publish, text))
        place.steps.append(0)
        return place

    landed, failures = in_piles(first, one_step, kills, seed=seed)
    counts = {name: n for name, n in landed.items() if not name.startswith("collections of")}
    return {"landed": counts, "failures": failures}


if __name__ == "__main__":
    task = json.load(sys.stdin)
    sys.stdout.write(
        json.dumps(rounds(task["url"], task["options"], task["count"], seed=task["seed"]))
    )
