"""Listings: as long as a store is, and no longer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from embzarr._storage import CountingStore, ObjectInfo, open_store
from embzarr._storage.requests import listing
from embzarr._storage.requests.listing import bounded
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from obstore import ObjectMeta

PAGE = 1000


def page(number: int, length: int = PAGE) -> list[ObjectMeta]:
    now = datetime.now(UTC)
    return [
        {"path": f"{number}-{at}", "size": 1, "last_modified": now, "e_tag": None, "version": None}
        for at in range(length)
    ]


def test_a_million_objects_are_listed_one_page_at_a_time() -> None:
    """Each page is asked for when the one before was used, and none is kept."""
    asked = 0

    def pages() -> Iterator[list[ObjectMeta]]:
        nonlocal asked
        one = page(0)
        for asked in range(1, 1001):
            one[0]["path"] = f"{asked}"
            yield one

    for number, found in enumerate(bounded(pages()), 1):
        assert number == asked
        assert len(found) == PAGE
    assert asked == 1000


@pytest.mark.parametrize("period", [1, 2, 3, 7, 64, 100])
@pytest.mark.parametrize("before", [0, 1, 5])
def test_pages_that_repeat_are_found_out(period: int, before: int) -> None:
    """Whatever stands before the cycle and however long it is, in at most a few rounds of it."""
    first = [page(-1 - number, 3) for number in range(before)]
    cycle = [page(number, 3) for number in range(period)]
    pages = itertools.chain(first, itertools.cycle(cycle))
    seen: list[object] = []
    with pytest.raises(StoreError, match="repeats itself"):
        seen.extend(bounded(pages))
    assert period <= len(seen) - before <= 4 * (period + before) + 2


def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """New keys for ever are too many some time."""
    monkeypatch.setattr(listing, "MOST_LISTED", 5000)
    with pytest.raises(StoreError, match="does not end"):
        list(bounded(page(number) for number in itertools.count()))


def test_counting_keeps_no_listing() -> None:
    """What counts requests hands on each object as it comes."""
    inner = open_store("memory://counting-keeps-no-listing")
    given = 0

    class Endless:
        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            nonlocal given
            for given in itertools.count(1):
                yield ObjectInfo(key=f"{prefix}{given}", size=1)

    store = CountingStore(Endless())  # type: ignore[arg-type]  # the rest by __getattr__
    found = list(itertools.islice(store.list("c/"), 10))

    assert [info.key for info in found] == [f"c/{number}" for number in range(1, 11)]
    assert given <= 11
    assert store.traffic().requests == 1
