from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SKIPPING = """
import pytest

def test_of_a_server():
    pytest.skip("no server here")

@pytest.mark.shared_data
def test_of_real_data():
    pytest.skip("no data here")

@pytest.mark.peers
def test_beside_a_library():
    pytest.importorskip("no_such_module")

def test_of_a_library_that_is_run_nowhere():
    pytest.importorskip("no_such_module")

@pytest.mark.xfail(strict=True)
def test_known_to_fail():
    assert False
"""


def _run(folder: Path, no_skip: str) -> str:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = shared_data\n  peers\n")
    (folder / "test_skipping.py").write_text(SKIPPING)
    (folder / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    environment = os.environ | {"PYTHONPATH": str(TESTS), "EMBZARR_NO_SKIP": no_skip}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "servers.no_skip",
        "--continue-on-collection-errors",
    ]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout


@pytest.mark.parametrize(
    ("no_skip", "summary"),
    [
        ("0", "1 failed, 4 skipped, 1 xfailed"),
        ("1", "3 failed, 1 skipped, 1 xfailed, 1 error"),
    ],
)
@pytest.mark.slow
def test_a_gate_fails_where_a_laptop_skips(tmp_path: Path, no_skip: str, summary: str) -> None:
    """Under EMBZARR_NO_SKIP=1 a skipped test or module fails; real data may still be missing.

    What is skipped for want of a library fails everywhere, unless its mark has the gate run it.
    """
    assert summary in _run(tmp_path, no_skip)
