"""SIGKILL of workers, executors and drivers of a real Spark: a step is whole, or not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.programs import kill

if TYPE_CHECKING:
    from faults.tally import Effort, Tally
    from servers.minio import Minio

pytestmark = [
    pytest.mark.frameworks(environment="spark"),
    pytest.mark.faults,
    pytest.mark.slow,
]


def test_kills_of_spark_on_a_local_store(tmp_path: Path, tally: Tally, *, full: Effort) -> None:
    """A job that is killed anywhere left nothing or all; done again it is the same bits."""
    pytest.importorskip("pyspark")
    from faults.killing_spark import BETWEEN  # noqa: PLC0415 - where the library is

    count = full.times(150, 5)
    found = kill("killing_spark.py", str(tmp_path / "run"), None, count, full.part)

    landed = found["landed"]
    what = "kills of workers, executors and drivers of Spark on a local store"
    tally(what, landed.pop("kills"), failures=found["failures"], of_which=landed)
    assert count < 50 or landed.get(BETWEEN, 0) >= count / 10


@pytest.mark.servers
def test_kills_of_spark_on_minio(minio: Minio, tally: Tally, *, full: Effort) -> None:
    """The same on a server, which may still carry out what a killed writer had sent."""
    pytest.importorskip("pyspark")
    with minio.bucket() as bucket:
        url, count = minio.url(bucket, "run"), full.times(50, 1)
        found = kill("killing_spark.py", url, minio.options, count, full.part + 1)

    landed = found["landed"]
    what = "kills of workers, executors and drivers of Spark on minio"
    tally(what, landed.pop("kills"), failures=found["failures"], of_which=landed)
