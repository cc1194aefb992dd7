"""Requests that are sent before it is known which rows are wanted.

A read by word waits for the lookup, and the link is idle meanwhile. Where most of an array will be
read whichever rows they are, its first rows are asked for beside the lookup; and the connections
that they came over are open by then.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embzarr._storage import parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._format import Places
    from embzarr._reading.planning.merging import Request


class Ahead:
    """Parts of an array that are on their way."""

    def __init__(self, requests: Sequence[Request], fetch: Callable[[Request], memoryview]) -> None:
        """Have requests sent in the background."""
        self._requests = requests
        self._begun = self._ended = time.perf_counter()
        self._coming = {
            request: parallel.background(partial(self._fetch, fetch, request))
            for request in requests
        }
        self.nbytes = sum(request.length for request in requests)
        """Bytes of all of them."""

    def _fetch(self, fetch: Callable[[Request], memoryview], request: Request) -> memoryview:
        data = fetch(request)
        self._ended = time.perf_counter()
        return data

    @property
    def seconds(self) -> float:
        """For how long they have been under way, or were."""
        return (self._ended if self.is_done else time.perf_counter()) - self._begun

    @property
    def is_done(self) -> bool:
        """Whether none is under way any more."""
        return all(coming.ended.is_set for coming in list(self._coming.values()))

    def wanted(
        self, chunks: NDArray[np.int64], places: Places, shard: int
    ) -> dict[Request, Callable[[], memoryview]]:
        """Return the requests that bring wanted chunks, and what waits for each and lets go of it.

        Args:
            chunks: numbers of the wanted chunks.
            places: where they lie.
            shard: chunks in one shard.
        """
        found: dict[Request, Callable[[], memoryview]] = {}
        shards, ends = chunks // shard, places.offset + places.nbytes
        for request in self._requests:
            inside = (places.offset >= request.start) & (ends <= request.start + request.length)
            here = np.flatnonzero(inside & (shards == request.shard))
            if len(here):
                found[replace(request, wanted=here)] = partial(self._take, request)
        return found

    def _take(self, request: Request) -> memoryview:
        return self._coming.pop(request).result()
