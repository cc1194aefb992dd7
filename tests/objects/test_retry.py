"""Asking again: what a store's failing moments cost, and what is never asked twice."""

from __future__ import annotations

import time

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from embzarr._storage.open import open_store
from embzarr._storage.requests.retry import persistently
from embzarr.errors import NotFoundError, StoreError


class Failing:
    """A request that fails a number of times first."""

    def __init__(self, times: int, error: Exception) -> None:
        self.asked = 0
        self._times = times
        self._error = error

    def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self._times:
            raise self._error
        return "answer"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, which nobody waits for."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_a_store_that_comes_back_is_asked_again(pauses: list[float]) -> None:
    request = Failing(3, StoreError("store-failed", "503"))
    assert persistently(request) == "answer"
    assert request.asked == 4
    assert len(pauses) == 3
    assert 0.05 <= pauses[0] <= 0.15
    assert 0.2 <= pauses[2] <= 0.6


def test_a_store_that_stays_away_is_given_up() -> None:
    request = Failing(9, StoreError("store-failed", "503"))
    with pytest.raises(StoreError, match="503"):
        persistently(request)
    assert request.asked == 4


@pytest.mark.parametrize(
    "error", [NotFoundError("object-missing", "x"), StoreError("commit-unknown", "x")]
)
def test_an_answer_is_final(error: Exception) -> None:
    request = Failing(9, error)
    with pytest.raises(type(error)):
        persistently(request)
    assert request.asked == 1


def test_who_waits_long_waits_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that gave up after a minute is not made to wait for three more."""
    clock = iter([0.0, 60.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    request = Failing(9, StoreError("store-failed", "no answer"))
    with pytest.raises(StoreError):
        persistently(request)
    assert request.asked == 1


def test_a_filesystem_may_fail_a_read_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reset connection is asked again by the port; a write is not."""
    store = open_store(fsspec.filesystem("memory"))
    store.put("retried/a", b"123")
    sound, failures = MemoryFileSystem.cat_file, [ConnectionResetError("reset")] * 2

    def cat_file(self: MemoryFileSystem, *args: object, **kwargs: object) -> bytes:
        if failures:
            raise failures.pop()
        return bytes(sound(self, *args, **kwargs))

    monkeypatch.setattr(MemoryFileSystem, "cat_file", cat_file)
    assert bytes(store.get("retried/a")) == b"123"
    assert not failures

    def pipe_file(*_: object, **__: object) -> None:
        failures.append(ConnectionResetError("reset"))
        raise failures[-1]

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", pipe_file)
    with pytest.raises(StoreError):
        open_store(fsspec.filesystem("memory")).put("retried/b", b"1")
    assert len(failures) == 1
