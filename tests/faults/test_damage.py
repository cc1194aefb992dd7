"""Every bit flipped, every cut, every object swapped or taken away: verify tells, and names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr import _parallel
from faults.tally import Effort, Tally

pytestmark = pytest.mark.faults

WORDS = ["king", "the", "猫", "", "a"]
VECTORS = np.arange(10, dtype=np.float32).reshape(5, 2) + np.float32(0.5)
HEAD = "commits/00000000000000000001.json"
SHORT = 251
"""Of this many places one is tried by default."""

Objects = dict[str, bytes]


@cache
def sound() -> Objects:
    """The objects of a small checkpoint, tagged."""
    client = MemoryStore()
    embzarr.save(client, WORDS, VECTORS, step=7, compression="none")
    embzarr.Run(client).tag("best")
    return {
        item["path"]: bytes(client.get(item["path"]).bytes())
        for page in client.list()
        for item in page
    }


@pytest.fixture(autouse=True)
def _in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do one thing after the other: threads are not what is tested, and cost as much again."""

    def together(*calls: Callable[[], None]) -> None:
        for call in calls:
            call()

    monkeypatch.setattr(_parallel, "together", together)
    monkeypatch.setattr(_parallel._here, "working", True, raising=False)


class Damaged:
    """A copy of the sound store, one object of which is changed at a time."""

    def __init__(self) -> None:
        self.client = MemoryStore()
        for key, data in sound().items():
            self.client.put(key, data)
        self._checkpoint = embzarr.open(self.client)

    def fault(self, key: str, data: bytes | None) -> str | None:
        """Return what is wrong with how a change of one object is told; put it back."""
        if data is None:
            self.client.delete(key)
        else:
            self.client.put(key, data)
        layer = key.startswith("steps/7-")
        try:
            # Opening reads nothing of a layer: that is spared where only the layer is damaged.
            return _undetected(self.client, key, self._checkpoint if layer else None)
        finally:
            self.client.put(key, sound()[key])


def _undetected(client: MemoryStore, key: str, checkpoint: embzarr.Checkpoint | None) -> str | None:
    """Return None where the damage is named, or proven to change nothing that anyone reads."""
    try:
        report = (checkpoint or embzarr.open(client)).verify()
    except embzarr.EmbzarrError as exc:
        # What verify cannot be asked of: the manifest itself does not parse.
        return None if key in str(exc) else f"not named: {exc}"
    named = {problem.key for problem in report.problems}
    if key in named or (key == "latest.json" and HEAD in named):
        return None
    if named:
        return f"others were named: {named}"
    return None if _is_harmless(client, key) else "not detected"


def _is_harmless(client: MemoryStore, key: str) -> bool:
    """Tell whether the store reads as if nothing had happened, by every way to its head."""
    if key.startswith("tags/"):
        try:
            return _reads_equal(embzarr.open(client, tag="best"))
        except embzarr.EmbzarrError as exc:
            return key in str(exc) or "tag" in exc.code
    if key not in {"latest.json", "zarr.json"}:
        return False
    return _reads_equal(embzarr.open(client))


def _reads_equal(checkpoint: embzarr.Checkpoint) -> bool:
    return checkpoint.words == WORDS and np.array_equal(checkpoint.to_numpy(), VECTORS)


def _parts() -> list[Any]:
    """The objects in parts of like size, so that several workers share them."""
    keys = ["commits", "latest.json", "tags", "zarr.json", "steps/zarr.json", "lookup", "vectors"]
    return [pytest.param(part, id=part) for part in [*keys, "words", "layer"]]


def _keys_of(part: str) -> list[str]:
    return [key for key in sound() if _part_of(key) == part]


def _part_of(key: str) -> str:
    if not key.startswith("steps/7-"):
        return key if key.endswith(("latest.json", "zarr.json")) else key.split("/", maxsplit=1)[0]
    name = key.split("/")[2]
    return "layer" if name == "zarr.json" else name


@pytest.mark.parametrize("part", _parts())
def test_every_bit(part: str, tally: Tally, *, full: Effort) -> None:
    """One bit of one object is another: verify, or open, names the object."""
    damaged = Damaged()
    failures: list[str] = []
    run = 0
    for key in _keys_of(part):
        for bit in range(0, 8 * len(sound()[key]), full.every(SHORT)):
            data = bytearray(sound()[key])
            data[bit // 8] ^= 1 << bit % 8
            run += 1
            if fault := damaged.fault(key, bytes(data)):
                failures.append(f"{key} bit {bit}: {fault}")

    tally(f"single bits flipped in {part}", run, failures=failures)


def test_every_truncation(tally: Tally, *, full: Effort) -> None:
    """One object ends early: verify, or open, names it."""
    damaged = Damaged()
    cuts = [(key, at) for key, data in sound().items() for at in range(len(data))]
    cuts = cuts[:: full.every(SHORT)]
    failures = [
        f"{key} cut at {at}: {fault}"
        for key, at in cuts
        if (fault := damaged.fault(key, sound()[key][:at]))
    ]

    tally("truncations", len(cuts), failures=failures)


def _swaps() -> Iterator[tuple[str, str | None]]:
    for key in sound():
        yield key, None
        yield from ((key, other) for other in sound() if other != key)


def test_every_object_removed_or_replaced_by_another(tally: Tally, *, full: Effort) -> None:
    """Each object taken away, and each in the place of each other: verify, or open, names it."""
    damaged = Damaged()
    failures: list[str] = []
    swaps = list(_swaps())[:: full.every(7)]
    for key, other in swaps:
        data = sound()[other] if other else None
        if data == sound()[key]:
            continue  # latest.json is the manifest's copy, and group documents are alike
        fault = damaged.fault(key, data)
        # Without its manifest a commit is not there, but by its hint.
        if fault and not (key == HEAD and "no commit" in fault):
            failures.append(f"{other or 'nothing'} in place of {key}: {fault}")

    tally("objects removed or replaced by another", len(swaps), failures=failures)
