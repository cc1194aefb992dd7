"""SIGKILL and SIGSTOP of those who write a step in parts: it is committed whole, once, or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from faults.killing_parts import OF_WORKERS

if TYPE_CHECKING:
    from faults.tally import Effort, Tally
    from servers.s3 import S3Server

pytestmark = pytest.mark.faults

TESTS = Path(__file__).parents[1]


def kill(url: str, options: Mapping[str, Any] | None, count: int, seed: int) -> dict[str, Any]:
    """Write and kill in a process of its own, whose children are what is killed."""
    task = json.dumps({"url": url, "options": options, "count": count, "seed": seed})
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(TESTS / "faults/killing_parts.py")],
        input=task,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parts(3)
def test_kills_of_parts_on_a_local_store(ram: Path, tally: Tally, *, full: Effort) -> None:
    """Workers, publishers and zombies on a local folder make one whole commit of each step."""
    count = full.times(300, 6)
    found = kill(str(ram / "run"), None, count, full.part)

    landed = found["landed"]
    what = "kills of workers and publishers of steps in parts on a local store"
    tally(what, landed.pop("kills"), failures=found["failures"], of_which=landed)
    assert count < 50 or landed.get(OF_WORKERS, 0) >= count / 10


@pytest.mark.servers
@pytest.mark.parts(2)
@pytest.mark.parametrize("name", ["minio", "versitygw"])
def test_kills_of_parts_on_s3(
    name: str, request: pytest.FixtureRequest, tally: Tally, *, full: Effort
) -> None:
    """The same on a server, which may still carry out what a killed writer had sent."""
    server: S3Server = request.getfixturevalue(name)
    count = full.times(100, 8)
    with server.bucket() as bucket:
        found = kill(server.url(bucket, "run"), server.options, count, full.part)

    landed = found["landed"]
    what = f"kills of workers and publishers of steps in parts on {name}"
    tally(what, landed.pop("kills"), failures=found["failures"], of_which=landed)
