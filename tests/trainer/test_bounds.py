"""The compiled loops with numba's bounds checks on, as under a sanitizer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from faults import programs

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TESTS = (
    "test_blocks.py",
    "test_dealing.py",
    "test_kernel.py",
    "test_kernel_gate.py",
    "test_long_sentence.py",
    "test_resume.py",
    "test_sampling.py",
    "test_saving.py",
    "test_train.py",
)
"""All that enter compiled code."""
PLANTED = 6


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment in which compiled code looks where it reads, and is kept by itself."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return ours | {
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("numba")),
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), *sys.path]),
    }


def carry_out(arguments: list[str], environment: Mapping[str, str]) -> str:
    """Run Python, and return what it says at last."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_no_index_leaves_its_array(checked: Mapping[str, str]) -> None:
    """Planted indices out of bounds are caught, and none is in the tests of the trainer."""
    planted = carry_out([str(HERE / "planted_indices.py")], checked)
    assert planted == f"caught {PLANTED} of {PLANTED}"
    files = [str(HERE / name) for name in TESTS]
    told = carry_out(["-m", "pytest", "-q", "-p", "no:cacheprovider", *files], checked)

    assert "passed" in told
    assert "failed" not in told
    assert "skipped" not in told


def test_nor_does_one_of_an_enemy(
    checked: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in twelve of the states and corpora of `faults`: where one got in, it would be caught."""
    for name, value in checked.items():
        monkeypatch.setenv(name, value)
    found = programs.carry_out("resuming_hostile.py", {"every": 12})

    assert found["failures"] == []
    assert sum(found["counts"].values()) >= 40
