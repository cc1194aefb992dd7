"""Training in blocks on a real Spark with two executors, one of which is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import embzarr_spark
from embzarr_spark import BlockProgress, LocalEngine, SparkEngine, _spark

pytestmark = [
    pytest.mark.frameworks(environment="spark"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of py4j, when a session ends
]
SETTINGS: dict[str, Any] = {
    "vector_size": 10,
    "groups": 2,
    "segments": 2,
    "epochs": 1,
    "min_count": 1,
    "alpha": 0.1,
}


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    """What one process makes of the same text and settings."""
    url = str(tmp_path_factory.mktemp("local") / "run")
    with LocalEngine(corpus) as engine:
        return embzarr_spark.train(engine, url, **SETTINGS)


def assert_same(made: embzarr.Checkpoint, expected: embzarr.Checkpoint) -> None:
    assert list(made) == list(expected)
    for name in expected.columns:
        ours, theirs = (
            c.load_rows(0, None, columns=(name,)).columns[name] for c in (made, expected)
        )
        np.testing.assert_array_equal(ours, theirs, strict=True)


def executors() -> list[int]:
    """Executors that this process's Spark has started, by what their command lines say."""
    return [
        int(place.name)
        for place in Path("/proc").glob("[0-9]*")
        if b"CoarseGrainedExecutorBackend" in told(place) and is_ours(int(place.name))
    ]


def told(place: Path) -> bytes:
    try:
        return (place / "cmdline").read_bytes()
    except OSError:
        return b""


def is_ours(process: int) -> bool:
    while process > 1:
        if process == os.getpid():
            return True
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return False
        process = int(fields[1])
    return False


def test_executors_give_the_bits_of_one_process(
    spark: Any, corpus: Path, expected: embzarr.Checkpoint, tmp_path: Path
) -> None:
    """An executor is killed after the first round, with the windows that it was dealt."""
    killed: list[int] = []

    def kill_once(now: BlockProgress) -> None:
        if now.round == 1:
            killed.append(executors()[0])
            os.kill(killed[0], signal.SIGKILL)

    with SparkEngine(spark, corpus) as engine:
        made = embzarr_spark.train(engine, str(tmp_path / "run"), progress=kill_once, **SETTINGS)

    assert killed
    assert_same(made, expected)
    assert made.verify().problems == ()


def test_windows_that_were_cut_off_are_not_trained() -> None:
    """PySpark tells a broken stream as the end of the data: a worker counts what it gets."""
    shares = [(0, b"one"), (0, b""), (0, b"two")]

    assert _spark._whole(iter(shares), 3) == [b"one", b"two"]
    with pytest.raises(EOFError, match="windows of 3 shards, found 2"):
        _spark._whole(iter(shares[:2]), 3)


def test_what_spark_began_one_process_ends(
    spark: Any, corpus: Path, expected: embzarr.Checkpoint, tmp_path: Path
) -> None:
    """A driver that ends between rounds is gone on with, on another engine too; from a frame."""
    url = str(tmp_path / "run")
    lines = [(line,) for line in corpus.read_text().split("\n")]

    def stop(now: BlockProgress) -> None:
        if now.round == 2:
            raise KeyboardInterrupt

    frame = spark.createDataFrame(lines, "value string")
    with SparkEngine(spark, frame) as engine, pytest.raises(KeyboardInterrupt):
        embzarr_spark.train(engine, url, progress=stop, **SETTINGS)
    rounds: list[BlockProgress] = []
    with LocalEngine(corpus) as alone:
        made = embzarr_spark.train(alone, url, resume=True, progress=rounds.append, **SETTINGS)

    assert [now.round for now in rounds] == [3, 4]
    assert_same(made, expected)


def test_tasks_that_cannot_reach_the_package_say_so(
    spark: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Executors need embzarr: that is an error with what to do, not a stack of Java's."""

    def missing(_: int) -> str:
        raise ModuleNotFoundError("No module named 'embzarr_spark'")

    monkeypatch.setattr("embzarr_spark._spark._are_you_there", missing)
    with pytest.raises(embzarr.UnsupportedError, match="executors have no embzarr"):
        SparkEngine(spark, corpus)


def test_errors_of_tasks_are_typed_here(spark: Any, corpus: Path) -> None:
    """With the code and the words that the executor gave them."""

    def failing(_: None, number: int) -> None:  # inside: an executor does not have this module
        raise embzarr.NotFoundError("store-missing", f"no bucket {number}")

    with SparkEngine(spark, corpus) as engine, pytest.raises(embzarr.NotFoundError) as caught:
        engine.run(failing, None, 1)

    assert caught.value.code == "store-missing"
    assert "as often as Spark allows: no bucket 0" in str(caught.value)


def test_text_that_is_none_is_refused(spark: Any) -> None:
    """Before Spark is asked anything."""
    with pytest.raises(embzarr.InvalidInputError, match="corpus: expected paths"):
        SparkEngine(spark, 7)
