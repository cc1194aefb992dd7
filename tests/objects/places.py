"""The places in which every store must behave the same, and what lies in them."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import secrets
import socket
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]

from embzarr._storage.open import open_store
from embzarr._storage.port import Store
from servers.http_folder import running_http_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from servers.hdfs import Hdfs
    from servers.s3 import S3Server

OBJECTS: Mapping[str, bytes] = {
    "zarr.json": b"{}",
    "empty": b"",
    "commits/00000000000000000001.json": b'{"commit":1}',
    "commits/00000000000000000002.json": b'{"commit":2}',
    "steps/7-0a/vectors/c/0": bytes(range(256)) * 40,
    "steps/7-0a/vectors/c/1": bytes(range(251)) * 4_000,
    "steps/7-0a/vectors/zarr.json": b"{}",
}
"""What a filled place holds."""

# moto judges no races, so that MinIO stands for S3 there. s3fs is no dependency of ours.
_WITH_S3FS = ("s3fs-minio",) if importlib.util.find_spec("s3fs") else ()
SERVERS = ("minio", "versitygw", "hdfs", *_WITH_S3FS)
RACING = ("path", "file-url", "memory", "fsspec-memory", "fsspec-local", *SERVERS)
WRITABLE = (*RACING, "moto_s3")
CACHED = ("zip", "simplecache-file", "simplecache-s3")
WEB = ("http", "http-without-ranges")


def params(*names: str) -> list[Any]:
    """Return the names as parameters of a fixture, those that start servers marked."""
    return [
        pytest.param(name, marks=pytest.mark.servers if name in SERVERS else ()) for name in names
    ]


def fill(store: Store) -> Store:
    """Write `OBJECTS` through the port."""
    for key, data in OBJECTS.items():
        store.put(key, data)
    return store


def fill_folder(folder: Path) -> Path:
    """Write `OBJECTS` without the port."""
    for key, data in OBJECTS.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def zipped(folder: Path) -> Path:
    """Pack a folder into an archive beside it."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return archive


def free_place(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Open an empty place that can be written."""
    run = tmp_path / "runs" / "x y"
    random = secrets.token_hex(6)
    opens: Mapping[str, Callable[[], Store]] = {
        "path": lambda: open_store(run),
        "file-url": lambda: open_store(run.as_uri()),
        "memory": lambda: open_store(f"memory://{random}/run"),
        "fsspec-memory": lambda: open_store(
            DirFileSystem(f"/{random}", fsspec.filesystem("memory"))
        ),
        "fsspec-local": lambda: open_store(DirFileSystem(str(run), fsspec.filesystem("file"))),
    }
    if name in opens:
        return opens[name]()
    if name == "hdfs":
        hdfs: Hdfs = request.getfixturevalue("hdfs")
        return open_store(f"{hdfs.url}/runs/{random}")
    server: S3Server = request.getfixturevalue(name.removeprefix("s3fs-"))
    bucket = server.new_bucket()
    if name.startswith("s3fs-"):
        return open_store(DirFileSystem(f"{bucket}/run", fsspec.filesystem("s3", **_s3fs(server))))
    return open_store(server.url(bucket, "runs/x y"), storage_options=server.options)


@contextmanager
def filled_place(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Open a place that holds `OBJECTS`."""
    if name in WRITABLE:
        yield fill(free_place(name, request, tmp_path))
    elif name == "simplecache-s3":
        yield _cached_s3(request, tmp_path)
    elif name in WEB:
        fill_folder(tmp_path / "run")
        serving = running_http_folder if name == "http" else running_files
        with serving(tmp_path) as url:
            yield open_store(f"{url}/run")
    else:
        folder = fill_folder(tmp_path / "run")
        cache = {"simplecache": {"cache_storage": str(tmp_path / "cache")}}
        if name == "zip":
            yield open_store(f"zip://run::{zipped(folder)}")
        else:
            yield open_store(f"simplecache::file://{folder}", storage_options=cache)


def _cached_s3(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Open ``simplecache::s3://``: over s3fs, or obstore's filesystem where s3fs is not there."""
    server: S3Server = request.getfixturevalue("moto_s3")
    url = server.url(server.new_bucket(), "run")
    fill(open_store(url, storage_options=server.options))
    options = _s3fs(server)
    if not _WITH_S3FS:
        options = _obstore_as_s3(request.getfixturevalue("monkeypatch"), server)
    cache = {"cache_storage": str(tmp_path / "cache")}
    return open_store(f"simplecache::{url}", storage_options={"s3": options, "simplecache": cache})


def _s3fs(server: S3Server) -> dict[str, str]:
    return {
        "endpoint_url": server.endpoint_url,
        "key": server.access_key,
        "secret": server.secret_key,
    }


def _obstore_as_s3(monkeypatch: pytest.MonkeyPatch, server: S3Server) -> dict[str, Any]:
    from obstore.fsspec import FsspecStore  # noqa: PLC0415 - of no use beside s3fs

    class S3FromObstore(FsspecStore):
        protocol = "s3"

    # By name: the package has an attribute `registry` that hides the module.
    registry = importlib.import_module("fsspec.registry")
    monkeypatch.setitem(registry._registry, "s3", S3FromObstore)
    options = {**server.options, "client_options": {"allow_http": True}}
    return {("endpoint" if name == "endpoint_url" else name): options[name] for name in options}


@contextmanager
def running(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer on a free port of this machine until the block ends; yield the URL."""
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def running_files(root: Path) -> Any:
    """Serve a folder with Python's own server, which gives whole files whatever range is asked."""
    return running(functools.partial(_QuietFiles, directory=str(root)))


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # with fewer, a burst of connections waits a second for the next try

    def get_request(self) -> tuple[socket.socket, Any]:
        """Send each part of an answer at once: the second would wait 40 ms for nothing."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address


class _QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""
