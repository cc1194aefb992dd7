"""SIGKILL and SIGSTOP of those who write a step in parts: it is committed whole, once, or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.killing_parts import OF_WORKERS
from faults.programs import kill

if TYPE_CHECKING:
    from faults.tally import Effort, Tally
    from servers.s3 import S3Server

pytestmark = pytest.mark.faults


OF_A_TABLE, OF_TENSORS = "killing_parts.py", "killing_part_tensors.py"
HELD = {OF_A_TABLE: "in parts", OF_TENSORS: "with tensors in parts"}
programs = pytest.mark.parametrize("program", HELD)


@pytest.mark.parts(3)
@programs
def test_kills_of_parts_on_a_local_store(
    program: str, ram: Path, tally: Tally, *, full: Effort
) -> None:
    """Workers, publishers and zombies on a local folder make one whole commit of each step."""
    count = full.times(300, 6)
    found = kill(program, str(ram / "run"), None, count, full.part)

    landed = found["landed"]
    what = f"kills of workers and publishers of steps {HELD[program]} on a local store"
    tally(what, landed.pop("kills"), failures=found["failures"], of_which=landed)
    assert count < 50 or landed.get(OF_WORKERS, 0) >= count / 10


@pytest.mark.servers
@pytest.mark.parts(2)
@programs
@pytest.mark.parametrize("name", ["minio", "versitygw"])
def test_kills_of_parts_on_s3(
    program: str, name: str, request: pytest.FixtureRequest, tally: Tally, *, full: Effort
) -> None:
    """The same on a server, which may still carry out what a killed writer had sent."""
    server: S3Server = request.getfixturevalue(name)
    count = full.times(100, 8)
    with server.bucket() as bucket:
        found = kill(program, server.url(bucket, "run"), server.options, count, full.part)

    landed = found["landed"]
    what = f"kills of workers and publishers of steps {HELD[program]} on {name}"
    tally(what, landed.pop("kills"), failures=found["failures"], of_which=landed)
