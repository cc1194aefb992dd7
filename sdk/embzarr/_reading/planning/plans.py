"""The plan of reading one array: values that say what to fetch, and where what comes goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._reading.planning import merging
from embzarr._reading.planning.merging import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._format import ChunkIndex, Places
    from embzarr._reading.planning.merging import CostModel
    from embzarr._reading.planning.options import View
    from embzarr._reading.planning.selecting import Selection
    from embzarr._reading.planning.stored import StoredArray

_TOGETHER_BYTES = 1024 * 1024
"""Compressed chunks are decoded up to so many bytes at a time, and copied by one call."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPlan:
    """What is fetched of one array, and where it goes."""

    array: StoredArray
    selection: Selection
    places: Places
    """Where to look for the wanted chunks."""
    index: Callable[[], ChunkIndex]
    """Where they lie, and their checksums, which may come while the chunks do."""
    marks: Callable[[], NDArray[np.uint64]]
    """Of the ends of the chunks, by which runs of them are checked at once."""
    cost: CostModel
    is_ahead: bool
    """Whether chunks are asked for before it is known where they lie."""
    lacking: NDArray[np.int64]
    """Wanted chunks that must be fetched, by their places."""
    early: Mapping[Request, Callable[[], memoryview]]
    """Requests that were sent before, and what waits for each of them."""
    kept: Mapping[int, bytes]
    """Chunks at hand, by their places."""
    scales: Callable[[], NDArray[np.float32]] | None = None
    """What each row is multiplied by, of shape (chunks, rows in a chunk), if it is."""
    out: NDArray[Any] | None = None
    """Where its rows go, if not to where those of all plans go."""

    @property
    def lacking_bytes(self) -> int:
        """Bytes of what must be fetched, without the gaps between."""
        return int(self.places.nbytes[self.lacking].sum())

    def at_hand(self) -> list[tuple[memoryview, Request]]:
        """Return chunks that need not be fetched, each as the answer of a request of its own."""
        if not self.kept:
            return []
        offsets = self.index().offset
        return [
            (memoryview(stored), Request(0, int(offsets[at]), len(stored), np.array([at])))
            for at, stored in self.kept.items()
        ]

    def left(self) -> tuple[NDArray[np.int64], Places]:
        """Return the chunks that must be fetched, by number, and where they lie."""
        return self.selection.chunks[self.lacking], self.places.take(self.lacking)

    def requests(self, *, beside: int = 0) -> list[Request]:
        """Return what fetches it, where so many bytes are fetched in all."""
        found = merging.requests(*self.left(), self.array.grid.shard, self.cost, beside=beside)
        return [replace(request, wanted=self.lacking[request.wanted]) for request in found]

    def narrowed(self, lacking: NDArray[np.int64], cost: CostModel) -> ArrayPlan:
        """Return the plan of what is lacking yet over a narrow link, whose cost is `cost`."""
        rest = replace(self, lacking=lacking, cost=cost.within(self.cost.most))
        narrow = merging.narrowed(rest.cost, *rest.left(), self.array.grid.shard)
        return replace(rest, cost=narrow)

    def claim(self, request: Request, view: View) -> int:
        """Return the bytes that a request holds at once, what is decoded of it included."""
        together = 0 if self.array.is_raw else self.together(request.length, view)
        return request.length + min(len(request.wanted), together) * self.array.chunk_bytes

    def together(self, nbytes: int, view: View) -> int:
        """Return how many chunks to decode together: they may grow far beyond what is stored."""
        room = min(view.room(self.array.least) - nbytes, _TOGETHER_BYTES)
        return max(room // self.array.chunk_bytes, 1)


def requests(plans: Sequence[ArrayPlan]) -> list[tuple[Request, ArrayPlan]]:
    """Return what fetches several plans at once, divided no more finely than all of them need."""
    nbytes = sum(plan.lacking_bytes for plan in plans)
    return [(request, plan) for plan in plans for request in plan.requests(beside=nbytes)]
