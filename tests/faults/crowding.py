"""Writers, collectors, repairers and readers of one store; run as a program, task on stdin.

Each is a forked child that works until its time is over, is interrupted and killed at random, and
tells of every commit that was acknowledged to it. What any of them reads must be whole: a save of
step s holds s in all rows, a delta of step s in the first rows and its base in the others.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

import embzarr
from oracle import make_words

WORDS = make_words(300)
DIM = 16
CHANGED = 5
"""Rows of a delta, the first ones."""
KEPT = 6
"""Commits that a collection keeps."""
SILENCE = 3600.0
"""Seconds after which a collection takes an unfinished write for abandoned."""
ROLES = ("save", "delta", "async", "gc", "compact", "repair", "read")
COMMITTING = ("save", "delta", "async")
TOLD = frozenset({
    "store-failed", "commit-unknown", "commit-conflict", "commit-superseded", "commit-expired",
    "write-revoked", "history-expired", "tag-missing",
})  # fmt: skip
"""What one may hear in a crowd, over a lossy way."""
_PAUSE = 0.2
"""Seconds at most between two acts of one: deltas and collections have to get a turn."""
_GRACE = 90.0
"""Seconds after the end for the last requests, with all their retries."""
_LIFE = (0.5, 6.0)
"""Seconds between two blows."""
_DEADLY = 0.25
"""Of all blows, how many kill."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the program is told."""

    url: str
    options: Mapping[str, Any] | None
    calm: Mapping[str, Any] | None
    """The same by a way that loses nothing, for the first save and the last look."""
    crowd: list[str]
    """A role for each child."""
    seconds: float
    seed: int


@dataclass(kw_only=True)
class Member:
    """One child: its role, and where it writes what it has to tell."""

    role: str
    log: Path
    task: Task
    end: float
    seed: int
    armed: bool = False
    """Whether an interrupt is for what it does now."""
    process: int = 0

    def tell(self, what: str, *details: object) -> None:
        """Append a line; a kill loses it or not, and never half of it."""
        line = json.dumps([what, *details]).encode() + b"\n"
        file = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line)
        os.close(file)

    def start(self) -> None:
        """Fork the child."""
        self.process = os.fork()
        if self.process == 0:
            self._live()

    def _live(self) -> NoReturn:
        faulthandler.register(signal.SIGUSR1, self.log.with_suffix(".trace").open("a"))
        signal.signal(signal.SIGINT, self._interrupted)
        try:
            self._work()
        except BaseException as exc:  # noqa: BLE001 - the parent tells it
            self.tell("failure", f"{self.role}: {exc!r}")
        os._exit(0)

    def _interrupted(self, *_: object) -> None:
        if self.armed:
            raise KeyboardInterrupt

    def _work(self) -> None:
        chance = random.Random(self.seed)
        with embzarr.Run(self.task.url, storage_options=self.task.options) as run:
            while time.monotonic() < self.end:
                time.sleep(chance.uniform(0, _PAUSE))
                try:
                    self.armed = True
                    ACTS[self.role](Turn(tell=self.tell, task=self.task, run=run, chance=chance))
                except KeyboardInterrupt:
                    self.tell("interrupted")
                except embzarr.EmbzarrError as exc:
                    self.tell("told" if exc.code in TOLD else "failure", exc.code, str(exc))
                finally:
                    self.armed = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a child does something with."""

    tell: Callable[..., None]
    task: Task
    run: embzarr.Run
    chance: random.Random

    def draw(self) -> int:
        """Return the number of a step."""
        return self.chance.randrange(1, 2**20)


# What they do -------------------------------------------------------------------------------------
def _save(turn: Turn) -> None:
    step = turn.draw()
    task = turn.task
    made = embzarr.save(
        task.url, WORDS, full(step), step=step, compression="lz4", storage_options=task.options
    )
    turn.tell("save", made.commit, step)


def _save_delta(turn: Turn) -> None:
    step = turn.draw()
    made = turn.run.save_delta(np.arange(CHANGED), full(step)[:CHANGED], step=step)
    turn.tell("delta", made.commit, step)


def _save_async(turn: Turn) -> None:
    """Save twice, the second while the first is under way, from memory that changes at once."""
    steps = [turn.draw() for _ in range(2)]
    table = np.empty((len(WORDS), DIM), np.float32)
    for step in steps:
        table[:] = step
        coming = turn.run.save_async(WORDS, table, step=step)
        table[:] = np.nan
    made = coming.result()
    turn.tell("async", made.commit, steps[-1])


def _collect(turn: Turn) -> None:
    made = turn.run.gc(keep_last=KEPT, older_than=SILENCE)
    turn.tell("gc", made.commit or 0)


def _compact(turn: Turn) -> None:
    made = turn.run.compact()
    turn.tell("compact", made.commit)


def _repair(turn: Turn) -> None:
    report = embzarr.repair(turn.task.url, dry_run=False, storage_options=turn.task.options)
    turn.tell("failure" if report.lost else "repair", *map(str, report.lost))


def _read(turn: Turn) -> None:
    """Read the newest commit, or one of those that are there."""
    number = turn.chance.choice([None, *turn.run.numbers()[: KEPT * 2]])
    try:
        checkpoint = turn.run.open(commit=number)
    except embzarr.NotFoundError as exc:
        turn.tell("told", exc.code)  # a collection's number, or expired
        return
    wrong = mixed(checkpoint)
    turn.tell("failure" if wrong else "read", *wrong)


ACTS: Mapping[str, Callable[[Turn], None]] = {
    "save": _save,
    "delta": _save_delta,
    "async": _save_async,
    "gc": _collect,
    "compact": _compact,
    "repair": _repair,
    "read": _read,
}


def full(step: int) -> Matrix:
    """Return what a save of a step holds."""
    return np.full((len(WORDS), DIM), step, np.float32)


def mixed(checkpoint: embzarr.Checkpoint) -> list[str]:
    """Return what is wrong with what a checkpoint holds."""
    words, vectors = checkpoint.words, checkpoint.to_numpy()
    first, rest = vectors[:CHANGED], vectors[CHANGED:]
    sound = np.all(first == checkpoint.step) and np.all(rest == rest[0, 0])
    if [*words] == WORDS and sound:
        return []
    found = sorted({*vectors.ravel().tolist()})
    return [f"commit {checkpoint.commit} of step {checkpoint.step} holds {found[:5]}"]


# The crowd ----------------------------------------------------------------------------------------
def crowd(task: Task) -> dict[str, Any]:
    """Let them all work, strike at random, and return counts and what went wrong."""
    chance, end = random.Random(task.seed), time.monotonic() + task.seconds
    with tempfile.TemporaryDirectory(prefix="embzarr-crowd-") as place:
        members = [
            Member(role=role, log=Path(place, f"{at}"), task=task, end=end, seed=chance.random())  # type: ignore[arg-type]  # any number seeds
            for at, role in enumerate(task.crowd)
        ]
        _in_child(partial(_first_save, task))
        for member in members:
            member.start()
        told = _Told()
        _strike(members, chance, end, told)
        for member in members:
            _await(member, told)
            told.read(member)
        _in_child(partial(_last_look, task, told, Path(place, "last")))
        told.read_file(Path(place, "last"))
    return {"did": told.did, "failures": told.failures}


@dataclass(kw_only=True)
class _Told:
    """What the members have told."""

    did: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    commits: dict[int, int] = field(default_factory=dict)
    """Acknowledged commits: step by number."""

    def read(self, member: Member) -> None:
        self.read_file(member.log)

    def read_file(self, log: Path) -> None:
        for line in log.read_text().splitlines() if log.exists() else ():
            what, *details = json.loads(line)
            self.did[f"told {details[0]}" if what == "told" else what] += 1
            if what == "failure":
                self.failures.append(" ".join(map(str, details)))
            if what in COMMITTING:
                number, step = details
                if self.commits.setdefault(number, step) != step:
                    self.failures.append(f"commit {number} was acknowledged twice")


def _strike(members: list[Member], chance: random.Random, end: float, told: _Told) -> None:
    """Interrupt and kill, and start anew what was killed, until the end."""
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(chance.uniform(*_LIFE) / len(members), left))
        member = chance.choice(members)
        if chance.random() >= _DEADLY:
            os.kill(member.process, signal.SIGINT)
            told.did["interrupts"] += 1
            continue
        os.kill(member.process, signal.SIGKILL)
        os.waitpid(member.process, 0)
        told.did["kills"] += 1
        member.seed += 1
        member.start()


def _await(member: Member, told: _Told) -> None:
    """Wait until a member has ended; one that does not has hung."""
    end = member.end + _GRACE
    while time.monotonic() < end:
        if os.waitpid(member.process, os.WNOHANG)[0]:
            return
        time.sleep(0.05)
    os.kill(member.process, signal.SIGUSR1)
    time.sleep(1)
    os.kill(member.process, signal.SIGKILL)
    os.waitpid(member.process, 0)
    told.failures.append(f"{member.role} hung:\n{member.log.with_suffix('.trace').read_text()}")


def _first_save(task: Task) -> None:
    embzarr.save(task.url, WORDS, full(1), step=1, storage_options=task.calm)


def _last_look(task: Task, told: _Told, log: Path) -> None:
    """Tell what of the acknowledged is gone or wrong, and whether all that is there is sound."""
    teller = Member(role="last look", log=log, task=task, end=0, seed=0)
    for failure in _wrong(embzarr.Run(task.url, storage_options=task.calm), told):
        teller.tell("failure", failure)


def _wrong(run: embzarr.Run, told: _Told) -> Iterator[str]:
    numbers, living = {*run.numbers()}, {info.commit: info.step for info in run.commits()}
    for number, step in told.commits.items():
        if number not in numbers or living.get(number, step) != step:
            yield f"commit {number} of step {step} is lost: {living.get(number)}"
    if numbers != {*range(1, max(numbers) + 1)}:
        yield f"numbers are missing: {sorted(numbers)}"
    if len(living) < KEPT:
        yield f"only commits {sorted(living)} are living"
    for number in living:
        checkpoint = run.open(commit=number)
        yield from mixed(checkpoint)
        yield from map(str, checkpoint.verify().problems)
    run.gc(keep_last=2, older_than=0)


def _in_child(work: Callable[[], None]) -> None:
    """Do something in a child: this process forks, and so must not use a store itself."""
    child = os.fork()
    if child == 0:
        with _ending():
            work()
    status = os.waitpid(child, 0)[1]
    assert status == 0, f"{work} failed with {status}"


@contextmanager
def _ending() -> Iterator[None]:
    status = 1
    try:
        yield
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        os._exit(status)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    sys.stdout.write(json.dumps(crowd(Task(**given))))
