"""The guide to Spark is true, on a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from interop.sparking import java_is_there

pytestmark = pytest.mark.frameworks(environment="spark")

TESTS = Path(__file__).resolve().parents[1]


def test_the_guide_to_spark_is_true(tmp_path: Path) -> None:
    """What it says to type works in a program of its own, and answers as it says."""
    pytest.importorskip("pyspark")
    if not java_is_there():
        pytest.skip("no Java of version 17 or newer")
    settings = {"PYTHONPATH": str(TESTS), "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "-c", "import guided; guided.follow('spark.md')"],
        cwd=tmp_path,
        env={**os.environ, **settings, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
