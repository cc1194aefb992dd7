"""Hands out the requests of plans, so many bytes at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embzarr._reading.fetching.watching import Watch
from embzarr._reading.planning import merging
from embzarr._reading.planning.plans import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._reading.fetching.cost import Link
    from embzarr._reading.planning.merging import CostModel, Request
    from embzarr._reading.planning.options import View
    from embzarr._reading.planning.plans import ArrayPlan


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

    It divides what is left anew where the link turns out to be narrow: see `Watch`.
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
        self.begun = time.perf_counter() - (view.ahead.seconds if view.ahead else 0)
        """When its first request was sent."""
        usual = replace(link.usual, latency=cost.latency)
        self._watch = Watch(fetched, self.wanted, usual)
        self._received = 0
        fit = merging.side_by_side([request for request, _ in found], self._room)
        fit = min(fit, cost.side_by_side(fetched // max(len(found), 1)))
        fit = min(fit + len(self._early), merging.PARALLEL)
        self.connections = cost.connections() if self._watch.is_on else fit
        """How many can be busy with it."""
        if self._watch.is_on and view.ahead and view.ahead.is_done:
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
            if self._watch.is_on and self._received >= self._watch.nbytes:
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
        """Return the next request where there is room for it: a short one while it is watched."""
        if not self._left:
            return None
        request, plan = self._left[0]
        room, rest = min(self._room, self._free), None
        if self._watch.is_on:
            room = min(room, self._watch.nbytes)
            request, rest = self._watch.part(request, plan)
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
        """Divide what is left anew where what has moved so far was slow."""
        narrow = self._watch.judge(moved, time.perf_counter() - self.begun)
        if narrow:
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
