"""Spark on a real YARN: containers on a node of its own, one of which is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import embzarr_spark
from embzarr_spark import LocalEngine, SparkEngine
from interop.sparking import running_spark
from servers import hdfs as hadoop
from servers import yarn as cluster
from servers.hdfs import Hdfs

pytestmark = [
    pytest.mark.frameworks(environment="spark"),
    pytest.mark.slow,
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore"),
]
ROWS, DIM = 2000, 8
SMALL = "-XX:+UseSerialGC --add-opens=java.base/java.lang=ALL-UNNAMED"
TRAINING: dict[str, Any] = {
    "vector_size": 10,
    "groups": 2,
    "segments": 1,
    "epochs": 1,
    "min_count": 1,
}


@pytest.fixture(scope="module")
def on_yarn(hdfs: Hdfs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session whose two executors are containers."""
    pyspark = pytest.importorskip("pyspark")
    from embzarr.interop.spark import register  # noqa: PLC0415 - where the library is

    program = hadoop.find_hdfs()
    assert program is not None
    place = tmp_path_factory.mktemp("yarn")
    with cluster.running_yarn(program, hdfs.url) as yarn, pytest.MonkeyPatch.context() as patch:
        configuration = place / "configuration"
        configuration.mkdir()
        for name in ("core-site.xml", "yarn-site.xml"):
            (configuration / name).write_text(hadoop.xml_of(yarn.settings))
        patch.setenv("HADOOP_CONF_DIR", str(configuration))
        patch.setenv("JAVA_HOME", yarn.home)
        settings = {
            "spark.submit.deployMode": "client",
            "spark.yarn.jars": f"local:{Path(pyspark.__file__).parent}/jars/*",
            "spark.yarn.stagingDir": f"{hdfs.url}/stage",
            "spark.yarn.am.memory": "512m",
            "spark.yarn.am.extraJavaOptions": SMALL,
            "spark.executor.instances": "2",
            "spark.executor.memory": "512m",
            "spark.executor.memoryOverhead": "512m",
            "spark.executor.extraJavaOptions": SMALL,
            "spark.executorEnv.PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "spark.executorEnv.PYSPARK_PYTHON": sys.executable,
            "spark.eventLog.enabled": "false",
        }
        with running_spark(place, "yarn", settings) as session:
            register(session)
            yield session


def test_a_container_is_killed_and_there_is_one_commit(on_yarn: Any, tmp_path: Path) -> None:
    """YARN gives another one, whose attempt counts; Spark reads back what it wrote."""
    url, mark = str(tmp_path / "run"), tmp_path / "killed"

    def kills_once(batches: Any) -> Any:
        from pyspark import TaskContext  # noqa: PLC0415 - on an executor

        task = TaskContext.get()
        for batch in batches:
            yield batch
            if task.partitionId() == 1 and task.attemptNumber() == 0:
                mark.touch()
                daemon = Path(f"/proc/{os.getppid()}/stat").read_text().rsplit(")", 1)[1].split()[1]
                os.kill(int(daemon), signal.SIGKILL)  # the executor's Java, whose child forked us

    rows = on_yarn.range(ROWS, numPartitions=2).selectExpr(
        "concat('w', id) AS word", f"transform(sequence(1, {DIM}), x -> float(id * x)) AS vectors"
    )
    killed = rows.mapInArrow(kills_once, rows.schema)
    killed.write.format("embzarr").mode("overwrite").save(url)

    made = embzarr.open(url)
    assert mark.exists()
    assert (made.commit, len(made)) == (1, ROWS)
    assert made.verify().ok
    expected = np.arange(ROWS)[:, None] * np.arange(1, DIM + 1)
    np.testing.assert_array_equal(made.to_numpy(), expected.astype("f4"))
    read = on_yarn.read.format("embzarr").option("prefix", "w19").load(url)
    assert read.count() == 1 + 10 + 100


def test_training_gives_the_bits_of_one_process(on_yarn: Any, corpus: Path, tmp_path: Path) -> None:
    """Tasks in containers, on the words and windows that they shuffle."""
    with LocalEngine(corpus) as alone:
        expected = embzarr_spark.train(alone, str(tmp_path / "alone"), **TRAINING)
    with SparkEngine(on_yarn, corpus.as_uri()) as engine:
        made = embzarr_spark.train(engine, str(tmp_path / "run"), **TRAINING)

    assert list(made) == list(expected)
    np.testing.assert_array_equal(made.to_numpy(), expected.to_numpy(), strict=True)
