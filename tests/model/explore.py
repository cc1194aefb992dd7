"""Every state that can be reached, each looked at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from embzarr._history.protocol import Entry
from model.actors import Actor, Ended
from model.world import World

FIRST = Entry(number=1, write_id="first", kind="checkpoint", folders=frozenset({"first"}))
"""The commit that is there when everybody begins."""


@dataclass
class Explored:
    """What was found."""

    states: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """How actors ended, over all states in which nobody does anything more."""
    violation: str | None = None
    """The first broken promise."""


def begin(*actors: Actor, faults: int) -> World:
    """Return a store with one commit."""
    return World(
        log=(FIRST,),
        data=FIRST.folders,
        tags=frozenset(),
        late=frozenset(),
        faults=faults,
        actors=actors,
    )


def explore(start: World, *, crashes: bool, limit: int = 10_000_000) -> Explored:
    """Visit every state in any order; stop at the first broken promise."""
    found = Explored()
    seen = {start}
    todo = [start]
    while todo:
        world = todo.pop()
        found.states += 1
        found.violation = broken_promise(world)
        if found.violation or found.states > limit:
            return found
        over = True
        for later in successors(world, crashes=crashes):
            over = False
            if later not in seen:
                seen.add(later)
                todo.append(later)
        if over:
            found.ends.update(
                f"{actor.how} {actor.code}".strip()
                for actor in world.actors
                if isinstance(actor, Ended)
            )
    return found


def successors(world: World, *, crashes: bool) -> Iterator[World]:
    """Yield each state that may come next."""
    yield from world.arrivals()
    for at, actor in enumerate(world.actors):
        for after, now in actor.steps(world):
            yield after._replace(actors=(*world.actors[:at], now, *world.actors[at + 1 :]))
        if crashes and not isinstance(actor, Ended):
            gone = Ended(actor.name, "crashed")
            yield world._replace(actors=(*world.actors[:at], gone, *world.actors[at + 1 :]))


def broken_promise(world: World) -> str | None:
    """Return what is wrong with a state; None where all promises hold."""
    standing = world.standing()
    for entry in standing:  # a tombstone has no folders
        if not all(map(world.holds, entry.folders)):
            return f"commit {entry.number} stands, and data of {set(entry.folders)} is gone"
    ids = [entry.write_id for entry in standing]
    if len(set(ids)) != len(ids):
        return f"committed twice: {ids}"
    given_up = frozenset[int]().union(*(entry.expires for entry in standing))
    if not any(
        e.kind == "checkpoint" and not e.expired and e.number not in given_up for e in standing
    ):
        return "no checkpoint is left"
    return next(filter(None, (_lie(world, actor) for actor in world.actors)), None)


def _lie(world: World, actor: Actor) -> str | None:
    """Return what is untrue of what somebody was told."""
    if not isinstance(actor, Ended):
        return None
    if actor.how == "committed":
        entry = world.at(actor.number)
        if entry is None or entry.write_id != actor.wrote:
            return f"{actor.name} was told that it has number {actor.number}"
    if actor.how == "stopped":
        may_land = [e for e in world.late if world.at(e.number) is None]
        if any(e.write_id == actor.wrote for e in [*world.standing(), *may_land]):
            return f"{actor.name} was told that it committed nothing"
    if actor.how == "tagged":
        entry = world.at(actor.number)
        if entry is None or entry.expired:
            return f"commit {actor.number} has a name and expired"
    return None
