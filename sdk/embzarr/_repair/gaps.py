"""Closes numbers of the history at which nothing stands any more.

A copy of a store that was taken while it was written to may have a commit without the one before;
so has a store of which somebody deleted a manifest. Whoever goes from number to number would end
there, and a collector could not tell what the lost commit had said. A tombstone says that it is
lost, so that nobody takes its number, and that whoever began before it must begin again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr._format import Tombstone, collections, intervals, keys, spec
from embzarr._verify import Problem
from embzarr.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._repair.manifests import History
    from embzarr._repair.store import RepairStore

MOST = 1000
"""Numbers: more than a copy can miss, and few enough to be closed one by one."""
_NO_WRITE = "0" * 32
_NO_IDENTITY = "0" * 64


def close(store: RepairStore, history: History) -> Iterator[Problem]:
    """Put tombstones where nothing stands; yield what is lost, and what cannot be closed."""
    gaps = history.gaps()
    count = intervals.count_of(gaps)
    if count > MOST:
        key = keys.commit_key(gaps[0][0])
        message = f"is not there, nor are {count - 1} others before the newest: too many to close"
        yield Problem(code="commit-missing", key=key, message=message)
        return
    for number in (number for first, last in gaps for number in range(first, last + 1)):
        key = keys.commit_key(number)
        yield Problem(code="object-missing", key=key, message=f"{key} is not there")
        _close(store, history, number)


def _close(store: RepairStore, history: History, number: int) -> None:
    if history.store_id is None or history.top is None:
        return  # manifests of several stores: nobody knows whose number it is
    stone = Tombstone(
        format="embzarr",
        version=1,
        store=history.store_id,
        commit=number,
        write_id=_NO_WRITE,
        kind="expired",
        was=spec.LOST,
        step=None,
        sha256=history.named_by_next(number) or _NO_IDENTITY,
        by=history.top.number,
    )
    key = keys.commit_key(number)
    try:
        store.create("close", key, collections.encode(stone), f"commit {number} is lost")
    except ConflictError:
        return  # it is back
    finally:
        history.look(number)
