"""What `Run.compact` promises: the same checkpoint as a full step, or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._storage.open import open_store
from faulty import PassThrough
from oracle import make_vectors, make_words, read_step

WORDS = make_words(300)
VECTORS = make_vectors(300, 8)
ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)


@pytest.fixture
def run() -> embzarr.Run:
    """A run whose newest commit is a chain of three deltas, one with words, one lossy."""
    store = MemoryStore()
    embzarr.save(store, WORDS, VECTORS, placement="hash:4")
    found = embzarr.Run(store)
    found.save_delta([3, 5], make_vectors(2, 8, seed=1), policy=ALWAYS)
    values = make_vectors(2, 8, seed=2)
    found.save_delta([3, 300], values, words=["zzz"], policy=ALWAYS)
    found.save_delta([7], values[:1], policy=ALWAYS, lossy="int8", metadata={"loss": 1}, step=70)
    return found


def test_a_chain_becomes_a_full_step(run: embzarr.Run) -> None:
    """Rows, words, step and metadata stay, and plain Zarr reads it as one group."""
    before = run.open()
    words, vectors = before.words, before.to_numpy()

    after = run.compact()

    info = after.info()
    assert (info.kind, info.step, info.commit, info.placement) == ("full", 70, 5, "given")
    assert after.metadata == {"loss": 1}
    assert after.words == words
    np.testing.assert_array_equal(after.to_numpy(), vectors)
    assert after.verify().ok
    assert run.open(step=70).commit == 5
    group = after.group()
    np.testing.assert_array_equal(np.asarray(group["vectors"]), vectors)
    np.testing.assert_array_equal(before.to_numpy(), vectors)


def test_what_lossy_deltas_cost_stays_told(run: embzarr.Run) -> None:
    """The full step tells the largest error of its layers."""
    told = [c.max_abs_error for c in run.open().info().columns if c.name == "vectors"]

    (column,) = [c for c in run.compact().info().columns if c.name == "vectors"]

    assert told[:3] == [None] * 3
    assert told[3]
    assert column.max_abs_error == told[3]
    assert (column.dtype, column.source_dtype) == ("float32", "float32")


def test_a_full_step_stays_as_it_is(run: embzarr.Run) -> None:
    """There is nothing to do, and no commit is made."""
    run.compact()

    assert run.compact().commit == 5
    assert len(run.numbers()) == 5


def test_deltas_go_on_after_a_compaction(run: embzarr.Run) -> None:
    """Row numbers stay, so the next delta lies upon the full step."""
    compacted = run.compact()
    after = run.save_delta([300], np.ones((1, 8), "f4"), base=compacted)

    assert len(after.info().layers) == 2
    assert after["zzz"].tolist() == [1.0] * 8


class _RivalFirst(PassThrough):
    """Lets a delta be committed just before a manifest is created."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._rival = [store]

    def create(self, key: str, data: Any) -> None:
        """Create, after the rival where it is a manifest."""
        if self._rival and key.startswith("commits/"):
            embzarr.Run(self._rival.pop()).save_delta([0], np.ones((1, 8), "f4"), policy=ALWAYS)
        super().create(key, data)


def test_a_compaction_gives_way_to_another_commit(run: embzarr.Run) -> None:
    """A checkpoint that was newest when it began does not become newest again."""
    store = open_store(run._store)
    with pytest.raises(embzarr.ConflictError) as caught:
        embzarr.Run(_RivalFirst(store)).compact()

    assert caught.value.code == "commit-superseded"
    assert run.open().info().layers[-1].rows == 1
    assert len(run.numbers()) == 5


def test_a_damaged_chain_is_not_written_on(run: embzarr.Run) -> None:
    """A layer that cannot be read stops a compaction before it commits."""
    store = open_store(run._store)
    key = run.open().info().layers[2].path + "/vectors/c/0/0"
    store.delete(key)
    with pytest.raises(embzarr.DamagedError) as caught:
        run.compact()

    assert caught.value.code == "object-missing"
    assert len(run.numbers()) == 4


def test_plain_zarr_reads_a_compacted_step(tmp_path: Any) -> None:
    """Words and vectors are what numpy laid together."""
    embzarr.save(tmp_path, WORDS, VECTORS)
    run = embzarr.Run(tmp_path)
    run.save_delta([1], VECTORS[[2]])

    words, vectors = read_step(tmp_path, run.compact().info().layers[0].path)

    expected = VECTORS.copy()
    expected[1] = VECTORS[2]
    assert words == WORDS
    np.testing.assert_array_equal(vectors, expected)
