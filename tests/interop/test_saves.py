"""What the callbacks of trainers have promised, as a process ends without their last call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import embzarr

SCRIPT = """
import sys, time
import numpy as np, embzarr
from embzarr._storage import open_store
from embzarr.interop._models.saves import Saves
from faulty import PassThrough

class Store(PassThrough):
    def put(self, key, data):
        self.meet(key)
        super().put(key, data)

    def create(self, key, data):
        self.meet(key)
        super().create(key, data)

    def meet(self, key):
        time.sleep(1000 if HOW == "hangs" and key.startswith("tags/") else 0.05)
        if HOW == "fails" and key.startswith("tags/"):
            raise embzarr.StoreError("store-failed", "the store is away")

URL, HOW = sys.argv[1:]
saves = Saves(embzarr.Run(Store(open_store(URL)), exit_seconds=3 if HOW == "hangs" else 60), None)
saves.named(saves.run.save_async(["a"], np.ones((1, 2), "f4"), tensors={"t": np.ones(3)}), "last")
if HOW == "fails and is told":
    HOW = "fails"
    try:
        saves.settle()
    except embzarr.StoreError as exc:
        print(exc.code)
"""


def end(url: Path, how: str) -> tuple[int, str, str]:
    """Run the script to its end; return status, standard output and standard error."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", SCRIPT, str(url), how],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_save_that_is_under_way_at_the_end_has_its_name(tmp_path: Path) -> None:
    """Its tensors too; nothing is said."""
    assert end(tmp_path / "run", "works") == (0, "", "")

    found = embzarr.open(tmp_path / "run", tag="last")
    assert found.tensors["t"].load().tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("how", "reason"), [("fails", "the store is away [store-failed]"), ("hangs", "3 s")]
)
def test_a_name_that_was_not_given_is_told(tmp_path: Path, how: str, reason: str) -> None:
    """The step stands, and the trainer would not find it again by its path."""
    status, _, said = end(tmp_path / "run", how)

    assert status == 120
    assert said.startswith(f"embzarr: NOT SAVED: tag 'last' of file://{tmp_path / 'run'}: ")
    assert reason in said
    assert embzarr.open(tmp_path / "run").step == 0


def test_a_name_that_failed_and_was_told_is_not_told_again(tmp_path: Path) -> None:
    """Whoever waited has heard of it."""
    assert end(tmp_path / "run", "fails and is told") == (0, "store-failed\n", "")
