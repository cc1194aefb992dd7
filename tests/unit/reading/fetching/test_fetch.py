"""What `fetch` promises: the bytes asked for, or an error that says what is wrong with them."""

from __future__ import annotations

import pytest

from embzarr._reading.fetching.fetch import fetch
from embzarr._storage.open import open_store
from embzarr._storage.port import Data
from embzarr.errors import DamagedError, NotFoundError


class ExpiredStore:
    """A commit that was given up while it was read."""

    def get_range(self, key: str, start: int, length: int) -> Data:
        raise NotFoundError("commit-expired", f"{key} {start} {length}")


def test_a_range_of_an_object() -> None:
    """Just the bytes from the first on."""
    store = open_store("memory://fetch")
    store.put("a", b"0123456789")

    assert bytes(fetch(store, "a", 3, 4)) == b"3456"


def test_an_object_that_ends_early_is_damaged() -> None:
    """The error says how much was expected, and how much came."""
    store = open_store("memory://fetch")
    store.put("a", b"0123456789")

    with pytest.raises(DamagedError, match="a: expected 8 bytes from byte 3, found 7") as caught:
        fetch(store, "a", 3, 8)

    assert caught.value.code == "object-truncated"


def test_a_missing_object_is_damage_unless_its_commit_has_expired() -> None:
    """What a manifest lists must be there, as long as there is the manifest."""
    with pytest.raises(DamagedError, match="the manifest lists this object") as caught:
        fetch(open_store("memory://fetch"), "absent", 0, 1)
    assert caught.value.code == "object-missing"

    with pytest.raises(NotFoundError) as expired:
        fetch(ExpiredStore(), "absent", 0, 1)
    assert expired.value.code == "commit-expired"
