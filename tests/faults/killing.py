"""Writes and kills, over and over; run as a program that reads its task from standard input.

Everything that touches a store runs in a forked child, see `faults.forking`. A child looks at what
the kill before left behind, then writes until it is killed itself.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter, sleep
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Store
from faults.forking import Child, Telling, Voice, in_child
from oracle import make_words

WORDS = make_words(400)
DIM = 16
CHANGED = 5
"""Rows of a delta."""
KEPT = 4
"""Commits that a collection keeps."""
PILE = 30
"""Kills on one store before a fresh one."""
OPERATIONS = ("save", "save", "delta", "delta", "compact", "gc")
BEFORE, WINDOW, AFTER = "before the first write", "in the critical window", "after the last"

Options = Mapping[str, Any] | None
Matrix = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one child does."""

    what: str
    step: int
    looked_at: float
    """Which older commit is read as well, from 0 to 1; none above."""


@dataclass(kw_only=True)
class Pile:
    """One store, and what stands in it as far as was last seen."""

    url: str
    options: Options
    commits: dict[int, tuple[int, Matrix]] = field(default_factory=dict)
    """Step and vectors by number."""
    made: tuple[int, Matrix] | None = None
    """What was being committed when the last kill came."""
    collected: bool = False
    """Whether a collection was begun, so that old commits may be gone."""

    @property
    def newest(self) -> Matrix:
        """The vectors of the newest commit."""
        return self.commits[max(self.commits)][1]

    def work(self, turn: Turn, voice: Voice) -> float:
        """Look at what is there, tell it, then write; return how many seconds writing took."""
        store = Telling(open_store(self.url, storage_options=self.options), voice)
        voice.say(self.check(embzarr.Run(store), turn.looked_at))
        begun = perf_counter()
        self.act(store, turn.what, turn.step)
        return perf_counter() - begun

    def act(self, store: Store, what: str, step: int) -> None:
        """Do something that writes."""
        run = embzarr.Run(store)
        if what == "save":
            embzarr.save(store, WORDS, vectors_of(step), step=step, compression="lz4")
        elif what == "delta":
            run.save_delta(np.arange(CHANGED), vectors_of(step)[:CHANGED], step=step)
        elif what == "compact":
            run.compact()
        elif what == "gc":
            run.gc(keep_last=KEPT, older_than=0)

    def begin(self, what: str, step: int) -> None:
        """Note what may be there afterwards, and what may not."""
        self.collected = self.collected or what == "gc"
        if what == "delta":
            vectors = self.newest.copy()
            vectors[:CHANGED] = vectors_of(step)[:CHANGED]
            self.made = step, vectors
        elif what == "compact":
            self.made = self.commits[max(self.commits)]
        else:
            self.made = (step, vectors_of(step)) if what == "save" else None

    def know(self, numbers: list[int]) -> None:
        """Note which commits are there."""
        found = {number: self.commits.get(number, self.made) for number in numbers}
        self.commits = {number: entry for number, entry in found.items() if entry is not None}

    def check(self, run: embzarr.Run, looked_at: float) -> list[int]:
        """Open what is there, and compare it with what is known; return the numbers found."""
        found = {info.commit: info.step for info in run.commits()}
        known = sorted(self.commits)
        must = known[-KEPT:] if self.collected else known
        missing = [number for number in must if number not in found]
        assert not missing, f"commits {missing} are gone of {known}, found {sorted(found)}"
        extra = sorted(found.keys() - self.commits.keys())
        assert len(extra) <= (self.made is not None), f"{extra} were never made"
        older = sorted(found)[int(looked_at * len(found)) :][:1]
        for number in {max(found), *older}:
            step, vectors = self.commits.get(number, self.made)  # type: ignore[misc]  # made, if extra
            checkpoint = run.open(commit=number)
            assert checkpoint.step == step == found[number]
            assert checkpoint.verify().ok
            # Not numpy.testing, which each child would import anew.
            assert np.array_equal(checkpoint.to_numpy(), vectors), f"commit {number} reads wrong"
            assert checkpoint.words == WORDS
        return sorted(found)


def vectors_of(step: int) -> Matrix:
    """The vectors that a save of step `step` holds."""
    return np.full((len(WORDS), DIM), step, np.float32) + np.arange(DIM, dtype=np.float32)


def rounds(url: str, options: Options, count: int, *, seed: int) -> Counter[str]:
    """Write and kill `count` times, each time on top of what the kills before left behind."""
    aim = Aim(chance=random.Random(seed))
    landed: Counter[str] = Counter()
    for first in range(0, count, PILE):
        pile = Pile(url=f"{url}-{first}", options=options)
        in_child(partial(_first_save, pile))
        pile.begin("save", 0)
        pile.know([1])
        for step in range(1, min(PILE, count - first) + 1):
            what = aim.chance.choice(OPERATIONS)
            turn = Turn(what=what, step=step, looked_at=aim.chance.uniform(0, 2))
            landed[_killed(pile, turn, aim)] += 1
            landed[f"of {what}"] += 1
        in_child(partial(_last_look, pile))
    return landed


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Draws moments to kill at, most of them between two writes."""

    chance: random.Random
    writes: dict[str, int] = field(default_factory=dict)
    """How many an operation made, and how many seconds it took, when it last came to its end."""
    seconds: dict[str, float] = field(default_factory=dict)

    def wait(self, child: Child, what: str) -> None:
        """Wait until such a moment."""
        writes, seconds = self.writes.get(what, 10), self.seconds.get(what, 0.02)
        if self.chance.random() < 0.8:
            # While this process wakes up the child goes on, often beyond its last write.
            child.await_writes(self.chance.randint(1, max(writes - 1, 1)))
            sleep(self.chance.uniform(0, seconds / max(2 * writes, 1)))
        else:
            sleep(self.chance.uniform(0, seconds))

    def learn(self, what: str, writes: int, seconds: float) -> None:
        """Take note of an operation that was not killed in time."""
        self.writes[what] = writes
        self.seconds[what] = seconds


def _killed(pile: Pile, turn: Turn, aim: Aim) -> str:
    """Kill a child while it writes; return where that was."""
    child = Child(partial(pile.work, turn))
    pile.know(child.hear())
    pile.begin(turn.what, turn.step)
    aim.wait(child, turn.what)
    child.kill()
    seconds = child.hear()
    writes = child.end()
    if seconds is None:
        return WINDOW if writes else BEFORE
    aim.learn(turn.what, writes, seconds)
    return AFTER


def _first_save(pile: Pile) -> None:
    pile.act(open_store(pile.url, storage_options=pile.options), "save", 0)


def _last_look(pile: Pile) -> list[int]:
    return pile.check(embzarr.Run(pile.url, storage_options=pile.options), 0)


if __name__ == "__main__":
    task = json.load(sys.stdin)
    sys.stdout.write(
        json.dumps(rounds(task["url"], task["options"], task["count"], seed=task["seed"]))
    )
