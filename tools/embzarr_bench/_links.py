"""The ways to the server: direct, with each answer later, or over a narrow link."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr_bench._errors import BenchError
from embzarr_bench.servers.narrow import narrowed
from embzarr_bench.servers.toxiproxy import MISSING, find_toxiproxy, running_toxiproxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MEGA = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way to the server."""

    latency_ms: int = 0
    """Milliseconds by which each answer comes later."""
    megabytes: int = 0
    """Millions of bytes a second, over all connections; 0 for no limit."""

    def __str__(self) -> str:
        """Return what a report calls it."""
        return f"{self.megabytes} MB/s" if self.megabytes else f"{self.latency_ms} ms"


def links(latencies: Sequence[int], bandwidths: Sequence[int]) -> list[Link]:
    """Return a link for each latency and each bandwidth.

    Raises:
        BenchError: one is negative, or there is none.
    """
    found = [Link(latency_ms=number) for number in latencies]
    found += [Link(megabytes=number) for number in bandwidths]
    if not found or min(latencies, default=0) < 0 or min(bandwidths, default=1) < 1:
        raise BenchError("expected latencies of 0 ms or more, or bandwidths of 1 MB/s or more")
    return found


@contextmanager
def addresses(endpoint_url: str, wanted: Sequence[Link]) -> Iterator[dict[Link, str]]:
    """Yield the address of a server over each link, until the block ends.

    Raises:
        BenchError: a latency is asked for, and there is no toxiproxy.
    """
    with ExitStack() as stack:
        found = {Link(): endpoint_url}
        if any(link.latency_ms for link in wanted):
            program = find_toxiproxy()
            if program is None:
                raise BenchError(MISSING)
            proxy = stack.enter_context(running_toxiproxy(program))
            for link in wanted:
                if link.latency_ms:
                    found[link] = proxy.slowed(endpoint_url, latency_ms=link.latency_ms)
        for link in wanted:
            if link.megabytes:
                rate = link.megabytes * _MEGA
                found[link] = stack.enter_context(narrowed(endpoint_url, bytes_per_second=rate))
        yield {link: found[link] for link in wanted}
