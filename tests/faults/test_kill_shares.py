"""SIGKILL of tasks and drivers that write shares, as Spark does: committed whole, once, or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.killing_shares import OF_DRIVERS, OF_TASKS
from faults.programs import kill

if TYPE_CHECKING:
    from faults.tally import Effort, Tally
    from servers.minio import Minio

pytestmark = pytest.mark.faults


def test_kills_of_shares_on_a_local_store(ram: Path, tally: Tally, *, full: Effort) -> None:
    """A job that is killed anywhere is not there, or there once; done again it is whole."""
    count = full.times(200, 6)
    found = kill("killing_shares.py", str(ram / "run"), None, count, full.part)

    landed = found["landed"]
    what = "kills of tasks and drivers that write shares to a local store"
    tally(what, landed.pop("kills"), failures=found["failures"], of_which=landed)
    for window in (OF_TASKS, OF_DRIVERS):
        assert count < 50 or landed.get(window, 0) >= count / 10


@pytest.mark.servers
def test_kills_of_shares_on_minio(minio: Minio, tally: Tally, *, full: Effort) -> None:
    """The same on a server, which may still carry out what a killed writer had sent."""
    count = full.times(100, 8)
    with minio.bucket() as bucket:
        found = kill("killing_shares.py", minio.url(bucket, "run"), minio.options, count, full.part)

    landed = found["landed"]
    what = "kills of tasks and drivers that write shares to minio"
    tally(what, landed.pop("kills"), failures=found["failures"], of_which=landed)
