"""SIGKILL at random moments of a repair: nothing is worse after it, and the next one ends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.killing_repair import WINDOW
from faults.programs import carry_out

if TYPE_CHECKING:
    from faults.tally import Effort, Tally

pytestmark = pytest.mark.faults


@pytest.mark.parts(6)
def test_kills_of_a_repair(ram: Path, tally: Tally, *, full: Effort) -> None:
    """A repair that is killed has made nothing worse, and the next one ends it."""
    count = full.times(300, 6)
    task = {"url": str(ram), "count": count, "seed": full.part}
    landed: dict[str, int] = carry_out("killing_repair.py", task, timeout=600)

    tally("kills of a repair on a local store", sum(landed.values()), of_which=landed)
    assert landed[WINDOW] >= 2 or not full
