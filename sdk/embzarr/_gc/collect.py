"""Garbage collection, which is a commit: what it lists is deleted only after it has landed.

Spec section "Garbage collection". A writer whom it might hurt meets it, or its tombstone, on the
way to a number; no clock decides what is safe. What to give up is decided in `retention`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from embzarr._format import Collection, Parent, Tombstone, collections, intervals, keys
from embzarr._gc import retention, survey, trial
from embzarr._gc.survey import is_older
from embzarr._gc.trial import Room
from embzarr._history import NONE, Claim, Collected, Commit, Expired, committing, history, tagging
from embzarr._storage import Leftovers, parallel
from embzarr._version import __version__
from embzarr.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._gc.retention import Plan, Policy
    from embzarr._gc.survey import Survey
    from embzarr._history import Entry, Record
    from embzarr._storage import Leftover, ObjectInfo, Store

_ROUNDS = 100
"""How often other writers may commit while a collection is planned: each time only what they have
committed is read, so that it comes first soon."""
_AGED_SECONDS = 7 * 86400
"""Age from which a collection that has done its work is given up itself. Politeness: a writer that
takes longer than this has to start again."""
_MAKING_SECONDS = 3600
"""Age up to which a file without an object's name is taken to be in the making, whatever else is
taken for abandoned: its writer would be told that its disk failed, not that it was collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What a garbage collection did, or what it would do."""

    dry_run: bool
    """Whether nothing was changed."""
    commit: int | None
    """Number of the collection; None where none was needed or wanted."""
    expired: tuple[int, ...]
    """Numbers of the commits that were given up, old collections among them."""
    revoked: tuple[str, ...]
    """Folders below ``steps/`` that were given up: of these commits, and of abandoned writes."""
    objects: tuple[ObjectInfo, ...]
    """What was deleted, that of earlier collections that were cut off included: keys and sizes.
    Files that were no objects yet have names that end with ``#`` and digits, or ``.tmp``."""
    waiting: tuple[str, ...]
    """Folders that no commit names, and that are too young to be taken for abandoned, or may be
    those of a commit that cannot be read."""
    unreadable: tuple[int, ...] = ()
    """Commits in quarantine whose manifests cannot be read: until they are restored, whatever they
    may name is kept, which is all that came before them."""

    @property
    def bytes(self) -> int:
        """Size of all objects deleted."""
        return sum(info.size for info in self.objects)


def collect(store: Store, policy: Policy, *, older_than: float, dry_run: bool) -> GcReport:
    """Give up what `policy` does not keep, and delete what no commit names.

    Files that killed writers left before they had the names of objects are removed too.

    Raises:
        ConflictError: code ``commit-conflict``: others kept committing; no more was given up.
        DamagedError: a manifest is damaged and not in quarantine, so that nobody can tell what it
            names.
        NotFoundError: no commit is there, or one is missing.
        AccessDeniedError: nothing may be written or deleted; nothing was given up.
        StoreError: code ``commit-unknown``: nothing of this collection was deleted; ``store-full``:
            there is no room for what tells that something is given up.
        UnsupportedError: the store cannot list, or cannot be written to.
    """
    begun = time.monotonic()
    found = survey.survey(store)
    # A dry run writes nothing, not even to ask what time it is.
    now = time.time() if dry_run else trial.store_time(store)
    now = now and now - (time.monotonic() - begun)  # when that was listed which is judged by it
    left = _leftovers(store, older_than, now)
    if dry_run:
        report = _expected(found, _plan(found, policy, older_than, now))
    else:
        # First, since it may be what makes room for a collection.
        _discard(store, left)
        room = Room(store)
        report = _collect(store, found, room, lambda seen: _plan(seen, policy, older_than, now))
        room.give_back()
    return replace(report, objects=(*report.objects, *(one.file for one in left)))


def _leftovers(store: Store, older_than: float, now: float | None) -> list[Leftover]:
    if not isinstance(store, Leftovers):
        return []
    age = max(older_than, _MAKING_SECONDS)
    every = [one for folder in ("", *keys.FOLDERS) for one in _below(store, folder)]
    return [one for one in every if keys.is_ours(one.key) and is_older(one.file, age, now)]


def _below(store: Leftovers, folder: str) -> Iterator[Leftover]:
    return store.leftovers(f"{folder}/" if folder else "")


def _discard(store: Store, left: list[Leftover]) -> None:
    if isinstance(store, Leftovers):
        parallel.each(store.discard, left, alone=parallel.is_quick(store))


def _plan(found: Survey, policy: Policy, older_than: float, now: float | None) -> Plan:
    return retention.plan(
        found.entries,
        policy,
        tagged=found.tagged,
        folders=found.quiet(older_than, now),
        aged=found.aged(_AGED_SECONDS, now),
        unreadable=found.unreadable,
    )


def _unfinished(found: Survey) -> list[Entry]:
    entries = retention.unfinished(found.entries, found.folders)
    return [entry for entry in entries if not entry.expires & found.unreadable.keys()]


def _expected(found: Survey, plan: Plan) -> GcReport:
    gone = {*plan.revokes, *(name for one in _unfinished(found) for name in one.revokes)}
    going = [info for name in sorted(gone) for info in found.folders.get(name, ())]
    return _report(found, plan, objects=going, dry_run=True)


def _collect(
    store: Store, found: Survey, room: Room, plan_of: Callable[[Survey], Plan]
) -> GcReport:
    swept: list[ObjectInfo] = []
    for _ in range(_ROUNDS):
        for entry in _unfinished(found):
            swept += _sweep(store, found.records[entry.number], room)
        plan = plan_of(found)
        if not plan.expires and not plan.revokes:
            return _report(found, plan, objects=swept)
        try:
            collected = _publish(store, found, plan, room)
        except ConflictError as exc:
            if exc.code == "commit-superseded":
                found = survey.caught_up(store, found)
            elif exc.code == "history-expired":
                found = survey.survey(store)
            else:
                raise
            continue
        swept += _sweep(store, collected, room)
        return _report(found, plan, objects=swept, commit=collected.number)
    raise ConflictError("commit-conflict", f"{_ROUNDS} other commits were made while this ran")


def _report(
    found: Survey,
    plan: Plan,
    *,
    objects: list[ObjectInfo],
    commit: int | None = None,
    dry_run: bool = False,
) -> GcReport:
    named = frozenset[str]().union(*(e.folders | e.revokes for e in found.entries), plan.revokes)
    return GcReport(
        dry_run=dry_run,
        commit=commit,
        expired=plan.expires,
        revoked=plan.revokes,
        objects=tuple(objects),
        waiting=tuple(sorted(found.folders.keys() - named)),
        unreadable=tuple(sorted(found.unreadable)),
    )


def _publish(store: Store, found: Survey, plan: Plan, room: Room) -> Record:
    write_id = committing.new_id()
    newest = found.records[plan.newest] if plan.newest else None
    stones = [n for n, record in found.records.items() if isinstance(record, Expired)]
    tip = found.tip

    def compose(*_: object) -> bytes:
        return collections.encode(
            Collection(
                format="embzarr",
                version=1,
                store=tip.store,
                commit=tip.number + 1,
                write_id=write_id,
                parent=Parent(commit=tip.number, sha256=tip.sha256),
                kind="collect",
                created=committing.now(),
                writer=f"embzarr {__version__}",
                newest=Parent(commit=newest.number, sha256=newest.sha256) if newest else None,
                revokes=list(plan.revokes),
                expires=list(plan.expires),
                expired=intervals.merged(found.gone, stones),
            )
        )

    # What is garbage follows from all commits so far: after any other one it is planned anew.
    claim = Claim(write_id=write_id, folders=frozenset(), seen=tip.number, passes=NONE)
    return room.make(lambda: committing.take_number(store, claim, tip, compose)[0])


def _sweep(store: Store, record: Record, room: Room) -> list[ObjectInfo]:
    """Do what a collection that has landed says; return what was deleted."""
    if not isinstance(record, Collected):
        return []  # given up by another collection, which had seen that all was done
    numbers = record.collection.expires
    # A copy of a store may lack one of them; there is nothing to bury then.
    standing = {n: found for n in numbers if (found := history.find(store, n))}
    tagged = {target.commit for target in tagging.read_all(store).values()}
    entries = [one.entry for one in standing.values()]
    todo = retention.sweep(record.entry, entries, tagged=tagged)
    alone = parallel.is_quick(store)

    def bury(number: int) -> None:
        room.make(lambda: _bury(store, standing[number], by=record.number))

    parallel.each(bury, todo.bury, alone=alone)
    garbage = [info for folder in todo.clear for info in _objects_of(store, folder)]
    parallel.each(lambda info: store.delete(info.key), garbage, alone=alone)
    return garbage


def _objects_of(store: Store, folder: str) -> Iterator[ObjectInfo]:
    return (info for info in store.list(f"{folder}/") if keys.layer_folder(info.key) == folder)


def _bury(store: Store, record: Record, *, by: int) -> None:
    """Replace a manifest by its tombstone."""
    if isinstance(record, Expired):
        return
    found = record.manifest if isinstance(record, Commit) else record.collection
    stone = Tombstone(
        format="embzarr",
        version=1,
        store=record.store,
        commit=record.number,
        write_id=found.write_id,
        kind="expired",
        was=found.kind,
        step=record.manifest.step if isinstance(record, Commit) else None,
        sha256=record.sha256,
        by=by,
    )
    data = collections.encode(stone)
    store.put(keys.commit_key(record.number), data)
