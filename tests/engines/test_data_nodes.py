"""An HDFS of three DataNodes, of which one is killed while steps are saved and read."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import embzarr
from embzarr._storage import Leftovers, open_store
from embzarr.errors import StoreError
from servers import hdfs as hadoop
from servers.hdfs import Hdfs

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ROWS, DIM = 60_000, 64
SAVES_FOR = 25.0
ENDS_WITHIN = 60.0


@pytest.fixture
def three() -> Iterator[Hdfs]:
    pytest.importorskip("hdfs_native")
    program = hadoop.find_hdfs()
    if program is None:
        pytest.skip(hadoop.MISSING)
    with hadoop.running_hdfs(program, data_nodes=3) as server:
        yield server


class Reader(threading.Thread):
    """Reads the newest step again and again; keeps what went wrong."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._end = threading.Event()
        self.reads = 0
        self.failures: list[BaseException] = []

    def run(self) -> None:
        while not self._end.is_set():
            try:
                with embzarr.open(self._url) as checkpoint:
                    vectors = checkpoint.load_rows(self.reads % 40_000, ROWS).vectors
                    assert (vectors == checkpoint.step).all()
            except BaseException as exc:  # noqa: BLE001 - told to the test
                self.failures.append(exc)
            self.reads += 1

    def end(self) -> None:
        self._end.set()
        self.join()


def save(url: str, step: int) -> bool:
    """Save a step; tell whether that was acknowledged. What is not is a typed error."""
    words = [f"w{row}" for row in range(ROWS)]
    try:
        embzarr.save(url, words, np.full((ROWS, DIM), step, np.float32), step=step)
    except (embzarr.StoreError, embzarr.ConflictError):
        return False
    return True


@pytest.mark.parametrize("at", [0.0, 1.5])
def test_saves_end_and_reads_go_on(three: Hdfs, at: float) -> None:
    """Killed between two saves and within one: no read fails, no save hangs, none is damaged."""
    url = f"{three.url}/run"
    assert save(url, 0)
    reader = Reader(url)
    reader.start()
    killer = threading.Timer(at, os.kill, (three.processes[0], signal.SIGKILL))
    killer.start()
    acknowledged, seconds = [0], []
    until = time.monotonic() + SAVES_FOR
    step = 0
    while time.monotonic() < until or not acknowledged[-1]:
        step += 1
        begun = time.monotonic()
        if save(url, step):
            acknowledged.append(step)
        seconds.append(time.monotonic() - begun)
    reader.end()
    killer.join()

    assert reader.failures == []
    assert reader.reads > 0
    assert max(seconds) < ENDS_WITHIN
    run = embzarr.Run(url)
    there = {commit.step for commit in run.commits()}
    assert there >= set(acknowledged)
    for commit in run.commits():
        assert run.open(commit=commit.commit).verify().problems == ()


def test_a_save_ends_though_no_data_node_says_anything(three: Hdfs) -> None:
    """As machines that lost their network with a shard half written: an error, well in time."""
    url = f"{three.url}/run"
    assert save(url, 0)
    store = open_store(url)
    assert isinstance(store, Leftovers)
    with ThreadPoolExecutor(1) as threads:
        saving = threads.submit(save, url, 1)
        until = time.monotonic() + ENDS_WITHIN
        while not saving.done() and not list(store.leftovers("")) and time.monotonic() < until:
            time.sleep(0.005)
        begun = time.monotonic()
        with three.silent():
            saved = saving.result(2 * ENDS_WITHIN)

    assert time.monotonic() - begun < ENDS_WITHIN
    assert opened(url).step == int(saved)


def opened(url: str) -> embzarr.Checkpoint:
    """Open a run once the NameNode has heard again which blocks the DataNodes have."""
    until = time.monotonic() + ENDS_WITHIN
    while True:
        try:
            return embzarr.open(url)
        except StoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
