"""What `memory_limit` promises: no more is under way than was said, whatever is asked for."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest

import embzarr
from embzarr._storage.open import open_store
from faulty import PassThrough
from under_way import Meter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._storage.port import Data, Store

ROWS, DIM = 40_000, 64
WORDS = [f"w{row:05}" for row in range(ROWS)]
VECTORS = np.random.default_rng(0).standard_normal((ROWS, DIM), np.float32)
CHUNK = 512 * DIM * 4
"""Bytes of a chunk, decoded: 128 KiB."""


class Watched(PassThrough):
    """Remembers the most bytes that were being fetched at once."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.meter = Meter()

    @property
    def most(self) -> int:
        """The most bytes since the meter was put there."""
        return self.meter.most

    def get_range(self, key: str, start: int, length: int) -> Data:
        self.meter.add(length)
        self.meter.wait_for_more(0.02)
        try:
            return super().get_range(key, start, length)
        finally:
            self.meter.remove(length)


@pytest.fixture(scope="module")
def url() -> str:
    embzarr.save("memory://limits", WORDS, VECTORS, compression="none")
    return "memory://limits"


class Remembered(PassThrough):
    """Counts the bytes of answers that somebody still holds as more are asked for."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._answers: list[weakref.ref[NDArray[np.uint8]]] = []
        self.most = 0

    def get_range(self, key: str, start: int, length: int) -> Data:
        if "/vectors/" not in key:
            return super().get_range(key, start, length)
        held = [answer() for answer in self._answers]
        self.most = max(self.most, length + sum(one.nbytes for one in held if one is not None))
        del held
        answer = np.frombuffer(super().get_range(key, start, length), np.uint8).copy()
        self._answers.append(weakref.ref(answer))
        return memoryview(answer)  # type: ignore[arg-type]  # a buffer from Python 3.12 on


def test_an_answer_is_let_go_of_before_the_next_is_asked_for(url: str) -> None:
    """What came by one request takes no room beside what comes by those that follow."""
    store = Remembered(open_store(url))
    checkpoint = embzarr.open(store, cache=embzarr.Cache(0))

    loaded = checkpoint.load_rows(0, ROWS, memory_limit=3 * CHUNK)

    np.testing.assert_array_equal(loaded.vectors, VECTORS)
    assert 0 < store.most <= 3 * CHUNK


def watched(url: str) -> tuple[embzarr.Checkpoint, Watched]:
    store = Watched(open_store(url))
    checkpoint = embzarr.open(store, cache=embzarr.Cache(0))
    store.meter = Meter()  # a manifest is asked for by as many bytes as it may have
    return checkpoint, store


@pytest.mark.parametrize("limit", [3 * CHUNK, 16 * CHUNK])
@pytest.mark.slow
def test_no_more_is_fetched_at_once_than_the_limit(url: str, limit: int) -> None:
    """A whole load and scattered words stay below it, and are right."""
    checkpoint, store = watched(url)

    whole = checkpoint.load_rows(0, ROWS, memory_limit=limit)
    rows = np.random.default_rng(1).permutation(ROWS)[:700]
    np.testing.assert_array_equal(whole.vectors, VECTORS)
    most = store.most
    part = checkpoint.load_rows(17, ROWS - 5, memory_limit=limit, columns=("vectors",))

    np.testing.assert_array_equal(part.vectors, VECTORS[17:-5])
    checkpoint["w00000"]
    store.meter = Meter()
    some = checkpoint.load([WORDS[row] for row in rows], memory_limit=limit)
    np.testing.assert_array_equal(some.vectors, VECTORS[rows])
    assert 0 < most <= limit
    assert store.most <= limit


def test_without_a_limit_more_is_fetched_at_once(url: str) -> None:
    """The limit is what keeps it low: else the test above would show nothing."""
    most = 0
    for _ in range(20):  # on a busy machine requests may happen to overlap less
        checkpoint, store = watched(url)
        checkpoint.to_numpy()
        most = max(most, store.most)
        if most > 16 * CHUNK:
            break

    assert most > 16 * CHUNK


@pytest.mark.parametrize("words", [None, WORDS[::7]])
def test_a_stream_is_cut_to_its_limit(url: str, words: list[str] | None) -> None:
    """Three batches and what is under way fit into the limit, whatever batch was asked for."""
    checkpoint, store = watched(url)
    limit = 16 * CHUNK

    batches = list(checkpoint.stream(words, batch_bytes=10**9, memory_limit=limit))

    expected = VECTORS if words is None else VECTORS[::7]
    np.testing.assert_array_equal(np.concatenate([b.vectors for b in batches]), expected)
    assert max(batch.vectors.nbytes for batch in batches) <= limit // 4
    assert store.most <= max(limit // 4, 66_000)  # or a lookup block


@pytest.mark.parametrize("limit", [2 * CHUNK, 1, 0, -1])
def test_a_limit_that_holds_no_chunk_is_refused(url: str, limit: int) -> None:
    """It says what a chunk takes: stored with its checksum, and decoded."""
    checkpoint, _ = watched(url)

    with pytest.raises(embzarr.InvalidInputError) as caught:
        checkpoint.load_rows(0, 1, memory_limit=limit)

    assert caught.value.code == "input-argument"
    assert f"expected at least {2 * CHUNK + 4} bytes" in str(caught.value)
    assert str(limit) in str(caught.value)
