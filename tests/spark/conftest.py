"""A Spark of this machine, with two executors that are processes of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embzarr_spark._session import JAVA, SOCKETS

CORES = "1"
MEMORY = "700"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12,000 words in 1,200 lines, each of one of two topics."""
    draws = np.random.default_rng(7)
    topics = [[f"{name}{letter}" for letter in "abcdefghijkl"] for name in ("sea", "sky")]
    lines = [" ".join(draws.choice(topics[line % 2], 10)) for line in range(1200)]
    path = tmp_path_factory.mktemp("corpus") / "planted.txt"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session of two executors, which find this checkout where this process does."""
    pytest.importorskip("pyspark", reason="needs pyspark: pip install 'embzarr[spark,train]'")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - of an environment of its own

    place = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.executor.memory": f"{MEMORY}m",
        "spark.executor.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "spark.task.maxFailures": "6",
        **SOCKETS,
        **JAVA,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("SPARK_LOCAL_DIRS", str(place / "local"))
        patch.chdir(place)  # executors of a local cluster keep their work there
        builder = SparkSession.builder.master(f"local-cluster[2,{CORES},{MEMORY}]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()
