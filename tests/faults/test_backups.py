"""Copies of a store that were taken while it was written to: each object as of some moment.

A tool that copies a store looks at one key after the other, in an order of its own, while saves,
deltas, names, compaction and collections go on. What comes of it opens at a whole commit or says
why; after at most a repair it opens at the newest whole one and can be written to and collected.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._history import records
from embzarr._storage.port import Body
from faults.crashing import FaultyMemory, Objects
from faults.tally import Effort, Tally

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("in_turn")]

ROWS = 3
AFTER = 90
"""Step of what is saved in a copy."""
_APART = 7
"""Of all states of a copy, one of so many is tried where there is no time for all."""


class Recording(FaultyMemory):
    """Notes what every write leaves behind."""

    def __init__(self) -> None:
        super().__init__({})
        self.log: list[tuple[str, bytes | None]] = []

    def _write(self, what: str, body: Body, apply: Callable[[bytes], Any]) -> Any:
        found = super()._write(what, body, apply)
        key = what.partition(" ")[2]
        self.log.append((key, self.objects.get(key)))
        return found


Unit = tuple[str, ...]
"""Keys that are looked at together: those of a layer, whose bytes never change, or a single one."""


@dataclass(frozen=True)
class Taken:
    """A run, and what of each of its objects a copy may hold."""

    versions: Mapping[str, tuple[bytes | None, ...]]
    """By key: in order, None for nothing, without repetition in a row."""
    layers: tuple[Unit, ...]
    truth: Mapping[int, Any]
    """By step: its vectors."""

    @property
    def single(self) -> list[str]:
        """Keys that belong to no layer."""
        within = set(itertools.chain(*self.layers))
        return sorted(self.versions.keys() - within)


def save(store: object, step: int) -> embzarr.Checkpoint:
    words = [f"w{row}" for row in range(ROWS)]
    return embzarr.save(store, words, np.full((ROWS, 2), step, "f4"), step=step)


def delta(store: object, step: int) -> embzarr.Checkpoint:
    return embzarr.Run(store).save_delta(
        [0], np.full((1, 2), step, "f4"), step=step, policy=embzarr.DeltaPolicy(max_share=99)
    )


def collect(store: object, keep: int = 1) -> object:
    return embzarr.Run(store).gc(keep_last=keep, older_than=0)


FIRST: tuple[Callable[[object], object], ...] = (
    lambda store: save(store, 1),
    lambda store: delta(store, 2),
)
THIRD: Mapping[str, Callable[[object], object]] = {
    "a save": lambda store: save(store, 3),
    "a compaction": lambda store: embzarr.Run(store).compact(),
}
"""What comes between two commits and a collection."""
LONG: tuple[Callable[[object], object], ...] = (
    *FIRST,
    THIRD["a save"],
    collect,
    lambda store: delta(store, 4),
    lambda store: embzarr.Run(store).tag("best", step=3),
    lambda store: embzarr.Run(store).compact(),
    lambda store: delta(store, 6),
    lambda store: collect(store, 2),
    lambda store: embzarr.Run(store).untag("best"),
    lambda store: save(store, 7),
    collect,
)


def taken(run: Sequence[Callable[[object], object]]) -> Taken:
    """Carry out a run, and return all that may be seen of it."""
    store = Recording()
    truth: dict[int, Any] = {}
    for operation in run:
        operation(store)
        head = embzarr.open(FaultyMemory(store.objects))
        truth[head.step] = head.to_numpy()
    versions: dict[str, list[bytes | None]] = {}
    for key, data in store.log:
        if key.startswith("probe/"):
            continue  # nobody reads it afterwards
        found = versions.setdefault(key, [None])
        if found[-1] != data:
            found.append(data)
    parts = sorted(key for key in versions if key.startswith("steps/") and key.count("/") > 1)
    layers = itertools.groupby(parts, key=lambda key: key.split("/")[1])
    return Taken(
        versions={key: tuple(found) for key, found in versions.items()},
        layers=tuple(tuple(keys) for _, keys in layers),
        truth=truth,
    )


@cache
def short(third: str) -> Taken:
    """Return a run of three commits and a collection."""
    return taken((*FIRST, THIRD[third], collect))


def states(run: Taken) -> Iterator[Objects]:
    """Yield every state that a copy may come to, up to which object of a layer it lacks.

    The bytes of a layer's object never change, so that all a copy can lack of a layer is some of
    its objects: one of them stands for all, another one each time, and all at once for the rest.
    The groups above the layers are there or not by turns.
    """
    groups = [key for key in run.single if key.endswith("zarr.json")]
    others = [key for key in run.single if key not in groups]
    choices = [*(sorted({*run.versions[key]}, key=repr) for key in others)]
    for at, found in enumerate(itertools.product(*choices, *[range(3)] * len(run.layers))):
        chosen = zip(others, found, strict=False)
        objects: Objects = {key: data for key, data in chosen if isinstance(data, bytes)}
        for layer, lacks in zip(run.layers, found[len(others) :], strict=True):
            there = [*layer] if lacks == 0 else []
            if lacks == 1:
                there = [key for key in layer if key != layer[at % len(layer)]]
            objects |= {key: whole(run, key) for key in there}
        if at % 5:
            objects |= {key: whole(run, key) for key in groups}
        yield objects


def whole(run: Taken, key: str) -> bytes:
    """Return the bytes of an object that is never replaced."""
    (data,) = {data for data in run.versions[key] if data is not None}
    return data


def drawn(run: Taken, random: Random) -> Objects:
    """Return a state in which each key is as of a moment of its own, drawn from a stretch."""
    first = random.random()
    last = random.uniform(first, 1)
    objects = {}
    for key, versions in run.versions.items():
        at = round(random.uniform(first, last) * (len(versions) - 1))
        if (data := versions[at]) is not None:
            objects[key] = data
    return objects


# What is wrong with a copy ------------------------------------------------------------------------
def wrongs(state: Objects, truth: Mapping[int, Any]) -> Iterator[str]:
    """Yield each promise that a copy breaks."""
    try:
        yield from _opened(FaultyMemory(state), truth)
        yield from _repaired(FaultyMemory(state), truth)
        yield from _written_to(FaultyMemory(state), truth)
    except Exception as exc:  # noqa: BLE001 - whatever is not typed is the finding
        yield f"{type(exc).__name__}: {exc}"


def _opened(store: FaultyMemory, truth: Mapping[int, Any]) -> Iterator[str]:
    try:
        head = embzarr.open(store)
        found = head.to_numpy()
    except embzarr.EmbzarrError:
        return  # it says why
    if not np.array_equal(found, truth[head.step]):
        yield f"opens at step {head.step}, and holds something else"


def _repaired(store: FaultyMemory, truth: Mapping[int, Any]) -> Iterator[str]:
    newest = newest_whole(store.objects)
    try:
        report = embzarr.repair(store, dry_run=False)
    except embzarr.NotFoundError as exc:
        if exc.code != "checkpoint-missing" or newest is not None or _numbers(store.objects):
            yield f"cannot be repaired: {exc}"
        report = None
    if newest is not None:
        head = embzarr.open(store)
        if head.step < newest:  # a later one may have been restored from its other parts
            yield f"opens at step {head.step}, and step {newest} is whole"
        yield from _sound(store, truth)
    if report and (again := embzarr.repair(store, dry_run=False)).actions:
        yield f"is repaired twice: {again.actions}"
    yield from _goes_on(store, truth)


def _written_to(store: FaultyMemory, truth: Mapping[int, Any]) -> Iterator[str]:
    number = save(store, AFTER).commit
    if number != max(_numbers(store.objects)):
        yield f"commit {number} is not the newest"
    embzarr.repair(store, dry_run=False)
    if embzarr.open(store).commit != number:
        yield f"commit {number} was acknowledged, and is hidden"
    yield from _goes_on(store, truth)


def _goes_on(store: FaultyMemory, truth: Mapping[int, Any]) -> Iterator[str]:
    """Save, lay a delta upon it, and collect."""
    words = [f"w{row}" for row in range(ROWS)]
    first = embzarr.save(store, words, np.full((ROWS, 2), AFTER, "f4"))
    if delta(store, AFTER + 9).commit != first.commit + 1:
        yield "numbers have a gap"
    expected = np.full((ROWS, 2), AFTER, "f4")
    expected[0] = AFTER + 9
    known = {**truth, AFTER: np.full((ROWS, 2), AFTER, "f4"), AFTER + 9: expected}
    collect(store, 100)
    yield from _sound(store, {**known, first.step: known[AFTER]})
    collect(store)
    if embzarr.open(store).step != AFTER + 9:
        yield "a collection took the newest"
    yield from _sound(store, known)


def _sound(store: FaultyMemory, truth: Mapping[int, Any]) -> Iterator[str]:
    head = embzarr.open(store)
    if not np.array_equal(head.to_numpy(), truth[head.step]):
        yield f"step {head.step} holds something else"
    if problems := head.verify().problems:
        yield f"step {head.step} is not sound: {problems[0]}"


def _numbers(objects: Objects) -> list[int]:
    return [int(key[8:28]) for key in objects if key.startswith("commits/")]


def newest_whole(objects: Objects) -> int | None:
    """Return the step of the newest commit of which all objects are there, read without embzarr.

    A commit that only ``latest.json`` tells of counts where it is the newest of all, or where the
    one after it names it.
    """
    records = {int(k[8:28]): json.loads(v) for k, v in objects.items() if k.startswith("commits/")}
    parents = {(record.get("parent") or {}).get("sha256") for record in records.values()}
    if hint := objects.get("latest.json"):
        record = json.loads(hint)
        is_named = hashlib.sha256(hint).hexdigest() in parents
        if record["commit"] > max(records, default=0) or is_named:
            records.setdefault(record["commit"], record)
    collections = [record for record in records.values() if record["kind"] == "collect"]
    gone = {number for record in collections for number in record["expires"]}
    gone |= {n for r in collections for a, b in r["expired"] for n in range(a, b + 1)}
    found = [
        (number, record["step"])
        for number, record in records.items()
        if record["kind"] in {"full", "delta"} and number not in gone
        if all(_is_whole(objects, layer) for layer in record["layers"])
    ]
    return max(found)[1] if found else None


def _is_whole(objects: Objects, layer: dict[str, Any]) -> bool:
    return all(f"{layer['path']}/{name}" in objects for name in layer["objects"])


def told(objects: Objects) -> str:
    """Return what stands where, in short."""
    kinds = {key: json.loads(objects[key])["kind"] for key in objects if key.startswith("commits/")}
    history = " ".join(f"{int(key[8:28])}:{kind}" for key, kind in sorted(kinds.items()))
    parts = [key.split("/")[1] for key in objects if key.startswith("steps/")]
    layers = " ".join(
        f"{name[:3]}*{len([*keys])}" for name, keys in itertools.groupby(sorted(parts))
    )
    hint = objects.get("latest.json")
    return f"{history}; hint {json.loads(hint)['commit'] if hint else None}; layers {layers}"


# --------------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def _parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the same manifest once: a third of the time goes into that, thousands of times over."""
    parsed = lru_cache(4096)(records.parse)
    monkeypatch.setattr(records, "parse", lambda data, key: parsed(bytes(data), key))


@pytest.mark.parts(8)
@pytest.mark.parametrize("third", THIRD)
def test_copies_of_a_short_run(third: str, tally: Tally, *, full: Effort) -> None:
    """Copied in any order of keys at any moments; as often as promised is without exception."""
    run, apart = short(third), 1 if full.share == 1 else _APART
    every = full.some(itertools.islice(states(run), 0, None, apart), 520 // _APART)
    failures = [f"{told(s)}: {w}" for s in every for w in wrongs(s, run.truth)]

    tally("copies of a store that was written to", len(every), failures=failures)


def test_copies_of_a_long_run(tally: Tally, *, full: Effort) -> None:
    """The same with names, compaction and several collections: copies drawn at random."""
    run, random = taken(LONG), Random(14)
    drawn_ones = [drawn(run, random) for _ in range(full.times(300, 25))]
    failures = [f"{told(s)}: {w}" for s in drawn_ones for w in wrongs(s, run.truth)]

    tally("copies of a longer run, drawn", len(drawn_ones), failures=failures)
