from __future__ import annotations

import json

import pytest

from embzarr_bench import OURS, RAW, Case, Comparison, Measurement
from embzarr_bench._figures import figure

LINK = "20 ms"


def _rounds(
    peer: str, *seconds: float, case: Case = Case.WORDS, **more: object
) -> list[Measurement]:
    given = {"requests": 1, "fetched": 100, "sent": 0, "peak": None, "notes": {}, **more}
    return [
        Measurement(link=LINK, case=case, peer=peer, seconds=one, **given)  # type: ignore[arg-type]
        for one in seconds
    ]


def _comparison() -> Comparison:
    rounds = [
        _rounds(OURS, 0.2, 0.1, 0.9, fetched=130),
        _rounds(RAW, 0.15, notes={"needed": 100}),
        _rounds("slow", 0.8),
        _rounds("fast", 0.5, 0.4, 0.3),
        _rounds(OURS, 1.0, case=Case.SAVE),
    ]
    return Comparison(
        setting={"rows": 10},
        peers={OURS: "", RAW: "", "slow": "", "fast": ""},
        skipped={},
        failures=(),
        figures=[figure(one) for one in rounds],
    )


def test_a_figure_is_a_median_with_its_bounds() -> None:
    """One bad round does not move the figure, but shows."""
    found = figure(
        _rounds(OURS, 0.2, 0.1, 0.9, peak=5, notes={"round_trips": 3})
        + _rounds(OURS, 0.3, peak=9, requests=7, notes={"round_trips": 4})
    )

    assert (found.median, found.low, found.high, found.rounds) == (0.25, 0.1, 0.9, 4)
    assert (found.requests, found.peak, found.notes) == (1, 9, {"round_trips": 3})


def test_ratios_are_in_our_favour_above_one() -> None:
    """Against the best peer, not against raw obstore, which is the limit and no peer."""
    found = _comparison()
    best = found.best_peer(LINK, Case.WORDS)

    assert best is not None
    assert best.peer == "fast"
    assert found.times_faster(LINK, Case.WORDS) == pytest.approx(2.0)
    assert found.part_of_limit(LINK, Case.WORDS) == pytest.approx(0.75)
    assert found.over_needed(LINK, Case.WORDS) == pytest.approx(1.3)


def test_without_others_there_are_no_ratios() -> None:
    """Where nobody else was measured, nothing is claimed."""
    found = _comparison()

    assert found.best_peer(LINK, Case.SAVE) is None
    assert found.times_faster(LINK, Case.SAVE) is None
    assert found.part_of_limit(LINK, Case.SAVE) is None
    assert found.over_needed(LINK, Case.SAVE) is None


def test_everything_can_be_written_as_json() -> None:
    """Figures and ratios come back from JSON as they were."""
    written = json.loads(json.dumps(_comparison().as_json()))

    assert written["setting"] == {"rows": 10}
    assert [one["peer"] for one in written["figures"]] == [OURS, RAW, "slow", "fast", OURS]
    assert [one["times_faster_than_best_peer"] for one in written["ratios"]] == [2.0, None]
