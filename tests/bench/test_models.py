"""The benchmark of models: everybody who is installed gives back what was stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from embzarr_bench import OURS, RAW, BenchError
from embzarr_bench.models import ModelCase, Plan, _state, compare
from embzarr_bench.models._peers import ALL
from embzarr_bench.servers.minio import MISSING, find_minio
from embzarr_tools import cli


def _still(done: int, total: int, label: str | None = None) -> None:
    assert done <= total
    assert label


@pytest.mark.servers
def test_everybody_who_is_installed_gives_right_results() -> None:
    """Each peer does every case on MinIO; a step writes what changed, a tensor is read alone."""
    if find_minio() is None:
        pytest.skip(MISSING)
    found = compare(Plan(repeats=1, megabytes=8), progress=_still)

    assert found.failures == []
    assert {OURS, RAW} <= set(found.peers)
    assert set(found.peers) | set(found.skipped) == set(ALL)
    assert {(one.case, one.peer) for one in found.figures} == {
        (case, peer) for peer in found.peers for case in ALL[peer].cases
    }

    def ours(case: ModelCase) -> dict[str, int]:
        return dict(found.of("0 ms", case)[OURS].notes)

    full, step = (ours(case)["bytes_written"] for case in (ModelCase.SAVE, ModelCase.SAVE_STEP))
    assert step < full / 15
    assert ours(ModelCase.TENSOR)["bytes_read"] < 5_000_000
    assert ours(ModelCase.MANY)["requests"] < 10
    json.dumps(found.as_json())


@pytest.mark.frameworks(environment="torch")
def test_all_whom_it_names_save_and_load() -> None:
    """None is left out for want of a package, or fails: CI has all of them in one environment."""
    if find_minio() is None:
        pytest.skip(MISSING)
    cases = [ModelCase.SAVE, ModelCase.LOAD]
    found = compare(Plan(cases=cases, repeats=1, megabytes=8), progress=_still)

    assert (found.skipped, found.failures) == ({}, [])
    assert set(found.of("0 ms", ModelCase.LOAD)) == set(ALL)


def test_a_state_has_the_size_that_was_asked_for(tmp_path: Path) -> None:
    """About 300 tensors, as a transformer's; all but one layer stay as they are in a step."""
    file = _state.make(tmp_path, megabytes=40, seed=0)
    state = file.open()
    later = _state.changed(state)

    assert 290 <= len(state) <= 310
    assert 0.8 < sum(one.nbytes for one in state.values()) / 40e6 < 1.2
    different = {name for name, one in state.items() if not np.array_equal(one, later[name])}
    assert len(different) == 12
    assert state[_state.ONE_TENSOR].nbytes == 4_000_000


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(cases=["nonsense"]), "no case 'nonsense'; known: save"),
        (Plan(peers=["nobody"]), "no peer 'nobody'; known: embzarr"),
        (Plan(repeats=0), "at least one repeat"),
    ],
    ids=["case", "peer", "repeats"],
)
def test_plans_that_make_no_sense_are_refused(plan: Plan, message: str) -> None:
    """Before anything is started."""
    with pytest.raises(BenchError, match=message):
        compare(plan, progress=_still)


def test_the_command_refuses_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2."""
    assert cli.run(["bench", "models", "--case", "nonsense"]) == 2
    assert "no case 'nonsense'" in capsys.readouterr().err
