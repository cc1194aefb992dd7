"""Garbage collection, which is a commit: what it lists is deleted only after it has landed.

Spec section "Garbage collection". A writer whom it might hurt meets it, or its tombstone, on the
way to a number; no clock decides what is safe. What to give up is decided in `embzarr._retention`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from embzarr import (
    _collection,
    _commit,
    _history,
    _keys,
    _numbers,
    _parallel,
    _retention,
    _survey,
    _tags,
)
from embzarr._collection import Collection, Tombstone
from embzarr._manifest import Parent
from embzarr._protocol import NONE, Claim
from embzarr._records import Collected, Commit, Expired
from embzarr._version import __version__
from embzarr.errors import ConflictError
from embzarr.objects import Leftovers

if TYPE_CHECKING:
    from embzarr._records import Record
    from embzarr._retention import Plan, Policy
    from embzarr._survey import Survey
    from embzarr.objects import ObjectInfo, Store

_ROUNDS = 10
"""How often other writers may commit while a collection is planned."""
_OTHERS_FIRST = frozenset({"commit-superseded", "history-expired"})
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
        StoreError: code ``commit-unknown``: nothing of this collection was deleted.
        UnsupportedError: the store cannot list, or cannot be written to.
    """
    report = _collect(store, policy, older_than=older_than, dry_run=dry_run)
    left = _leftovers(store, older_than)
    if not dry_run and isinstance(store, Leftovers):
        _parallel.each(lambda info: store.discard(info.key), left, alone=_parallel.is_quick(store))
    return replace(report, objects=(*report.objects, *left))


def _leftovers(store: Store, older_than: float) -> list[ObjectInfo]:
    if not isinstance(store, Leftovers):
        return []
    since = time.time() - max(older_than, _MAKING_SECONDS)
    return [
        info for info in store.leftovers() if info.modified is not None and info.modified < since
    ]


def _collect(store: Store, policy: Policy, *, older_than: float, dry_run: bool) -> GcReport:
    swept: list[ObjectInfo] = []
    for _ in range(_ROUNDS):
        found = _survey.survey(store)
        plan = _retention.plan(
            found.entries,
            policy,
            tagged=found.tagged,
            folders=found.quiet(older_than),
            aged=found.aged(_AGED_SECONDS),
            unreadable=found.unreadable,
        )
        unfinished = [
            entry
            for entry in _retention.unfinished(found.entries, found.folders)
            if not entry.expires & found.unreadable.keys()
        ]
        if dry_run:
            gone = {*plan.revokes, *(name for one in unfinished for name in one.revokes)}
            going = [info for name in sorted(gone) for info in found.folders.get(name, ())]
            return _report(found, plan, objects=going, dry_run=True)
        for entry in unfinished:
            swept += _sweep(store, found.records[entry.number])
        if not plan.expires and not plan.revokes:
            return _report(found, plan, objects=swept)
        try:
            collected = _publish(store, found, plan)
        except ConflictError as exc:
            if exc.code not in _OTHERS_FIRST:
                raise
            continue
        swept += _sweep(store, collected)
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


def _publish(store: Store, found: Survey, plan: Plan) -> Record:
    write_id = _commit.new_id()
    newest = found.records[plan.newest] if plan.newest else None
    stones = [n for n, record in found.records.items() if isinstance(record, Expired)]
    tip = found.tip

    def compose(_: Parent | None) -> bytes:
        return _collection.encode(
            Collection(
                format="embzarr",
                version=1,
                store=tip.store,
                commit=tip.number + 1,
                write_id=write_id,
                parent=Parent(commit=tip.number, sha256=tip.sha256),
                kind="collect",
                created=_commit.now(),
                writer=f"embzarr {__version__}",
                newest=Parent(commit=newest.number, sha256=newest.sha256) if newest else None,
                revokes=list(plan.revokes),
                expires=list(plan.expires),
                expired=_numbers.merged(found.gone, stones),
            )
        )

    # What is garbage follows from all commits so far: after any other one it is planned anew.
    claim = Claim(write_id=write_id, folders=frozenset(), seen=tip.number, passes=NONE)
    return _commit.take_number(store, claim, tip, compose)[0]


def _sweep(store: Store, record: Record) -> list[ObjectInfo]:
    """Do what a collection that has landed says; return what was deleted."""
    if not isinstance(record, Collected):
        return []  # given up by another collection, which had seen that all was done
    numbers = record.collection.expires
    # A copy of a store may lack one of them; there is nothing to bury then.
    standing = {n: found for n in numbers if (found := _history.find(store, n))}
    tagged = {target.commit for target in _tags.read_all(store).values()}
    entries = [one.entry for one in standing.values()]
    todo = _retention.sweep(record.entry, entries, tagged=tagged)
    alone = _parallel.is_quick(store)
    _parallel.each(lambda n: _bury(store, standing[n], by=record.number), todo.bury, alone=alone)
    garbage = [info for folder in todo.clear for info in store.list(f"{folder}/")]
    _parallel.each(lambda info: store.delete(info.key), garbage, alone=alone)
    return garbage


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
    store.put(_keys.commit_key(record.number), _collection.encode(stone))
