"""Reads plans: requests sent in parallel, several arrays at once, into one result.

A plan reads over the gaps between wanted chunks where that is quicker than to ask again, by what
the link is thought to give. Where much of a plan is gaps, its first requests are short, and what
comes in by them decides how the rest is asked for: over a narrow link gaps cost more than requests.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from embzarr._reading import merging
from embzarr._reading.options import View
from embzarr._storage import parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._format import ChunkIndex, Places
    from embzarr._reading.cost import Link
    from embzarr._reading.merging import CostModel, Request
    from embzarr._reading.selecting import Selection
    from embzarr._storage import Later

_MUCH = 1.3
"""A plan is watched that fetches more than so many times what it wants."""
_AT_FIRST = 3 * 1024 * 1024
"""Bytes of gaps under way at once while a plan is watched, beside what a usual link holds."""
_AT_FIRST_MOST = 10 * 1024 * 1024
_AT_FIRST_PARTS = 4
"""Requests that all of it is divided into, at least."""
_CONNECTING = 2
"""Round trips to the first answer of a new connection, at least: TCP, and the request."""
_ASIDE = 0.5
"""Of what a request costs, what it costs over a narrow link: processors are idle there."""
_NARROW = 2.5
"""Times as slow as it was thought to be: less, and any busy machine would be a narrow link."""


class Reader(Protocol):
    """What a plan needs of the array that it is for."""

    def requests(self, planned: ArrayPlan, *, beside: int = 0) -> list[Request]:
        """Return the requests of a plan, beside others that together fetch so many bytes."""
        ...

    def narrowed(self, planned: ArrayPlan) -> CostModel:
        """Return the cost of a plan over a narrow link."""
        ...

    def claim(self, request: Request, view: View) -> int:
        """Return the bytes that a request holds at once."""
        ...

    def run(self, request: Request, planned: ArrayPlan, view: View, out: NDArray[Any]) -> None:
        """Send one request, and copy its rows into `out`."""
        ...

    def take(
        self,
        data: memoryview,
        bounds: tuple[NDArray[np.int64], NDArray[np.int64]],
        ats: NDArray[np.int64],
        planned: ArrayPlan,
        view: View,
        out: NDArray[Any],
    ) -> None:
        """Copy the rows of chunks that are at hand into `out`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPlan:
    """What is fetched of one array, and where it goes."""

    reader: Reader
    selection: Selection
    places: Places
    """Where to look for the wanted chunks."""
    index: Later[ChunkIndex]
    """Where they lie, and their checksums, which may come while the chunks do."""
    marks: Later[NDArray[np.uint64]]
    """Of the ends of the chunks, by which runs of them are checked at once."""
    cost: CostModel
    lacking: NDArray[np.int64]
    """Wanted chunks that must be fetched, by their places."""
    early: Mapping[Request, Callable[[], memoryview]]
    """Requests that were sent before, and what waits for each of them."""
    kept: dict[int, bytes]
    """Chunks at hand, by their places."""
    keeps: bool
    """Whether what is fetched goes to the cache."""
    out: NDArray[Any] | None = None
    """Where its rows go, if not to where those of all plans go."""

    def left(self) -> tuple[NDArray[np.int64], Places]:
        """Return the chunks that must be fetched, by number, and where they lie."""
        return self.selection.chunks[self.lacking], self.places.take(self.lacking)


def requests(plans: Sequence[ArrayPlan]) -> list[tuple[Request, ArrayPlan]]:
    """Return what fetches several plans at once, divided no more finely than all of them need."""
    found = [planned.reader.requests(planned) for planned in plans]
    if len(plans) > 1:
        nbytes = sum(request.length for part in found for request in part)
        found = [planned.reader.requests(planned, beside=nbytes) for planned in plans]
    return [
        (request, planned) for planned, part in zip(plans, found, strict=True) for request in part
    ]


def read_into(plans: Sequence[ArrayPlan], room: int, link: Link) -> None:
    """Send the requests of several arrays at once, each into a result of its own.

    Args:
        plans: that have one.
        room: bytes that may be under way.
        link: the way to the store.
    """
    if plans:
        read(plans, View(memory_limit=room), np.empty(0), link)


def read(plans: Sequence[ArrayPlan], view: View, out: NDArray[Any], link: Link) -> None:
    """Send the requests of several arrays at once, into one result but where a plan has its own."""

    def target(planned: ArrayPlan) -> NDArray[Any]:
        return out if planned.out is None else planned.out

    for planned in plans:
        for at, data in planned.kept.items():
            bounds = np.array([0]), np.array([len(data)])
            planned.reader.take(
                memoryview(data), bounds, np.array([at]), planned, view, target(planned)
            )
    feed = Feed(plans, view, link)

    def drain() -> None:
        while (job := feed.take()) is not None:
            job.planned.reader.run(job.request, job.planned, view, target(job.planned))
            feed.note(job)

    def work(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException:
            feed.close()  # nothing more is sent after a failure
            raise

    tables = [
        planned.index
        for planned in plans
        if (len(planned.lacking) or planned.early) and not planned.index.is_known
    ]
    calls: list[Callable[[], object]] = [*tables, *[drain] * feed.connections]
    parallel.each(work, calls, workers=len(calls))
    link.learn(feed.sent, feed.nbytes, time.perf_counter() - feed.begun)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A request that was handed out."""

    request: Request
    planned: ArrayPlan
    claim: int
    """Bytes that it holds until it is done."""
    frees: int = 0
    """Bytes that were held for it before it was handed out, until it is done."""


class Feed:
    """Hands out requests, so many bytes at once.

    It divides what is left anew where the link turns out to be narrow. What a link is, is told by
    what is usual for its kind: a few readings of a narrow one do not tell whether requests or bytes
    are what takes long.
    """

    def __init__(self, plans: Sequence[ArrayPlan], view: View, link: Link) -> None:
        """Hand out what fetches `plans`, within the memory that `view` names."""
        found = requests(plans)
        self._view = view
        self._changed = threading.Condition()
        self._left = deque(found)
        self._early = deque((request, planned) for planned in plans for request in planned.early)
        self._coming = len(self._early)
        """How many of these are not done."""
        self._held = 0
        cost = link.cost()
        fetched = sum(request.length for request, _ in found)
        longest = max((request.length for request, _ in found), default=0)
        span = min(cost.span(fetched), longest)
        ahead = view.ahead.nbytes if view.ahead else 0
        limit = view.room(0)
        self._room = min(cost.under_way(span), limit)
        self._free = limit - ahead
        wanted = sum(int(planned.places.nbytes[planned.lacking].sum()) for planned in plans)
        self._watches = fetched > _MUCH * wanted
        self._usual = replace(link.usual, latency=cost.latency)
        gaps = min(_AT_FIRST + self._usual.latency / self._usual.per_byte, _AT_FIRST_MOST)
        self._at_first = int(gaps * fetched / max(fetched - wanted, 1))
        self.begun = time.perf_counter() - (view.ahead.seconds if view.ahead else 0)
        """When its first request was sent."""
        self._received = 0
        fit = merging.side_by_side([request for request, _ in found], self._room)
        fit = min(fit + len(self._early), merging.PARALLEL)
        self.connections = cost.connections() if self._watches else fit
        """How many can be busy with it."""
        if self._watches and view.ahead and view.ahead.is_done:
            self._judge(view.ahead.nbytes)
        self.sent = 0
        """Requests handed out."""
        self.nbytes = 0
        """Their bytes."""

    def take(self) -> Job | None:
        """Return the next request once there is room for it, or None after the last.

        What was sent before comes after what is still to be sent.
        """
        with self._changed:
            while self._left or self._early:
                job = self._next() or self._next_early()
                if job is None:
                    self._changed.wait()
                    continue
                self._held += job.claim
                self.sent += 1
                self.nbytes += job.request.length
                self._changed.notify()  # there may be room for another
                return job
            self._changed.notify_all()
            return None

    def note(self, job: Job) -> None:
        """Take note of a request that has been answered."""
        with self._changed:
            self._held -= job.claim
            self._free += job.frees
            self._coming -= bool(job.frees)
            self._received += job.request.length
            if self._watches and self._received >= self._at_first:
                # How much has come of what is still under way is not known: half, as it may be.
                self._judge((self._received + self.nbytes) / 2)
            self._changed.notify()

    def close(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._left.clear()
            self._early.clear()
            self._changed.notify_all()

    def _next(self) -> Job | None:
        """Return the next request where there is room for it: while it watches, they are short."""
        if not self._left:
            return None
        request, planned = self._left[0]
        room, rest = min(self._room, self._free), None
        if self._watches:
            room = min(room, self._at_first)
            part = merging.even(request.length, self._at_first // _AT_FIRST_PARTS, request.length)
            request, rest = merging.split(request, planned.places, part)
        claim = planned.reader.claim(request, self._view)
        if (self._held or self._coming) and self._held + claim > room:
            return None
        self._left.popleft()
        if rest is not None:
            self._left.appendleft((rest, planned))
        return Job(request, planned, claim)

    def _next_early(self) -> Job | None:
        """Return a request that was sent before: what comes of it is held already."""
        if not self._early:
            return None
        request, planned = self._early[0]
        claim = planned.reader.claim(request, self._view) - request.length
        if self._held and self._held + claim > self._free:
            return None
        self._early.popleft()
        return Job(request, planned, claim, frees=request.length)

    def _judge(self, moved: float) -> None:
        """Watch no more, and divide what is left anew, where what has moved so far was slow."""
        self._watches = False
        busy = time.perf_counter() - self.begun - _CONNECTING * self._usual.latency
        if busy / moved > _NARROW * self._usual.per_byte:
            request = _ASIDE * self._usual.per_request
            narrow = replace(self._usual, per_request=request, per_byte=busy / moved)
            self._left = _again(self._left, narrow)


def _again(
    left: deque[tuple[Request, ArrayPlan]], cost: CostModel
) -> deque[tuple[Request, ArrayPlan]]:
    """Return requests for what is left to fetch over a narrow link."""
    by_plan: dict[int, list[Request]] = {}
    plans = {id(planned): planned for _, planned in left}
    for request, planned in left:
        by_plan.setdefault(id(planned), []).append(request)
    narrow = []
    for key, planned in plans.items():
        lacking = np.sort(np.concatenate([request.wanted for request in by_plan[key]]))
        rest = replace(planned, lacking=lacking, cost=cost.within(planned.cost.most))
        narrow.append(replace(rest, cost=rest.reader.narrowed(rest)))
    return deque(requests(narrow))
