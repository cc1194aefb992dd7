"""A job of Hadoop Streaming on a real YARN: maps write parts, the reduce publishes them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import embzarr
from engines.conftest import put, save
from servers.hdfs import Hdfs
from servers.yarn import Yarn

pytestmark = [pytest.mark.servers, pytest.mark.slow]
EXAMPLES = Path(__file__).parents[2] / "tools" / "examples" / "hadoop"
FAULTY = Path(__file__).parent / "faulty_map.py"
PARTS = 3
PADDING = ("x" * 100_000 + "\n") * 10
"""Behind the line that names a part: else a map that hangs has read all of its split, and counts as
done for the speculator."""


def output(hdfs: Hdfs, folder: str) -> list[str]:
    from hdfs_native import Client  # noqa: PLC0415 - an extra

    client = Client(hdfs.url)
    paths = [found.path for found in client.list_status(folder) if "/part-" in found.path]
    text = "".join(client.read(path).read().decode() for path in paths)
    return [line.rstrip("\t") for line in text.splitlines()]


def test_a_map_crashes_another_hangs_and_there_is_one_commit(
    hdfs: Hdfs, yarn: Yarn, tmp_path: Path
) -> None:
    """Retried, and overtaken by speculation; the step is whole, right, and there once."""
    source, target = f"{hdfs.url}/mapreduce/source", f"{hdfs.url}/mapreduce/unit"
    made = save(source)
    plan = embzarr.plan_step(target, rows=len(made), dim=made.dim, parts=PARTS)
    (tmp_path / "plan.json").write_text(plan.to_json())
    put(hdfs, "/mapreduce/parts/numbers.txt", "".join(f"{n}\n{PADDING}" for n in range(3)).encode())
    options = {
        "mapreduce.job.reduces": "1",
        "mapreduce.map.maxattempts": "3",
        "mapreduce.map.speculative": "true",
        "mapreduce.reduce.speculative": "false",
        "mapreduce.job.reduce.slowstart.completedmaps": "1.0",
        "mapreduce.input.lineinputformat.linespermap": "11",
        "mapreduce.job.speculative.retry-after-no-speculate": "500",
        "mapreduce.task.progress-report.interval": "500",
    }
    python = sys.executable
    told = yarn.stream(
        tmp_path,
        options,
        [
            *("-inputformat", "org.apache.hadoop.mapred.lib.NLineInputFormat"),
            *("-input", "/mapreduce/parts", "-output", "/mapreduce/done"),
            *("-mapper", f"{python} {FAULTY.name}", "-reducer", f"{python} publish_reduce.py"),
            *("-cmdenv", f"SOURCE={source}", "-cmdenv", f"TARGET={target}"),
            *("-cmdenv", "CRASH=2", "-cmdenv", "HANG=1"),
        ],
        [EXAMPLES / "unit_map.py", EXAMPLES / "publish_reduce.py", FAULTY, tmp_path / "plan.json"],
    )
    unit = embzarr.open(target)
    vectors = made.to_numpy()
    lines = output(hdfs, "/mapreduce/done")
    winners = dict(line.split("\t") for line in lines if "\t" in line)

    assert f"commit {unit.commit} of step {unit.step}" in lines
    assert [one.commit for one in embzarr.Run(target).commits()] == [unit.commit]
    assert list(unit.words) == list(made.words)
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(unit.to_numpy(), expected, rtol=1e-6)
    assert unit.verify().problems == ()
    assert "Failed map tasks=" in told  # as many as there were; none is not told
    assert "Killed map tasks=" in told
    assert not winners["1"].endswith("_0")
    assert not winners["2"].endswith("_0")
