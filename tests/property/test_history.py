"""A run against a model of it: whatever is saved, tagged, collected and torn, the history is right.

What stands is read with json and numpy alone, and again with embzarr; both must say what the model
says, after every step, whatever became of the requests of the step before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from numpy.typing import NDArray

import embzarr
from faults.crashing import FaultyMemory, Killed, Kind, Objects, committed, unnamed
from faults.tally import Effort, Tally

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("in_turn")]

Content = tuple[int, list[str], NDArray[Any]]
"""Step, words and vectors."""

STEPS = st.integers(0, 4)
VALUES = st.floats(width=32, allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from(["best", "last"])
KINDS: tuple[Kind, ...] = (
    "not-sent", "killed-before", "applied", "answer-lost", "late", "after-the-end",
)  # fmt: skip
FAULTS = st.none() | st.tuples(st.integers(0, 40), st.sampled_from(KINDS))
SURE = {"done", "killed", "commit-unknown"}


class History(RuleBasedStateMachine):
    """Commits and tags of one store, beside what they should be."""

    steps: ClassVar[int] = 0
    hits: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        self.objects: Objects = {}
        self.commits: dict[int, Content] = {}
        self.tags: dict[str, int] = {}
        self.given_up: set[int] = set()

    def do(self, act: Callable[[embzarr.Run], object], fault: Any) -> str:
        """Carry something out, perhaps with a fault, and say how it ended."""
        store = FaultyMemory(self.objects, dict([fault]) if fault else {})
        try:
            act(embzarr.Run(store))
        except Killed:
            said = "killed"
        except embzarr.EmbzarrError as exc:
            said = exc.code
        else:
            said = "done"
        self.objects = store.end()
        History.steps += 1
        History.hits += bool(fault) and fault[0] < len(store.verbs)
        assert fault or said == "done", said
        return said

    def commit(self, act: Callable[[embzarr.Run], object], made: Content, fault: Any) -> None:
        """Make a commit: whole or not at all, and as is said."""
        said = self.do(act, fault)
        new = committed(self.objects).keys() - self.commits.keys()
        assert len(new) == 1 if said == "done" else len(new) <= (said in SURE), (said, new)
        self.commits |= dict.fromkeys(new, made)

    @rule(step=STEPS, value=VALUES, rows=st.integers(1, 3), fault=FAULTS)
    def save(self, step: int, value: float, rows: int, fault: Any) -> None:
        """A save is the next commit."""
        words = [f"w{row}" for row in range(rows)]
        vectors = np.full((rows, 2), value, np.float32)

        def act(run: embzarr.Run) -> object:
            return embzarr.save(run._store, words, vectors, step=step, compression="none")

        self.commit(act, (step, words, vectors), fault)

    @precondition(lambda self: self.commits)
    @rule(step=STEPS, value=VALUES, longer=st.booleans(), fault=FAULTS)
    def save_delta(self, step: int, value: float, longer: bool, fault: Any) -> None:  # noqa: FBT001
        """A delta is the newest commit with some rows changed, and perhaps a word more."""
        _, words, vectors = self.commits[max(self.commits)]
        new = [f"w{len(words)}"] if longer else []
        rows = [0, len(words)] if longer else [0]
        after = np.concatenate([vectors, np.zeros((len(new), 2), np.float32)])
        after[rows] = value

        def act(run: embzarr.Run) -> object:
            return run.save_delta(rows, after[rows], words=new, step=step, compression="none")

        self.commit(act, (step, [*words, *new], after), fault)

    @precondition(lambda self: self.commits)
    @rule(fault=FAULTS)
    def compact(self, fault: Any) -> None:
        """A compaction is the newest commit again, if it was a chain."""
        before = len(self.commits)
        newest = self.commits[max(self.commits)]
        said = self.do(lambda run: run.compact(compression="none"), fault)
        new = committed(self.objects).keys() - self.commits.keys()
        assert len(new) <= (said in SURE), (said, new)
        self.commits |= dict.fromkeys(new, newest)
        assert before <= len(self.commits) <= before + 1

    @precondition(lambda self: self.commits)
    @rule(keep=st.integers(1, 3), fault=FAULTS)
    def collect(self, keep: int, fault: Any) -> None:
        """A collection gives up what it may, all of that if nothing goes wrong, and no more."""
        kept = {*sorted(self.commits)[-keep:], *self.tags.values()}
        said = self.do(lambda run: run.gc(keep_last=keep, older_than=0), fault)
        found = committed(self.objects).keys()
        assert kept <= found <= self.commits.keys(), (said, kept, found)
        if said == "done":
            assert found == kept
            assert not unnamed(self.objects)
        self.given_up |= self.commits.keys() - found
        self.commits = {number: self.commits[number] for number in found}

    @precondition(lambda self: self.commits)
    @rule(data=st.data(), name=NAMES, fault=FAULTS)
    def tag(self, data: Any, name: str, fault: Any) -> None:
        """A tag names the commit that it was given last."""
        number = data.draw(st.sampled_from(sorted(self.commits)))
        said = self.do(lambda run: run.tag(name, commit=number), fault)
        found = embzarr.Run(FaultyMemory(self.objects)).tags().get(name)
        assert found == number if said == "done" else found in {number, self.tags.get(name)}
        if found is not None:
            self.tags[name] = found

    @precondition(lambda self: self.commits)
    @rule(data=st.data())
    def read_one(self, data: Any) -> None:
        """Any commit of the past reads as it was saved."""
        number = data.draw(st.sampled_from(sorted(self.commits)))
        checkpoint = embzarr.open(FaultyMemory(self.objects), commit=number)
        step, words, vectors = self.commits[number]
        assert (checkpoint.step, checkpoint.words) == (step, words)
        np.testing.assert_array_equal(checkpoint.to_numpy(), vectors)
        assert checkpoint.load([words[-1]]).rows.tolist() == [len(words) - 1]
        assert checkpoint.verify().ok

    @invariant()
    def history_is_the_models(self) -> None:
        """Commits, tags and the newest agree with the model."""
        found = committed(self.objects)
        assert found.keys() == self.commits.keys()
        for number, (step, words, vectors) in self.commits.items():
            assert found[number][:2] == (step, words)
            np.testing.assert_array_equal(found[number][2], vectors)
        run = embzarr.Run(FaultyMemory(self.objects))
        listed = [commit.commit for commit in run.commits()]
        assert listed == sorted(listed, reverse=True)
        # What a collection gave up is listed until it, or the next one, has put a tombstone there.
        assert self.commits.keys() <= {*listed} <= self.commits.keys() | self.given_up
        assert run.tags() == self.tags
        if self.commits:
            assert run.open().commit == max(self.commits)


@pytest.mark.parts(10)
def test_the_history_is_the_models(tally: Tally, *, full: Effort) -> None:
    """Whatever is done in whatever order, with whatever fault."""
    try_histories(full.times(300, 10), 50 if full else 20, full, tally)


@pytest.mark.slow
@pytest.mark.parts(50)
def test_long_histories_are_the_models(tally: Tally, *, full: Effort) -> None:
    """The same of many commits."""
    try_histories(full.times(1000, 2), 200, full, tally)


def try_histories(examples: int, length: int, full: Effort, tally: Tally) -> None:
    """Try so many histories of so many steps."""
    History.steps = History.hits = 0
    run_state_machine_as_test(
        seed(full.part)(History),
        settings=settings(
            max_examples=examples,
            stateful_step_count=length,
            deadline=None,
            # A long history may draw more than hypothesis allows one: it tries another.
            suppress_health_check=[HealthCheck.filter_too_much],
        ),
    )
    of_which = {"histories": examples, "with a fault": History.hits}
    tally(f"writes of histories of {length} steps", History.steps, of_which=of_which)
