"""Any bytes in the place of a record, a tag, a document, a table, a block or a chunk."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.fuzz_targets import TARGETS, corpus, run
from faults.fuzzing import fuzz, shares
from faults.tally import Effort, Tally

pytestmark = pytest.mark.faults

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
)


@pytest.mark.parts(4)
@pytest.mark.parametrize("name", TARGETS)
def test_changed_bytes_are_taken_or_refused(name: str, tally: Tally, *, full: Effort) -> None:
    """Sound bytes changed at random give a typed error, if any."""
    found = fuzz(name, shares(full.times(2_000_000, 5_000))[name], seed=full.part)

    of_which = {f"of {name}": found.runs, "taken as sound": found.taken}
    tally("fuzzing", found.runs, failures=found.failures, of_which=of_which)


@pytest.mark.parametrize("runs", [1, 5_000, 500_000, 2_000_000])
def test_no_execution_is_lost_in_the_division(runs: int) -> None:
    """All targets together are given at least as many inputs as were asked for, and hardly more."""
    assert runs <= sum(shares(runs).values()) < runs + len(TARGETS)
    assert shares(runs).keys() == TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_taken_or_refused(name: str) -> None:
    """What earlier fuzzing kept still gives no untyped error, and the sound bytes are taken."""
    assert run(TARGETS[name], corpus(name)[0])
    for data in corpus(name):
        run(TARGETS[name], data)


@given(st.data())
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_taken_or_refused(name: str, data: st.DataObject) -> None:
    """Bytes that resemble nothing give a typed error, if any."""
    run(TARGETS[name], data.draw(st.binary(max_size=400)))


@given(st.data())
@pytest.mark.parametrize("name", ["record", "tag", "zarr-json"])
def test_any_document_is_taken_or_refused(name: str, data: st.DataObject) -> None:
    """JSON of any form, with the members of ours, gives a typed error, if any."""

    members = st.dictionaries(
        st.sampled_from(["format", "version", "kind", "layers", "target", "commit", "attributes"]),
        _JSON | st.just("embzarr") | st.just(1) | st.sampled_from(["full", "collect", "expired"]),
    )
    run(TARGETS[name], json.dumps(data.draw(members | _JSON)).encode())
