"""Checkpoints and kept corpora of an enemy: a trainer refuses them, or makes them anew."""

from __future__ import annotations

import sys

import pytest

from faults.programs import carry_out
from faults.tally import Effort, Tally

pytestmark = pytest.mark.faults

EVERY = 12
LEAST = 40


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")
def test_hostile_training(tally: Tally, *, full: Effort) -> None:
    """Each a typed error, or for a cache made anew, at once, in little memory, and no crash."""
    found = carry_out("resuming_hostile.py", {"every": 1 if full else EVERY})

    counts = found["counts"]
    what = "hostile training states and corpus caches"
    tally(what, sum(counts.values()), failures=found["failures"], of_which=counts)
    assert sum(counts.values()) >= LEAST
    assert len(counts) >= 10
