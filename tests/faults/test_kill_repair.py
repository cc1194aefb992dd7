"""SIGKILL at random moments of a repair: nothing is worse after it, and the next one ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.killing_repair import WINDOW

if TYPE_CHECKING:
    from faults.tally import Effort, Tally

pytestmark = pytest.mark.faults

TESTS = Path(__file__).parents[1]


@pytest.mark.parts(6)
def test_kills_of_a_repair(ram: Path, tally: Tally, *, full: Effort) -> None:
    """A repair that is killed has made nothing worse, and the next one ends it."""
    count = full.times(300, 6)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(TESTS / "faults/killing_repair.py")],
        input=json.dumps({"url": str(ram), "count": count, "seed": full.part}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    landed: dict[str, int] = json.loads(done.stdout)

    tally("kills of a repair on a local store", sum(landed.values()), of_which=landed)
    assert landed[WINDOW] >= 2 or not full
