"""What is asked of a store before it is written to, and which stores are refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from fsspec.implementations.dirfs import (  # type: ignore[import-untyped]  # fsspec has no types
    DirFileSystem,
)
from fsspec.implementations.memory import (  # type: ignore[import-untyped]  # the same
    MemoryFileSystem,
)
from obstore.store import MemoryStore, S3Store

import embzarr
from embzarr._history import probe
from embzarr._storage.capabilities import KNOWN, known_of, s3_capabilities
from embzarr._storage.open import open_store
from embzarr._storage.port import Body, Data
from faults.tally import Tally
from faulty import PassThrough
from servers.tiny_s3 import Defect, running_tiny_s3

DEFECTS = [defect for defect in get_args(Defect) if defect != "none"]


@pytest.fixture(autouse=True)
def _nothing_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test asks anew."""
    monkeypatch.setattr(probe, "_proved", set())


def options(url: str) -> dict[str, Any]:
    return {
        "endpoint_url": url,
        "access_key_id": "a",
        "secret_access_key": "b",
        "region": "us-east-1",
        "retry_config": {"max_retries": 0},
    }


def save(url: str, **further: Any) -> embzarr.Checkpoint:
    return embzarr.save("s3://bucket/run", ["w"], [[1.0]], storage_options=options(url), **further)


def left(asked: list[str]) -> set[str]:
    """Return what was written and not removed again, and is no probe."""
    paths: dict[str, list[str]] = {"PUT": [], "DELETE": []}
    for verb, path in (one.split(maxsplit=1) for one in asked):
        paths.get(verb, []).append(path)
    return {path for path in paths["PUT"] if "/probe/" not in path} - set(paths["DELETE"])


@pytest.mark.faults
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_broken_store_is_refused(defect: Defect, tally: Tally) -> None:
    """A server that does not do what a commit needs holds nothing of the save that it refused."""
    with running_tiny_s3(defect) as (url, asked):
        with pytest.raises(embzarr.UnsupportedError) as caught:
            save(url)
        report = embzarr.probe("s3://bucket/run", storage_options=options(url))

    ignores = defect == "ignores the condition"
    assert caught.value.code == ("create-not-exclusive" if ignores else "store-unsound")
    assert left(asked) == set()
    assert not report.ok
    assert report.problems
    tally("broken servers probed", 1, of_which={f"of: {defect}": 1})


def test_a_sound_server_is_written_to() -> None:
    """The tiny server without its defects holds a checkpoint, and nothing of the probe."""
    with running_tiny_s3() as (url, _):
        assert save(url).verify().ok
        store = open_store("s3://bucket/run", storage_options=options(url))
        keys = [info.key for info in store.list("")]
        report = embzarr.probe("s3://bucket/run", storage_options=options(url))

    assert not any(key.startswith("probe/") for key in keys)
    assert (report.ok, report.kind) == (True, "s3-compatible")
    assert set(report.answers.values()) == {"ok"}


def test_a_store_of_unknown_kind_is_tried_once() -> None:
    """The second save to the same server and bucket asks nothing."""
    with running_tiny_s3() as (url, asked):
        save(url)
        first = sum("/probe/" in one for one in asked)
        save(url)

    assert first == 10  # eight questions, two of which take a request more
    assert sum("/probe/" in one for one in asked) == first


def test_one_writer_needs_no_exclusive_create() -> None:
    """Who vouches for being alone may write to a server that ignores the condition."""
    with running_tiny_s3("ignores the condition") as (url, _):
        assert save(url, single_writer=True).verify().ok
        with pytest.raises(embzarr.UnsupportedError):
            save(url)
        run = embzarr.Run("s3://bucket/run", single_writer=True, storage_options=options(url))
        assert run.gc(keep_last=1).commit is None
        with run:
            assert run.save_async(["w"], np.ones((1, 1), "f4")).result().commit == 2
        with pytest.raises(embzarr.UnsupportedError):
            embzarr.Run("s3://bucket/run", storage_options=options(url)).gc(keep_last=1)


@pytest.mark.parametrize("defect", ["stale list", "wrong range", "stale read"])
def test_one_writer_needs_all_else(defect: Defect) -> None:
    """Being alone does not help against a server that loses or mixes up what it holds."""
    with running_tiny_s3(defect) as (url, _), pytest.raises(embzarr.UnsupportedError) as caught:
        save(url, single_writer=True)
    assert caught.value.code == "store-unsound"


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        (None, "s3"),
        ("https://s3.eu-west-1.amazonaws.com", "s3"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "s3"),
        ("https://0a1b.r2.cloudflarestorage.com", "r2"),
        ("http://127.0.0.1:9000", "s3-compatible"),
        ("https://amazonaws.com.example.org", "s3-compatible"),
        ("https://notamazonaws.com", "s3-compatible"),
    ],
)
def test_the_kind_of_an_s3_server(endpoint: str | None, kind: str) -> None:
    """Only who is known by name is not asked."""
    assert s3_capabilities(endpoint, "bucket").kind == kind
    assert (KNOWN[kind].sound is True) == (kind != "s3-compatible")


def test_what_is_known_is_not_asked(tmp_path: Path) -> None:
    """Folders and memory are written to without a probe."""
    for url in (tmp_path / "run", "memory://probe-test"):
        checkpoint = embzarr.save(url, ["w"], [[1.0]])
        assert not any(info.key.startswith("probe/") for info in checkpoint._store.list(""))
        assert checkpoint._store.capabilities.sound


class _Nameless(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A filesystem that looks like none that is known."""

    protocol = "nameless"
    store: dict[str, Any] = {}  # noqa: RUF012 - as the base has it
    pseudo_dirs = [""]  # noqa: RUF012 - as the base has it


@pytest.fixture
def nameless() -> Iterator[Any]:
    """An empty one."""
    _Nameless.store.clear()
    yield DirFileSystem("/run", _Nameless())
    _Nameless.store.clear()


def test_a_filesystem_that_only_looks_first_is_refused(nameless: Any) -> None:
    """Before a byte of the checkpoint is written; one writer may use it."""
    with pytest.raises(embzarr.UnsupportedError) as caught:
        embzarr.save(nameless, ["w"], [[1.0]])

    assert caught.value.code == "create-not-exclusive"
    assert not any("/steps/" in path for path in _Nameless.store)
    assert embzarr.save(nameless, ["w"], [[1.0]], single_writer=True).verify().ok


@pytest.mark.usefixtures("no_pauses")
def test_a_store_that_cannot_be_reached_is_an_error_not_an_answer() -> None:
    """No verdict is made of a refused connection."""
    with pytest.raises(embzarr.StoreError):
        embzarr.probe("s3://bucket/run", storage_options=options("http://127.0.0.1:1"))


class Flickering(PassThrough):
    """Loses the answer to the first request of each verb: it is carried out, and fails."""

    def __init__(self) -> None:
        super().__init__(open_store(MemoryStore()))
        self.lost: set[str] = set()

    def _once(self, verb: str) -> None:
        if verb not in self.lost:
            self.lost.add(verb)
            raise embzarr.StoreError("store-failed", f"{verb}: the answer was lost")

    def get(self, key: str) -> Data:
        self._once("get")
        return super().get(key)

    def create(self, key: str, data: Body) -> None:
        super().create(key, data)
        self._once("create")

    def put(self, key: str, data: Body) -> None:
        super().put(key, data)
        self._once("put")

    def delete(self, key: str) -> None:
        super().delete(key)
        self._once("delete")


def test_an_answer_that_is_lost_once_is_no_answer() -> None:
    """A store is judged by what it does, not by a connection that breaks while it is asked."""
    store = Flickering()

    report = probe.probe(store)

    assert store.lost == {"get", "create", "put", "delete"}
    assert report.problems == ()


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_a_client_that_was_handed_in_is_on_the_server_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """obstore connects there and does not say so: what is not Amazon's has to be asked."""
    client = S3Store("bucket", region="us-east-1")
    assert known_of(open_store(client)).kind == "s3"
    monkeypatch.setenv(name, "http://127.0.0.1:9000")
    known = known_of(open_store(client))
    assert (known.kind, known.sound) == ("s3-compatible", None)


def test_a_probe_tells_how_long_it_took(tmp_path: Path) -> None:
    """As a clock outside has it."""
    begun = time.perf_counter()
    told = probe.probe(open_store(tmp_path)).seconds

    assert 0 < told <= time.perf_counter() - begun
