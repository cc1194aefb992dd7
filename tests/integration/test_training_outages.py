"""Stores that go away or fill up while a run trains: it goes on, says so, and saves again."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import embzarr
import embzarr_trainer
from embzarr_tools._train_log import saving
from embzarr_trainer import Progress, _hogwild, _saver, _session
from objects.places import running
from servers.minio import MISSING, find_minio, mortal_minio
from servers.tiny_s3 import TinyS3

SETTINGS: dict[str, Any] = {
    "vector_size": 20,
    "epochs": 4000,  # longer than any of this takes: the end of the outage ends it
    "min_count": 1,
    "workers": 1,
    "save_every": "0.1s",
}
LEAST_REPORTS = 20
"""With a problem, before the store is mended."""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """20,000 words."""
    path = tmp_path / "corpus.txt"
    words = np.random.default_rng(7).integers(0, 500, (2000, 10))
    path.write_text("\n".join(" ".join(f"w{word}" for word in line) for line in words.tolist()))
    return path


class OverError(Exception):
    """Ends a run that has seen the outage through."""


class Outage:
    """Breaks a store once something is saved there, and mends it once training has told so."""

    def __init__(self, breaks: Callable[[], object], mends: Callable[[], object]) -> None:
        self._breaks, self._mends = breaks, mends
        self._mended: int | None = None
        self.last_before: int | None = None
        """The step that was the newest when the store broke."""
        self.troubled: list[Progress] = []
        self.steps_after: list[int] = []

    def __call__(self, now: Progress) -> None:
        if self.last_before is None:
            if now.step is not None:
                self._breaks()
                self.last_before = now.step
        elif now.problem is not None:
            self.troubled.append(now)
            if self._mended is None and len(self.troubled) >= LEAST_REPORTS:
                self._mends()
                self._mended = now.words
        elif self._mended is not None and now.step is not None and now.step >= self._mended:
            self.steps_after = sorted({*self.steps_after, now.step})
            if len(self.steps_after) >= 2:
                raise OverError


def train_through(outage: Outage, corpus: Path, url: Any, **options: Any) -> embzarr.Run:
    """Train until the store is back and two checkpoints are saved; return the run."""
    with pytest.raises(OverError):
        embzarr_trainer.train(corpus, url, progress=outage, **SETTINGS | options)
    return embzarr.Run(url, storage_options=options.get("storage_options"))


def check(outage: Outage, run: embzarr.Run) -> None:
    """Training went on in between, and every commit of before, and of after, is sound."""
    first, last = outage.troubled[0], outage.troubled[-1]
    assert last.words > first.words
    assert "NOT SAVED SINCE: " in saving(last)
    commits = run.commits()
    assert all(run.open(commit=commit.commit).verify().ok for commit in commits)
    steps = [commit.step for commit in reversed(commits)]
    assert steps == sorted(set(steps))
    assert set(steps) >= {outage.last_before, *outage.steps_after}
    # In between there is at most what was on its way to a store that then broke.
    assert outage.last_before is not None
    between = [step for step in steps if outage.last_before < step < outage.troubled[0].words]
    assert len(between) <= 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that waits, waits less."""
    monkeypatch.setattr(_hogwild, "REPORT_SECONDS", 0.01)
    monkeypatch.setattr(_session, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(_saver, "_FIRST_WAIT", 0.02)
    monkeypatch.setattr(_saver, "_LONGEST_WAIT", 0.1)


class FullS3(TinyS3):
    """A server whose disk may be full."""

    full: ClassVar[threading.Event]

    def do_PUT(self) -> None:  # noqa: N802 - http.server's name
        if not self.full.is_set():
            super().do_PUT()
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = (
            b"<Error><Code>XMinioStorageFull</Code><Message>no free drive space</Message></Error>"
        )
        self.answer(507, body)


@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.usefixtures("impatient")
def test_a_server_without_room(corpus: Path, *, delta: bool) -> None:
    """A server that answers 507 for a while."""
    full = threading.Event()
    own: dict[str, object] = {"objects": {}, "asked": [], "lock": threading.Lock(), "full": full}
    outage = Outage(full.set, full.clear)
    with running(type("OneFullS3", (FullS3,), own)) as endpoint:
        options = {
            "endpoint_url": endpoint,
            "access_key_id": "a",
            "secret_access_key": "b",
            "region": "us-east-1",
            "retry_config": {"max_retries": 0},
        }
        run = train_through(outage, corpus, "s3://bucket/run", storage_options=options, delta=delta)
        check(outage, run)
    assert "no free drive space" in str(outage.troubled[0].problem)


@pytest.mark.usefixtures("impatient")
def test_a_disk_without_room(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local disk that is full for a while, with old checkpoints given up all the time."""
    full = threading.Event()
    write = os.write

    def written(file: int, data: Any) -> int:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    monkeypatch.setattr(os, "write", written)
    outage = Outage(full.set, full.clear)
    run = train_through(outage, corpus, tmp_path / "run", keep_last=50)
    check(outage, run)
    assert "No space left on device" in str(outage.troubled[0].problem)


@pytest.mark.servers
@pytest.mark.parametrize("delta", [False, True])
def test_minio_killed(corpus: Path, *, delta: bool) -> None:
    """A MinIO that is killed and comes back on the same port, with the timeouts that users have."""
    program = find_minio()
    if program is None:
        pytest.skip(MISSING)
    with mortal_minio(program) as minio:
        outage = Outage(minio.kill, minio.start)
        url = minio.server.url(minio.server.new_bucket(), "run")
        run = train_through(
            outage,
            corpus,
            url,
            storage_options=minio.server.options,
            save_every="0.5s",
            epochs=40_000,
            delta=delta,
        )
        check(outage, run)
