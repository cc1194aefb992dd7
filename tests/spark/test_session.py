"""A session that the command starts: its user's settings stay, and its driver stays small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import embzarr
from embzarr_spark._session import JAVA, SOCKETS, _left_open
from interop.sparking import CLUSTER, java_is_there

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_BYTES = 500e6
COMMAND = "import sys; from embzarr_tools.program import main; sys.argv[0] = 'embzarr'; main()"
SMALL = ["--groups", "2", "--segments", "1", "--epochs", "1", "--min-count", "1"]


def settings(folder: Path, text: str) -> None:
    (folder / "conf").mkdir()
    (folder / "conf" / "spark-defaults.conf").write_text(text)


def test_what_is_left_open_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it without a file, and where the file has others, or ours in a remark."""
    for name in ("SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert _left_open(tmp_path) == JAVA | SOCKETS

    settings(tmp_path, f"# {next(iter(JAVA))} -Xmn9g\nspark.app.color blue\n")
    assert _left_open(tmp_path) == JAVA | SOCKETS


def test_what_a_user_sets_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Spark's file, in the arguments of its environment, or by spark-submit."""
    for name in ("SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)
    settings(tmp_path, f"{next(iter(SOCKETS))}\tfalse\n")
    assert _left_open(tmp_path) == JAVA

    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"--conf {next(iter(JAVA))}=-Xmn9g pyspark-shell")
    assert _left_open(tmp_path) == {}
    assert _left_open(tmp_path / "elsewhere") == SOCKETS
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "conf"))
    assert _left_open(tmp_path / "elsewhere") == {}
    monkeypatch.undo()

    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    assert _left_open(tmp_path / "elsewhere") == {}


@pytest.mark.frameworks(environment="spark")
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is held")
def test_the_driver_of_a_training_takes_less_than_500_mb(tmp_path: Path) -> None:
    """All that it starts counts, but for the executors; what processes share counts once."""
    pytest.importorskip("pyspark", reason="needs pyspark: pip install 'embzarr[spark,train]'")
    if not java_is_there():
        pytest.skip("Spark needs Java")
    paths = os.pathsep.join(filter(None, sys.path))
    settings(tmp_path, f"spark.executorEnv.PYTHONPATH {paths}\nspark.ui.enabled false\n")
    lines = (" ".join(f"w{(line * 7 + at) % 50_000}" for at in range(10)) for line in range(20_000))
    (tmp_path / "corpus.txt").write_text("\n".join(lines))
    given = [str(tmp_path / "corpus.txt"), str(tmp_path / "run"), *SMALL, "--json"]
    environment = os.environ | {
        "PYTHONPATH": paths,
        "SPARK_CONF_DIR": str(tmp_path / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(tmp_path / "local"),
    }
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", COMMAND, "train-spark", *given, "--master", CLUSTER],
        cwd=tmp_path,  # executors of a local cluster keep their work there
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as driver:
        most, over = [0], threading.Event()
        watcher = threading.Thread(target=watch, args=(driver.pid, most, over))
        watcher.start()
        told = driver.communicate(timeout=300)[0]
        over.set()
        watcher.join()

    assert json.loads(told)["commit"] == embzarr.open(tmp_path / "run").commit
    assert 100e6 < most[0] < MOST_BYTES


def watch(process: int, most: list[int], over: threading.Event) -> None:
    """Keep the most bytes that a process, and those that it has started, held together."""
    while not over.wait(0.1):
        found = children()
        most[0] = max(most[0], sum(map(held, (process, *started_by(process, found)))))


def children() -> Mapping[int, Sequence[int]]:
    """Return the processes that each process has started."""
    found = defaultdict(list)
    for place in Path("/proc").glob("[0-9]*"):
        told = read(place / "stat").rpartition(b")")[2].split()
        if told:
            found[int(told[1])].append(int(place.name))
    return found


def started_by(process: int, found: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """Yield all that a process has started, and what these have, but for executors."""
    for child in found.get(process, ()):
        if b"CoarseGrainedExecutorBackend" not in read(Path(f"/proc/{child}/cmdline")):
            yield child
            yield from started_by(child, found)


def held(process: int) -> int:
    """Return the bytes of a process, of shared ones its part."""
    told = read(Path(f"/proc/{process}/smaps_rollup")).partition(b"\nPss:")[2].split()
    return int(told[0]) * 1024 if told else 0


def read(place: Path) -> bytes:
    """Return a file of a process, or nothing where that has ended."""
    try:
        return place.read_bytes()
    except OSError:
        return b""
