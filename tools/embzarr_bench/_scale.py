"""How cost grows with the number of words: one save and the first word, cold, at each size."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embzarr_bench import _cases, _figures, _links, _matrix, _stage
from embzarr_bench._cases import Case, Sizes
from embzarr_bench._errors import BenchError
from embzarr_bench.peers import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embzarr_bench._stage import Advance

SMALLEST = 10_000
_FACTOR = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one size costs."""

    words: int
    save_seconds: float
    bytes_written: int
    first_word_seconds: float
    """From the address to the vector of one word: the median of all repeats."""
    requests: int
    """Of that first word, as are the following."""
    round_trips: int
    bytes_read: int
    peak: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The points of a run."""

    setting: Mapping[str, object]
    points: Sequence[Point]

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {"setting": dict(self.setting), "points": [asdict(one) for one in self.points]}


def scale(*, most: int, dim: int, latency_ms: int, repeats: int, progress: Advance) -> Growth:
    """Measure at 10,000 words and at each ten times as many, up to `most`.

    Args:
        most: the largest number of words.
        dim: numbers in a vector; few, for it is the words that matter here.
        latency_ms: milliseconds by which each answer of the server comes later.
        repeats: cold reads at each size.
        progress: shows how far it is.

    Raises:
        BenchError: a program is missing, or `most` is too small.
        WrongResultError: an answer differs from the truth.
    """
    if most < SMALLEST or repeats < 1:
        raise BenchError(f"expected at least {SMALLEST} words and one repeat")
    counts = []
    count = SMALLEST
    while count <= most:
        counts.append(count)
        count *= _FACTOR
    (link,) = _links.links([latency_ms], [])
    points = []
    for done, count in enumerate(counts):
        progress(done, len(counts), f"{count} words")
        points.append(_point(count, dim, link, repeats))
    setting = {"dim": dim, "latency_ms": latency_ms, "repeats": repeats, **_figures.machine()}
    return Growth(setting=setting, points=points)


def _point(count: int, dim: int, link: _links.Link, repeats: int) -> Point:
    with tempfile.TemporaryDirectory(prefix="embzarr-bench-") as folder:
        files = _matrix.make(Path(folder), rows=count, dim=dim)
        cases = (Case.SAVE, Case.WORD)
        requests = _cases.requests(files.open(), Sizes(), cases=cases)
        with _stage.staged([OURS], [link], task=_stage.matrix_tasks(files, requests)) as stage:
            stage.store(OURS, Case.WORD)
            stage.measure(OURS, Case.WORD, link)  # the first imports, see `_worker`
            save = stage.measure(OURS, Case.SAVE, link)
            reads = [stage.measure(OURS, Case.WORD, link) for _ in range(repeats)]
    middle = _figures.figure(reads)
    return Point(
        words=count,
        save_seconds=save.seconds,
        bytes_written=save.sent,
        first_word_seconds=statistics.median(one.seconds for one in reads),
        requests=middle.requests,
        round_trips=middle.notes["round_trips"],
        bytes_read=middle.fetched,
        peak=middle.peak,
    )
