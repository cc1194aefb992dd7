"""A pytest plugin: under ``EMBZARR_NO_SKIP=1`` a skipped test fails, for a gate must not skip.

Tests of real data that lies beside the checkout (``shared_data``) may still be skipped. Everywhere,
a test that lacks a library fails unless it is among those that the gate runs once more, with all
libraries there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_Phase = pytest.TestReport | pytest.CollectReport


_RUN_WITH_ALL_LIBRARIES = ("servers", "slow", "faults", "peers", "frameworks", "shared_data")


def _is_run_nowhere(item: pytest.Item, report: _Phase) -> bool:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    return "could not import" in reason and not any(
        item.get_closest_marker(name) for name in _RUN_WITH_ALL_LIBRARIES
    )


def _forbidden() -> bool:
    return os.environ.get("EMBZARR_NO_SKIP") == "1"


def _fail(report: _Phase, why: str = "a skip is a failure here: EMBZARR_NO_SKIP=1") -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{reason}\n({why})"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of one test into a failure; an expected failure stays one."""
    report = yield
    excused = hasattr(report, "wasxfail") or item.get_closest_marker("shared_data") is not None
    if report.skipped and _forbidden() and not excused:
        _fail(report)
    elif report.skipped and not excused and _is_run_nowhere(item, report):
        _fail(report, "mark it `peers`, so that the gate runs it where the library is")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into a failure."""
    report = yield
    if report.skipped and _forbidden():
        _fail(report)
    return report
