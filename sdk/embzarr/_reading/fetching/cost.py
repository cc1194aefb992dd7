"""What requests cost on the store in use: a prior for its kind, refined by the requests made.

Reading a plan of n requests and b bytes in all takes about ``latency + n * per_request + b *
per_byte`` seconds, many requests being under way at once. The two rates are a ridge regression of
what was measured, each reading weighted by its relative error and older ones by less, drawn towards
the prior. No request is ever sent to measure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from embzarr._reading.planning.merging import CostModel
from embzarr._storage import forks, known_of

if TYPE_CHECKING:
    from embzarr._reading.cache import StoreCache

_LOCAL = CostModel(latency=1e-4, per_request=5e-5, per_byte=1 / 1.5e9, per_byte_alone=1 / 750e6)
_SERVER = CostModel(
    latency=2e-3, per_request=1.6e-3, per_byte=1 / 500e6, per_byte_alone=1 / 300e6, enough=3
)
_NETWORK = CostModel(latency=0.01, per_request=1.6e-3, per_byte=1 / 500e6, per_byte_alone=1 / 90e6)
_PRIORS = {"local": _LOCAL, "memory": _LOCAL, "s3-compatible": _SERVER, "hdfs": _SERVER}
"""By kind of store: a disk, a server of one's own nearby, and else a service far away."""

_KEPT = 0.8
"""Weight of what was measured before, at each new reading."""
_SMALL = 128 * 1024
"""A single request up to this size tells the latency."""
_LEAST_SECONDS = 1e-6
_PULL = 0.02
"""Weight of the prior beside many readings."""
_LEAST_PULL = 1e-12
_WITHIN = (0.02, 50)
"""Rates are kept within these multiples of the prior."""


class Link:
    """The way to one store, shared by all that read from it; safe to use from many threads."""

    def __init__(self, prior: CostModel, cache: StoreCache | None = None) -> None:
        """Begin with what is usual for this kind of store."""
        self.cache = cache
        """What is kept of that which came over it."""
        self._lock = forks.Lock()
        self._prior = prior
        self._latencies: deque[float] = deque(maxlen=16)
        self._sums: tuple[float, ...] = (0.0,) * 5
        """Of requests squared, requests times bytes, bytes squared, requests and bytes."""
        self._readings = 0

    @property
    def usual(self) -> CostModel:
        """What is usual for this kind of store, whatever was measured."""
        return self._prior

    def cost(self) -> CostModel:
        """Return what the next request is expected to cost."""
        with self._lock:
            latency = min(self._latencies, default=self._prior.latency)
            rates = self._rates()
        return replace(self._prior, latency=latency, per_request=rates[0], per_byte=rates[1])

    def learn(self, requests: int, nbytes: int, seconds: float) -> None:
        """Take note of a plan that was read: how many requests, bytes and seconds it took."""
        if requests == 1 and nbytes <= _SMALL:
            with self._lock:
                self._latencies.append(seconds)
        elif requests:
            latency = self.cost().latency
            # A latency that is not known yet must not explain all of it away.
            self._add(requests, nbytes, max(seconds - latency, seconds / 4, _LEAST_SECONDS))

    def _add(self, requests: int, nbytes: int, seconds: float) -> None:
        asked, moved = requests / seconds, nbytes / seconds
        reading = (asked * asked, asked * moved, moved * moved, asked, moved)
        with self._lock:
            self._sums = tuple(
                _KEPT * kept + new for kept, new in zip(self._sums, reading, strict=True)
            )
            self._readings += 1

    def _rates(self) -> tuple[float, float]:
        """Return seconds a request and seconds a byte: least squares, drawn towards the prior."""
        request, byte = self._prior.per_request, self._prior.per_byte
        # In units of the prior both unknowns are about 1. It weighs half at the first reading, and
        # later so little that it only decides what plans of one shape cannot tell apart.
        sums = self._sums
        first, mixed, second = sums[0] * request**2, sums[1] * request * byte, sums[2] * byte**2
        pull = (first + second) * (_PULL + 1 / (1 + self._readings)) + _LEAST_PULL
        first, second = first + pull, second + pull
        requests, nbytes = sums[3] * request + pull, sums[4] * byte + pull
        # Two unknowns need no matrices, which would cost more than a small read's own work.
        determinant = first * second - mixed * mixed
        return (
            request * _within((requests * second - nbytes * mixed) / determinant),
            byte * _within((nbytes * first - requests * mixed) / determinant),
        )


def _within(factor: float) -> float:
    least, most = _WITHIN
    return min(max(factor, least), most)


def link_to(kind: str, cache: StoreCache | None = None, *, widest: int | None = None) -> Link:
    """Return the way to a store of some kind (`Capabilities.kind`), before anything was read.

    Args:
        kind: of the store.
        cache: what keeps what came over it.
        widest: bytes that a request may read over; None for as many as take no longer.
    """
    prior = _PRIORS.get(kind, _NETWORK)
    return Link(prior if widest is None else replace(prior, widest=widest), cache)


def link_of(store: object) -> Link:
    """Return the way to a store as it is usual for its kind, keeping nothing."""
    return link_to(known_of(store).kind)
