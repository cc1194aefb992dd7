"""A real Spark in this process: two executors, processes of their own, on loopback."""

from __future__ import annotations

import contextlib
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLUSTER = "local-cluster[2,1,1024]"
_QUICK = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""A Java that lives for minutes starts sooner so."""
_SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": _QUICK,
    "spark.executor.extraJavaOptions": _QUICK,
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.log.level": "WARN",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@contextmanager
def running_spark(
    place: Path, master: str = CLUSTER, more: Mapping[str, str] | None = None
) -> Iterator[Any]:
    """Run a session until the block ends; its event log is below ``events`` of a folder."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - where the library is

    events = place / "events"
    events.mkdir()
    own = {
        "spark.eventLog.dir": events.as_uri(),
        "spark.local.dir": str(place),
        "spark.sql.warehouse.dir": str(place / "warehouse"),
    }
    builder = SparkSession.builder.master(master).appName("embzarr")
    for name, value in (_SETTINGS | own | dict(more or {})).items():
        builder = builder.config(name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYTHONWARNINGS", "ignore")
        patch.setenv("SPARK_WORKER_DIR", str(place / "executors"))
        patch.delenv("SPARK_HOME", raising=False)
        session = builder.getOrCreate()
        try:
            yield session
        finally:
            session.stop()


def said(place: Path) -> str:
    """Return all that a session has written below its folder: events, and executors' logs."""
    found: list[str] = []
    for file in place.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # executors remove what they shuffled
            if file.is_file() and file.suffix != ".jar":
                found.append(file.read_text(errors="replace"))
    return "\n".join(found)


def told(chosen: Any, options: Mapping[str, Any]) -> Any:
    """Return a reader or writer of Spark's with some options, and the format."""
    chosen = chosen.format("embzarr")
    for name, value in options.items():
        chosen = chosen.option(name, str(value))
    return chosen


def java_is_there() -> bool:
    """Tell whether Spark can start."""
    places = [Path(folder) / "java" for folder in os.environ.get("PATH", "").split(os.pathsep)]
    return "JAVA_HOME" in os.environ or any(place.exists() for place in places)
