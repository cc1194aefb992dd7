"""A run against a model of it: whatever is saved, tagged and torn, the history is what it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from obstore.store import MemoryStore

import embzarr
from embzarr.objects import open_store
from faulty import FaultyStore

STEPS = st.integers(0, 4)
VALUES = st.floats(width=32, allow_nan=False, allow_infinity=False)


class History(RuleBasedStateMachine):
    """Commits and tags of one store, beside a list and a dictionary of what they should be."""

    @initialize()
    def begin(self) -> None:
        self.store = MemoryStore()
        self.commits: list[tuple[int, float]] = []
        self.tags: dict[str, int] = {}

    @rule(step=STEPS, value=VALUES, rows=st.integers(1, 3))
    def save(self, step: int, value: float, rows: int) -> None:
        """A save is the next commit."""
        words = [f"w{row}" for row in range(rows)]
        checkpoint = embzarr.save(self.store, words, np.full((rows, 2), value, "f4"), step=step)
        self.commits.append((step, value))
        assert checkpoint.commit == len(self.commits)

    @rule(step=STEPS, value=VALUES, at=st.integers(0, 12), lost=st.booleans())
    def save_with_a_fault(self, step: int, value: float, at: int, lost: bool) -> None:  # noqa: FBT001
        """A save during which one write fails is whole or absent."""
        fault = "answer-lost" if lost else "not-sent"
        store = FaultyStore(open_store(self.store), at=at, fault=fault)  # type: ignore[arg-type]
        try:
            embzarr.save(store, ["w0"], np.full((1, 2), value, "f4"), step=step)
        except embzarr.StoreError:
            return
        self.commits.append((step, value))

    @rule(value=VALUES)
    def abandon(self, value: float) -> None:
        """A writer whose block fails leaves nothing."""
        with pytest.raises(embzarr.InvalidInputError):
            self._append_and_fail(value)

    def _append_and_fail(self, value: float) -> None:
        with embzarr.create(self.store, 2) as writer:
            writer.append(["x"], [[value, value]])
            writer.append(["y"], [[value]])

    @precondition(lambda self: self.commits)
    @rule(data=st.data(), name=st.sampled_from(["best", "last"]))
    def tag(self, data: Any, name: str) -> None:
        """A tag names the commit that it was given last."""
        commit = data.draw(st.integers(1, len(self.commits)))
        embzarr.Run(self.store).tag(name, commit=commit)
        self.tags[name] = commit

    @precondition(lambda self: self.commits)
    @rule(data=st.data())
    def read_one(self, data: Any) -> None:
        """Any commit of the past reads as it was saved."""
        commit = data.draw(st.integers(1, len(self.commits)))
        checkpoint = embzarr.open(self.store, commit=commit)
        step, value = self.commits[commit - 1]
        assert checkpoint.step == step
        assert checkpoint["w0"].tolist() == [np.float32(value)] * 2
        assert checkpoint.verify().ok

    @invariant()
    def history_is_the_models(self) -> None:
        """Commits, tags and the newest of each step agree with the model."""
        run = embzarr.Run(self.store)
        found = [(c.commit, c.step) for c in reversed(run.commits())]
        assert found == [(n + 1, step) for n, (step, _) in enumerate(self.commits)]
        assert run.tags() == self.tags
        if self.commits:
            assert run.open().commit == len(self.commits)


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
