"""What a run found: figures, and what they are in proportion to each other."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from embzarr_bench.peers import OURS, RAW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from embzarr_bench._cases import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One piece of work, done once."""

    link: str
    case: Work
    peer: str
    seconds: float
    requests: int
    """Requests that the server answered."""
    fetched: int
    """Bytes that it sent."""
    sent: int
    """Bytes that it received."""
    peak: int | None
    """Bytes of memory above what was there before, without the result."""
    held: float | None = None
    """Seconds for which a read holds the interpreter's lock, where that was asked for."""
    notes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The same piece of work, over all rounds."""

    link: str
    case: Work
    peer: str
    median: float
    """Seconds."""
    low: float
    high: float
    rounds: int
    requests: int
    fetched: int
    sent: int
    peak: int | None
    held: float | None
    """Seconds for which a read holds the interpreter's lock, where that was asked for."""
    notes: Mapping[str, int]


def figure(rounds: Sequence[Measurement]) -> Figure:
    """Sum up the rounds of one piece of work: medians, but of memory the most."""
    seconds = [one.seconds for one in rounds]
    first = rounds[0]
    held = [one.held for one in rounds if one.held is not None]
    peaks = [one.peak for one in rounds if one.peak is not None]
    return Figure(
        link=first.link,
        case=first.case,
        peer=first.peer,
        median=statistics.median(seconds),
        low=min(seconds),
        high=max(seconds),
        rounds=len(seconds),
        requests=_middle(one.requests for one in rounds),
        fetched=_middle(one.fetched for one in rounds),
        sent=_middle(one.sent for one in rounds),
        peak=max(peaks, default=None),
        held=statistics.median(held) if held else None,
        notes={name: _middle(one.notes[name] for one in rounds) for name in first.notes},
    )


def _middle(numbers: Iterable[int]) -> int:
    return int(statistics.median_low(numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All figures of a run."""

    setting: Mapping[str, object]
    """Matrix, sizes, machine: what the figures depend on."""
    peers: Mapping[str, str]
    """How each peer stores and reads, and its versions."""
    skipped: Mapping[str, str]
    """Peers that were not measured, and why."""
    failures: Sequence[str]
    """Work that a peer could not do."""
    figures: Sequence[Figure]

    def of(self, link: str, case: Work) -> dict[str, Figure]:
        """Return the figures of one piece of work by peer."""
        return {one.peer: one for one in self.figures if (one.link, one.case) == (link, case)}

    def best_peer(self, link: str, case: Work) -> Figure | None:
        """Return the fastest of the others, raw obstore left out; None where nobody else can."""
        others = [one for name, one in self.of(link, case).items() if name not in {OURS, RAW}]
        return min(others, key=lambda one: one.median, default=None)

    def times_faster(self, link: str, case: Work) -> float | None:
        """Return the best peer's time in proportion to ours: 2 is twice as fast as anybody."""
        ours, best = self.of(link, case).get(OURS), self.best_peer(link, case)
        return best.median / ours.median if ours and best else None

    def part_of_limit(self, link: str, case: Work) -> float | None:
        """Return raw obstore's time in proportion to ours: 1 is as fast as the bytes can move."""
        found = self.of(link, case)
        ours, raw = found.get(OURS), found.get(RAW)
        return raw.median / ours.median if ours and raw else None

    def over_needed(self, link: str, case: Work) -> float | None:
        """Return the bytes that we fetched in proportion to the chunks that hold the answer."""
        ours, raw = (self.of(link, case).get(name) for name in (OURS, RAW))
        needed = raw.notes.get("needed") if raw else None
        return ours.fetched / needed if ours and needed else None

    @property
    def work(self) -> list[tuple[str, Work]]:
        """Link and case of all figures, in the order of the run."""
        return list(dict.fromkeys((one.link, one.case) for one in self.figures))

    @property
    def links(self) -> list[str]:
        """Links of all figures, in the order of the run."""
        return list(dict.fromkeys(link for link, _ in self.work))

    def cases(self, link: str) -> list[Work]:
        """Return what was measured over a link, in the order of the run."""
        return [case for other, case in self.work if other == link]

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        ratios = [
            {
                "link": link,
                "case": case,
                "times_faster_than_best_peer": self.times_faster(link, case),
                "part_of_raw_obstore": self.part_of_limit(link, case),
                "fetched_over_needed": self.over_needed(link, case),
            }
            for link, case in self.work
        ]
        return {
            **asdict(self),
            "peers": dict(self.peers),
            "figures": [asdict(one) for one in self.figures],
            "ratios": ratios,
        }


def machine() -> dict[str, object]:
    """Return what may explain figures: processor, cores, system, Python."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
