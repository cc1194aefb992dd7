"""Every interleaving of writers, collectors, crashes and lost answers keeps every promise.

The promises are in `model.explore.broken_promise`: whatever manifest stands has its data, a write
is committed at most once, what a writer was told is true, and some checkpoint is always left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeAlias

import pytest

from embzarr._gc import retention
from embzarr._gc.retention import Sweep
from embzarr._history import protocol
from embzarr._history.protocol import Action, Claim, Entry, Event, Stopped, Unknown
from faults.tally import Tally
from model.actors import (
    Actor,
    Part,
    Publishing,
    Removing,
    Saving,
    Surveying,
    Tagging,
    Writing,
)
from model.explore import Explored, begin, explore
from model.world import World

A, B, RIVAL = Writing("a"), Writing("b"), Saving("rival")
DELTA = Writing("d", builds_on=1)
X, Y = Surveying("x"), Surveying("y")
TAG = Tagging("t")
PARTS = Part("p0", "p", 0), Part("p1", "p", 1)
ZOMBIE = Part("p0 again", "p", 0)
P, Q = Publishing("one", "p"), Publishing("other", "p")

SMALL: dict[str, tuple[tuple[Actor, ...], int]] = {
    "a writer and a collector, five answers lost": ((A, X), 5),
    "two writers, an answer lost": ((A, B), 3),
    "two writers and a collector, an answer lost": ((A, B, X), 1),
    "a delta, a writer and a collector, an answer lost": ((DELTA, B, X), 1),
    "a writer and two collectors, an answer lost": ((A, X, Y), 1),
    "a name, a writer and a collector, an answer lost": ((TAG, A, X), 1),
    "a name and two collectors, history moving on": ((TAG, RIVAL, X, Y), 0),
    "a step in parts, two publishers, three answers lost": ((*PARTS, P, Q), 3),
    "a step in parts, two publishers and a writer": ((*PARTS, P, Q, RIVAL), 1),
    "a step in parts, a zombie, a publisher and a collector": ((*PARTS, ZOMBIE, P, X), 0),
}
LARGE: dict[str, tuple[tuple[Actor, ...], int]] = {
    "a writer, two collectors, history moving on": ((A, X, Y, RIVAL), 0),
    "two writers and two collectors": ((A, B, X, Y), 0),
    "a delta, a writer and two collectors": ((DELTA, A, X, Y), 0),
    "two writers and a collector, three answers lost": ((A, B, X), 3),
    "a name, a writer and two collectors": ((TAG, A, X, Y), 0),
    "a step in parts, a zombie, two publishers and a collector": ((*PARTS, ZOMBIE, P, Q, X), 1),
    "a step in parts, a zombie, a publisher, a writer and two collectors": (
        (*PARTS, ZOMBIE, P, X, Y, RIVAL),
        0,
    ),
}


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that hears nothing twice gives up, so that giving up is explored too."""
    monkeypatch.setattr(protocol, "TRIES", 1)


def told(found: Explored) -> dict[str, int]:
    return {"states": found.states, **found.ends}


@pytest.mark.parametrize("what", SMALL)
def test_every_state_keeps_every_promise(what: str, tally: Tally) -> None:
    """No order of requests, and no crash, breaks a promise."""
    actors, faults = SMALL[what]
    found = explore(begin(*actors, faults=faults), crashes=faults > 1)

    failures = [found.violation] if found.violation else []
    tally(f"states of {what}", found.states, failures=failures)
    assert found.ends["committed"]


@pytest.mark.slow
@pytest.mark.parametrize("what", LARGE)
def test_every_state_of_many_actors_keeps_every_promise(what: str, tally: Tally) -> None:
    """The same with more of them."""
    actors, faults = LARGE[what]
    found = explore(begin(*actors, faults=faults), crashes=False)

    failures = [found.violation] if found.violation else []
    tally(f"states of {what}", found.states, failures=failures)
    assert found.ends["committed"]


@pytest.mark.slow
def test_every_way_to_end_is_reached() -> None:
    """The model would find nothing if it never came to where the rules matter."""
    ends = explore(begin(A, X, Y, RIVAL, faults=0), crashes=False).ends
    ends += explore(begin(TAG, A, X, faults=3), crashes=True).ends

    assert {
        "committed",
        "crashed",
        "done",
        "stopped history-expired",
        "stopped write-revoked",
        "tagged",
        "unknown",
    } == set(ends)


Mutant: TypeAlias = Callable[[pytest.MonkeyPatch], None]


def without_tombstones(patch: pytest.MonkeyPatch) -> None:
    """Writers pass over whatever expired."""
    real = protocol.objection
    patch.setattr(
        protocol, "objection", lambda c, e: None if e.expired and c.passes else real(c, e)
    )


def without_revocations(patch: pytest.MonkeyPatch) -> None:
    """Writers pass over collections."""
    real = protocol.objection
    patch.setattr(protocol, "objection", lambda c, e: real(c, replace(e, revokes=frozenset())))


def without_same_parent(patch: pytest.MonkeyPatch) -> None:
    """Collectors follow commits that they did not read."""
    real = protocol.objection
    patch.setattr(protocol, "objection", lambda c, e: real(c, e) if c.passes else None)


def taken_by_another(patch: pytest.MonkeyPatch) -> None:
    """A number that is taken is never found to be taken by oneself."""
    real = protocol.advance

    def advance(claim: Claim, event: Event) -> tuple[Claim, Action]:
        if isinstance(event, protocol.Seen):
            others = tuple(replace(e, write_id="other") for e in event.entries)
            event = protocol.Seen(others)
        return real(claim, event)

    patch.setattr(protocol, "advance", advance)


def unknown_taken_for_failed(patch: pytest.MonkeyPatch) -> None:
    """A writer that hears nothing says that nothing was committed, and cleans up."""
    real = protocol.advance

    def advance(claim: Claim, event: Event) -> tuple[Claim, Action]:
        claim, action = real(claim, event)
        if isinstance(action, Unknown):
            return claim, Stopped("commit-superseded", action.number)
        return claim, action

    patch.setattr(protocol, "advance", advance)


def cleared_before_buried(patch: pytest.MonkeyPatch) -> None:
    """Data goes while the manifest still stands."""
    real = retention.sweep

    def sweep(c: Entry, standing: Sequence[Entry], *, tagged: Collection[int]) -> Sweep:
        return replace(real(c, standing, tagged=tagged), bury=())

    patch.setattr(retention, "sweep", sweep)


def collections_given_up_early(patch: pytest.MonkeyPatch) -> None:
    """A collection expires before all that it expired has tombstones."""
    patch.setattr(retention, "unfinished", lambda _entries, _folders, **_: [])


def names_not_asked_again(patch: pytest.MonkeyPatch) -> None:
    """A collection that has landed does not look for names given since."""
    real = retention.sweep
    patch.setattr(retention, "sweep", lambda c, standing, **_: real(c, standing, tagged=()))


def manifests_deleted(patch: pytest.MonkeyPatch) -> None:
    """An expired manifest leaves no tombstone, and its number is free."""

    def bury(world: World, number: int) -> World:
        return world._replace(log=(*world.log[: number - 1], None, *world.log[number:]))

    patch.setattr(World, "bury", bury)


def base_of_the_publisher(patch: pytest.MonkeyPatch) -> None:
    """A publisher heeds what was collected since it began, not since the step was planned."""

    def claim(self: Publishing, world: World) -> Claim:
        seen = len(world.log) - len(self.looked)
        return Claim(write_id=self.write_id, folders=frozenset({self.write_id}), seen=seen)

    patch.setattr(Publishing, "_claim", claim)


def parts_removed_after_an_error(patch: pytest.MonkeyPatch) -> None:
    """An attempt that fails takes its objects away, which another has found to be there."""
    patch.setattr(Part, "_ended", lambda self, item: Removing(self.name, item))


MUTANTS: dict[Mutant, tuple[tuple[Actor, ...], int]] = {
    without_tombstones: ((A, X, Y, RIVAL), 0),
    without_revocations: ((A, X), 0),
    without_same_parent: ((A, X), 0),
    taken_by_another: ((A,), 1),
    unknown_taken_for_failed: ((A,), 2),
    cleared_before_buried: ((A, X), 0),
    collections_given_up_early: ((TAG, RIVAL, Saving("later"), X, Y), 0),
    names_not_asked_again: ((TAG, RIVAL, X), 0),
    manifests_deleted: ((A, X, Y, RIVAL), 0),
    base_of_the_publisher: ((*PARTS, ZOMBIE, P, Q, X), 0),
    parts_removed_after_an_error: ((*PARTS, P), 0),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_protocol_without_one_of_its_rules_is_caught(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    """Each rule is needed: leave it out, and a state breaks a promise."""
    actors, faults = MUTANTS[mutant]
    mutant(monkeypatch)
    found = explore(begin(*actors, faults=faults), crashes=False, limit=400_000)

    tally(f"states until the model catches {mutant.__name__}", found.states)
    assert found.violation, found
