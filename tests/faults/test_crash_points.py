"""Every request of every writing operation goes wrong in every way, alone and in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

import embzarr
from embzarr._history import committing
from faults.crashing import (
    READ_FAULTS,
    WRITE_FAULTS,
    FaultyMemory,
    Killed,
    Kind,
    Objects,
    committed,
    unnamed,
)
from faults.tally import Effort, Tally

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("in_turn")]

Commits: TypeAlias = Mapping[int, tuple[int, list[str], NDArray[Any]]]

WORDS = ["king", "queen", "猫"]
SHORT = 197
"""Of this many pairs one is tried by default."""


class Names:
    """Identifiers that are the same each time, so that the same faults leave the same store."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self) -> str:
        """Return one that was not used since `last` was set."""
        self.last += 1
        return f"{self.last:032x}"


NAMES = Names()


@pytest.fixture(autouse=True)
def _same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests, and what they write, be the same each time."""
    monkeypatch.setattr(committing, "new_id", NAMES)
    monkeypatch.setattr(committing, "now", lambda: "2026-01-01T00:00:00Z")


def save(store: object, step: int) -> None:
    """Save three words."""
    embzarr.save(store, WORDS, _vectors(step), step=step, compression="none")


def save_delta(store: object, step: int) -> None:
    """Save a changed row and a new word upon the newest commit."""
    run = embzarr.Run(store)
    rows = len(run.open())
    run.save_delta(
        [0, rows], np.full((2, 2), step, np.float32), words=[f"new{step}"], step=step,
        compression="none",
    )  # fmt: skip


def compact(store: object, step: int) -> None:
    """Make the newest commit's chain a full step."""
    del step
    embzarr.Run(store).compact(compression="none")


def tag(store: object, step: int) -> None:
    """Let a name mean the newest commit."""
    del step
    embzarr.Run(store).tag("best")


def collect(store: object, step: int) -> None:
    """Give up all but the newest commit and what has a tag, and what a killed save left."""
    del step
    embzarr.Run(store).gc(keep_last=1, older_than=0)


def abandon(store: object, step: int) -> None:
    """Begin a save that ends nowhere."""
    del step
    store.put("steps/5-00112233445566778899aabbccddeeff/zarr.json", b"{}")  # type: ignore[attr-defined]


def _vectors(step: int) -> NDArray[Any]:
    return np.full((len(WORDS), 2), step, np.float32) + np.arange(2, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that writes, and what was there before."""

    before: tuple[Callable[[object, int], None], ...]
    act: Callable[[object, int], None]
    commits: int = 1
    """How many it makes."""
    gives_up: frozenset[int] = frozenset()
    """Those that may be gone afterwards."""

    def start(self) -> Objects:
        """Return the objects before it."""
        store = FaultyMemory({})
        for step, act in enumerate(self.before):
            act(store, step)
        return store.end()


OPERATIONS = {
    "the first save": Operation(before=(), act=save),
    "a save": Operation(before=(save,), act=save),
    "a delta": Operation(before=(save,), act=save_delta),
    "a delta upon a delta": Operation(before=(save, save_delta), act=save_delta),
    "a compaction": Operation(before=(save, save_delta), act=compact),
    "a collection": Operation(
        before=(save, tag, save, save_delta, abandon, save),
        act=collect,
        commits=0,
        gives_up=frozenset({2, 3}),
    ),
    "a tag": Operation(before=(save, tag, save), act=tag, commits=0),
}


@cache
def begun(name: str) -> tuple[Objects, tuple[str, ...], int]:
    """Return the objects before an operation, its requests, and how many commits stand then."""
    operation = OPERATIONS[name]
    NAMES.last = 0
    objects = operation.start()
    store = FaultyMemory(objects)
    operation.act(store, 9)
    made = operation.commits - len(operation.gives_up)
    assert len(committed(store.end())) == len(committed(objects)) + made
    return objects, tuple(store.verbs), len(committed(objects))


def fault_of(name: str, plan: Mapping[int, Kind]) -> str | None:
    """Return what promise was broken when an operation met these faults; None if none was."""
    operation = OPERATIONS[name]
    objects, _, _ = begun(name)
    store = FaultyMemory(objects, plan)
    NAMES.last = 1000
    said = _outcome(operation, store)
    fault = _broken_promise(name, said, tuple(sorted(store.end().items())))
    if fault is None:
        return None
    told = ", ".join(f"{kind} at {store.verbs[at]}" for at, kind in plan.items())
    return f"{told}: said {said!r}, then {fault}"


@lru_cache(maxsize=10_000)
def _broken_promise(name: str, said: str, after: tuple[tuple[str, bytes], ...]) -> str | None:
    """Look at what is left; many faults leave the same, to the byte."""
    NAMES.last = 2000
    try:
        _check(OPERATIONS[name], begun(name)[0], dict(after), said)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is the finding
        return repr(exc)
    return None


def _outcome(operation: Operation, store: FaultyMemory) -> str:
    try:
        operation.act(store, 9)
    except Killed:
        return "killed"
    except embzarr.EmbzarrError as exc:
        return exc.code
    return "done"


def _check(operation: Operation, before: Objects, after: Objects, said: str) -> None:
    if torn := _torn(after):
        _next_is_told(after, torn)
        whole = {key: data for key, data in after.items() if key not in torn}
        _same(operation, before, whole)
        return
    found = _same(operation, before, after)
    more = len(found.keys() - committed(before).keys())
    assert 0 <= more <= operation.commits, f"{more} commits more"
    if said == "done":
        assert more == operation.commits, "told of a commit that is not there"
    elif said not in {"killed", "commit-unknown"}:
        assert more == 0, "told of a failure, and the commit is there"
    _reads(after, found)
    # Whoever comes next is not hindered by what was left behind.
    later = FaultyMemory(after)
    save(later, 10)
    assert len(committed(later.end())) == len(found) + 1
    embzarr.Run(later).gc(older_than=0)
    assert unnamed(later.end()) == set(), "left behind for ever"
    assert len(committed(later.end())) == len(found) + 1


def _same(operation: Operation, before: Objects, after: Objects) -> Commits:
    """Return the commits after, among which must be all those before, as they were."""
    found = committed(after)
    for number, (step, words, vectors) in committed(before).items():
        if number not in found and number in operation.gives_up:
            continue
        assert number in found, f"commit {number} is gone"
        assert found[number][:2] == (step, words)
        np.testing.assert_array_equal(found[number][2], vectors)
    return found


def _reads(after: Objects, found: Commits) -> None:
    """Compare what embzarr reads with what is there; a torn hint or tag may not mislead it."""
    if not found:
        with pytest.raises(embzarr.NotFoundError):
            embzarr.open(FaultyMemory(after))
        return
    checkpoint = embzarr.open(FaultyMemory(after))
    assert checkpoint.commit == max(found)
    step, words, vectors = found[max(found)]
    assert (checkpoint.step, checkpoint.words) == (step, words)
    np.testing.assert_array_equal(checkpoint.to_numpy(), vectors)


def _torn(objects: Objects) -> set[str]:
    """Return the objects that were stored in half, where no reader can do without them."""
    roots = {"zarr.json", "steps/zarr.json"}
    once = {key for key in objects if key.startswith(("commits/", "tags/")) or key in roots}
    return {key for key in once if not objects[key].endswith(b"}")}


def _next_is_told(after: Objects, torn: set[str]) -> None:
    """Look that the next one either is not hindered, or is told what is in the way."""
    try:
        save(FaultyMemory(after), 10)
    except embzarr.DamagedError as exc:
        assert any(key in str(exc) for key in torn)  # noqa: PT017 - not raising is right as well


def _faults(verb: str) -> tuple[Kind, ...]:
    return READ_FAULTS if verb.startswith(("get", "head", "list")) else WRITE_FAULTS


def _singles(name: str) -> Iterator[dict[int, Kind]]:
    _, verbs, _ = begun(name)
    for at, verb in enumerate(verbs):
        for kind in _faults(verb):
            yield {at: kind}


def _pairs(name: str) -> Iterator[dict[int, Kind]]:
    """Yield pairs; the second is of any request that there is after the first fault."""
    _, verbs, _ = begun(name)
    for first, verb in enumerate(verbs):
        for kind in _faults(verb):
            if kind in {"killed-before", "applied", "torn"}:
                continue  # nothing comes after
            store = FaultyMemory(begun(name)[0], {first: kind})
            _outcome(OPERATIONS[name], store)
            for second in range(first + 1, len(store.verbs)):
                for other in _faults(store.verbs[second]):
                    yield {first: kind, second: other}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_single_fault(name: str, tally: Tally, *, full: Effort) -> None:
    """What was committed stands, and the operation took place whole or not at all."""
    plans = full.some(_singles(name), 5)
    failures = [fault for plan in plans if (fault := fault_of(name, plan))]

    of_which = {f"in {name}": len(plans)}
    tally("single faults on a store in memory", len(plans), failures=failures, of_which=of_which)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "a tag"])
def test_every_pair_of_faults(name: str, tally: Tally, *, full: Effort) -> None:
    """The same of any two requests; a tag sends none after the first that fails."""
    plans = full.some(_pairs(name), SHORT)
    failures = [fault for plan in plans if (fault := fault_of(name, plan))]

    of_which = {f"in {name}": len(plans)}
    tally("pairs of faults on a store in memory", len(plans), failures=failures, of_which=of_which)
