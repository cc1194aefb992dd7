"""A pytest plugin: how often a fault was tried, counted, and told in one table at the end.

`pytest -m faults` tries each fault often enough to notice a regression; ``--full`` tries as often
as the promise says. Counts travel as user properties of a test's report, so that workers of
pytest-xdist deliver them too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

T = TypeVar("T")

_PROPERTY = "faults"
_SHOWN = 10


@dataclass(slots=True, kw_only=True)
class Line:
    """One row of the table: what all tests together tell of one thing."""

    what: str
    run: int = 0
    failures: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    seconds: float = 0

    def __str__(self) -> str:
        """Return the row as it is printed."""
        kinds = [f"{count:,} {kind}" for kind, count in self.kinds.items()]
        counts = ", ".join([f"{self.run:,} run", *kinds, f"{self.failures:,} failures"])
        return f"{self.what}: {counts} ({self.seconds:.1f} s)"

    def add(self, other: Line) -> None:
        """Count what another test tells of the same."""
        self.run += other.run
        self.failures += other.failures
        self.seconds += other.seconds
        self.kinds.update(other.kinds)


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
        """Add to a row, then fail where anything failed.

        Args:
            what: the fault and the place: ``kills of a save on a local store``.
            run: how often it was tried.
            failures: one for each try that broke a promise; the first ten are shown.
            of_which: how many tries were of some kind: ``{"in the critical window": 1412}``.
        """
        now = time.perf_counter()
        found = (what, run, len(failures), dict(of_which or {}), now - self._begun)
        self._record(_PROPERTY, found)
        self._begun = now
        shown = "\n".join(str(failure) for failure in failures[:_SHOWN])
        assert not failures, f"{_line(found)}\n{shown}"
        assert run > 0, f"{what}: nothing was run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How often to try: a few times, as often as promised, or a share of that."""

    share: float
    """0 is a few times, 1 as often as promised."""
    part: int = 0
    parts: int = 1
    """Tests between which the tries are divided, so that workers share them."""

    def __bool__(self) -> bool:
        """Tell whether it is more than a few times."""
        return self.share > 0

    def times(self, most: int, few: int) -> int:
        """Return how often this part is to try, of `most` in all parts."""
        total = max(few, round(most * self.share)) if self else few
        return total * (self.part + 1) // self.parts - total * self.part // self.parts

    def some(self, items: Iterable[T], every: int) -> list[T]:
        """Return this part's items of all there are, or where only a few: one of `every`."""
        stride = min(every, round(1 / self.share)) if self else every
        return list(items)[::stride][self.part :: self.parts]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--full`` and ``--share``."""
    parser.addoption(
        "--full", action="store_true", help="as many faults as promised, not just a few"
    )
    parser.addoption(
        "--share", type=float, default=1.0, metavar="0..1", help="with --full, of what is promised"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of tests that are divided."""
    config.addinivalue_line("markers", "parts(n): with --full, n tests that share the tries")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Divide a test that would take long."""
    mark = metafunc.definition.get_closest_marker("parts")
    share = _share(metafunc.config)
    parts = round(mark.args[0] * share) if mark else 1
    if parts > 1:
        efforts = [Effort(share=share, part=part, parts=parts) for part in range(parts)]
        ids = [f"{part} of {parts}" for part in range(1, parts + 1)]
        metafunc.parametrize("full", efforts, ids=ids)


@pytest.fixture
def tally(record_property: Any) -> Tally:
    """Takes a row for the table of faults; see `Tally`."""
    return Tally(record_property)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> Effort:
    """Whether to try as often as promised, or which share of it."""
    return Effort(share=_share(request.config))


def _share(config: pytest.Config) -> float:
    return float(config.option.share) if config.option.full else 0


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print every row."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    lines: dict[str, Line] = {}
    for report in reports:
        if getattr(report, "when", None) == "call":
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    lines.setdefault(value[0], Line(what=value[0])).add(_line(value))
    if lines:
        terminalreporter.write_sep("=", "faults")
        for what in sorted(lines):
            terminalreporter.write_line(str(lines[what]))


def _line(found: tuple[str, int, int, dict[str, int], float]) -> Line:
    what, run, failures, kinds, seconds = found
    return Line(what=what, run=run, failures=failures, kinds=Counter(kinds), seconds=seconds)
