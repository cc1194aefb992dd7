"""What a program that shows a store needs: the first words, sizes, and memory given back."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._reading.neighbours import Neighbours

WORDS = [f"{number % 97:02d}-{number}-{'x' * (number % 40)}" for number in range(12_000)]


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """A full step whose lookup has several blocks, and a delta with words of its own."""
    store = MemoryStore()
    vectors = np.random.default_rng(0).standard_normal((len(WORDS), 8), np.float32)
    embzarr.save(store, WORDS, vectors, step=1)
    new = ["50-new", "50-a", "zz"]
    rows = np.arange(len(WORDS), len(WORDS) + 3)
    embzarr.Run(store).save_delta(rows, np.ones((3, 8), "f4"), words=new, step=2)
    return store


@pytest.mark.parametrize("commit", [1, 2])
@pytest.mark.parametrize("limit", [0, 1, 7, 200, 10**6])
@pytest.mark.parametrize("prefix", ["", "50", "50-n", "zzz"])
def test_the_first_words_with_a_prefix(
    store: MemoryStore, commit: int, limit: int, prefix: str
) -> None:
    """They are the first of all that there are, with their rows and vectors."""
    checkpoint = embzarr.open(store, commit=commit)
    every = checkpoint.load_prefix(prefix)
    some = checkpoint.load_prefix(prefix, limit=limit)

    assert some.words == every.words[:limit]
    assert np.array_equal(some.rows, every.rows[:limit])
    assert np.array_equal(some.vectors, every.vectors[:limit])
    assert every.words == tuple(sorted(checkpoint.load_prefix(prefix, columns=()).words))


def test_the_first_words_of_a_range(store: MemoryStore) -> None:
    """Likewise, whatever ends are open."""
    checkpoint = embzarr.open(store)
    for first, last in ((None, None), ("50", None), (None, "50"), ("50", "51")):
        every = checkpoint.load_range(first, last, columns=()).words
        assert checkpoint.load_range(first, last, limit=9, columns=()).words == every[:9]


def test_a_limit_reads_no_block_behind_it(store: MemoryStore) -> None:
    """One block of the lookup, however many hold words of the prefix."""
    few, all_ = (embzarr.open(store, commit=1) for _ in range(2))
    few.load_prefix("", limit=3, columns=())
    all_.load_prefix("", columns=())
    assert few.traffic.bytes_read < all_.traffic.bytes_read / 3


@pytest.mark.parametrize("limit", [-1, 1.5, "3", True])
def test_a_limit_is_a_number(store: MemoryStore, limit: Any) -> None:
    with pytest.raises(embzarr.InvalidInputError, match="limit"):
        embzarr.open(store).load_prefix("a", limit=limit)


def test_shards_and_chunks_have_sizes(tmp_path: Path) -> None:
    """A shard is its object; its chunks and what ends it are its bytes."""
    vectors = np.random.default_rng(0).standard_normal((30_000, 64), np.float32)
    embzarr.save(tmp_path, [f"w{n}" for n in range(30_000)], vectors, chunk_bytes=16384)
    checkpoint = embzarr.open(tmp_path)
    for one in checkpoint.info().columns:
        shards = checkpoint.stored_sizes(one.name)
        assert shards.sum() == one.bytes_stored
        files = sorted(
            path.stat().st_size
            for path in tmp_path.glob(f"steps/*/{one.name}/c/**/*")
            if path.is_file()
        )
        assert sorted(shards.tolist()) == files
        index = 16 * one.shard_chunks + 4
        chunks = [checkpoint.stored_sizes(one.name, shard=n) for n in range(len(shards))]
        assert [part.sum() + index for part in chunks] == shards.tolist()
        assert sum(map(len, chunks)) == one.chunks


@pytest.mark.parametrize(
    "asked",
    [
        {"array": "nothing"},
        {"array": 5},
        {"array": "vectors", "layer": 2},
        {"array": "vectors", "layer": -1},
        {"array": "vectors", "shard": 99},
        {"array": "vectors", "shard": "0"},
    ],
)
def test_what_has_no_size_is_refused(store: MemoryStore, asked: dict[str, Any]) -> None:
    with pytest.raises(embzarr.InvalidInputError):
        embzarr.open(store).stored_sizes(**asked)


def test_checkpoints_of_a_run_share_a_cache(store: MemoryStore) -> None:
    """What one has read the other need not, where they have a layer in common."""
    run, cache = embzarr.Run(store), embzarr.Cache(2**24)
    run.open(commit=1, cache=cache).load_rows(0, 5)
    second, without = run.open(commit=1, cache=cache), run.open(commit=1)
    for one in (second, without):
        one.load_rows(0, 5)
    assert second.traffic.bytes_read < without.traffic.bytes_read
    with pytest.raises(embzarr.InvalidInputError, match="cache"):
        run.open(cache=2**20)  # type: ignore[arg-type]  # what is refused


def test_vectors_that_are_let_go_of_are_freed(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed, a checkpoint holds none of the vectors that it kept for the next question."""
    kept: list[Any] = []
    before = Neighbours._kept_for

    def noted(self: Neighbours, rows: Any) -> Any:
        found = before(self, rows)
        kept.append(weakref.ref(self._kept))
        return found

    monkeypatch.setattr(Neighbours, "_kept_for", noted)
    checkpoint = embzarr.open(store)
    checkpoint.most_similar(WORDS[0], topn=1)
    assert kept[0]() is not None

    checkpoint.close()
    gc.collect()
    assert kept[0]() is None
    assert checkpoint.most_similar(WORDS[0], topn=1)
