"""Large reads and writes without TLS: whole, or left to the library."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import crc32c
import numpy as np
import pytest

import embzarr
from embzarr._storage.interrupts import Interrupted, Latch, Task
from embzarr._storage.libraries import deadline
from embzarr._storage.open import open_store
from embzarr._storage.port import Body, size_of
from embzarr._storage.requests import direct
from embzarr._storage.requests.direct import Direct
from embzarr.errors import StoreError
from objects.places import running
from servers.minio import Minio

DATA = np.random.default_rng(0).bytes(5 * 2**20)
START, LENGTH = 12_345, 4 * 2**20
WANTED = memoryview(DATA)[START : START + LENGTH]


def checksum_of(data: bytes) -> str:
    """As S3 tells it: the bytes of a CRC-32C, the highest first, in base 64."""
    return base64.b64encode(crc32c.crc32c(data).to_bytes(4, "big")).decode()


class Server(BaseHTTPRequestHandler):
    """Gives ranges of one object, or what it is told to."""

    status: ClassVar[int]
    shift: ClassVar[int]
    """How far the range that it gives lies from the one that was asked for."""
    cut: ClassVar[int]
    """Bytes after which it ends the connection."""
    pause: ClassVar[float]
    """Seconds between two MiB."""
    connections: ClassVar[set[int]]
    asked: ClassVar[int]
    ends: ClassVar[bool]
    """Whether it says that it ends the connection behind its answer."""
    stored: ClassVar[bytes]

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        cls = type(self)
        cls.asked += 1
        cls.connections.add(self.client_address[1])
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert found
        start, end = int(found[1]) + cls.shift, int(found[2]) + 1 + cls.shift
        data = DATA[start:end]
        self.send_response(cls.status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{len(DATA)}")
        if cls.ends:
            self.send_header("Connection", "close")
        self.end_headers()
        for at in range(0, len(data), 2**20):
            self.wfile.write(data[at : at + 2**20][: max(0, cls.cut - at)])
            time.sleep(cls.pause)
        self.close_connection = cls.ends or cls.cut < len(data)

    def do_PUT(self) -> None:
        """Store what comes, and say by which checksum, or end the connection after a part of it."""
        cls = type(self)
        cls.asked += 1
        cls.connections.add(self.client_address[1])
        length = int(self.headers["Content-Length"])
        cls.stored = self.rfile.read(min(length, cls.cut))
        if cls.cut < length:
            self.close_connection = True
            return
        time.sleep(cls.pause)
        assert self.headers["x-amz-checksum-crc32c"] == checksum_of(cls.stored)
        self.send_response(cls.status)
        self.send_header("Content-Length", "0")
        self.send_header("x-amz-checksum-crc32c", checksum_of(cls.stored[cls.shift :]))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


class Dripping(BaseHTTPRequestHandler):
    """Says something all the time, and never comes to the end of its answer's head."""

    piece: ClassVar[bytes]

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                self.wfile.write(self.piece)
                time.sleep(0.05)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[tuple[type[Server], Direct]]:
    """One that does as it should, and what reads from it."""

    class One(Server):
        status, shift, cut, pause = 206, 0, len(DATA), 0.0
        connections: ClassVar[set[int]] = set()
        asked, ends = 0, False

    with running(One) as url:
        yield One, Direct(lambda _, key: f"{url}/{key}?signed=1")


def test_ranges_come_whole_over_one_connection(server: tuple[type[Server], Direct]) -> None:
    one, reads = server
    for start in (START, 0, len(DATA) - LENGTH):
        found = reads.range("a", start, LENGTH)

        assert found is not None
        assert bytes(found) == DATA[start : start + LENGTH]
    assert len(one.connections) == 1


def test_a_connection_that_the_server_ended_is_not_asked(
    server: tuple[type[Server], Direct],
) -> None:
    """Servers end those that nothing is asked on."""
    one, reads = server
    assert reads.range("a", START, LENGTH)
    reads._free[0].sock.shutdown(2)

    assert reads.range("a", START, LENGTH) == WANTED
    assert len(one.connections) == 2


def test_a_server_may_end_each_connection(server: tuple[type[Server], Direct]) -> None:
    one, reads = server
    one.ends = True
    for _ in range(2):
        assert reads.range("a", START, LENGTH) == WANTED
    assert len(one.connections) == 2


@pytest.mark.parametrize(
    "wrong", [{"status": 503}, {"status": 403}, {"status": 200}, {"cut": LENGTH - 1}, {"cut": 0}]
)
def test_after_another_answer_the_library_is_asked_alone_for_a_while(
    server: tuple[type[Server], Direct], wrong: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows how to ask again, and how to tell."""
    one, reads = server
    for name, value in wrong.items():
        setattr(one, name, value)
    assert reads.range("a", START, LENGTH) is None
    one.status, one.cut = 206, len(DATA)

    assert reads.range("a", START, LENGTH) is None
    assert one.asked == 1
    monkeypatch.setattr(direct, "_REST_SECONDS", 0)
    reads._rests_until.clear()
    assert reads.range("a", START, LENGTH) == WANTED


@pytest.mark.parametrize(
    "wrong", [{"status": 404}, {"status": 416}, {"shift": 100}, {"shift": 2**20}]
)
def test_what_is_not_there_is_left_to_the_library_once(
    server: tuple[type[Server], Direct], wrong: dict[str, int]
) -> None:
    """The object may be shorter, or gone, and the next one there."""
    one, reads = server
    for name, value in wrong.items():
        setattr(one, name, value)
    assert reads.range("a", START, LENGTH) is None
    one.status, one.shift = 206, 0

    assert reads.range("a", START, LENGTH) == WANTED


def test_nobody_listens() -> None:
    with running(Server) as url:
        pass

    assert Direct(lambda _, key: f"{url}/{key}?").range("a", 0, LENGTH) is None


def test_a_server_that_trickles_is_given_up(
    server: tuple[type[Server], Direct], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time that the library has, which need not be asked then."""
    one, reads = server
    one.pause = 0.2
    monkeypatch.setattr(deadline, "seconds_for", lambda _: 0.3)

    with pytest.raises(StoreError, match="did not come to its end in time"):
        reads.range("a", START, LENGTH)
    assert reads._free == []


@pytest.mark.parametrize("piece", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_head_that_has_no_end_is_given_up(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same time, or once the caller was interrupted."""
    monkeypatch.setattr(Dripping, "piece", piece, raising=False)
    stop = Latch()
    with running(Dripping) as url:
        both = Direct(lambda _, key: f"{url}/{key}?")
        monkeypatch.setattr(deadline, "seconds_for", lambda _: 0.3)
        for ask in (lambda: both.range("a", START, LENGTH), lambda: both.put("a", DATA)):
            with pytest.raises(StoreError, match="did not come to its end in time"):
                ask()

        monkeypatch.setattr(deadline, "seconds_for", lambda _: 300.0)
        task = Task(lambda: both.range("a", START, LENGTH), stop)
        threading.Timer(0.15, stop.set).start()
        with pytest.raises(Interrupted):
            task.result()
    assert both._free == []


def test_a_server_that_falls_silent_is_left_to_the_library(
    server: tuple[type[Server], Direct], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the beginning of its answer."""
    one, reads = server
    monkeypatch.setattr(direct, "_SILENT_SECONDS", 0.2)
    one.pause = 1.0

    begun = time.monotonic()
    assert reads.range("a", START, LENGTH) is None
    assert time.monotonic() - begun < 0.9
    assert one.asked == 1


def test_an_interrupt_ends_it_between_two_pieces(server: tuple[type[Server], Direct]) -> None:
    one, reads = server
    one.pause = 0.1
    stop = Latch()
    task = Task(lambda: reads.range("a", START, LENGTH), stop)
    threading.Timer(0.15, stop.set).start()

    with pytest.raises(Interrupted):
        task.result()
    assert reads._free == []


def test_a_forked_child_leaves_the_parents_connections_alone(
    server: tuple[type[Server], Direct], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both would read parts of the same answers; nor does it lose one, of which Python warns."""
    one, reads = server
    assert reads.range("a", START, LENGTH)
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    child = os.fork()
    if child == 0:
        os._exit(0 if not lost and reads.range("a", START, LENGTH) == WANTED else 1)

    assert reads.range("a", START, LENGTH) == WANTED
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(one.connections) == 2


@pytest.mark.parametrize("pieces", [1, 3, 513, 2_000])
def test_pieces_are_stored_as_one(server: tuple[type[Server], Direct], pieces: int) -> None:
    """More than a system takes at once, some of them empty, over one connection."""
    one, writes = server
    one.status = 200
    cuts = [
        *sorted(np.random.default_rng(0).integers(0, len(DATA), pieces - 1).tolist()),
        len(DATA),
    ]
    body = [DATA[start:stop] for start, stop in itertools.pairwise([0, *cuts])]
    for _ in range(2):
        assert writes.put("a", [b"", *body, b""])
        assert one.stored == DATA
    assert len(one.connections) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 503},
        {"status": 400},
        {"status": 204},
        {"shift": 1},
        {"cut": LENGTH},
        {"cut": 0},
    ],
)
def test_what_the_server_does_not_say_that_it_has_is_left_to_the_library(
    server: tuple[type[Server], Direct], wrong: dict[str, int]
) -> None:
    """Also where it has other bytes. Reads go on as they did."""
    one, both = server
    one.status = 200
    for name, value in wrong.items():
        setattr(one, name, value)
    assert not both.put("a", DATA)
    one.status, one.shift, one.cut = 200, 0, len(DATA)

    assert not both.put("a", DATA)
    assert one.asked == 1
    one.status = 206
    assert both.range("a", START, LENGTH) == WANTED


def test_a_server_may_be_long_about_what_it_was_sent(
    server: tuple[type[Server], Direct], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the time that the library has is over, which need not be asked then."""
    one, writes = server
    one.status, one.pause = 200, 0.3
    monkeypatch.setattr(direct, "_SILENT_SECONDS", 0.1)
    monkeypatch.setattr(direct, "_LEAST_SECONDS", 0.1)
    assert writes.put("a", DATA)

    monkeypatch.setattr(deadline, "seconds_for", lambda _: 0.2)
    with pytest.raises(StoreError, match="no answer came in time"):
        writes.put("a", DATA)
    assert writes._free == []


@pytest.mark.servers
def test_a_load_comes_by_it(
    minio: Minio, minio_bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a large array, and nothing of it by the library; its URL is signed and quoted."""
    words = [f"w{row}" for row in range(20_000)]
    vectors = np.random.default_rng(0).standard_normal((20_000, 300), np.float32)
    url, options = f"{minio_bucket_url}/a b/ä", minio.options
    embzarr.save(url, words, vectors, storage_options=options, compression="none")
    came = []
    ask = Direct.range

    def range_(self: Direct, key: str, start: int, length: int) -> memoryview | None:
        found = ask(self, key, start, length)
        came.append((length, found is not None))
        return found

    monkeypatch.setattr(Direct, "range", range_)
    found = embzarr.open(url, storage_options=options).to_numpy()

    np.testing.assert_array_equal(found, vectors)
    assert all(whole for _, whole in came)
    assert sum(length for length, _ in came) >= vectors.nbytes


@pytest.mark.servers
def test_a_save_goes_by_it(
    minio: Minio, minio_bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a server that refuses a wrong checksum, as this one was seen to."""
    vectors = np.random.default_rng(0).standard_normal((20_000, 300), np.float32)
    words = [f"w{row}" for row in range(len(vectors))]
    went = []
    put = Direct.put

    def put_(self: Direct, key: str, data: Body) -> bool:
        went.append((size_of(data), put(self, key, data)))
        return went[-1][1]

    monkeypatch.setattr(Direct, "put", put_)
    url = f"{minio_bucket_url}/a b/ä"
    embzarr.save(url, words, vectors, storage_options=minio.options, compression="none")

    assert all(is_whole for _, is_whole in went)
    assert sum(size for size, _ in went) >= vectors.nbytes
    found = embzarr.open(url, storage_options=minio.options)
    np.testing.assert_array_equal(found.to_numpy(), vectors)


@pytest.mark.servers
def test_a_missing_object_and_a_wrong_secret_are_told_as_ever(
    minio: Minio, minio_bucket_url: str
) -> None:
    url, options = minio_bucket_url, minio.options
    with pytest.raises(embzarr.errors.NotFoundError, match="no such object"):
        open_store(url, storage_options=options).get_range("a", 0, LENGTH)
    wrong = {**options, "secret_access_key": "no such secret"}
    with pytest.raises(embzarr.errors.AccessDeniedError):
        open_store(url, storage_options=wrong).get_range("a", 0, LENGTH)
