from __future__ import annotations

import pytest
from obstore.store import MemoryStore

from embzarr._storage.open import open_store
from embzarr._storage.requests.bounded import _FIRST_BYTES, get_at_most
from embzarr._storage.wrappers.counting import CountingStore
from embzarr.errors import DamagedError, NotFoundError


@pytest.fixture
def store() -> CountingStore:
    """An empty store that counts."""
    return CountingStore(open_store(MemoryStore()))


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_small_object_is_one_request(store: CountingStore, size: int) -> None:
    """What a manifest usually is comes at once."""
    store.put("a", bytes(size))
    store.reset()

    assert bytes(get_at_most(store, "a", 10**9)) == bytes(size)
    assert store.traffic().requests == 1


def test_a_large_one_is_whole(store: CountingStore) -> None:
    """Beyond the first piece its size is asked for."""
    data = bytes(range(256)) * (_FIRST_BYTES // 256 + 1)
    store.put("a", data)

    assert bytes(get_at_most(store, "a", len(data))) == data
    assert bytes(get_at_most(store, "a", 10**12)) == data


@pytest.mark.parametrize("most", [0, 9, 10])
def test_one_byte_too_many_is_refused(store: CountingStore, most: int) -> None:
    """At the limit it is read, above it is not."""
    store.put("a", bytes(most))
    assert len(memoryview(get_at_most(store, "a", most))) == most
    store.put("a", bytes(most + 1))
    with pytest.raises(DamagedError) as caught:
        get_at_most(store, "a", most)
    assert caught.value.code == "json-too-large"


def test_a_missing_one_is_missing(store: CountingStore) -> None:
    """As for any other read."""
    with pytest.raises(NotFoundError):
        get_at_most(store, "a", 9)
