from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
COUNTING = """
def test_sound(tally, full):
    tally("flips", full.times(3000, 30), of_which={"harmless": 2})

def test_broken(tally):
    tally("cuts", 2, failures=["after byte 7 nothing was said"])

def test_idle(tally):
    tally("nothing", 0)
"""


@pytest.mark.parametrize(
    ("options", "flips"),
    [
        ([], "flips: 30 run, 2 harmless, 0 failures"),
        (["--full", "--share=0.5"], "flips: 1,500 run, 2 harmless, 0 failures"),
        pytest.param(
            ["--full", "-n", "2"],
            "flips: 3,000 run, 2 harmless, 0 failures",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_every_count_is_told_and_a_failure_fails(
    tmp_path: Path, options: list[str], flips: str
) -> None:
    """The table has each test's counts, from workers too; a failure or no run at all fails."""
    (tmp_path / "test_counting.py").write_text(COUNTING)
    command = [sys.executable, "-m", "pytest", "-p", "faults.tally", *options]
    done = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )

    table = done.stdout.split("= faults =")[1]
    assert flips in table
    assert "cuts: 2 run, 1 failures" in table
    assert "after byte 7 nothing was said" in done.stdout
    assert "2 failed, 1 passed" in done.stdout
