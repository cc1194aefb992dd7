"""Listings of commits: what a hostile one shows decides neither memory nor what is read."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._history import listed
from embzarr._storage.open import open_store
from embzarr._storage.port import ObjectInfo
from embzarr.errors import EmbzarrError
from embzarr_tools.fixtures._plain_commit import commit_key
from faulty import PassThrough

MANY = 100_000
APART = 2**53 // MANY - 1


class Listing(PassThrough):
    """Lists made-up commits beside its own, one at a time, as a listing in pages does."""

    def __init__(self, client: object, numbers: Callable[[], Iterator[int]]) -> None:
        super().__init__(open_store(client))
        self._numbers = numbers

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        yield from self.store.list(prefix)
        if prefix == "commits/":
            for number in self._numbers():
                yield ObjectInfo(key=commit_key(number), size=1)


def scattered() -> Iterator[int]:
    return (3 + number * APART for number in range(MANY))


def every_second() -> Iterator[int]:
    return (3 + 2 * number for number in range(MANY))


def in_a_row() -> Iterator[int]:
    return iter(range(3, MANY))


@pytest.fixture
def client() -> MemoryStore:
    """Two commits."""
    found = MemoryStore()
    for step in (1, 2):
        embzarr.save(found, ["a"], [[float(step)]], step=step)
    return found


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        (lambda run: run.open(), in_a_row),
        (lambda run: run.open(step=1), scattered),
        (lambda run: run.commits(), every_second),
        (lambda run: embzarr.save(run._store, ["a"], [[1.0]]), in_a_row),
    ],
    ids=["open", "open(step=)", "commits", "save"],
)
def test_made_up_commits_take_no_memory(
    question: Callable[[embzarr.Run], Any],
    numbers: Callable[[], Iterator[int]],
    client: MemoryStore,
) -> None:
    """Whatever is asked, memory does not grow with what is listed, and there is a typed error."""
    run = embzarr.Run(Listing(client, numbers))
    tracemalloc.start()
    with pytest.raises(EmbzarrError) as caught:
        question(run)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert caught.value.code in {"commit-missing", "store-failed"}
    assert peak < 20 * 2**20


def test_gaps_that_no_history_has_are_told_of(client: MemoryStore) -> None:
    """Who asks for all commits hears that what is listed cannot be those of a run."""
    for numbers in (scattered, every_second):
        with pytest.raises(embzarr.StoreError, match="more gaps than a history"):
            embzarr.Run(Listing(client, numbers)).numbers()


@pytest.mark.parametrize(("most", "apart"), [(64 * 1024, 2), (16 * 1024, 1024)])
def test_so_many_gaps_are_listed_and_no_more(most: int, apart: int) -> None:
    """65,536 runs, and 16,384 stretches of 1024 numbers in which any are."""
    numbers = range(5, 5 + apart * (most + 1), apart)

    assert len(listed.runs(Listing(MemoryStore(), lambda: iter(numbers[:-1]))) or ()) == most
    with pytest.raises(embzarr.StoreError, match="more gaps than a history"):
        listed.runs(Listing(MemoryStore(), lambda: iter(numbers)))


def test_numbers_come_in_any_order() -> None:
    """Some stores list in no order: runs are the same, across the edges of pages too."""
    wanted = [[1, 5000], [5002, 5002], [7169, 70_000], [10**9, 10**9 + 3000]]
    numbers = [number for first, last in wanted for number in range(first, last + 1)]
    Random(5).shuffle(numbers)

    assert listed.runs(Listing(MemoryStore(), lambda: iter(numbers))) == wanted
    assert listed.top(Listing(MemoryStore(), lambda: iter(numbers))) == (10**9 + 3000, 1)
