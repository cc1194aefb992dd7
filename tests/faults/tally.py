"""A pytest plugin: how often a fault was tried, counted, and told in one table at the end.

`pytest -m faults` tries each fault often enough to notice a regression; ``--full`` tries as often
as the promise says. Counts travel as user properties of a test's report, so that workers of
pytest-xdist deliver them too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_PROPERTY = "faults"
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table."""

    what: str
    counts: str
    seconds: float

    def __str__(self) -> str:
        """Return the row as it is printed."""
        return f"{self.what}: {self.counts} ({self.seconds:.1f} s)"


class Tally:
    """Where a test says how often it tried something, and what failed."""

    def __init__(self, record: Any) -> None:
        self._record = record
        self._begun = time.perf_counter()

    def __call__(
        self,
        what: str,
        run: int,
        *,
        failures: Sequence[object] = (),
        of_which: Mapping[str, int] | None = None,
    ) -> None:
        """Add a row, then fail where anything failed.

        Args:
            what: the fault and the place: ``kills of a save on a local store``.
            run: how often it was tried.
            failures: one for each try that broke a promise; the first ten are shown.
            of_which: how many tries were of some kind: ``{"in the critical window": 1412}``.
        """
        now = time.perf_counter()
        kinds = [f"{count:,} {kind}" for kind, count in (of_which or {}).items()]
        counts = ", ".join([f"{run:,} run", *kinds, f"{len(failures):,} failures"])
        self._record(_PROPERTY, (what, counts, now - self._begun))
        self._begun = now
        shown = "\n".join(str(failure) for failure in failures[:_SHOWN])
        assert not failures, f"{what}: {counts}\n{shown}"
        assert run > 0, f"{what}: nothing was run"


class Effort(float):
    """How often to try: 0 is a few times, 1 as often as promised, and between them a share."""

    def times(self, most: int, few: int) -> int:
        """Return how often, of `most` in all."""
        return max(few, round(most * self)) if self else few

    def every(self, few: int) -> int:
        """Return a stride through all there is: 1 takes each, and `few` one of so many."""
        return min(few, round(1 / self)) if self else few


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--full`` and ``--share``."""
    parser.addoption(
        "--full", action="store_true", help="as many faults as promised, not just a few"
    )
    parser.addoption(
        "--share", type=float, default=1.0, metavar="0..1", help="with --full, of what is promised"
    )


@pytest.fixture
def tally(record_property: Any) -> Tally:
    """Takes a row for the table of faults; see `Tally`."""
    return Tally(record_property)


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> Effort:
    """Whether to try as often as promised, or which share of it."""
    options = request.config.option
    return Effort(options.share if options.full else 0)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print every row."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    lines = [
        Line(what=value[0], counts=value[1], seconds=value[2])
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    if lines:
        terminalreporter.write_sep("=", "faults")
        for line in sorted(lines, key=lambda line: line.what):
            terminalreporter.write_line(str(line))
