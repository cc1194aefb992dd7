"""Writes and kills, over and over; run as a program that reads its task from standard input.

Everything that touches a store runs in a forked child of a process that has imported all and
touched none: a kill then costs milliseconds, and thousands fit into a test run.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embzarr
from embzarr.objects import Data, Store, open_store
from faulty import PassThrough
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


class Telling(PassThrough):
    """Tells through a pipe when a write begins."""

    def __init__(self, store: Store, pipe: int) -> None:
        super().__init__(store)
        self._pipe = pipe

    def put(self, key: str, data: Data) -> None:
        os.write(self._pipe, b"w")
        super().put(key, data)

    def create(self, key: str, data: Data) -> None:
        os.write(self._pipe, b"w")
        super().create(key, data)

    def delete(self, key: str) -> None:
        os.write(self._pipe, b"w")
        super().delete(key)


@dataclass(kw_only=True)
class Pile:
    """One store, and what stands in it as far as was last seen."""

    url: str
    options: Options
    commits: dict[int, tuple[int, Matrix]] = field(default_factory=dict)
    """Step and vectors by number."""
    collected: bool = False
    """Whether a collection was begun, so that old commits may be gone."""

    @property
    def newest(self) -> Matrix:
        """The vectors of the newest commit."""
        return self.commits[max(self.commits)][1]

    def act(self, what: str, step: int, pipe: int) -> None:
        """Do something that writes."""
        store = Telling(open_store(self.url, store_options=self.options), pipe)
        run = embzarr.Run(store)
        if what == "save":
            embzarr.save(store, WORDS, vectors_of(step), step=step, compression="lz4")
        elif what == "delta":
            run.save_delta(np.arange(CHANGED), vectors_of(step)[:CHANGED], step=step)
        elif what == "compact":
            run.compact()
        else:
            run.gc(keep_last=KEPT, older_than=0)

    def expected(self, what: str, step: int) -> tuple[int, Matrix]:
        """Return step and vectors of the commit that an operation makes."""
        if what == "delta":
            vectors = self.newest.copy()
            vectors[:CHANGED] = vectors_of(step)[:CHANGED]
            return step, vectors
        if what == "compact":
            return self.commits[max(self.commits)]
        return step, vectors_of(step)

    def check(self, made: tuple[int, Matrix] | None) -> dict[str, Any]:
        """Open what is there, and compare it with what is known; return the numbers found."""
        run = embzarr.Run(self.url, store_options=self.options)
        found = {info.commit: info.step for info in run.commits()}
        known = sorted(self.commits)
        must = known[-KEPT:] if self.collected else known
        missing = [number for number in must if number not in found]
        assert not missing, f"commits {missing} are gone of {known}, found {sorted(found)}"
        extra = sorted(found.keys() - self.commits.keys())
        assert len(extra) <= (made is not None), f"{extra} were never made"
        for number in {max(found), *random.sample(sorted(found), random.randrange(2))}:
            step, vectors = self.commits.get(number, made)  # type: ignore[misc]  # made, if extra
            checkpoint = run.open(commit=number)
            assert checkpoint.step == step == found[number]
            assert checkpoint.verify().ok
            np.testing.assert_array_equal(checkpoint.to_numpy(), vectors)
            assert checkpoint.words == WORDS
        return {"numbers": sorted(found)}


def vectors_of(step: int) -> Matrix:
    """The vectors that a save of step `step` holds."""
    return np.full((len(WORDS), DIM), step, np.float32) + np.arange(DIM, dtype=np.float32)


def forked(work: Callable[[int], object], kill: Callable[[int], None] | None = None) -> Any:
    """Run `work` in a child, given a pipe to tell its writes.

    Returns:
        What it returned, whether it returned at all, and how many writes it began.
    """
    answers, answer = os.pipe()
    tells, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(answer, json.dumps(work(tell)).encode())
        except BaseException as exc:  # noqa: BLE001 - the parent raises it
            os.write(answer, json.dumps({"error": repr(exc)}).encode())
        finally:
            os._exit(0)
    os.close(answer)
    os.close(tell)
    if kill:
        kill(tells)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(answers, "rb") as pipe:
        said = pipe.read()
    with os.fdopen(tells, "rb") as pipe:
        writes = len(pipe.read())
    os.waitpid(child, 0)
    found = json.loads(said) if said else None
    assert not (isinstance(found, dict) and "error" in found), found
    return found, bool(said), writes


def _at_random(chance: random.Random, whole: float) -> Callable[[int], None]:
    """Kill at any moment, or at any moment after a write was begun."""

    def wait(tells: int) -> None:
        if chance.random() < 0.7:
            select.select([tells], [], [], 10)
            time.sleep(chance.uniform(0, 0.3 * whole))
        else:
            time.sleep(chance.uniform(0, whole))

    return wait


def rounds(url: str, options: Options, count: int, *, seed: int) -> Counter[str]:
    """Write and kill `count` times, each time on top of what the kills before left behind."""
    chance = random.Random(seed)
    landed: Counter[str] = Counter()
    whole = 0.0
    for first in range(0, count, PILE):
        pile = Pile(url=f"{url}-{first}", options=options)
        begun = time.perf_counter()
        forked(partial(pile.act, "save", 0))
        whole = min(whole or 1e9, time.perf_counter() - begun)
        pile.commits[1] = (0, vectors_of(0))
        for step in range(1, min(PILE, count - first) + 1):
            _one(pile, chance.choice(OPERATIONS), step, _at_random(chance, whole), landed)
    return landed


def _one(
    pile: Pile, what: str, step: int, kill: Callable[[int], None], landed: Counter[str]
) -> None:
    made = None if what == "gc" else pile.expected(what, step)
    pile.collected = pile.collected or what == "gc"
    _, ended, writes = forked(partial(pile.act, what, step), kill)
    checked, _, _ = forked(lambda _: pile.check(made))
    numbers = checked["numbers"]
    known = {number: pile.commits.get(number, made) for number in numbers}
    pile.commits = {number: entry for number, entry in known.items() if entry is not None}
    landed[AFTER if ended else WINDOW if writes else BEFORE] += 1
    landed[f"of {what}"] += 1


if __name__ == "__main__":
    task = json.load(sys.stdin)
    sys.stdout.write(
        json.dumps(rounds(task["url"], task["options"], task["count"], seed=task["seed"]))
    )
