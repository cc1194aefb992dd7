"""What `save` promises of arrays that it does not copy, and of the order in which it sends."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import parts_of
from embzarr.errors import InvalidInputError, StoreError
from faulty import PassThrough
from oracle import make_vectors, make_words

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr._storage.port import Body, Store

ROWS, DIM = 30_000, 300
"""36 MB: three shards."""
WORDS = make_words(ROWS)


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    return make_vectors(ROWS, DIM)


class Writing(PassThrough):
    """Something else writes to the array while a shard is on its way."""

    def __init__(self, store: Store, vectors: NDArray[np.float32], *, refuses: bool) -> None:
        super().__init__(store)
        self._vectors = vectors
        self._refuses = refuses

    def put(self, key: str, data: Body) -> None:
        if not key.endswith("/vectors/c/1/0"):
            return super().put(key, data)
        self._vectors[10_000] += 1  # a row of the second shard
        if self._refuses:
            raise StoreError("store-failed", "400: the body is not the one that was signed")
        return super().put(key, data)


@pytest.mark.parametrize("refuses", [False, True])
def test_rows_that_change_meanwhile_are_refused(
    vectors: NDArray[np.float32], *, refuses: bool
) -> None:
    """Whether the store notices or not, the error is about the array, and nothing is committed."""
    inner = open_store("memory://in-place/changes")
    store = Writing(inner, vectors, refuses=refuses)

    with pytest.raises(InvalidInputError, match="writes to them") as caught:
        embzarr.save(store, WORDS, vectors, compression="none")

    assert caught.value.code == "input-changed"
    assert [info.key for info in inner.list("") if "/vectors/" in info.key] == []
    assert [*inner.list("commits/")] == []


def test_a_store_that_fails_is_told_of_as_such(vectors: NDArray[np.float32]) -> None:
    """Where the array is as it was, the failure is the store's."""
    store = Writing(open_store("memory://in-place/fails"), vectors.copy(), refuses=True)

    with pytest.raises(StoreError, match="400"):
        embzarr.save(store, WORDS, vectors, compression="none")


class Looking(PassThrough):
    """Remembers the memory of what it is given to store."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.shards: dict[str, list[NDArray[np.uint8]]] = {}

    def put(self, key: str, data: Body) -> None:
        if "/vectors/" in key:
            self.shards[key] = [np.frombuffer(part, np.uint8) for part in parts_of(data)]
        super().put(key, data)


@pytest.mark.parametrize("read_only", [False, True])
def test_rows_are_sent_from_where_they_lie(
    vectors: NDArray[np.float32], tmp_path: Path, *, read_only: bool
) -> None:
    """Uncompressed, no row is copied but those of the last chunk, which is filled up with zeros."""
    vectors.flags.writeable = not read_only
    store = Looking(open_store(tmp_path))

    checkpoint = embzarr.save(store, WORDS, vectors, compression="none")

    parts = [part for shard in store.shards.values() for part in shard]
    shared = sum(part.nbytes for part in parts if np.shares_memory(part, vectors))
    assert 0 < vectors.nbytes - shared <= 64 * DIM * 4
    np.testing.assert_array_equal(checkpoint.to_numpy(), vectors)


@pytest.mark.parametrize("layout", ["columns first", "every other row", "backwards"])
def test_rows_that_do_not_lie_together_are_gathered(
    vectors: NDArray[np.float32], tmp_path: Path, layout: str
) -> None:
    """However an array lies in memory, its rows are saved."""
    given = {
        "columns first": np.asfortranarray(vectors),
        "every other row": vectors.repeat(2, axis=0)[::2],
        "backwards": vectors[::-1],
    }[layout]

    checkpoint = embzarr.save(tmp_path, WORDS, given, compression="none")

    np.testing.assert_array_equal(checkpoint.to_numpy(), given)
    assert checkpoint.verify().ok


class Unsettled(PassThrough):
    """Answers at random times, and remembers what was unanswered when a commit was asked for."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._lock = threading.Lock()
        self._draws = random.Random(5)
        self._open: set[str] = set()
        self.beside_the_manifest: set[str] | None = None
        self.beside_documents = 0

    def put(self, key: str, data: Body) -> None:
        with self._lock:
            if key.endswith("zarr.json"):
                self.beside_documents += any("/vectors/" in other for other in self._open)
            self._open.add(key)
            seconds = self._draws.uniform(0, 0.05)
        super().put(key, data)
        time.sleep(2 * seconds if "/vectors/" in key else seconds)
        with self._lock:
            self._open.remove(key)

    def create(self, key: str, data: Body) -> None:
        if key.startswith("commits/"):
            self.beside_the_manifest = set(self._open)
        super().create(key, data)


@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_the_manifest_waits_for_every_answer(
    vectors: NDArray[np.float32], tmp_path: Path, compression: str
) -> None:
    """Documents go out beside the last rows; the manifest once all of them have been answered."""
    store = Unsettled(open_store(tmp_path))

    checkpoint = embzarr.save(store, WORDS, vectors, compression=compression)

    assert store.beside_the_manifest == set()
    assert store.beside_documents > 0
    assert checkpoint.verify().ok
