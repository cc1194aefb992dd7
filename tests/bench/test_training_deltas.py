from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr_bench import WrongResultError
from embzarr_bench.servers.minio import MISSING, find_minio
from embzarr_bench.training import DeltaCost, Plan, compare
from embzarr_bench.training._deltas import CHAIN, _default_deltas, _read, _save_chain, _Steps

ROWS, DIM = 4000, 64


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> _Steps:
    """Nine checkpoints of which each moves 400 vectors and 800 rows of the output matrix."""
    folder = tmp_path_factory.mktemp("run")
    draws = np.random.default_rng(2)
    vectors, context = (draws.standard_normal((ROWS, DIM), np.float32) for _ in range(2))
    words = [f"w{number}" for number in range(ROWS)]
    for place in range(CHAIN + 1):
        vectors[draws.choice(ROWS, 400, replace=False)] += np.float32(0.01)
        context[draws.choice(ROWS, 800, replace=False)] -= np.float32(0.01)
        embzarr.save(
            folder,
            words,
            vectors,
            columns={"context": context},
            step=100 * (place + 1),
            metadata={"trainer": {"metrics": {"epoch": 0.02 * (place + 1)}}},
        )
    return _Steps(embzarr.Run(folder))


def test_what_changed_is_found_row_by_row(steps: _Steps) -> None:
    """The rows that differ, of each matrix; and what part of an epoch lies between."""
    assert {name: len(rows) for name, rows in steps.changed(3).items()} == {
        "vectors": 400,
        "context": 800,
    }
    assert steps.touched() == {"vectors": 0.1, "context": 0.2}
    assert steps.interval == pytest.approx(0.02)


def test_a_chain_is_eight_deltas_that_read_back(steps: _Steps, tmp_path: Path) -> None:
    """Lossy deltas are smaller than lossless ones, and each has its layers; lossless are exact."""
    sizes = {}
    for lossy in (None, "float16", "int8"):
        url = str(tmp_path / str(lossy))
        sizes[lossy] = _save_chain(steps, url, {}, lossy=lossy)
        assert [layer.kind for layer in embzarr.open(url).info().layers] == [
            "full",
            *["delta"] * CHAIN,
        ]
    assert sizes["int8"] < sizes["float16"] < sizes[None]
    assert sizes[None] > 1000 * DIM * 4  # lossless compression saves a little
    (seconds,) = _read(steps, {str(tmp_path / "None"): CHAIN}, {}, 3)
    assert len(seconds) == 3
    assert min(seconds) > 0


def test_the_default_policy_ends_a_chain_sooner(steps: _Steps, tmp_path: Path) -> None:
    """Deltas of 0.1 and 0.2 of two matrices: the fourth would take more than half of the step."""
    deltas = _default_deltas(steps, str(tmp_path / "policy"), {})
    _save_chain(steps, str(tmp_path / "run"), {}, lossy=None, deltas=deltas)

    assert deltas == 3
    assert [layer.kind for layer in embzarr.open(tmp_path / "policy").info().layers] == ["full"]
    assert len(embzarr.open(tmp_path / "run").info().layers) == 1 + deltas
    (seconds,) = _read(steps, {str(tmp_path / "run"): deltas}, {}, 2)
    assert len(seconds) == 2


def test_a_chain_that_reads_back_wrong_is_no_figure(steps: _Steps, tmp_path: Path) -> None:
    """Lossy vectors are not those that were trained, which the benchmark must notice."""
    _save_chain(steps, str(tmp_path / "run"), {}, lossy="int8")
    with pytest.raises(WrongResultError, match="are not what was trained"):
        _read(steps, {str(tmp_path / "run"): CHAIN}, {}, 1)


def test_ratios() -> None:
    """A full step over a delta, and a chain's time over a full step's, by medians."""
    cost = DeltaCost(
        interval=0.02,
        rows=1,
        vector_size=1,
        touched={"vectors": 0.1},
        full_bytes=600,
        delta_bytes={"lossless": 200, "int8": 60},
        full_seconds=(2, 1, 9),
        chain_seconds=(3, 2.5, 100),
        default_deltas=3,
        default_seconds=(2.5, 2, 5),
    )
    assert cost.times_fewer == {"lossless": 3, "int8": 10}
    assert cost.chain_over_full == 1.5
    assert cost.default_over_full == 1.25
    assert json.loads(json.dumps(cost.as_json()))["times_fewer"]["int8"] == 10


@pytest.mark.servers
@pytest.mark.slow
def test_deltas_of_a_training_are_measured(tmp_path: Path) -> None:
    """A run is trained at each interval, its deltas are saved to a MinIO and read back."""
    if find_minio() is None:
        pytest.skip(MISSING)
    draws = np.random.default_rng(7)
    ranks = np.minimum(draws.zipf(1.3, 400_000), 2000)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(" ".join(f"w{rank}" for rank in ranks.tolist()))
    found = compare(
        Plan(corpus=corpus, parts=("deltas",), dims=(64,)), progress=lambda _: None
    ).deltas
    intervals = [one.interval for one in found]
    # A small text is trained in few turns, between which a checkpoint can be.
    assert 0 < intervals[0] < intervals[1] < intervals[2] == pytest.approx(1 / 10, rel=0.1)
    touched = [one.touched["vectors"] for one in found]
    assert 0 < touched[0] < touched[1] < touched[2] <= 1
    assert all(0 <= one.default_deltas <= CHAIN and one.default_seconds for one in found)
    assert all(one.times_fewer["int8"] > one.times_fewer["lossless"] for one in found)
