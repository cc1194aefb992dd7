"""Watches whether the link is as wide as a plan takes it for.

A plan reads over the gaps between wanted chunks where that is quicker than to ask again, by what
the link is thought to give. Where much of a plan is gaps, its first requests are short, and what
comes in by them decides how the rest is asked for: over a narrow link gaps cost more than requests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from embzarr._reading.planning import merging

if TYPE_CHECKING:
    from embzarr._reading.planning.merging import CostModel, Request
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


class Watch:
    """Tells once, when the first bytes of a plan have come, whether the link is narrow.

    By what is usual for its kind: a few readings of a narrow link do not tell whether requests or
    bytes are what takes long.
    """

    def __init__(self, fetched: int, wanted: int, usual: CostModel) -> None:
        """Watch a plan.

        Args:
            fetched: bytes that it fetches.
            wanted: those of them that are wanted.
            usual: what the link should cost, with its latency.
        """
        self.is_on = fetched > _MUCH * wanted
        """Whether what has come has not told it yet."""
        gaps = min(_AT_FIRST + usual.latency / usual.per_byte, _AT_FIRST_MOST)
        self.nbytes = int(gaps * fetched / max(fetched - wanted, 1))
        """Bytes to have under way at once until then."""
        self._usual = usual

    def part(self, request: Request, plan: ArrayPlan) -> tuple[Request, Request | None]:
        """Return the part of a request that is sent as long as the watch is on, and the rest."""
        part = merging.even(request.length, self.nbytes // _AT_FIRST_PARTS, request.length)
        return merging.split(request, plan.places, part)

    def judge(self, moved: float, seconds: float) -> CostModel | None:
        """Return what the link costs where bytes have moved slowly, and else None; end the watch.

        Args:
            moved: bytes that have, since the first request was sent.
            seconds: time since then.
        """
        self.is_on = False
        busy = seconds - _CONNECTING * self._usual.latency
        if busy / moved <= _NARROW * self._usual.per_byte:
            return None
        request = _ASIDE * self._usual.per_request
        return replace(self._usual, per_request=request, per_byte=busy / moved)
