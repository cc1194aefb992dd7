"""Any bytes in the place of a file of vectors."""

from __future__ import annotations

import pytest

from embzarr.convert._readers import FORMATS
from faults.fuzz_imports import OTHERS, SOUND, fuzz, take
from faults.tally import Effort, Tally

pytestmark = pytest.mark.faults


@pytest.mark.parts(4)
@pytest.mark.parametrize("name", SOUND)
def test_changed_files_are_taken_or_refused(name: str, tally: Tally, *, full: Effort) -> None:
    """Sound files changed at random give a typed error, if any, in little time and memory."""
    found = fuzz(name, full.times(200_000, 150), seed=full.part)

    of_which = {f"of {name}": found.runs, "taken as sound": found.taken}
    tally("fuzzing of imports", found.runs, failures=found.failures, of_which=of_which)


@pytest.mark.parametrize("name", SOUND)
def test_sound_files_are_taken(name: str) -> None:
    """Fuzzing begins with what is read."""
    for data in SOUND[name]:
        assert take(name, data, "stop")


def test_every_importer_is_fuzzed() -> None:
    """But those of other libraries; a tokenizer in the place of a vocabulary is, too."""
    assert SOUND.keys() == FORMATS.keys() - OTHERS | {"detected", "tokenizer"}
