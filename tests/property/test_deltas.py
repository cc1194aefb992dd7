"""A run of full steps, deltas and compactions against numpy, and against plain Zarr."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.typing import NDArray
from obstore.store import MemoryStore
from zarr.storage import ObjectStore

import embzarr
from oracle import decode_words

DIM = 3
ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)
POLICIES = st.sampled_from([ALWAYS, ALWAYS, embzarr.DeltaPolicy(max_deltas=2, max_share=1000)])
SEEDS = st.integers(0, 2**32 - 1)


class Chains(RuleBasedStateMachine):
    """One store, beside words and columns in memory."""

    @initialize(rows=st.integers(0, 30), seed=SEEDS)
    def begin(self, rows: int, seed: int) -> None:
        """A full step of some rows, none too."""
        self.store = MemoryStore()
        self.run = embzarr.Run(self.store)
        self.words = [f"w{row:03d}" for row in range(rows)]
        self.columns = self.random(rows, seed)
        embzarr.save(self.store, self.words, self.columns["vectors"], counts=self.columns["counts"])
        self.exact = True

    @rule(data=st.data(), seed=SEEDS, policy=POLICIES, new=st.integers(0, 3))
    def change(self, data: Any, seed: int, policy: embzarr.DeltaPolicy, new: int) -> None:
        """Rows of both columns, each with its own, and sometimes words more."""
        before, total = len(self.words), len(self.words) + new
        rows, values = {}, self.random(total, seed)
        for name in self.columns:
            chosen = data.draw(st.sets(st.integers(0, max(before - 1, 0)), max_size=before))
            rows[name] = np.array([*chosen, *range(before, total)], np.int64)
            data.draw(st.randoms()).shuffle(rows[name])
        words = [f"n{total:03d}-{at}" for at in range(new)]
        given = {name: values[name][rows[name]] for name in rows}
        self.run.save_delta(rows, given, words=words, policy=policy)
        self.words += words
        self.columns = {
            name: self.grown(name, rows[name], given[name], total) for name in self.columns
        }

    @rule(data=st.data(), seed=SEEDS)
    def change_one(self, data: Any, seed: int) -> None:
        """Rows of one column alone."""
        name = data.draw(st.sampled_from(["vectors", "counts"]))
        count = len(self.words)
        chosen = data.draw(st.sets(st.integers(0, max(count - 1, 0)), max_size=count))
        rows = np.array(sorted(chosen), np.int64)
        values = self.random(count, seed)[name][rows]
        self.run.save_delta({name: rows}, {name: values}, policy=ALWAYS)
        self.columns[name] = self.grown(name, rows, values, count)

    @rule(data=st.data(), seed=SEEDS, lossy=st.sampled_from(["float16", "int8"]))
    def change_roughly(self, data: Any, seed: int, lossy: Any) -> None:
        """Vectors in fewer bits come back within what the manifest says; others are untouched."""
        count = len(self.words)
        chosen = data.draw(st.sets(st.integers(0, max(count - 1, 0)), max_size=count))
        rows = np.array(sorted(chosen), np.int64)
        values = self.random(count, seed)["vectors"][rows]
        saved = self.run.save_delta(rows, values, lossy=lossy, policy=ALWAYS)
        found = saved.to_numpy()[rows]
        (column,) = [c for c in saved.info().columns if c.name == "vectors"][-1:]
        worst = np.abs(found.astype("f8") - values).max(initial=0)
        assert worst == column.max_abs_error
        self.columns["vectors"] = self.grown("vectors", rows, found, count)

    @rule()
    def compact(self) -> None:
        """Nothing changes but the layers."""
        assert len(self.run.compact().info().layers) == 1

    @rule(data=st.data())
    def read_parts(self, data: Any) -> None:
        """Words, ranges, batches and parts are those of the arrays in memory."""
        checkpoint, count = self.run.open(), len(self.words)
        edges = st.integers(0, count)
        start, stop = sorted((data.draw(edges), data.draw(edges)))
        part = checkpoint.load_rows(start, stop, columns=("vectors", "counts"))
        np.testing.assert_array_equal(part.vectors, self.columns["vectors"][start:stop])
        np.testing.assert_array_equal(part.columns["counts"], self.columns["counts"][start:stop])
        assert part.words == tuple(self.words[start:stop])
        if count:
            rows = data.draw(st.lists(st.integers(0, count - 1), max_size=20))
            loaded = checkpoint.load([self.words[row] for row in rows])
            assert loaded.rows.tolist() == rows
            np.testing.assert_array_equal(loaded.vectors, self.columns["vectors"][rows])
        loaded = checkpoint.load_prefix("n")
        assert loaded.words == tuple(sorted(word for word in self.words if word[0] == "n"))
        np.testing.assert_array_equal(loaded.vectors, self.columns["vectors"][loaded.rows])
        batches = [batch.vectors for batch in checkpoint.stream(batch_bytes=50)]
        found = np.concatenate([np.empty((0, DIM), "f4"), *batches])
        np.testing.assert_array_equal(found, self.columns["vectors"])

    @invariant()
    def embzarr_reads_what_is_there(self) -> None:
        """All of it, and it verifies."""
        checkpoint = self.run.open()
        loaded = checkpoint.load_rows(0, len(self.words), columns=("vectors", "counts"))
        for name, expected in self.columns.items():
            np.testing.assert_array_equal(loaded.columns[name], expected)
        assert checkpoint.words == self.words
        assert checkpoint.verify().problems == ()

    @invariant()
    def plain_zarr_reads_what_is_there(self) -> None:
        """Going down from the newest group by its attributes, with no manifest."""
        words, columns = overlaid(self.store, self.run.open().info().layers[-1].path)
        assert words == self.words
        for name, expected in self.columns.items():
            np.testing.assert_array_equal(columns[name], expected)

    def random(self, rows: int, seed: int) -> dict[str, NDArray[Any]]:
        """Return columns of `rows` rows."""
        chance = np.random.default_rng(seed)
        return {
            "vectors": chance.standard_normal((rows, DIM), dtype=np.float32),
            "counts": chance.integers(0, 1000, rows),
        }

    def grown(
        self, name: str, rows: NDArray[np.int64], values: NDArray[Any], total: int
    ) -> NDArray[Any]:
        """Return a column with `total` rows and some of them laid upon it."""
        held = self.columns[name]
        grown = np.zeros((total, *held.shape[1:]), held.dtype)
        grown[: len(held)] = held
        grown[rows] = values
        return grown


def overlaid(store: MemoryStore, path: str) -> tuple[list[str], dict[str, NDArray[Any]]]:
    """Return words and columns of a step as plain Zarr tells them."""
    group = zarr.open_group(ObjectStore(store), path=path, mode="r")
    told: Any = group.attrs["embzarr"]
    words, columns = overlaid(store, told["below"]) if "below" in told else ([], {})
    if "words" in group:
        words += decode_words(np.asarray(group["words/data"]), np.asarray(group["words/offsets"]))
    for name in told["columns"]:
        values = np.asarray(group[name])
        if "below" not in told:
            columns[name] = values
            continue
        if f"scales/{name}" in group:
            values = values.astype("f4") * np.asarray(group[f"scales/{name}"])[:, None]
        held = columns[name]
        columns[name] = np.zeros((told["rows"], *held.shape[1:]), held.dtype)
        columns[name][: len(held)] = held
        columns[name][np.asarray(group[f"rows/{name}"]).astype("i8")] = values
    return words, columns


class ManyChains(Chains):
    """The same, for many long histories."""


TestChains = Chains.TestCase
TestChains.settings = settings(max_examples=5, stateful_step_count=8, deadline=None)
TestManyChains = pytest.mark.slow(ManyChains.TestCase)
TestManyChains.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
