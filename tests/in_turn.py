"""A pytest plugin: one thing after the other in one thread, for tests that are not about threads.

Requests then come in the same order each time, so that a fault can be told by its number, and a
case costs a fraction; also since the same bytes of a record are parsed once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import pytest

from embzarr._history import records
from embzarr._storage import interrupts, parallel
from embzarr._writing.layers import jobs

if TYPE_CHECKING:
    from embzarr._history.records import Record
    from embzarr._storage.port import Data

T = TypeVar("T")
R = TypeVar("R")


class _Jobs:
    """`embzarr._writing.layers.jobs.Jobs` without threads."""

    def __init__(self, limit: int) -> None:
        del limit
        self._failure: Exception | None = None

    def submit(self, size: int, work: Callable[[], None]) -> None:
        """Do it; what it raises is raised by the next call, as it is with threads."""
        del size
        self.wait()
        try:
            work()
        except Exception as exc:  # noqa: BLE001 - raised by `wait`
            self._failure = exc

    def make(self, size: int, work: Callable[[], tuple[int, Callable[[], None]]]) -> None:
        """Make it and do it."""

        def both() -> None:
            work()[1]()

        self.submit(size, both)

    def made(self) -> None:
        """Raise what the last one raised."""
        self.wait()

    def wait(self) -> None:
        """Raise what the last one raised."""
        if self._failure:
            raise self._failure

    def close(self) -> None:
        """Have nothing to wait for."""


_as_it_was = parallel.together


def _together(*calls: Callable[[], R], alone: bool = True) -> list[R]:
    """Make all calls, as with threads, whatever becomes of the first."""
    del alone
    return _as_it_was(*calls, alone=True)


def _ahead(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    return map(work, items)


_parse = lru_cache(10_000)(records.parse)


def _parse_once(data: Data, key: str) -> Record:
    return _parse(bytes(data), key)


@pytest.fixture
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse the same bytes of a record once, whoever reads them."""
    monkeypatch.setattr(records, "parse", _parse_once)


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch, parsed_once: None) -> None:
    """Start no threads, wait for nothing, and parse nothing twice."""
    del parsed_once
    monkeypatch.setattr(interrupts, "apart", lambda call, _stop=None: call())
    monkeypatch.setattr(parallel, "together", _together)
    monkeypatch.setattr(parallel, "ahead", _ahead)
    monkeypatch.setattr(jobs, "Jobs", _Jobs)
    monkeypatch.setattr(parallel._here, "working", True, raising=False)
    monkeypatch.setattr(time, "sleep", lambda _: None)
