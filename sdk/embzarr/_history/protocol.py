"""The commit protocol as pure functions: what a writer does next, given what it was just told.

Spec section "Commit". `committing` carries the actions out on a store. The model in
``tests/model`` carries the same actions out on an abstract store, in every order that writers,
collectors, crashes and lost answers allow.

A writer takes the number after the newest one that it has looked at. Whether it may is decided by
all that was committed since the *base* that it began from:

- a full step needs nothing but its own folder, so that it may follow any other checkpoint (it is
  rebased onto it), but no collection that revoked this folder;
- a delta tells what became of one checkpoint, and must follow that one with nothing but collections
  between, none of which may have revoked a folder of the chain;
- what a tombstone hides might have been such a collection, so that a writer stops there, unless
  the tombstone says that it stands for a checkpoint;
- a collection decides what is garbage by all commits before it, so that it must directly follow
  the newest one that it read (same parent), and is planned anew otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

TRIES = 5
"""Requests in a row that may go unanswered, or make no sense, before a writer gives up."""
LAPS = 1000
"""How often other writers may take a writer's number."""


ANY = frozenset({"checkpoint", "collection"})
COLLECTIONS = frozenset({"collection"})
NONE = frozenset[str]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands at one number of the history, as far as others must know."""

    number: int
    write_id: str
    kind: Literal["checkpoint", "collection", "unknown"]
    """What was committed; of a tombstone, what it stands for."""
    expired: bool = False
    """Only the tombstone is left."""
    step: int | None = None
    """Of a checkpoint."""
    folders: frozenset[str] = frozenset()
    """Below ``steps/``: where the objects of a checkpoint lie, those of its base included."""
    wrote: str = ""
    """The folder among them that the checkpoint's own write made, and no earlier commit names."""
    revokes: frozenset[str] = frozenset()
    """Folders that a collection took from whoever was writing there."""
    expires: frozenset[int] = frozenset()
    """Numbers whose checkpoints a collection gave up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A writer on its way to a number."""

    write_id: str
    folders: frozenset[str]
    """That the commit needs."""
    seen: int
    """All up to this number was looked at and does no harm; the next one is to be ours."""
    passes: frozenset[str] = ANY
    """Kinds of commits that may come between those seen and this one."""
    failures: int = 0
    """Requests in a row that told us nothing new."""
    laps: int = 0
    """How often others came first."""


@dataclass(frozen=True, slots=True)
class Created:
    """The store says that our manifest is there now."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The store says that something stands there already: another's, or ours of an earlier try."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came: the request may have been carried out, or may be yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands at the numbers after those seen, without a gap; nothing, if it is empty."""

    entries: tuple[Entry, ...]


Event: TypeAlias = Created | Taken | Lost | Seen


@dataclass(frozen=True, slots=True)
class Create:
    """Create the manifest of this number, if nothing has it."""

    number: int


@dataclass(frozen=True, slots=True)
class Look:
    """Read what stands after this number."""

    after: int


@dataclass(frozen=True, slots=True)
class Committed:
    """Ours stands at this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Ours stands nowhere and never will: the writer may delete what it wrote."""

    code: str
    number: int
    """What stands there is the reason."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Ours may stand at this number, or appear there yet: nothing may be deleted."""

    number: int


Action: TypeAlias = Create | Look | Committed | Stopped | Unknown


def begin(claim: Claim) -> tuple[Claim, Action]:
    """Return the first action: most often nobody else has written, and one request is all."""
    return claim, Create(claim.seen + 1)


def advance(claim: Claim, event: Event) -> tuple[Claim, Action]:
    """Return where a writer stands after an event, and what it does next."""
    if isinstance(event, Created):
        return claim, Committed(claim.seen + 1)
    if isinstance(event, Seen):
        return _look_at(claim, event.entries)
    claim = replace(claim, failures=claim.failures + 1)
    return (claim, Unknown(claim.seen + 1)) if claim.failures > TRIES else (claim, Look(claim.seen))


def _look_at(claim: Claim, entries: tuple[Entry, ...]) -> tuple[Claim, Action]:
    for entry in entries:
        if entry.write_id == claim.write_id:
            return claim, Committed(entry.number)
        # Somebody else has the number, so that none of our requests can take it any more.
        claim = replace(claim, seen=entry.number, failures=0)
        if code := objection(claim, entry):
            return claim, Stopped(code, entry.number)
    if entries:
        claim = replace(claim, laps=claim.laps + 1)
    if claim.laps >= LAPS:
        return claim, Stopped("commit-conflict", claim.seen)
    return begin(claim)


def objection(claim: Claim, entry: Entry) -> str | None:
    """Return the code of what keeps a commit from following `entry`; None where nothing does."""
    if entry.kind not in claim.passes and entry.kind != "unknown":
        return "commit-superseded"
    if entry.kind == "checkpoint":
        return None
    if entry.expired:
        return "history-expired"
    return "write-revoked" if claim.folders & entry.revokes else None
