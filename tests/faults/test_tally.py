from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults.tally import Effort

TESTS = Path(__file__).resolve().parents[1]
COUNTING = """
import pytest

@pytest.mark.parts(3)
def test_sound(tally, full):
    tally("flips", full.times(3000, 30), of_which={"harmless": 2})

def test_broken(tally):
    tally("cuts", 2, failures=["after byte 7 nothing was said"])

def test_idle(tally):
    tally("nothing", 0)
"""


@pytest.mark.parametrize(
    ("options", "parts", "flips"),
    [
        ([], 1, "flips: 30 run, 2 harmless, 0 failures"),
        (["--full", "--share=0.7"], 2, "flips: 2,100 run, 4 harmless, 0 failures"),
        pytest.param(
            ["--full", "-n", "2"],
            3,
            "flips: 3,000 run, 6 harmless, 0 failures",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.slow
def test_every_count_is_told_and_a_failure_fails(
    tmp_path: Path, options: list[str], parts: int, flips: str
) -> None:
    """The table has all parts' counts, from workers too; a failure or no run at all fails."""
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
    assert f"2 failed, {parts} passed" in done.stdout


def test_parts_try_all_there_is_and_nothing_twice() -> None:
    """Whatever is divided among the parts of a test is tried by one of them."""
    parts = [Effort(share=1, part=part, parts=3) for part in range(3)]

    assert sum(part.times(1000, 10) for part in parts) == 1000
    assert sorted(one for part in parts for one in part.some(range(100), 7)) == [*range(100)]
    assert Effort(share=0.5).some(range(100), 7) == [*range(0, 100, 2)]
    assert Effort(share=0).some(range(100), 7) == [*range(0, 100, 7)]
