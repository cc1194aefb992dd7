"""Which checkpoints to keep and what is garbage, decided without a store.

Spec section "Garbage collection". What `plan` returns holds for exactly the history that it was
given: a collection is committed directly after it or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr._format import arguments

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from embzarr._history import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a caller wants to keep; the newest checkpoint and tagged ones are kept in any case."""

    keep_last: int | None = None
    """How many of the newest; None with no `keep_every` either: all."""
    keep_every: int | None = None
    """Of steps that this divides, the newest commit."""

    def __post_init__(self) -> None:
        """Refuse what keeps nothing."""
        for name in ("keep_last", "keep_every"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, arguments.whole(name, value, least=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a collection will say."""

    expires: tuple[int, ...]
    """Numbers of checkpoints, and of old collections, rising."""
    revokes: tuple[str, ...]
    """Folders below ``steps/``, rising."""
    newest: int | None
    """Number of the newest checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a collection that has landed leaves to do, in this order.

    Tombstones come first: whoever reads on is told that a commit expired, not that it is damaged.
    """

    bury: tuple[int, ...]
    """Numbers whose manifests make way for tombstones."""
    clear: tuple[str, ...]
    """Folders whose objects are deleted."""


def plan(
    entries: Sequence[Entry],
    policy: Policy,
    *,
    tagged: Collection[int],
    folders: Mapping[str, bool],
    aged: Collection[int] = (),
    unreadable: Collection[int] = (),
) -> Plan:
    """Decide what a collection that directly follows `entries` gives up.

    Args:
        entries: all that stands in the history, in any order.
        policy: what to keep.
        tagged: numbers of commits that have a name.
        folders: each folder below ``steps/``, and whether it has been quiet long enough to be
            taken for abandoned if no commit names it.
        aged: collections so old that no writer should need them any more; they are given up once
            they have nothing left to do.
        unreadable: numbers at which something stands that nobody can read. It may name the folders
            of any commit before it, and one that nobody else names: these are all kept.
    """
    barrier = max(unreadable, default=0)
    collections = [entry for entry in entries if entry.kind == "collection" and not entry.expired]
    given_up = frozenset[int]().union(*(entry.expires for entry in collections))
    revoked = frozenset[str]().union(*(entry.revokes for entry in collections))
    living = [
        entry
        for entry in entries
        if entry.kind == "checkpoint" and not entry.expired and entry.number not in given_up
    ]
    before = {entry.number for entry in living if entry.number < barrier}
    kept = _kept(living, policy) | frozenset(tagged) | before
    needed = frozenset[str]().union(*(e.folders for e in living if e.number in kept))
    dropped = [entry for entry in living if entry.number not in kept]
    named = frozenset[str]().union(*(entry.folders for entry in dropped))
    garbage = (named & {entry.wrote for entry in dropped} if barrier else named) - needed
    named |= needed | revoked
    quiet = () if barrier else (name for name, is_quiet in folders.items() if is_quiet)
    abandoned = {name for name in quiet if not _within(name, named)}
    expires = {entry.number for entry in dropped}
    if expires or garbage or abandoned:  # old collections alone are worth no commit
        busy = {e.number for e in unfinished(entries, folders, unreadable=unreadable)}
        done = {e.number for e in collections if e.number > barrier} - busy
        expires |= done & frozenset(aged)
    return Plan(
        expires=tuple(sorted(expires)),
        revokes=tuple(sorted(garbage | abandoned)),
        newest=max((entry.number for entry in living), default=None),
    )


def unfinished(
    entries: Sequence[Entry], folders: Collection[str], *, unreadable: Collection[int] = ()
) -> list[Entry]:
    """Return the collections that left something to do, since their process ended or still runs.

    As long as a commit that one expires has no tombstone, only the collection itself says so: it
    must not be given up before.
    """
    standing = {entry.number for entry in entries if not entry.expired} | frozenset(unreadable)
    return [
        entry
        for entry in entries
        if entry.kind == "collection"
        and (entry.expires & standing or any(folder in folders for folder in entry.revokes))
    ]


def sweep(collection: Entry, standing: Sequence[Entry], *, tagged: Collection[int]) -> Sweep:
    """Decide what to delete for a collection that stands in the history.

    Args:
        collection: itself.
        standing: what stands at the numbers that it expires.
        tagged: numbers of commits that have a name, asked for after the collection had landed. Who
            gives a name looks for collections afterwards: one of both notices the other.
    """
    spared = frozenset[str]().union(*(e.folders for e in standing if e.number in tagged))
    return Sweep(
        bury=tuple(e.number for e in standing if not e.expired and e.number not in tagged),
        clear=tuple(sorted(collection.revokes - spared)),
    )


def _kept(living: Sequence[Entry], policy: Policy) -> frozenset[int]:
    newest_first = sorted((entry.number for entry in living), reverse=True)
    if policy.keep_last is None and policy.keep_every is None:
        return frozenset(newest_first)
    kept = set(newest_first[: policy.keep_last or 1])
    if policy.keep_every:
        newest_of_step = {e.step: e.number for e in sorted(living, key=lambda e: e.number)}
        kept |= {
            number
            for step, number in newest_of_step.items()
            if step is not None and step % policy.keep_every == 0
        }
    return frozenset(kept)


def _within(folder: str, named: Collection[str]) -> bool:
    """Tell whether a commit names the folder, or one inside."""
    return folder in named or any(name.startswith(f"{folder}/") for name in named)
