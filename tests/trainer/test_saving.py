"""Checkpoints beside training: by the clock, in order, and what a failing store costs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
import embzarr_trainer
from embzarr._storage.open import open_store
from embzarr_trainer import Progress, _hogwild, _saver, _session
from faulty import PassThrough

if TYPE_CHECKING:
    from pathlib import Path

    from embzarr._storage.port import Body

LEARNS: dict[str, Any] = {
    "vector_size": 20,
    "epochs": 4,
    "alpha": 0.05,
    "sample": 0,
    "min_count": 1,
    "workers": 1,
}


class FullStore(PassThrough):
    """A store that takes no data once it is full, until somebody makes room."""

    full = False
    refused = 0

    def put(self, key: str, data: Body) -> None:
        self._check(key)
        super().put(key, data)

    def create(self, key: str, data: Body) -> None:
        self._check(key)
        super().create(key, data)

    def _check(self, key: str) -> None:
        if self.full:
            self.refused += 1
            raise embzarr.StoreError("store-failed", f"{key}: no space left on device")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that waits, waits less."""
    monkeypatch.setattr(_hogwild, "REPORT_SECONDS", 0.001)
    monkeypatch.setattr(_session, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(_saver, "_FIRST_WAIT", 0.005)
    monkeypatch.setattr(_saver, "_LONGEST_WAIT", 0.02)


def full_store(name: str) -> FullStore:
    return FullStore(open_store(f"memory://trainer/{name}"))


@pytest.mark.slow
def test_by_the_clock(planted: Path) -> None:
    """Every so many seconds a checkpoint, in order; what is learnt does not depend on it."""
    url = "memory://trainer/clock"
    run = LEARNS | {"epochs": 40}
    end = embzarr_trainer.train(planted, url, save_every="0.02s", **run)
    steps = [commit.step for commit in reversed(embzarr.Run(url).commits())]
    plain = embzarr_trainer.train(planted, "memory://trainer/no-clock", **run)

    assert len(steps) >= 3
    assert steps == sorted(set(steps))
    assert steps[-1] == end.step == 800_000
    assert np.array_equal(end.to_numpy(), plain.to_numpy())


def test_training_outlives_a_full_store(planted: Path) -> None:
    """While the store is full, training goes on and says so, and what was committed stays good."""
    store = full_store("full")
    seen: list[Progress] = []

    def watch(now: Progress) -> None:
        seen.append(now)
        if now.step is not None and not store.refused:
            store.full = True
        if store.refused > 20:
            store.full = False

    end = embzarr_trainer.train(
        planted, store, save_every="0.01s", progress=watch, **LEARNS | {"epochs": 40}
    )
    troubled = [now for now in seen if now.problem]

    assert all("no space left" in str(now.problem) for now in troubled)
    assert troubled[-1].words > troubled[0].words
    assert seen[-1].problem is None
    assert end.step == 800_000
    assert all(embzarr.Run(store).open(commit=n).verify().ok for n in embzarr.Run(store).numbers())


def test_commits_before_stay_good(planted: Path) -> None:
    """A store that stays full costs the end, after the patience, and nothing that was saved."""
    store = full_store("stays-full")

    def watch(now: Progress) -> None:
        store.full = now.step is not None

    with pytest.raises(embzarr.StoreError, match="no space left"):
        embzarr_trainer.train(planted, store, checkpoints=4, progress=watch, patience=0.1, **LEARNS)
    assert store.refused > 1
    saved = embzarr.open(store)
    assert saved.verify().ok

    store.full = False
    plain = embzarr_trainer.train(planted, "memory://trainer/plain", **LEARNS)
    end = embzarr_trainer.train(planted, store, resume=True, **LEARNS)
    assert saved.step < end.step
    assert np.array_equal(end.to_numpy(), plain.to_numpy())


class ReadOnlyStore(PassThrough):
    """A store whose owner lets us look only."""

    def put(self, key: str, data: Body) -> None:
        del data
        raise embzarr.AccessDeniedError("access-denied", key)


def test_no_access_is_told_at_the_first_checkpoint(planted: Path) -> None:
    """What will not get better by waiting ends training when nothing was saved yet."""
    seen: list[Progress] = []
    with pytest.raises(embzarr.AccessDeniedError):
        embzarr_trainer.train(
            planted,
            ReadOnlyStore(open_store("memory://trainer/read-only")),
            checkpoints=100,
            progress=seen.append,
            **LEARNS | {"epochs": 100},
        )
    assert seen[-1].words < seen[-1].total_words / 2


class SlowPuts(PassThrough):
    """A store over a narrow link."""

    under_way = 0
    most = 0
    lock = threading.Lock()

    def create(self, key: str, data: Body) -> None:
        with self.lock:
            self.under_way += key.startswith("commits/")
            self.most = max(self.most, self.under_way)
        threading.Event().wait(0.05)
        super().create(key, data)
        with self.lock:
            self.under_way -= key.startswith("commits/")


def test_never_two_at_a_time(planted: Path) -> None:
    """Where saving is slower than training, a checkpoint due by words waits for the one before."""
    store = SlowPuts(open_store("memory://trainer/slow"))
    embzarr_trainer.train(planted, store, checkpoints=5, **LEARNS)
    steps = [commit.step for commit in reversed(embzarr.Run(store).commits())]

    assert store.most == 1
    assert len(steps) == 5
    assert steps == sorted(steps)


def kinds(url: object) -> list[str]:
    return [commit.kind for commit in reversed(embzarr.Run(url).commits())]


@pytest.fixture
def rare(tmp_path: Path) -> Path:
    """A corpus of 3,000 lines, each with words that come in no other."""
    path = tmp_path / "rare.txt"
    lines = (
        " ".join(f"w{line}{letter} w{line}{letter}" for letter in "abcd") for line in range(3000)
    )
    path.write_text("\n".join(lines))
    return path


SPARSE: dict[str, Any] = LEARNS | {"negative": 1, "epochs": 1}


@pytest.mark.slow
def test_deltas(rare: Path, tmp_path: Path) -> None:
    """Deltas hold the touched rows: read back, every checkpoint is what a full step would be."""
    end = embzarr_trainer.train(rare, tmp_path / "delta", checkpoints=24, delta=True, **SPARSE)
    embzarr_trainer.train(rare, tmp_path / "full", checkpoints=24, **SPARSE)
    deltas, fulls = embzarr.Run(tmp_path / "delta"), embzarr.Run(tmp_path / "full")

    assert kinds(tmp_path / "delta")[0] == "full"
    assert kinds(tmp_path / "delta").count("delta") > 12
    assert kinds(tmp_path / "full") == ["full"] * 24
    assert end.verify().ok
    for commit in fulls.commits()[::5]:
        one, other = deltas.open(step=commit.step), fulls.open(step=commit.step)
        for column in ("vectors", "context"):
            rows = (0, len(one))
            left, right = (c.load_rows(*rows, columns=(column,)) for c in (one, other))
            assert np.array_equal(left.columns[column], right.columns[column])


def test_resume_on_deltas(rare: Path, tmp_path: Path) -> None:
    """A run that goes on from a delta ends with the same bits, and goes on with deltas."""
    whole = embzarr_trainer.train(rare, tmp_path / "whole", **SPARSE)

    def stop(now: Progress) -> None:
        if now.step is not None and kinds(tmp_path / "run")[-1] == "delta":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embzarr_trainer.train(
            rare, tmp_path / "run", checkpoints=24, delta=True, progress=stop, **SPARSE
        )
    before = len(kinds(tmp_path / "run"))
    end = embzarr_trainer.train(
        rare, tmp_path / "run", checkpoints=24, delta=True, resume=True, **SPARSE
    )

    assert kinds(tmp_path / "run")[before] == "delta"
    assert np.array_equal(end.to_numpy(), whole.to_numpy())


@pytest.mark.slow
def test_lossy_deltas(rare: Path, tmp_path: Path) -> None:
    """Rows of lossy deltas read back within half precision, and the manifest tells the error."""
    embzarr_trainer.train(
        rare, tmp_path / "lossy", checkpoints=24, delta=True, lossy="float16", **SPARSE
    )
    embzarr_trainer.train(rare, tmp_path / "plain", checkpoints=24, **SPARSE)
    deltas = [c for c in embzarr.Run(tmp_path / "lossy").commits() if c.kind == "delta"]
    lossy = embzarr.open(tmp_path / "lossy", step=deltas[0].step)
    exact = embzarr.open(tmp_path / "plain", step=deltas[0].step)
    errors = [c.max_abs_error for c in lossy.info().columns if c.max_abs_error is not None]

    assert not np.array_equal(lossy.to_numpy(), exact.to_numpy())
    np.testing.assert_allclose(lossy.to_numpy(), exact.to_numpy(), rtol=1e-3, atol=1e-6)
    assert errors
    assert max(errors) >= np.abs(lossy.to_numpy() - exact.to_numpy()).max()


def test_failed_delta_is_made_up_for(rare: Path) -> None:
    """Rows of a delta that could not be saved are in the next one."""
    store = full_store("delta")

    def watch(now: Progress) -> None:
        store.full = now.step is not None and not store.refused

    end = embzarr_trainer.train(rare, store, checkpoints=24, delta=True, progress=watch, **SPARSE)
    plain = embzarr_trainer.train(rare, "memory://trainer/delta-plain", **SPARSE)

    assert store.refused
    assert np.array_equal(end.to_numpy(), plain.to_numpy())
    assert kinds(store)[0] == "full"


@pytest.mark.parametrize("delta", [False, True])
def test_keep_last(rare: Path, tmp_path: Path, *, delta: bool) -> None:
    """Older checkpoints are given up on the way, and the newest can be resumed from."""
    run = {"checkpoints": 12, "keep_last": 2, "delta": delta, **SPARSE}
    end = embzarr_trainer.train(rare, tmp_path / "run", **run)
    commits = embzarr.Run(tmp_path / "run").commits()

    assert len(commits) == 2
    assert commits[0].step == end.step
    assert end.verify().ok
    assert embzarr_trainer.train(rare, tmp_path / "run", resume=True, **run).commit == end.commit
