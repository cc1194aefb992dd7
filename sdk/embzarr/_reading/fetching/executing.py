"""Executes plans: several arrays at once, their requests side by side, into one result or many."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._reading.fetching.assembling import assemble
from embzarr._reading.fetching.fetch import fetch
from embzarr._reading.fetching.scheduler import Feed
from embzarr._reading.planning.options import View
from embzarr._storage import parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._reading.cache import StoreCache
    from embzarr._reading.fetching.cost import Link
    from embzarr._reading.planning.merging import Request
    from embzarr._reading.planning.plans import ArrayPlan
    from embzarr._storage import GetRange


def execute(
    plans: Sequence[ArrayPlan], store: GetRange, link: Link, view: View, out: NDArray[Any]
) -> None:
    """Fetch what plans lack, and copy the wanted rows into `out`, or where a plan has its own.

    Args:
        plans: of arrays in one store.
        store: where from.
        link: the way to it, which learns from what the requests took.
        view: how the rows are wanted.
        out: where they go.

    Raises:
        DamagedError: what came is not as it was written.
    """

    def make_rows(data: memoryview, request: Request, plan: ArrayPlan) -> None:
        assemble(data, request, plan, view, out if plan.out is None else plan.out)

    def run(request: Request, plan: ArrayPlan) -> None:
        data = _fetch(request, plan, store)  # let go of as this returns, before more is fetched
        make_rows(data, request, plan)
        if cache is not None:
            _keep(data, request, plan, cache)

    for plan in plans:
        for data, request in plan.at_hand():
            make_rows(data, request, plan)
    if not any(len(plan.lacking) or plan.early for plan in plans):
        return
    feed = Feed(plans, view, link)
    # Kept or not as a whole: what is larger would drive out what is there.
    cache = link.cache if link.cache and link.cache.takes(feed.wanted) else None
    tables = [plan.index for plan in plans if plan.is_ahead]
    calls: list[Callable[[], object]] = [*tables, *[lambda: feed.drain(run)] * feed.connections]
    parallel.each(feed.closed_on_error, calls, workers=len(calls))
    link.learn(feed.sent, feed.nbytes, time.perf_counter() - feed.begun)


def execute_apart(plans: Sequence[ArrayPlan], store: GetRange, link: Link, room: int) -> None:
    """Fetch what plans lack, each into a result of its own.

    Args:
        plans: that have one, of arrays in one store.
        store: where from.
        link: the way to it.
        room: bytes that may be under way.
    """
    if plans:
        execute(plans, store, link, View(memory_limit=room), np.empty(0))


def _fetch(request: Request, plan: ArrayPlan, store: GetRange) -> memoryview:
    """Send a request, or wait for the answer of one that was sent before."""
    early = plan.early.get(request)
    if early:
        return early()
    return fetch(store, plan.array.key(request.shard), request.start, request.length)


def _keep(data: memoryview, request: Request, plan: ArrayPlan, cache: StoreCache) -> None:
    """Have the cache keep chunks that came."""
    index = plan.index()
    for at in request.wanted.tolist():
        name = plan.array.chunk_name(plan.selection.chunks[at], index, at)
        start = name.offset - request.start
        cache.keep(name, bytes(data[start : start + name.nbytes]))
