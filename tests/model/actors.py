"""Writers, collectors and taggers: each step is one request, and says all that may come of it.

What to do next is asked of `embzarr._history.protocol` and `embzarr._gc.retention`; what stands
here is what `committing`, `collect` and `tagging` beside them do with a store.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from embzarr._gc import retention
from embzarr._gc.retention import Policy
from embzarr._history import protocol
from embzarr._history.protocol import (
    Claim,
    Committed,
    Create,
    Created,
    Entry,
    Event,
    Look,
    Lost,
    Seen,
    Stopped,
    Taken,
)
from model.world import World

Step: TypeAlias = "tuple[World, Actor]"
"""What the store is after a step, and the actor."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Somebody who does no more."""

    name: str
    how: str
    """``committed``, ``stopped``, ``unknown``, ``crashed``, ``tagged``, ``done``."""
    number: int = 0
    code: str = ""
    write_id: str = ""

    @property
    def wrote(self) -> str:
        """The write that it was about."""
        return self.write_id or self.name

    def steps(self, world: World) -> Iterator[Step]:
        """Do nothing."""
        del world
        return iter(())


@dataclass(frozen=True, slots=True)
class Taking:
    """Somebody on the way to a number."""

    name: str
    entry: Entry
    """What is to be committed; the number is found."""
    claim: Claim
    action: Create | Look
    looked: tuple[Entry, ...] = ()
    survey: Surveying | None = None
    """Of a collector: what it had read when it planned."""
    folders: frozenset[str] = frozenset()
    """The same: those that it had listed."""
    shared: bool = False
    """Whether others are about to commit the same write."""

    def steps(self, world: World) -> Iterator[Step]:
        """Send the request, and hear of it or not."""
        if isinstance(self.action, Create):
            yield from self._create(world, self.action.number)
        else:
            yield from self._look(world)

    def _create(self, world: World, number: int) -> Iterator[Step]:
        ours = replace(self.entry, number=number)
        done = world.create(ours)
        yield done or world, self._told(Created() if done else Taken())
        if world.faults:
            fewer = world._replace(faults=world.faults - 1)
            lost = self._told(Lost())
            yield fewer, lost
            if done:
                yield done._replace(faults=fewer.faults), lost
                yield fewer._replace(late=fewer.late | {ours}), lost

    def _look(self, world: World) -> Iterator[Step]:
        entry = world.at(self.claim.seen + 1 + len(self.looked))
        if entry is None:
            yield world, self._told(Seen(self.looked))
        else:
            yield world, replace(self, looked=(*self.looked, entry))
        if world.faults:
            yield world._replace(faults=world.faults - 1), self._told(Lost())

    def _told(self, event: Event) -> Actor:
        claim, action = protocol.advance(self.claim, event)
        if isinstance(action, Create | Look):
            return replace(self, claim=claim, action=action, looked=())
        if isinstance(action, Committed):
            if self.entry.kind == "checkpoint":
                return Ended(self.name, "committed", action.number, "", self.entry.write_id)
            return Sweeping(self.name, (action.number,))
        if isinstance(action, Stopped):
            return self._stopped(action.code)
        return Ended(self.name, "unknown")

    def _stopped(self, code: str) -> Actor:
        if self.entry.kind != "checkpoint":
            return self._planned_anew(code)
        if self.shared:  # removes nothing
            return Ended(self.name, "stopped", 0, code, self.entry.write_id)
        return Quitting(self.name, self.entry.write_id, code)

    def _planned_anew(self, code: str) -> Actor:
        assert self.survey is not None
        if code == "commit-superseded":
            return CatchingUp(self.name, self.survey, self.folders)
        return Surveying(self.name, self.survey.rounds + 1)


@dataclass(frozen=True, slots=True)
class Writing:
    """A writer before its manifest: it looks at the history, then writes its objects."""

    name: str
    base: int | None = None
    """The number that it has seen; None before it looked."""
    builds_on: int | None = None
    """The commit whose folders a delta names."""
    folders: frozenset[str] = frozenset()

    def steps(self, world: World) -> Iterator[Step]:
        """Look, or write."""
        if self.base is None:
            yield from self._begin(world)
            return
        entry = Entry(
            number=0,
            write_id=self.name,
            kind="checkpoint",
            folders=self.folders | {self.name},
        )
        claim = Claim(
            write_id=self.name,
            folders=entry.folders,
            seen=self.base,
            passes=protocol.COLLECTIONS if self.builds_on else protocol.ANY,
        )
        claim, action = protocol.begin(claim)
        assert isinstance(action, Create)
        yield world._replace(data=world.data | {self.name}), Taking(self.name, entry, claim, action)

    def _begin(self, world: World) -> Iterator[Step]:
        if self.builds_on is None:
            yield world, replace(self, base=len(world.log))
            return
        below = world.at(self.builds_on)
        if below is None or below.expired:
            yield world, Ended(self.name, "done")
        else:
            yield world, replace(self, base=self.builds_on, folders=below.folders)


@dataclass(frozen=True, slots=True)
class Saving:
    """A writer whose whole save is one step: history moves on while others hesitate."""

    name: str

    def steps(self, world: World) -> Iterator[Step]:
        """Write and commit."""
        number = len(world.log) + 1
        entry = Entry(
            number=number,
            write_id=self.name,
            kind="checkpoint",
            folders=frozenset({self.name}),
        )
        done = world._replace(data=world.data | {self.name}).create(entry)
        assert done is not None
        yield done, Ended(self.name, "committed", number)


@dataclass(frozen=True, slots=True)
class Part:
    """An attempt to write one part of a step, of which there may be another, alive or a zombie."""

    name: str
    write_id: str
    index: int

    def steps(self, world: World) -> Iterator[Step]:
        """Write the objects, and the receipt."""
        item = f"{self.write_id}#{self.index}"
        yield world._replace(data=world.data | {item}), self._ended(item)

    def _ended(self, item: str) -> Actor:
        del item
        return Ended(self.name, "done")


@dataclass(frozen=True, slots=True)
class Publishing:
    """One of several who publish a step that was planned when commit `base` was the newest."""

    name: str
    write_id: str
    base: int = 1
    looked: tuple[Entry, ...] = ()

    def steps(self, world: World) -> Iterator[Step]:
        """Look whether it may, and whether it was done; then ask for the parts, and commit."""
        claim = self._claim(world)
        entry = world.at(claim.seen + 1 + len(self.looked))
        if entry is not None:
            yield world, replace(self, looked=(*self.looked, entry))
            return
        _, action = protocol.advance(claim, Seen(self.looked))
        if isinstance(action, Committed):
            yield world, Ended(self.name, "committed", action.number, "", self.write_id)
        elif isinstance(action, Stopped):
            yield world, Ended(self.name, "stopped", 0, action.code, self.write_id)
        elif not world.holds(self.write_id):
            yield world, replace(self, looked=())
        else:
            claim, create = protocol.begin(claim)
            assert isinstance(create, Create)
            ours = Entry(number=0, write_id=self.write_id, kind="checkpoint", folders=claim.folders)
            yield world, Taking(self.name, ours, claim, create, shared=True)

    def _claim(self, world: World) -> Claim:
        del world
        return Claim(write_id=self.write_id, folders=frozenset({self.write_id}), seen=self.base)


@dataclass(frozen=True, slots=True)
class Removing:
    """An attempt that failed at the very end, and takes its objects away as it should not."""

    name: str
    item: str

    def steps(self, world: World) -> Iterator[Step]:
        """Delete them."""
        yield world._replace(data=world.data - {self.item}), Ended(self.name, "done")


@dataclass(frozen=True, slots=True)
class Quitting:
    """A writer that was stopped, and takes its objects away."""

    name: str
    folder: str
    code: str

    def steps(self, world: World) -> Iterator[Step]:
        """Delete what it wrote."""
        yield (
            world._replace(data=world.data - {self.folder}),
            Ended(self.name, "stopped", 0, self.code),
        )


@dataclass(frozen=True, slots=True)
class Surveying:
    """A collector that reads the history from its end, then the names, then the folders."""

    name: str
    rounds: int = 0
    tip: int | None = None
    entries: tuple[Entry, ...] = ()
    tagged: frozenset[int] | None = None

    def steps(self, world: World) -> Iterator[Step]:
        """Read one thing more."""
        if self.rounds >= 2:
            yield world, Ended(self.name, "done")
        elif self.tip is None:
            yield world, replace(self, tip=len(world.log))
        elif len(self.entries) < self.tip:
            entry = world.at(self.tip - len(self.entries))
            yield (
                world,
                replace(self, entries=(*self.entries, entry))
                if entry
                else Ended(self.name, "done"),
            )
        elif self.tagged is None:
            yield world, replace(self, tagged=world.tags)
        else:
            yield world, self._planned(world.folders)

    def _planned(self, folders: frozenset[str]) -> Actor:
        unfinished = retention.unfinished(self.entries, folders)
        if unfinished:
            return Sweeping(
                self.name,
                tuple(e.number for e in unfinished),
                survey=self,
                folders=folders,
            )
        return self.publishing(folders)

    def publishing(self, folders: frozenset[str]) -> Actor:
        """Plan with what was read, and go for the number after it."""
        assert self.tip is not None
        assert self.tagged is not None
        plan = retention.plan(
            self.entries,
            Policy(keep_last=1),
            tagged=self.tagged,
            folders=dict.fromkeys(folders, True),
            aged=range(self.tip + 1),
        )
        if not plan.expires and not plan.revokes:
            return Ended(self.name, "done")
        entry = Entry(
            number=0,
            write_id=f"{self.name}.{self.rounds}",
            kind="collection",
            revokes=frozenset(plan.revokes),
            expires=frozenset(plan.expires),
        )
        claim = Claim(
            write_id=entry.write_id, folders=frozenset(), seen=self.tip, passes=protocol.NONE
        )
        claim, action = protocol.begin(claim)
        assert isinstance(action, Create)
        return Taking(self.name, entry, claim, action, survey=self, folders=folders)


@dataclass(frozen=True, slots=True)
class CatchingUp:
    """A collector that was overtaken: it reads what came since, and knows the rest as it was."""

    name: str
    survey: Surveying
    folders: frozenset[str]
    looked: tuple[Entry, ...] = ()

    def steps(self, world: World) -> Iterator[Step]:
        """Read one commit more, or plan."""
        assert self.survey.tip is not None
        entry = world.at(self.survey.tip + 1 + len(self.looked))
        if entry is not None:
            yield world, replace(self, looked=(*self.looked, entry))
        elif any(entry.kind != "checkpoint" for entry in self.looked):
            yield world, Surveying(self.name, self.survey.rounds + 1)
        elif self.survey.rounds:  # enough to find what breaks a promise
            yield world, Ended(self.name, "done")
        else:
            yield world, self._caught_up(world.tags).publishing(self.folders)

    def _caught_up(self, tags: frozenset[int]) -> Surveying:
        return replace(
            self.survey,
            rounds=1,
            tip=(self.survey.tip or 0) + len(self.looked),
            entries=(*self.looked[::-1], *self.survey.entries),
            tagged=tags,
        )


@dataclass(frozen=True, slots=True)
class Sweeping:
    """A collector that does what collections in the history say, its own or others'."""

    name: str
    numbers: tuple[int, ...]
    """Of collections to be swept."""
    survey: Surveying | None = None
    """How to go on afterwards; None for one's own collection, after which all is done."""
    folders: frozenset[str] = frozenset()
    bury: tuple[int, ...] = ()
    clear: tuple[str, ...] = ()

    def steps(self, world: World) -> Iterator[Step]:
        """Ask for the names, bury one manifest, or clear one folder."""
        if self.bury:
            yield world.bury(self.bury[0]), replace(self, bury=self.bury[1:])
        elif self.clear:
            yield (
                world.clear(self.clear[0]),
                replace(self, clear=self.clear[1:]),
            )
        elif not self.numbers:
            yield (
                world,
                self.survey.publishing(self.folders) if self.survey else Ended(self.name, "done"),
            )
        else:
            yield world, self._next(world)

    def _next(self, world: World) -> Actor:
        collection = world.at(self.numbers[0])
        rest = replace(self, numbers=self.numbers[1:])
        if collection is None or collection.expired:
            return rest
        standing = [e for n in sorted(collection.expires) if (e := world.at(n)) is not None]
        todo = retention.sweep(collection, standing, tagged=world.tags)
        return replace(rest, bury=todo.bury, clear=todo.clear)


@dataclass(frozen=True, slots=True)
class Tagging:
    """Somebody who gives commit 1 a name: reads it, writes the name, looks for collections."""

    name: str
    number: int = 1
    named: bool = False
    looked: int = 0

    def steps(self, world: World) -> Iterator[Step]:
        """Do one of these."""
        entry = world.at(self.number)
        if not self.named:
            if entry is None or entry.expired:
                yield world, Ended(self.name, "done")
            else:
                yield (
                    world._replace(tags=world.tags | {self.number}),
                    replace(self, named=True, looked=self.number),
                )
            return
        later = world.at(self.looked + 1)
        if later is not None:
            if self.number in later.expires:
                yield self._undone(world)
            else:
                yield world, replace(self, looked=self.looked + 1)
        elif entry is None or entry.expired:
            yield self._undone(world)
        else:
            yield world, Ended(self.name, "tagged", self.number)

    def _undone(self, world: World) -> Step:
        return world._replace(tags=world.tags - {self.number}), Ended(self.name, "done")


Actor: TypeAlias = (
    Ended
    | Taking
    | Writing
    | Saving
    | Part
    | Publishing
    | Removing
    | Quitting
    | Surveying
    | CatchingUp
    | Sweeping
    | Tagging
)
