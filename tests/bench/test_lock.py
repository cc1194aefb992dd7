from __future__ import annotations

import time

import numpy as np
import pytest

from embzarr_bench import BenchError, Case, Plan, _lock, compare
from embzarr_bench._figures import Measurement, figure


def _spin() -> None:
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        pass


@pytest.mark.peers
def test_who_works_in_python_holds_the_lock_and_who_sleeps_does_not() -> None:
    """About as long as the work takes, and hardly at all."""
    pytest.importorskip("gilknocker")

    busy, idle = (_lock.held(work, seconds=1) for work in (_spin, lambda: time.sleep(0.02)))

    assert busy > 0.01
    assert idle < busy / 2


def test_without_gilknocker_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started."""
    monkeypatch.setattr(_lock, "_INSTALLED", False)

    with pytest.raises(BenchError, match="gilknocker"):
        compare(Plan(lock=True), progress=lambda *_: None)


@pytest.mark.parametrize(("held", "expected"), [([0.02, 0.05, 0.03], 0.03), ([None, None], None)])
def test_a_figure_is_the_median_of_what_was_measured(
    held: list[float | None], expected: float | None
) -> None:
    """None where nobody asked."""
    rounds = [
        Measurement(
            link="0 ms",
            case=Case.LOAD,
            peer="embzarr",
            seconds=1.0,
            requests=1,
            fetched=1,
            sent=0,
            peak=None,
            held=one,
        )
        for one in held
    ]

    assert figure(rounds).held == expected
    assert np.isfinite(figure(rounds).median)
