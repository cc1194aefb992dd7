"""Hands out the requests of plans, so many bytes at once.

A plan reads over the gaps between wanted chunks where that is quicker than to ask again, by what
the link is thought to give. Where much of a plan is gaps, its first requests are short, and what
comes in by them decides how the rest is asked for: over a narrow link gaps cost more than requests.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embzarr._reading.planning import merging
from embzarr._reading.planning.plans import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._reading.fetching.cost import Link
    from embzarr._reading.planning.merging import CostModel, Request
    from embzarr._reading.planning.options import View
    from embzarr._reading.planning.plans import ArrayPlan

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


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A request that was handed out."""

    request: Request
    plan: ArrayPlan
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
        self.wanted = sum(plan.lacking_bytes for plan in plans)
        """Bytes of what plans lack, without the gaps between."""
        found = requests(plans)
        self._view = view
        self._changed = threading.Condition()
        self._left = deque(found)
        self._early = deque((request, plan) for plan in plans for request in plan.early)
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
        self._watches = fetched > _MUCH * self.wanted
        self._usual = replace(link.usual, latency=cost.latency)
        gaps = min(_AT_FIRST + self._usual.latency / self._usual.per_byte, _AT_FIRST_MOST)
        self._at_first = int(gaps * fetched / max(fetched - self.wanted, 1))
        self.begun = time.perf_counter() - (view.ahead.seconds if view.ahead else 0)
        """When its first request was sent."""
        self._received = 0
        fit = merging.side_by_side([request for request, _ in found], self._room)
        fit = min(fit, cost.side_by_side(fetched // max(len(found), 1)))
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

    def drain(self, run: Callable[[Request, ArrayPlan], object]) -> None:
        """Run requests until none is left."""
        while (job := self.take()) is not None:
            run(job.request, job.plan)
            self.note(job)

    def closed_on_error(self, call: Callable[[], object]) -> None:
        """Make a call; if it fails, nothing more is handed out."""
        try:
            call()
        except BaseException:
            self.close()
            raise

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
        request, plan = self._left[0]
        room, rest = min(self._room, self._free), None
        if self._watches:
            room = min(room, self._at_first)
            part = merging.even(request.length, self._at_first // _AT_FIRST_PARTS, request.length)
            request, rest = merging.split(request, plan.places, part)
        claim = plan.claim(request, self._view)
        if (self._held or self._coming) and self._held + claim > room:
            return None
        self._left.popleft()
        if rest is not None:
            self._left.appendleft((rest, plan))
        return Job(request, plan, claim)

    def _next_early(self) -> Job | None:
        """Return a request that was sent before: what comes of it is held already."""
        if not self._early:
            return None
        request, plan = self._early[0]
        claim = plan.claim(request, self._view) - request.length
        if self._held and self._held + claim > self._free:
            return None
        self._early.popleft()
        return Job(request, plan, claim, frees=request.length)

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
    lacking: dict[ArrayPlan, list[NDArray[np.int64]]] = {}
    for request, plan in left:
        lacking.setdefault(plan, []).append(request.wanted)
    narrow = [
        plan.narrowed(np.sort(np.concatenate(wanted)), cost) for plan, wanted in lacking.items()
    ]
    return deque(requests(narrow))
