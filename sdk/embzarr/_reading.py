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

from embzarr import _parallel, _plan
from embzarr._fetch import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._chunk_index import ChunkIndex, Places
    from embzarr._link import Link
    from embzarr._parallel import Later
    from embzarr._plan import CostModel, Request
    from embzarr._selection import Selection
    from embzarr._view import View

_MUCH = 1.3
"""A plan is watched that fetches more than so many times what it wants."""
_AT_FIRST = 4 * 1024 * 1024
"""Bytes under way at once while a plan is watched, beside what a usual link holds."""
_AT_FIRST_MOST = 16 * 1024 * 1024
_CONNECTING = 2
"""Round trips to the first answer of a new connection, at least: TCP, and the request."""
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

    def take(self, stored: Stored, planned: ArrayPlan, view: View, out: NDArray[Any]) -> None:
        """Copy the rows of chunks that are at hand into `out`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPlan:
    """What is fetched of one array, and where it goes."""

    reader: Reader
    selection: Selection
    places: Places
    """Where the wanted chunks lie."""
    index: Later[ChunkIndex]
    """The same with their checksums, which may come while the chunks do."""
    cost: CostModel
    lacking: NDArray[np.int64]
    """Wanted chunks that must be fetched, by their places."""
    kept: dict[int, bytes]
    """The others, by their places."""
    keeps: bool
    """Whether what is fetched goes to the cache."""

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


def read(plans: Sequence[ArrayPlan], view: View, out: NDArray[Any], link: Link) -> None:
    """Send the requests of several arrays at once, all into one result."""
    for planned in plans:
        for at, data in planned.kept.items():
            stored = Stored(memoryview(data), [(0, len(data))], np.array([at]))
            planned.reader.take(stored, planned, view, out)
    jobs = requests(plans)
    workers = link.cost().workers(len(jobs), sum(request.length for request, _ in jobs))
    feed = Feed(jobs, plans, workers, link)
    budget = _parallel.ByteBudget(view.memory_limit)

    def drain() -> None:
        while (job := feed.take()) is not None:
            request, planned = job
            with budget.claim(planned.reader.claim(request, view)):
                planned.reader.run(request, planned, view, out)
            feed.note(request.length)

    def work(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException:
            feed.close()  # nothing more is sent after a failure
            raise

    tables = [
        planned.index for planned in plans if len(planned.lacking) and not planned.index.is_known
    ]
    calls: list[Callable[[], object]] = [*tables, *[drain] * feed.workers]
    start = time.perf_counter()
    _parallel.each(work, calls, workers=len(calls))
    link.learn(feed.sent, feed.nbytes, time.perf_counter() - start)


class Feed:
    """Hands out requests, and divides what is left anew where the link turns out to be narrow."""

    def __init__(
        self,
        found: Sequence[tuple[Request, ArrayPlan]],
        plans: Sequence[ArrayPlan],
        workers: int,
        link: Link,
    ) -> None:
        """Hand out the requests `found` of `plans`, to so many workers.

        What a link is, is told by what is usual for its kind: a few readings of a narrow one do not
        tell whether requests or bytes are what takes long.
        """
        fetched = sum(request.length for request, _ in found)
        wanted = sum(int(planned.places.nbytes[planned.lacking].sum()) for planned in plans)
        self._lock = threading.Lock()
        self._left = deque(found)
        self._usual = replace(link.usual, latency=link.cost().latency)
        self._watches = fetched > _MUCH * wanted
        held = int(self._usual.latency / self._usual.per_byte)
        self._at_first = min(_AT_FIRST + held, _AT_FIRST_MOST)
        self._begun = time.perf_counter()
        self._received = 0
        self.workers = workers if self._watches else min(workers, len(found))
        """How many can be busy with it."""
        self.sent = 0
        """Requests handed out."""
        self.nbytes = 0
        """Their bytes."""

    def take(self) -> tuple[Request, ArrayPlan] | None:
        """Return the next request and its plan, or None after the last."""
        with self._lock:
            if not self._left:
                return None
            request, planned = self._left.popleft()
            if self._watches:
                request, rest = _plan.split(request, planned.places, self._at_first // self.workers)
                if rest is not None:
                    self._left.appendleft((rest, planned))
            self.sent += 1
            self.nbytes += request.length
            return request, planned

    def note(self, nbytes: int) -> None:
        """Take note of a request that has been answered."""
        with self._lock:
            self._received += nbytes
            if not self._watches or self._received < self._at_first:
                return
            self._watches = False
            # How much has come of what is still under way is not known: half of it, as it may be.
            moved = (self._received + self.nbytes) / 2
            busy = time.perf_counter() - self._begun - _CONNECTING * self._usual.latency
            if busy / moved > _NARROW * self._usual.per_byte:
                self._left = _again(self._left, replace(self._usual, per_byte=busy / moved))

    def close(self) -> None:
        """Hand out nothing more."""
        with self._lock:
            self._left.clear()


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
