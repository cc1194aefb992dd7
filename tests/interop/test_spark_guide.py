"""The guide to Spark is true, on a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from guided import follow
from interop.sparking import running_spark

pytestmark = pytest.mark.frameworks(environment="spark")


def test_the_guide_to_spark_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says to type works, and answers as it says."""
    monkeypatch.chdir(tmp_path)
    with running_spark(tmp_path, "local[2]"):
        follow("spark.md")
