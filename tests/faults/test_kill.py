"""SIGKILL of writers and servers: what was committed stands, nothing half-written shows."""

from __future__ import annotations

import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Body, Store
from embzarr_bench.servers import _program
from embzarr_bench.servers import minio as minio_server
from faults.killing import WINDOW, WORDS, vectors_of
from faults.programs import kill
from faulty import PassThrough
from servers import versitygw as versitygw_server

if TYPE_CHECKING:
    from faults.tally import Effort, Tally
    from servers.s3 import S3Server

pytestmark = pytest.mark.faults

WRITES = 13
"""Of a save after the first, its manifest and hint the last ones."""
S3 = pytest.mark.parametrize("name", ["minio", "versitygw"])


@pytest.mark.parts(10)
def test_kills_on_a_local_store(ram: Path, tally: Tally, *, full: Effort) -> None:
    """Kills of saves, deltas, compactions and collections on a local folder lose nothing."""
    count = full.times(2_700, 16)
    landed = kill("killing.py", str(ram / "run"), None, count, full.part)

    tally("kills of writers on a local store", count, of_which=landed)
    assert landed.get(WINDOW, 0) >= count / 10


@pytest.mark.servers
@pytest.mark.parts(6)
@S3
def test_kills_on_s3(
    name: str, request: pytest.FixtureRequest, tally: Tally, *, full: Effort
) -> None:
    """The same on a server, which may still carry out what a killed writer had sent."""
    server: S3Server = request.getfixturevalue(name)
    count = full.times(150, 20)
    with server.bucket() as bucket:
        landed = kill("killing.py", server.url(bucket, "run"), server.options, count, full.part)

    tally(f"kills of writers on {name}", count, of_which=landed)
    assert landed.get(WINDOW, 0) >= count / 10


class Mortal:
    """A server that can be killed and started again where it was, with what it had stored."""

    def __init__(self, launch: _program.Launch[S3Server], place: Path) -> None:
        self.server = launch.server
        self._launch = launch
        self._place = place
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        log = self._place / f"log-{secrets.token_hex(4)}"
        self.process = _program._start(self._launch, self._place, log)
        assert _program._ready(self.process, self._launch.health), log.read_text()

    def kill(self) -> None:
        """End it as a power cut of the program would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def mortal(name: str, place: Path) -> Iterator[Mortal]:
    """Run a server of its own until the block ends."""
    modules: dict[str, tuple[Any, Callable[[], Path | None]]] = {
        "minio": (minio_server, minio_server.find_minio),
        "versitygw": (versitygw_server, versitygw_server.find_versitygw),
    }
    module, find = modules[name]
    program = find()
    if program is None:
        pytest.skip(module.MISSING)
    found = Mortal(module._launch(program, place), place)
    try:
        yield found
    finally:
        _program._end(found.process)


class Announcing(PassThrough):
    """Lets another thread wait until a write begins."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.begun = threading.Semaphore(0)

    def put(self, key: str, data: Body) -> None:
        self.begun.release()
        super().put(key, data)

    def create(self, key: str, data: Body) -> None:
        self.begun.release()
        super().create(key, data)


@pytest.mark.servers
@S3
def test_kills_of_the_server(name: str, tmp_path: Path, tally: Tally, *, full: Effort) -> None:
    """A server killed in the middle of a save, and started again, has all that it acknowledged."""
    chance, count = Random(5), full.times(15, 3)
    failures: list[str] = []
    outcomes: dict[str, int] = {}
    with mortal(name, tmp_path) as place:
        bucket = place.server.new_bucket()
        url, options = place.server.url(bucket, "run"), place.server.options
        embzarr.save(url, WORDS, vectors_of(0), step=0, storage_options=options)
        acknowledged = {1: 0}
        for step in range(1, count + 1):
            said = _save_and_kill(place, url, step, chance)
            outcomes[said] = outcomes.get(said, 0) + 1
            place.start()
            failures += _lost(url, options, acknowledged, step, said)

    tally(f"kills of {name} during a save", count, failures=failures, of_which=outcomes)


def _save_and_kill(place: Mortal, url: str, step: int, chance: Random) -> str:
    # Nobody starts it again before the save has ended, which would wait for it for a minute.
    impatient = {"max_retries": 1, "retry_timeout": timedelta(seconds=1)}
    options: dict[str, Any] = {**place.server.options, "retry_config": impatient}
    store = Announcing(open_store(url, storage_options=options))
    said: list[str] = []

    def save() -> None:
        try:
            embzarr.save(store, WORDS, vectors_of(step), step=step)
        except embzarr.EmbzarrError as exc:
            said.append(exc.code)
        else:
            said.append("done")

    thread = threading.Thread(target=save)
    thread.start()
    for _ in range(chance.randint(1, WRITES)):
        store.begun.acquire(timeout=5)
    time.sleep(chance.uniform(0, 0.005))
    place.kill()
    thread.join(30)
    assert not thread.is_alive(), "the save goes on waiting for its server"
    return said[0] if said else "an untyped error"


def _lost(
    url: str, options: dict[str, str], acknowledged: dict[int, int], step: int, said: str
) -> list[str]:
    """Return what of the acknowledged is gone, and what is there that should not be."""
    run = embzarr.Run(url, storage_options=options)
    found = {info.commit: info.step for info in run.commits()}
    new = found.keys() - acknowledged.keys()
    wrong = [f"commit {n} is gone" for n in acknowledged if n not in found]
    if said == "done" and not new:
        wrong.append(f"step {step} was acknowledged and is gone")
    if said not in {"done", "commit-unknown"} and new:
        wrong.append(f"step {step} was said to have failed with {said} and is there")
    for number in {max(found), *new}:
        checkpoint = run.open(commit=number)
        if not checkpoint.verify().ok:
            wrong.append(f"commit {number} is damaged")
        elif not np.array_equal(checkpoint.to_numpy(), vectors_of(found[number])):
            wrong.append(f"commit {number} reads as something else")
    acknowledged |= {number: found[number] for number in new}
    return wrong
