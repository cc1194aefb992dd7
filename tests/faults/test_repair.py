"""Every object of a small run damaged in every way: repair restores it, or says what is lost."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

import embzarr
from damage import (
    DAMAGES,
    WORDS,
    contents,
    damaged,
    filled,
    make_run,
    of_layers,
    swapped,
    vectors_of,
)

if TYPE_CHECKING:
    from damage import Objects
    from faults.tally import Effort, Tally

pytestmark = pytest.mark.faults

_FIRST_TWO = ("commits/00000000000000000001.json", "commits/00000000000000000002.json")


@pytest.fixture(scope="module")
def sound() -> Objects:
    """A run of three steps."""
    return make_run()


def is_unique(key: str) -> bool:
    """Tell whether nothing else in the run says what an object holds."""
    is_column = "/vectors/c/" in key
    # The manifests of older commits, and what has no digest: names, and groups above the layers.
    return is_column or key in _FIRST_TWO or key.startswith("tags/")


def faults_of(before: Objects, broken: Objects, source: Objects | None) -> list[str]:
    """Repair a broken run; return which promises were not kept.

    Args:
        before: the run as it was saved.
        broken: the same, damaged.
        source: what to restore from.
    """
    store = filled(broken)
    other = filled(source) if source else None
    planned = embzarr.repair(store, source=other)
    faults = ["a dry run wrote"] if contents(store) != broken else []
    done = embzarr.repair(store, source=other, dry_run=False)
    if [(a.kind, a.key) for a in planned.actions] != [(a.kind, a.key) for a in done.actions]:
        faults.append("the dry run said otherwise")
    if embzarr.repair(store, source=other, dry_run=False).actions:
        faults.append("a second repair found something to do")
    after = contents(store)
    if done.ok and {**before, **after, "zarr.json": before["zarr.json"]} != before:
        faults.append("it is not as it was")
    worse = [
        key
        for key, data in broken.items()
        if data == before.get(key) != after.get(key) and key != "latest.json"
    ]
    newest = embzarr.open(store)
    faults += [f"changed {key}, which was sound" for key in worse]
    if of_layers(newest.verify().problems) or newest.words != WORDS:
        faults.append("the newest commit is not sound")
    if not np.array_equal(newest.to_numpy(), vectors_of(newest.step)):
        faults.append("the newest commit holds other vectors")
    return faults


def test_every_damage_with_a_mirror(sound: Objects, tally: Tally, *, full: Effort) -> None:
    """With a mirror at hand every object comes back to the byte, whatever became of it."""
    cases = [(key, name) for key in sound for name in DAMAGES]
    failures: list[object] = []
    chosen = random.Random(1).sample(cases, full.times(len(cases), 12))
    for key, name in chosen:
        broken = damaged(sound, key, DAMAGES[name])
        store = filled(broken)
        report = embzarr.repair(store, source=filled(sound), dry_run=False)
        has_no_digest = key.startswith("tags/") or key in {"zarr.json", "steps/zarr.json"}
        if contents(store) != sound and not (has_no_digest and contents(store) == broken):
            failures.append((key, name, report))
        failures += [(key, name, fault) for fault in faults_of(sound, broken, sound)]
    tally("damage x repair from a mirror", len(chosen), failures=failures)


def test_every_damage_without_a_source(sound: Objects, tally: Tally, *, full: Effort) -> None:
    """Alone, a run restores all but what only one object told, and says what that was."""
    cases = [(key, name) for key in sound for name in DAMAGES]
    chosen = random.Random(2).sample(cases, full.times(len(cases), 20))
    failures: list[object] = []
    restored = 0
    for key, name in chosen:
        broken = damaged(sound, key, DAMAGES[name])
        failures += [(key, name, fault) for fault in faults_of(sound, broken, None)]
        store = filled(broken)
        report = embzarr.repair(store, dry_run=False)
        whole = contents(store) == sound
        restored += whole
        if not whole and not is_unique(key) and key not in {"zarr.json", "steps/zarr.json"}:
            failures.append((key, name, "was not restored"))
        # A tag that is gone has left no trace, and of the root only what readers use is compared.
        is_unknown = (key, name) == ("tags/best.json", "gone") or key == "zarr.json"
        if not whole and report.ok and not is_unknown:
            failures.append((key, name, "is not told of"))
    of_which = {"restored to the byte": restored}
    tally("damage x repair alone", len(chosen), failures=failures, of_which=of_which)


def test_every_swap(sound: Objects, tally: Tally, *, full: Effort) -> None:
    """Objects in each other's place go back to their own, without any source."""
    keys = [key for key in sound if key.startswith(("steps/", "commits/")) and key.count("/") != 1]
    keys += [key for key in sound if key.startswith("commits/")]
    pairs = [(one, other) for one in keys for other in keys if one < other]
    pairs = [(a, b) for a, b in pairs if sound[a] != sound[b] and a[0] == b[0]]
    chosen = random.Random(3).sample(pairs, full.times(300, 8))
    failures: list[object] = []
    for one, other in chosen:
        broken = swapped(sound, one, other)
        failures += [(one, other, fault) for fault in faults_of(sound, broken, None)]
        store = filled(broken)
        embzarr.repair(store, dry_run=False)
        if contents(store) != sound:
            failures.append((one, other, "are not back"))
    tally("swapped objects x repair alone", len(chosen), failures=failures)
