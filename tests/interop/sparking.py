"""A real Spark in this process: two executors, processes of their own, on loopback."""

from __future__ import annotations

import contextlib
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr

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


@dataclass
class Place:
    """A folder in a bucket, and Spark's ways to it."""

    spark: Any
    url: str
    options: dict[str, Any]

    def open(self, **which: Any) -> embzarr.Checkpoint:
        return embzarr.open(self.url, storage_options=self.options, **which)

    def read(self, **options: Any) -> Any:
        return told(self.spark.read, {**self.options, **options}).load(self.url)

    def write(self, frame: Any, mode: str = "overwrite", **options: Any) -> None:
        told(frame.write, {**self.options, **options}).mode(mode).save(self.url)


def matrix(table: Any, name: str = "vectors") -> Any:
    """Return a column of lists of one length as numpy has it."""
    column = table[name].combine_chunks()
    return column.flatten().to_numpy().reshape(len(column), -1)


def frame_of(spark: Any, words: list[str], vectors: Any, **more: Any) -> Any:
    """Return a data frame of these rows, in this order, in two partitions."""
    import pyarrow as pa  # noqa: PLC0415 - where the library is

    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    ends = pa.array(np.arange(len(words) + 1, dtype=np.int32) * vectors.shape[1])
    columns = {"word": words, "vectors": pa.ListArray.from_arrays(ends, flat)}
    table = pa.table(columns | {name: pa.array(values) for name, values in more.items()})
    return spark.createDataFrame(table)


def store_of(place: Place) -> Any:
    """Return the folder of a bucket as obstore has it."""
    from obstore.store import S3Store  # noqa: PLC0415 - for this alone

    options = place.options
    return S3Store.from_url(
        place.url,
        endpoint=options["endpoint_url"],
        access_key_id=options["access_key_id"],
        secret_access_key=options["secret_access_key"],
        region=options["region"],
        client_options={"allow_http": True},
    )
