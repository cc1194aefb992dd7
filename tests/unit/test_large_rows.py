"""What is saved by default is read by default, however large its rows, its words or its chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

import embzarr
from embzarr._reading.planning import options

DIM = 33 * 2**20 // 4
"""A row of 33 MiB: stored and decoded it takes more than the 64 MiB that a read takes else."""
WORDS = ["a", "b"]
VECTORS = np.zeros((2, DIM), np.float32)
VECTORS[:, ::1001] = np.random.default_rng(0).standard_normal(VECTORS[:, ::1001].shape, np.float32)
_BEGIN = np.random.default_rng(1).integers(33, 127, 16 * 2**20 - 1, np.uint8).tobytes().decode()
LONG = [f"{_BEGIN}a", f"{_BEGIN}b"]
"""The longest words that there may be, as unlike as letters can be, and which only their last ones
tell apart: both must lie in one block of the lookup, which has 64 MiB then."""

Door: TypeAlias = Callable[[embzarr.Checkpoint], object]


@pytest.fixture(scope="module")
def large() -> embzarr.Checkpoint:
    embzarr.save("memory://large-rows", WORDS, VECTORS, compression="none")
    return embzarr.open("memory://large-rows")


@pytest.fixture(scope="module")
def long() -> embzarr.Checkpoint:
    embzarr.save("memory://long-words", LONG, np.eye(2, dtype=np.float32))
    return embzarr.open("memory://long-words")


DOORS: dict[str, Callable[[embzarr.Checkpoint], np.ndarray]] = {
    "load": lambda ck: ck.load(WORDS).vectors,
    "load_rows": lambda ck: ck.load_rows(0, 2).vectors,
    "load_prefix": lambda ck: np.concatenate([ck.load_prefix(word).vectors for word in WORDS]),
    "load_part": lambda ck: np.concatenate([ck.load_part(i, 2).vectors for i in range(2)]),
    "to_numpy": lambda ck: ck.to_numpy(),
    "stream": lambda ck: np.concatenate([part.vectors for part in ck.stream()]),
    "stream of words": lambda ck: np.concatenate([part.vectors for part in ck.stream(WORDS)]),
}


@pytest.mark.parametrize("door", DOORS)
def test_large_rows_come_through_every_door(large: embzarr.Checkpoint, door: str) -> None:
    """Every load reads rows of which one takes more than the usual limit, without naming one."""
    np.testing.assert_array_equal(DOORS[door](large), VECTORS)


def test_the_nearest_of_large_rows_are_found(large: embzarr.Checkpoint) -> None:
    """Queries read all rows in batches of one."""
    assert [word for word, _ in large.most_similar("a")] == ["b"]


def test_large_rows_are_verified_changed_and_compacted() -> None:
    """A delta of large rows upon large rows is read, verified and made a full step again."""
    url = "memory://large-delta"
    embzarr.save(url, WORDS[:1], VECTORS[:1], compression="none")
    run = embzarr.Run(url)
    run.save_delta(np.array([0]), VECTORS[1:])
    expected = VECTORS[1:]
    np.testing.assert_array_equal(embzarr.open(url).to_numpy(), expected)
    assert embzarr.open(url).verify().ok
    run.compact()
    np.testing.assert_array_equal(embzarr.open(url).to_numpy(), expected)
    assert embzarr.repair(url).actions == ()


def test_a_limit_that_is_named_and_holds_no_chunk_is_refused(large: embzarr.Checkpoint) -> None:
    """Who says how much memory there is gets an error that tells how much a chunk takes."""
    least = 2 * DIM * 4 + 4
    with pytest.raises(embzarr.InvalidInputError, match=f"at least {least} bytes"):
        large.load(["a"], memory_limit=least - 1)
    np.testing.assert_array_equal(large.load(["a"], memory_limit=least).vectors, VECTORS[:1])


LONG_DOORS: dict[str, Door] = {
    "load": lambda ck: ck.load(LONG).rows.tolist() == [0, 1],
    "missing": lambda ck: "nothing" not in ck,
    "prefix": lambda ck: ck.load_prefix(_BEGIN[:2]).rows.tolist() == [0, 1],
    "words": lambda ck: ck.words == LONG,
    "words of rows": lambda ck: list(ck.load_rows(0, 1).words) == LONG[:1],
    "verify": lambda ck: ck.verify().ok,
}


@pytest.mark.slow
@pytest.mark.parametrize("door", LONG_DOORS)
def test_large_lookup_blocks_come_through_every_door(long: embzarr.Checkpoint, door: str) -> None:
    """A block of the lookup that takes more than the usual limit is read all the same."""
    assert LONG_DOORS[door](long)


@pytest.mark.slow
def test_a_large_block_of_the_lookup_is_repaired() -> None:
    """What names rows is computed anew where its block takes more than the usual limit."""
    store = embzarr.Run("memory://long-damaged")
    embzarr.save("memory://long-damaged", LONG, np.eye(2, dtype=np.float32))
    client = store._store
    key = next(info.key for info in client.list("steps/") if "lookup/blocks/c/" in info.key)
    sound = bytes(client.get(key))
    client.delete(key)

    assert embzarr.repair("memory://long-damaged", dry_run=False).ok

    assert client.get(key) == sound


@pytest.mark.parametrize(("limit", "room"), [(None, 2**27), (2**20, 2**20)])
def test_only_a_limit_that_nobody_named_gives_way(limit: int | None, room: int) -> None:
    """A view takes as much as a chunk needs, unless it was told how much there is."""
    view = options.View(memory_limit=limit)
    assert view.room(2**27) == view.within(2**27).room(0) == room
    assert options.WHOLE.room(0) == 2**26
