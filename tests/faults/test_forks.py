"""Forks of a process that has used a store: children and parent work on, and none hangs."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import embzarr
from faults.forking_stores import HOWS, VECTORS, WORDS
from faults.programs import carry_out
from servers.http_folder import running_http_folder
from servers.tiny_s3 import running_tiny_s3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.tally import Effort, Tally
    from servers.s3 import S3Server

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
]

CHILDREN = 8
PATIENT = {"client_options": {"timeout": "5m", "read_timeout": "2m", "connect_timeout": "1m"}}
"""A server that shares a busy machine is no finding here."""
ROUNDS = 56
"""Of each of nine kinds of store: more than 500 in all, of eight children each."""
QUICK = ("folder", "memory", "http", "s3", "fsspec-memory", "fsspec-http")
SERVERS = ("minio", "s3fs", "hdfs")


@contextmanager
def task_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what `faults.forking_stores` is to open, while its server runs."""
    plain: dict[str, Any] = {"options": None, "writable": True, "travels": True}
    random = secrets.token_hex(6)
    if kind == "folder":
        yield {**plain, "url": str(folder / kind)}
    elif kind == "memory":
        yield {**plain, "url": f"memory://{random}", "travels": False}
    elif kind == "fsspec-memory":
        memory = {"filesystem": "memory", "arguments": {}}
        yield {**plain, **memory, "url": f"/{random}", "travels": False}
    elif kind == "hdfs":
        yield {**plain, "url": f"{request.getfixturevalue('hdfs').url}/runs/{random}"}
    elif kind.endswith("http"):
        embzarr.save(folder / kind, WORDS, VECTORS, step=0)
        with running_http_folder(folder) as url:
            web = {"filesystem": "http", "arguments": {}} if kind == "fsspec-http" else {}
            yield {**plain, **web, "url": f"{url}/{kind}", "writable": False}
    elif kind == "s3":
        # Not moto, which answers 500 where one key is written and read at the same time.
        with running_tiny_s3() as (url, _):
            options = {"endpoint_url": url, "key": "key", "secret": "secret", **PATIENT}
            yield {**plain, "url": "s3://bucket/run", "options": options}
    else:
        yield {**plain, **_on_s3(kind, request.getfixturevalue("minio"))}


def _on_s3(kind: str, server: S3Server) -> dict[str, Any]:
    bucket = server.new_bucket()
    if kind != "s3fs":
        return {"url": server.url(bucket, "run"), "options": {**server.options, **PATIENT}}
    arguments = {
        "endpoint_url": server.endpoint_url,
        "key": server.access_key,
        "secret": server.secret_key,
    }
    return {"url": f"{bucket}/run", "filesystem": "s3", "arguments": arguments}


@pytest.mark.parts(8)
@pytest.mark.parametrize(
    "kinds", [QUICK, pytest.param(SERVERS, marks=pytest.mark.servers)], ids=["quick", "servers"]
)
def test_forked_children_and_their_parent_work_on(
    kinds: tuple[str, ...],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    full: Effort,
    tally: Tally,
) -> None:
    """By what they inherited, opened anew or unpickled, with threads in the parent or not."""
    rounds, children = full.times(ROUNDS, 1), CHILDREN if full.share == 1 else len(HOWS)
    with ExitStack() as servers:
        tasks = [
            {
                **servers.enter_context(task_of(kind, request, tmp_path)),
                "rounds": rounds,
                "children": children,
                "seed": f"{kind} {full.part}",
            }
            for kind in kinds
        ]
        told = carry_out("forking_stores.py", tasks, timeout=3600)

    for kind, one in zip(kinds, told, strict=True):
        what = f"forks of a process that has used {kind}"
        tally(what, one["run"], failures=one["failures"], of_which=one["kinds"])


def test_pools_of_processes_read_a_checkpoint_that_is_sent_to_them(
    moto_s3: S3Server, full: Effort, tally: Tally
) -> None:
    """Four workers, as of a data loader, started in every way that there is, and by joblib."""
    url = moto_s3.url(moto_s3.new_bucket(), "run")
    embzarr.save(url, WORDS, VECTORS, storage_options=moto_s3.options)
    methods = {"fork": 4, "spawn": 2}
    if full.share == 1:
        methods = dict.fromkeys(("fork", "spawn", "forkserver", "joblib"), 4)

    told = carry_out("pools.py", {"url": url, "options": moto_s3.options, "methods": methods})

    wrong = {method: rows for method, rows in told.items() if rows != len(WORDS)}
    tally("pools of processes that read a checkpoint", len(told), failures=list(wrong.items()))
