"""Every object of a small run damaged in every way: repair restores it, or says what is lost."""

from __future__ import annotations

import random
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
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
    make_foreign_run,
    make_run,
    of_layers,
    swapped,
    vectors_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from damage import Objects
    from faults.tally import Effort, Tally

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("in_turn")]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What came of a repair."""

    report: embzarr.RepairReport
    after: Objects
    faults: list[str]
    """Promises that were not kept."""


def repaired(before: Objects, broken: Objects, source: Objects | None) -> Repaired:
    """Repair a broken run.

    Args:
        before: the run as it was saved.
        broken: the same, damaged.
        source: what to restore from.
    """
    store = filled(broken)
    other = filled(source) if source else None
    planned = embzarr.repair(store, source=other, dry_run=True)
    faults = ["a dry run wrote"] if contents(store) != broken else []
    done = embzarr.repair(store, source=other, dry_run=False)
    after = contents(store)
    if [(a.kind, a.key) for a in planned.actions] != [(a.kind, a.key) for a in done.actions]:
        faults.append("the dry run said otherwise")
    if embzarr.repair(store, source=other, dry_run=False).actions or contents(store) != after:
        faults.append("a second repair found something to do")
    if done.ok and {**before, **after, "zarr.json": before["zarr.json"]} != before:
        faults.append("it is not as it was")
    worse = [
        key
        for key, data in broken.items()
        if data == before.get(key) != after.get(key) and key != "latest.json"
    ]
    faults += [f"changed {key}, which was sound" for key in worse]
    return Repaired(report=done, after=after, faults=[*faults, *wrongs_of_newest(store)])


def wrongs_of_newest(store: object) -> Iterator[str]:
    """Yield what is wrong with the commit that opens."""
    newest = embzarr.open(store)
    if of_layers(newest.verify().problems) or newest.words != WORDS:
        yield "the newest commit is not sound"
    if not np.array_equal(newest.to_numpy(), vectors_of(newest.step)):
        yield "the newest commit holds other vectors"


def damages(sound: Objects) -> list[tuple[str, str]]:
    """Return every object with every way to damage it, in an order without any."""
    cases = [(key, name) for key in sound for name in DAMAGES]
    return random.Random(1).sample(cases, len(cases))


@pytest.mark.parts(8)
def test_every_damage_with_a_mirror(sound: Objects, tally: Tally, *, full: Effort) -> None:
    """With a mirror at hand every object comes back to the byte, whatever became of it."""
    failures: list[object] = []
    chosen = full.some(damages(sound), 60)
    for key, name in chosen:
        broken = damaged(sound, key, DAMAGES[name])
        done = repaired(sound, broken, sound)
        failures += [(key, name, fault) for fault in done.faults]
        has_no_digest = key.startswith("tags/") or key in {"zarr.json", "steps/zarr.json"}
        if done.after != sound and not (has_no_digest and done.after == broken):
            failures.append((key, name, done.report))
    tally("damage x repair from a mirror", len(chosen), failures=failures)


@pytest.mark.parts(8)
def test_every_damage_without_a_source(sound: Objects, tally: Tally, *, full: Effort) -> None:
    """Alone, a run restores all but what only one object told, and says what that was."""
    chosen = full.some(damages(sound), 40)
    failures: list[object] = []
    restored = 0
    for key, name in chosen:
        done = repaired(sound, damaged(sound, key, DAMAGES[name]), None)
        failures += [(key, name, fault) for fault in done.faults]
        whole = done.after == sound
        restored += whole
        if not whole and not is_unique(key) and key not in {"zarr.json", "steps/zarr.json"}:
            failures.append((key, name, "was not restored"))
        # A tag that is gone has left no trace, and of the root only what readers use is compared.
        is_unknown = (key, name) == ("tags/best.json", "gone") or key == "zarr.json"
        if not whole and done.report.ok and not is_unknown:
            failures.append((key, name, "is not told of"))
    of_which = {"restored to the byte": restored}
    tally("damage x repair alone", len(chosen), failures=failures, of_which=of_which)


@pytest.mark.skipif(sys.platform == "win32", reason="links")
@pytest.mark.parts(4)
def test_every_link(sound: Objects, tmp_path: Path, tally: Tally, *, full: Effort) -> None:
    """A link at any key, even to the very bytes, is not followed, told of, and costs only them."""
    folders = {str(folder) for key in sound for folder in Path(key).parents} - {".", "commits"}
    places = full.some(sorted({*sound, *folders}), 30)
    failures = [(place, fault) for place in places for fault in _linked(sound, place, tmp_path)]

    tally("links x repair alone", len(places), failures=failures)


def _linked(sound: Objects, place: str, tmp_path: Path) -> Iterator[str]:
    """Yield each promise that a repair breaks of a run with a link to a whole one's object."""
    root = tmp_path / place.replace("/", "_")
    run, whole = root / "run", root / "whole"
    for folder in (run, whole):
        for key, data in sound.items():
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(data)
    shutil.rmtree(run / place) if (run / place).is_dir() else (run / place).unlink()
    (run / place).symlink_to(whole / place)
    planned = embzarr.repair(run, dry_run=True)
    done = embzarr.repair(run)
    if [(a.kind, a.key) for a in planned.actions] != [(a.kind, a.key) for a in done.actions]:
        yield "the dry run said otherwise"
    if any((whole / key).read_bytes() != data for key, data in sound.items()):
        yield "it was followed"
    # A tag has left no trace where it should be.
    if not place.startswith("tags/") and not any(p.key.startswith(place) for p in done.lost):
        yield f"it is not told of: {done.lost}"
    if embzarr.repair(run).actions:
        yield "a second repair found something to do"
    if done.head is not None:  # all steps may lie elsewhere
        yield from wrongs_of_newest(run)


@pytest.mark.parts(6)
def test_every_swap(sound: Objects, tally: Tally, *, full: Effort) -> None:
    """Objects in each other's place go back to their own, without any source."""
    keys = [key for key in sound if key.startswith(("steps/", "commits/")) and key.count("/") != 1]
    keys += [key for key in sound if key.startswith("commits/")]
    pairs = [(one, other) for one in keys for other in keys if one < other]
    pairs = [(a, b) for a, b in pairs if sound[a] != sound[b] and a[0] == b[0]]
    chosen = full.some(random.Random(3).sample(pairs, 300), 40)
    failures: list[object] = []
    for one, other in chosen:
        done = repaired(sound, swapped(sound, one, other), None)
        failures += [(one, other, fault) for fault in done.faults]
        if done.after != sound:
            failures.append((one, other, "are not back"))
    tally("swapped objects x repair alone", len(chosen), failures=failures)


@pytest.mark.parts(4)
def test_every_damage_where_libraries_differ(tally: Tally, *, full: Effort) -> None:
    """What cannot be had to the byte is written anew wherever its values are told twice."""
    before = make_foreign_run()
    names = sorted(key.split("/", 2)[2] for key in before if key.startswith("steps/30-"))
    cases = [(name, damage) for name in names for damage in DAMAGES]
    chosen = full.some(random.Random(4).sample(cases, len(cases)), 40)
    failures: list[object] = []
    anew = 0
    for name, damage in chosen:
        broken = dict(before)
        for key in [key for key in before if key.split("/", 2)[2:] == [name]]:
            broken = damaged(broken, key, DAMAGES[damage])
        done = repaired_anew(before, broken)
        is_anew = "rewrite" in [action.kind for action in done.report.actions]
        anew += is_anew
        failures += [(name, damage, fault) for fault in done.faults]
        is_column = name.startswith(("vectors/c/", "counts/c/"))
        if is_anew if is_column else done.report.head is None:
            failures.append((name, damage, done.report))
    of_which = {"written anew": anew}
    tally("damage x repair in other bytes", len(chosen), failures=failures, of_which=of_which)
    assert anew or not full


def repaired_anew(before: Objects, broken: Objects) -> Repaired:
    """Repair a run of which the same object of each step is damaged."""
    store = filled(broken)
    planned = embzarr.repair(store, dry_run=True)
    faults = ["a dry run wrote"] if contents(store) != broken else []
    report = embzarr.repair(store, dry_run=False)
    after = contents(store)
    if [(a.kind, a.key) for a in planned.actions] != [(a.kind, a.key) for a in report.actions]:
        faults.append("the dry run said otherwise")
    changed = {key for key in broken if after.get(key) != broken[key]} - {"latest.json"}
    faults += [f"changed {key}" for key in changed if after.get(key) != before[key]]
    if embzarr.repair(store, dry_run=False).actions or contents(store) != after:
        faults.append("a second repair found something to do")
    if report.head is not None:
        newest = embzarr.open(store)
        right = np.array_equal(newest.to_numpy(), vectors_of(30)) and newest.words == WORDS
        if not right or newest.step != 30 or not newest.verify().ok:
            faults.append("the newest commit is not step 30 as it was saved")
    return Repaired(report=report, after=after, faults=faults)
