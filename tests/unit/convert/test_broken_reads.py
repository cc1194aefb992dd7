"""A network that breaks in the middle of a file: reading goes on, or nothing is to be seen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr._storage import open_store
from embzarr.convert import _remote, _resuming, import_vectors
from faults.faulty_proxy import Fault, Kind, running_faulty_proxy
from servers.http_folder import running_http_folder
from servers.s3 import S3Server

WORDS = [f"w{row}" for row in range(20_000)]
MATRIX = vector_files.vectors(20_000, 150)
"""Twelve megabytes, of which fsspec asks for five at a time, and a store for eight."""
DATA = vector_files.word2vec_binary(WORDS, MATRIX)
HALF = len(DATA) // 2


def after_half(act: Callable[[], object]) -> Callable[[int, int], None]:
    """Return a progress that acts once, when half of the file was read."""
    done: list[object] = []

    def progress(at: int, total: int) -> None:
        assert total == len(DATA)
        if at > HALF and not done:
            done.append(act())

    return progress


def breaking(fault: Fault, times: int) -> Callable[[int, int], None]:
    """Return a progress that has so many further requests spoiled, when half was read."""
    return after_half(lambda: setattr(fault, "times", times))


@contextmanager
def web_folder(folder: Path, kind: Kind) -> Iterator[tuple[str, Fault]]:
    """Serve a folder by a server that knows ranges, and whose answers can be spoiled."""
    fault = Fault(method="GET", path="a[.]bin", kind=kind, times=0)
    with running_http_folder(folder) as url, running_faulty_proxy(url, fault) as shown:
        yield f"{shown}/a.bin", fault


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """Return a folder that holds the file."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.bin").write_bytes(DATA)
    return folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resuming, "_LONGEST_PAUSE", 0.05)


def check(found: Any) -> None:
    """Compare with the file; so does its digest."""
    assert list(found.checkpoint.words) == WORDS
    np.testing.assert_array_equal(found.checkpoint.to_numpy(), MATRIX)
    assert found.source.size == len(DATA)
    assert found.source.sha256


@pytest.mark.parametrize("kind", ["cut", "reset", "busy"])
@pytest.mark.parametrize("client", ["fsspec", "obstore"])
def test_a_file_of_the_web_is_read_on_from_where_it_broke(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, client: str
) -> None:
    """Bodies that end early, connections that are reset, a server that is busy."""
    monkeypatch.setattr(_remote, "is_of_a_store", lambda _: client == "obstore")
    monkeypatch.setattr(_remote, "_PIECE_BYTES", 1 << 20)
    with web_folder(served, kind) as (url, fault):
        found = import_vectors(url, tmp_path / "run", progress=breaking(fault, 3))

    assert fault.hits == 3
    check(found)


def test_an_object_of_s3_is_read_on_from_where_it_broke(moto_s3: S3Server, tmp_path: Path) -> None:
    """By requests for its ranges, each of which is asked for again."""
    bucket = moto_s3.new_bucket()
    url = moto_s3.url(bucket, "a.bin")
    open_store(moto_s3.url(bucket), storage_options=moto_s3.options).put("a.bin", DATA)
    fault = Fault(method="GET", path="a[.]bin", kind="cut", times=2)
    with running_faulty_proxy(moto_s3.endpoint_url, fault) as shown:
        options = {**moto_s3.options, "endpoint_url": shown}
        found = import_vectors(url, tmp_path / "run", source_options=options)

    assert fault.hits == 2
    check(found)


def refused(source: str, url: Path, **choices: Any) -> embzarr.EmbzarrError:
    """Return the error of an import, after which nothing is to be seen."""
    with pytest.raises(embzarr.EmbzarrError) as caught:
        import_vectors(source, url, **choices)
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(url)
    return caught.value


def test_a_network_that_stays_broken_ends_it(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the store's kind of error, after as long as an outage may take."""
    monkeypatch.setattr(_resuming, "PATIENCE", 0.5)
    with web_folder(served, "reset") as (url, fault):
        error = refused(url, tmp_path / "run", progress=breaking(fault, 10**6))

    assert isinstance(error, embzarr.StoreError)
    assert fault.hits > 3


@pytest.mark.parametrize("limit", [None, 15_000])
@pytest.mark.parametrize("breaks", [0, 1])
def test_a_file_of_the_web_that_is_replaced_is_refused(
    served: Path, tmp_path: Path, breaks: int, limit: int | None
) -> None:
    """Though it is as long: halves of two files are no file, and so with a part of it."""
    with web_folder(served, "cut") as (url, fault):

        def replace() -> None:
            fault.times = breaks
            (served / "a.bin").write_bytes(DATA.replace(b"w1", b"v1"))
            os.utime(served / "a.bin", (1, 1))

        error = refused(url, tmp_path / "run", progress=after_half(replace), limit=limit)

    assert error.code == "input-changed"


def test_an_object_of_s3_that_is_replaced_is_refused(moto_s3: S3Server, tmp_path: Path) -> None:
    """Its ETag tells."""
    bucket = moto_s3.new_bucket()
    store = open_store(moto_s3.url(bucket), storage_options=moto_s3.options)
    store.put("a.bin", DATA)

    def replace() -> None:
        store.put("a.bin", DATA.replace(b"w1", b"v1"))

    error = refused(
        moto_s3.url(bucket, "a.bin"),
        tmp_path / "run",
        source_options=moto_s3.options,
        progress=after_half(replace),
    )

    assert error.code == "input-changed"


class Streaming:
    """A file that can only be read from its beginning, and breaks."""

    size = len(DATA)

    def __init__(self) -> None:
        self._left = 2

    def seekable(self) -> bool:
        return False

    def read(self, count: int) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ConnectionResetError(104, "reset by peer")
        return DATA[:count]


class Web:
    """A filesystem of one such file."""

    def open(self, _path: str, _mode: str) -> Streaming:
        return Streaming()

    def invalidate_cache(self) -> None:
        """Nothing is kept."""

    def info(self, path: str) -> dict[str, object]:
        return {"name": path, "size": len(DATA)}


def test_a_server_without_ranges_cannot_be_gone_on_with() -> None:
    """What broke is told: the beginning is not taken for what comes next."""
    file = _resuming.Resuming(Web(), "a.bin")
    assert file.read(1000) + file.read(1000) == DATA[:1000] * 2

    with pytest.raises(ConnectionResetError):
        file.read(1000)
