"""Every bit flipped, every cut, every object swapped or taken away: verify tells, and names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

import msgspec
import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from damage import flipped
from embzarr._format import zarr_json
from embzarr._format.documents.manifests import Layer
from embzarr._reading.fetching.cost import link_of
from embzarr._storage import parallel
from embzarr._storage.open import open_store
from embzarr._verify import root, verifying
from embzarr._verify.objects import LayerCheck
from embzarr._verify.report import Findings
from embzarr._verify.shards import Shards
from faults.tally import Effort, Tally

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("in_turn")]

WORDS = ["king", "the", "猫", "", "a"]
VECTORS = np.arange(10, dtype=np.float32).reshape(5, 2) + np.float32(0.5)
HEAD = "commits/00000000000000000001.json"
SHORT = 251
"""Of this many places one is tried by default."""
WHOLE = 16
"""Of this many changes one is shown to all of `verify`."""

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


class Damaged:
    """A copy of the sound store, one object of which is changed at a time.

    What else lies there is sound, and need not be read for each change: one of `WHOLE` is shown to
    `verify` as a user has it, the others only to those of its checks that look at the object.
    """

    def __init__(self) -> None:
        self.store = open_store(MemoryStore())
        for key, data in sound().items():
            self.store.put(key, data)
        self._sound = embzarr.open(self.store)
        self._documents = zarr_json.documents_of(self._layers)
        self._count = 0

    @property
    def _layers(self) -> list[Layer]:
        return self._sound._commit.manifest.layers

    def fault(self, key: str, data: bytes | None) -> str | None:
        """Return what is wrong with how a change of one object is told; put it back."""
        if data is None:
            self.store.delete(key)
        else:
            self.store.put(key, data)
        self._count += 1
        try:
            return self._undetected(key, whole=self._count % WHOLE == 0)
        finally:
            self.store.put(key, sound()[key])

    def _undetected(self, key: str, *, whole: bool) -> str | None:
        """Return None where the damage is named, or proven to change nothing that anyone reads."""
        try:
            # Opening reads nothing of a layer: that is spared where only the layer is damaged.
            opened = self._sound if key.startswith("steps/7-") else embzarr.open(self.store)
            named = self._named_by_verify(opened) if whole else self._named(opened, key)
        except embzarr.EmbzarrError as exc:
            # What verify cannot be asked of: the manifest itself does not parse.
            return None if key in str(exc) else f"not named: {exc}"
        if key in named or (key == "latest.json" and HEAD in named):
            return None
        if named:
            return f"others were named: {named}"
        return None if self._is_harmless(opened, key) else "not detected"

    def _named_by_verify(self, opened: embzarr.Checkpoint) -> set[str]:
        return {problem.key for problem in opened.verify().problems}

    def _named(self, opened: embzarr.Checkpoint, key: str) -> set[str]:
        """Return what the checks name that look at an object."""
        findings = Findings(0, None)
        if key.startswith("steps/7-"):
            self._layer_check(key, findings).run()
        elif key.endswith("zarr.json"):
            root.check(self.store, opened._commit.store, findings)
        else:
            verifying._check_manifests(self.store, opened._commit, findings)
        return {problem.key for problem in findings.problems()}

    def _layer_check(self, key: str, findings: Findings) -> LayerCheck:
        (layer,) = self._layers
        name = key.removeprefix(f"{layer.path}/")
        return LayerCheck(
            store=self.store,
            layer=msgspec.structs.replace(layer, objects={name: layer.objects[name]}),
            shards=Shards(self.store, layer, link_of(self.store)),
            documents={at: data for at, data in self._documents.items() if at == name},
            findings=findings,
            budget=parallel.ByteBudget(2**20),
        )

    def _is_harmless(self, opened: embzarr.Checkpoint, key: str) -> bool:
        """Tell whether the store reads as if nothing had happened, by every way to its head."""
        if key.startswith("tags/"):
            try:
                return self._is_sound(embzarr.open(self.store, tag="best"))
            except embzarr.EmbzarrError as exc:
                return key in str(exc) or "tag" in exc.code
        return key in {"latest.json", "zarr.json"} and self._is_sound(opened)

    def _is_sound(self, opened: embzarr.Checkpoint) -> bool:
        """Tell whether the sound commit was opened, of which no other object is damaged."""
        return opened._commit.sha256 == self._sound._commit.sha256


def test_the_sound_store_reads_as_it_was_written() -> None:
    """What the damaged ones are compared with is right, whichever way it is opened."""
    store = Damaged().store
    for opened in (embzarr.open(store), embzarr.open(store, tag="best")):
        assert opened.verify().problems == ()
        assert opened.words == WORDS
        np.testing.assert_array_equal(opened.to_numpy(), VECTORS)


def _kind(key: str) -> str:
    """Return what an object is, for counting."""
    if key.startswith("steps/7-"):
        return "of a layer's documents" if key.endswith("zarr.json") else "of shards"
    return "of manifest and hint" if key.startswith(("commits/", "latest")) else "of the rest"


@pytest.mark.parts(8)
def test_every_bit(tally: Tally, *, full: Effort) -> None:
    """One bit of one object is another: verify, or open, names the object."""
    damaged = Damaged()
    failures: list[str] = []
    bits = full.some(((key, at) for key in sound() for at in range(8 * len(sound()[key]))), SHORT)
    for key, at in bits:
        if fault := damaged.fault(key, flipped(sound()[key], at)):
            failures.append(f"{key} bit {at}: {fault}")

    of_which = Counter(_kind(key) for key, _ in bits)
    tally("single bits flipped", len(bits), failures=failures, of_which=of_which)


@pytest.mark.parts(2)
def test_every_truncation(tally: Tally, *, full: Effort) -> None:
    """One object ends early: verify, or open, names it."""
    damaged = Damaged()
    cuts = full.some(((key, at) for key, data in sound().items() for at in range(len(data))), SHORT)
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
    swaps = full.some(_swaps(), 7)
    for key, other in swaps:
        data = sound()[other] if other else None
        if data == sound()[key]:
            continue  # latest.json is the manifest's copy, and group documents are alike
        fault = damaged.fault(key, data)
        # Without its manifest a commit is not there, but by its hint.
        if fault and not (key == HEAD and "no commit" in fault):
            failures.append(f"{other or 'nothing'} in place of {key}: {fault}")

    tally("objects removed or replaced by another", len(swaps), failures=failures)
