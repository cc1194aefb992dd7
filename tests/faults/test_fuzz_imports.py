"""Any bytes in the place of a file of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from embzarr.convert._readers import FORMATS
from faults.fuzz_imports import MOST_BYTES, OTHERS, SOUND, fuzz, take
from faults.tally import Effort, Tally

if TYPE_CHECKING:
    from embzarr.convert._blocks import Given, Table

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


@pytest.mark.parametrize("is_hidden", [False, True])
def test_an_importer_that_takes_what_a_file_claims_is_found(
    monkeypatch: pytest.MonkeyPatch, *, is_hidden: bool
) -> None:
    """Memory that it only asks for, too, and also behind an error of ours."""

    def read(given: Given) -> Table:
        try:
            np.empty(2 * MOST_BYTES, np.uint8)
        except MemoryError as exc:
            if is_hidden:
                raise given.damage.error("no sound file") from exc
            raise
        raise given.damage.error("no sound file")

    sound, later = FORMATS["npy"], iter(SOUND["npy"])
    monkeypatch.setitem(
        FORMATS, "npy", lambda given: sound(given) if next(later, None) else read(given)
    )

    assert len(fuzz("npy", 3, seed=1).failures) == 3


def test_every_importer_is_fuzzed() -> None:
    """But those of other libraries; a tokenizer in the place of a vocabulary is, too."""
    assert SOUND.keys() == FORMATS.keys() - OTHERS | {"detected", "tokenizer"}
