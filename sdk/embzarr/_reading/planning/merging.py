"""What to fetch: chunks in, requests out. Pure arithmetic, tested without a store.

A request is one range of one object that holds one or more chunks. Chunks that lie near each other
share a request where reading the gap costs less than another round trip.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import grids, spec
from embzarr._redact import html_facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._format import Grid, Places


PARALLEL = 32
"""Requests that are under way at most."""
MOST_OVER_GAPS = 8 * 1024 * 1024
"""Bytes that a request may span in which not all is wanted: it holds memory for the rest too."""
_OTHER_CHUNKS = (4 * 1024, 16 * 1024, spec.CHUNK_BYTES)
"""Sizes of chunks of which a plan tells what they would have fetched."""
_LEAST_AHEAD = 4 * 1024 * 1024
"""Less comes too soon after it is asked for to be worth asking ahead."""
_LONG = 8 * 1024 * 1024
"""Bytes of a request that is worth dividing, though as many as fill the link are under way."""
_FEWEST = 4
_HEADROOM = 1.5
"""More connections than fill the link as it is known: had it room for them, that will show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """What reading costs, all connections together."""

    latency: float
    """Seconds from a request to its answer, however small."""
    per_request: float
    """Seconds that each request adds to a plan in which many are under way at once."""
    per_byte: float
    """Seconds that each byte adds."""
    per_byte_alone: float
    """The same of one connection that has the link to itself."""
    most: int = 16 * 1024 * 1024
    """Bytes that one request may span, so that memory is bounded."""
    enough: int = PARALLEL
    """Requests side by side that fill the link."""
    widest: int = 2**62
    """Bytes between two chunks that are read over at most."""

    @property
    def gap(self) -> int:
        """Bytes that cost no more to read than another request costs to send."""
        return min(int(self.per_request / self.per_byte), self.widest)

    def within(self, nbytes: int) -> CostModel:
        """Return the same with requests of at most `nbytes`."""
        return replace(self, most=min(self.most, nbytes))

    def span(self, nbytes: int) -> int:
        """Return how long the requests of plans should be that fetch `nbytes` in all.

        Of n equal requests side by side each takes ``nbytes / n * per_byte_alone``, and all of them
        add ``n * per_request``: the sum is least where both are equal. More than fill the link only
        share it, unless they are long: one is made into rows while the next is under way.
        """
        if not self.per_byte_alone:
            return self.most
        best = math.sqrt(nbytes * self.per_request / self.per_byte_alone)
        return min(int(max(best, min(nbytes / self.enough, _LONG))), self.most)

    def seconds(self, requests: int, nbytes: int) -> float:
        """Return how long a plan should take."""
        return bool(requests) * self.latency + self._busy(requests, nbytes)

    def under_way(self, span: int) -> int:
        """Return how many bytes to have under way at once, in requests of `span` bytes.

        As many requests as fill the link, and what it holds during one latency. More only share the
        same bytes a second, and take memory.
        """
        return self._filling * span + int(self.latency / self.per_byte)

    def side_by_side(self, length: int) -> int:
        """Return how many requests of `length` bytes to have under way at once, as `under_way`.

        Whoever fetches keeps memory for the longest that it has fetched, however short others are.
        """
        return self._filling + int(self.latency / self.per_byte / max(length, 1))

    def connections(self) -> int:
        """Return how many requests to have under way at once at most, however short they are.

        By Little's law as many as are answered during one latency; twice these, since they do not
        come evenly.
        """
        return min(_FEWEST + int(2 * self.latency / max(self.per_request, 1e-9)), PARALLEL)

    @property
    def _filling(self) -> int:
        """How many requests fill the link."""
        return max(int(_HEADROOM * self.per_byte_alone / self.per_byte), _FEWEST)

    def _busy(self, requests: int, nbytes: int) -> float:
        return requests * self.per_request + nbytes * self.per_byte


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One range of one shard."""

    shard: int
    start: int
    """First byte within the shard."""
    length: int
    wanted: NDArray[np.int64]
    """Which of the wanted chunks lie in the range: places in the list that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a load would fetch, and how long that should take. Sizes are in bytes."""

    requests: int
    chunks: int
    """Wanted chunks."""
    bytes_wanted: int
    """Of the wanted chunks, as stored."""
    bytes_fetched: int
    """Of the requests: chunks that lie between wanted ones are read over where that is quicker."""
    seconds: float
    """Expected, by what the store was found or is assumed to be."""
    gap: int
    """Bytes that are rather read over than asked around."""
    in_chunks_of: Mapping[int, int]
    """About how many bytes would be wanted had `embzarr.save` been given another ``chunk_bytes``:
    by that number, of rows of the base that compress as the wanted ones do."""

    def _repr_html_(self) -> str:
        """Return a small table for notebooks."""
        facts: dict[str, object] = {
            "requests": self.requests,
            "chunks": self.chunks,
            "bytes wanted": self.bytes_wanted,
            "bytes fetched": self.bytes_fetched,
            "seconds": f"{self.seconds:.3g}",
        }
        other = {
            f"wanted in chunks of {size:,}": count for size, count in self.in_chunks_of.items()
        }
        return html_facts("Plan of a load", {**facts, **other})


def requests(
    chunks: NDArray[np.int64], places: Places, shard: int, cost: CostModel, *, beside: int = 0
) -> list[Request]:
    """Return the requests that fetch `chunks`, merged where `cost` says that it pays.

    Args:
        chunks: numbers of the wanted chunks, ascending, each once.
        places: where they lie, one entry for each of `chunks`.
        shard: chunks in one shard.
        cost: what requests cost on this store.
        beside: bytes of all plans that are sent together, where there are several: each alone would
            be divided more finely than all of them need.
    """
    shards = chunks // shard
    order = np.lexsort((places.offset, shards))
    found: list[Request] = []
    for first, last in _stretches(order, shards, places, cost, beside):
        part = order[first:last]
        start = int(places.offset[part[0]])
        stop = int((places.offset[part] + places.nbytes[part]).max())
        found.append(Request(int(shards[part[0]]), start, stop - start, part))
    return found


def _stretches(
    order: NDArray[np.int64],
    shards: NDArray[np.int64],
    places: Places,
    cost: CostModel,
    beside: int,
) -> Iterator[tuple[int, int]]:
    """Yield half-open stretches of `order` whose chunks share a request."""
    if not len(order):
        return
    starts = places.offset[order]
    stops = starts + places.nbytes[order]
    split = (shards[order][1:] != shards[order][:-1]) | (starts[1:] - stops[:-1] > cost.gap)
    edges = np.concatenate(([0], np.flatnonzero(split) + 1, [len(order)]))
    lengths = stops[edges[1:] - 1] - starts[edges[:-1]]
    if lengths.sum() > places.nbytes.sum():
        cost = cost.within(MOST_OVER_GAPS)
    span = cost.span(max(int(lengths.sum()), beside))
    for (first, last), length in zip(
        itertools.pairwise(edges.tolist()), lengths.tolist(), strict=True
    ):
        piece = even(length, span, cost.most)
        begin = first
        while begin < last:
            # To the end of the chunk in which the piece ends, where that is not too long.
            enough = int(np.searchsorted(starts[begin:last], starts[begin] + piece))
            fits = int(np.searchsorted(stops[begin:last], starts[begin] + cost.most, side="right"))
            end = begin + max(min(enough, fits), 1)
            yield begin, end
            begin = end


def even(length: int, span: int, most: int) -> int:
    """Return the length of equal pieces of about `span`, and of no more than `most`."""
    pieces = max(round(length / max(span, 1)), -(-length // most), 1)
    return -(-length // pieces)


def side_by_side(found: Sequence[Request], room: int) -> int:
    """Return how many requests that follow each other fit into `room` bytes at most."""
    lengths = np.array([request.length for request in found])
    ends = np.cumsum(lengths)
    fit = np.searchsorted(ends, ends - lengths + room, side="right") - np.arange(len(ends))
    return max(int(fit.max(initial=0)), 1)


def split(request: Request, places: Places, nbytes: int) -> tuple[Request, Request | None]:
    """Return the first chunks of a request, of up to `nbytes` but at least one, and the rest."""
    starts = places.offset[request.wanted]
    stops = starts + places.nbytes[request.wanted]
    count = max(int(np.searchsorted(stops, request.start + nbytes, side="right")), 1)
    if count == len(starts):
        return request, None
    first, last = int(stops[count - 1]), int(starts[count])
    end = request.start + request.length
    return (
        Request(request.shard, request.start, first - request.start, request.wanted[:count]),
        Request(request.shard, last, end - last, request.wanted[count:]),
    )


def narrowed(cost: CostModel, chunks: NDArray[np.int64], places: Places, shard: int) -> CostModel:
    """Return the cost of reading chunks over a narrow link, with the widest gap worth reading.

    A server answers requests while the link is busy with the bytes of others, so that a read takes
    as long as its requests or its bytes do, whichever is more: gaps are read over as far as that
    becomes less.

    Args:
        cost: of requests, and of bytes on this link.
        chunks: numbers of the wanted chunks, ascending, each once.
        places: where they lie.
        shard: chunks in one shard.
    """
    shards = chunks // shard
    order = np.lexsort((places.offset, shards))
    starts, nbytes = places.offset[order], places.nbytes[order]
    within = shards[order][1:] == shards[order][:-1]
    gaps = np.sort((starts[1:] - starts[:-1] - nbytes[:-1])[within])
    fetched = int(nbytes.sum()) + np.concatenate(([0], np.cumsum(gaps)))
    requests_left = len(order) - np.arange(len(gaps) + 1)
    seconds = np.maximum(requests_left * cost.per_request, fetched * cost.per_byte)
    # Of gaps that are equally wide all are read over, or none.
    choices = np.append(np.flatnonzero(np.diff(gaps, prepend=-1)), len(gaps))
    merged = int(choices[seconds[choices].argmin()])
    return replace(cost, widest=int(gaps[merged - 1]) if merged else 0)


def ahead(count: int, grid: Grid, nbytes: int, room: int, cost: CostModel) -> int:
    """Return how many bytes of an array to ask for before it is known which rows are wanted.

    Were `count` rows to lie anywhere, and the gaps between their chunks mostly be read over, then
    the first bytes are asked for as well as any, and the more since vocabularies mostly begin with
    the words that are asked for most. Often the first `count` rows are just what is wanted.

    Args:
        count: how many rows will be wanted.
        grid: the array's grid.
        nbytes: of all chunks.
        room: bytes of memory; half of it for what may well not be wanted.
        cost: what requests cost on this store.
    """
    if count < 1 or grid.chunks <= 1:
        return 0
    share = -math.expm1(count * math.log1p(-1 / grid.chunks))
    gap = (1 - share) / share * nbytes / grid.chunks
    # For one latency the answer that tells the rows is awaited, for another what they are.
    idle = min(int(2 * cost.latency / cost.per_byte), room // 2, nbytes)
    if gap > cost.gap / 2 or idle < _LEAST_AHEAD:
        return 0
    return max(idle, min(-(-count // grid.chunk) * nbytes // grid.chunks, room, nbytes))


def explain(
    found: list[Request],
    wanted: Sequence[Places],
    cost: CostModel,
    *,
    rows: NDArray[np.int64],
    grid: Grid,
) -> Plan:
    """Sum up requests for a person.

    Args:
        found: the requests.
        wanted: the places of the wanted chunks, by array.
        cost: what requests cost on this store.
        rows: the wanted rows.
        grid: of the base.
    """
    fetched = sum(request.length for request in found)
    chunks, stored = sum(map(len, wanted)), sum(int(places.nbytes.sum()) for places in wanted)
    share = stored / max(chunks * grid.chunk_bytes, 1)
    return Plan(
        requests=len(found),
        chunks=chunks,
        bytes_wanted=stored,
        bytes_fetched=fetched,
        seconds=cost.seconds(len(found), fetched),
        gap=cost.gap,
        in_chunks_of={size: int(share * _held(rows, grid, size)) for size in _OTHER_CHUNKS},
    )


def _held(rows: NDArray[np.int64], grid: Grid, chunk_bytes: int) -> int:
    """Return the bytes, uncompressed, of all chunks of another size that hold some of `rows`."""
    chunk, _ = grids.fit(grid.rows, grids.choose_chunk(grid.row_bytes, target=chunk_bytes), 1)
    return len(np.unique(rows // chunk)) * chunk * grid.row_bytes
