"""What the gate asks of deltas that no fixture is large enough to show."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import embzarr
from embzarr._format import spec
from embzarr._format.documents import validate_deltas
from embzarr._format.documents.manifests import Layer, Manifest
from embzarr._history import history
from embzarr._storage.open import open_store

ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)


@pytest.fixture
def layers() -> list[Layer]:
    """A full layer of eight rows with two deltas of five and three."""
    store = open_store("memory://")
    embzarr.save(store, list("abcdefgh"), np.ones((8, 2), "f4"))
    run = embzarr.Run(store)
    for count in (5, 3):
        run.save_delta(np.arange(count), np.zeros((count, 2), "f4"), policy=ALWAYS)
    head = history.head(store)
    assert head is not None
    return head.manifest.layers


def test_rows_of_all_deltas_are_bounded(
    layers: list[Layer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader keeps in memory of row numbers has one limit for the whole chain."""
    monkeypatch.setattr(spec, "MAX_DELTA_ROWS", 8)
    validate_deltas.check_sum(layers[1:], "x")

    monkeypatch.setattr(spec, "MAX_DELTA_ROWS", 7)
    with pytest.raises(embzarr.DamagedError, match="8 rows of one column") as caught:
        validate_deltas.check_sum(layers[1:], "x")

    assert caught.value.code == "manifest-invalid"


def test_a_writer_keeps_to_the_bound(layers: list[Layer], monkeypatch: pytest.MonkeyPatch) -> None:
    """A delta that would go beyond it is written as a full step, however it is asked for."""
    monkeypatch.setattr(spec, "MAX_DELTA_ROWS", 9)
    manifest = _manifest_of(layers)

    assert ALWAYS.allows(manifest, {"vectors": 1}, None)
    assert not ALWAYS.allows(manifest, {"vectors": 2}, None)
    assert not dataclasses.replace(ALWAYS, max_deltas=2).allows(manifest, {"vectors": 1}, None)


def _manifest_of(layers: list[Layer]) -> Manifest:
    return Manifest(
        format="embzarr",
        version=1,
        store="0" * 32,
        commit=1,
        write_id="0" * 32,
        parent=None,
        step=0,
        kind="delta",
        created="2026-01-01T00:00:00Z",
        writer="",
        layers=layers,
        metadata={},
    )
