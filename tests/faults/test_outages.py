"""A save that a server's outage falls into is committed once the server is back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from typing import Any, ClassVar

import numpy as np
import pytest

import embzarr
from faults.tally import Effort, Tally
from servers.tiny_s3 import TinyS3

OPTIONS: dict[str, Any] = {"key": "k", "secret": "s"}
WORDS = ["king", "queen"]


class Stoppable(TinyS3):
    """Hangs up on those who are still connected while it is away."""

    is_away: ClassVar[threading.Event]

    def handle_one_request(self) -> None:
        if self.is_away.is_set():
            self.close_connection = True
        else:
            super().handle_one_request()


class Server:
    """Refuses connections while it is away; its objects stay, and so does its port."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = threading.Event()
        own = {
            "objects": {},
            "asked": self.asked,
            "lock": threading.Lock(),
            "is_away": self.is_away,
        }
        self._handler = type("One", (Stoppable,), own)
        self._port = 0
        self.come()

    def come(self) -> None:
        self.is_away.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def go(self) -> None:
        self.is_away.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def options(self) -> dict[str, Any]:
        return {**OPTIONS, "endpoint_url": f"http://127.0.0.1:{self._port}"}


@pytest.mark.faults
@pytest.mark.parametrize("opened", ["before", "in it"])
def test_a_save_outlives_an_outage(tally: Tally, *, full: Effort, opened: str) -> None:
    """Of 30 seconds; where not all is asked for, of more than obstore itself waits."""
    seconds = 30.0 if full else 4.0
    server = Server()
    url = "s3://bucket/run"
    embzarr.save(url, WORDS, np.ones((2, 3), "f4"), step=1, storage_options=server.options)
    run = embzarr.Run(url, storage_options=server.options)
    server.go()

    def save() -> embzarr.Checkpoint:
        vectors = np.full((2, 3), 2, "f4")
        if opened == "before":
            return run.save_async(WORDS, vectors, step=2).result()
        return embzarr.save(url, WORDS, vectors, step=2, storage_options=server.options)

    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save)
        time.sleep(seconds)  # what is promised is a time
        was_waiting = not saving.done()
        server.come()
        saved = saving.result(60)
    assert was_waiting
    assert saved["king"].tolist() == [2, 2, 2]
    server.go()
    tally(f"outages that a save falls into, its store opened {opened}", 1)
