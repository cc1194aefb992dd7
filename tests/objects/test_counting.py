"""Counting requests: the numbers that promises about round trips are checked by."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from embzarr._storage.open import open_store
from embzarr._storage.wrappers.counting import CountingStore, Traffic
from embzarr.errors import NotFoundError

if TYPE_CHECKING:
    from embzarr._storage.port import Data, Store


@pytest.fixture
def inner(request: pytest.FixtureRequest) -> Store:
    return open_store(f"memory://{request.node.name}")


@pytest.fixture
def store(inner: Store) -> CountingStore:
    return CountingStore(inner)


def test_it_starts_at_zero(store: CountingStore) -> None:
    assert store.traffic() == Traffic()


def test_bytes_are_those_that_came_and_went(store: CountingStore) -> None:
    store.put("a", memoryview(b"12345678").cast("I"))
    store.create("b", b"123")
    store.get("a")
    store.get_range("b", 1, 100)
    store.head("a")
    store.delete("a")
    assert [item.key for item in store.list("")] == ["b"]
    assert store.traffic() == Traffic(
        requests=7, bytes_read=8 + 2, bytes_written=8 + 3, round_trips=7
    )


def test_a_failed_request_counts_and_moves_no_bytes(store: CountingStore) -> None:
    with pytest.raises(NotFoundError):
        store.get("absent")
    assert store.traffic() == Traffic(requests=1, round_trips=1)


def test_reset(store: CountingStore) -> None:
    store.put("a", b"1")
    store.reset()
    assert store.traffic() == Traffic()
    store.head("a")
    assert store.traffic().round_trips == 1


class Held:
    """A store whose reads wait until as many as `together` are under way."""

    def __init__(self, store: Store, together: int) -> None:
        self.store = store
        self.barrier = threading.Barrier(together)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def get(self, key: str) -> Data:
        self.barrier.wait(10)
        return self.store.get(key)


def test_requests_side_by_side_are_one_round_trip(inner: Store) -> None:
    inner.put("a", b"1")
    store = CountingStore(Held(inner, 8))  # type: ignore[arg-type]  # the rest by __getattr__
    for waves in (1, 2, 3):
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(store.get, ["a"] * 8))
        assert store.traffic().requests == 8 * waves
        assert store.traffic().round_trips == waves


def test_it_names_the_store_underneath(inner: Store, store: CountingStore) -> None:
    assert store.url == inner.url
    assert type(store.native) is type(inner.native)
    assert inner.url in repr(store)
