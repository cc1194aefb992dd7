"""A store as a garbage collection finds it: all commits, all names, all folders of writes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from embzarr._format import intervals, keys, spec
from embzarr._history import Collected, Commit, committing, history, quarantine, tagging
from embzarr.errors import DamagedError, NotFoundError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._format import Run
    from embzarr._history import Entry, Record
    from embzarr._storage import ObjectInfo, Readable, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was there; commits made since are found when the collection takes its number."""

    tip: Record
    """At the highest number."""
    records: dict[int, Record]
    """By number, those left out whose tombstones are known to stand."""
    unreadable: dict[int, DamagedError | StoreError]
    """What stands at numbers that are archived, or known to be damaged: in quarantine, given up."""
    gone: list[Run]
    """Numbers that are left out."""
    tagged: frozenset[int]
    """Numbers that have a name."""
    folders: dict[str, list[ObjectInfo]]
    """The objects in each folder of a write."""

    @property
    def entries(self) -> list[Entry]:
        """The records as the protocol knows them."""
        return [record.entry for record in self.records.values()]

    def quiet(self, older_than: float, now: float | None) -> dict[str, bool]:
        """Return for each folder whether nothing was written to it for so many seconds.

        Args:
            older_than: so many; of none, or less, every folder is.
            now: by the store's clock; None where nobody knows it.
        """
        return {
            name: older_than <= 0 or all(is_older(info, older_than, now) for info in infos)
            for name, infos in self.folders.items()
        }

    def aged(self, seconds: float, now: float | None) -> list[int]:
        """Return the collections that are older, by the clocks of their writers."""
        before = committing.instant((time.time() if now is None else now) - seconds)
        return [
            record.number
            for record in self.records.values()
            if isinstance(record, Collected) and record.collection.created < before
        ]


def is_older(info: ObjectInfo, seconds: float, now: float | None) -> bool:
    """Tell whether something was last written so long before `now`, as far as is known."""
    return now is not None and info.modified is not None and info.modified < now - seconds


def caught_up(store: Store, found: Survey) -> Survey:
    """Return a survey with all that was committed since; nothing that it had read is read again.

    So a collector beside writers who never rest comes to its number as they do. Folders are those
    that were listed: one that a commit since names is named, and no longer abandoned. After another
    collection all is read anew: what that gives up may still stand, and has to be swept first.

    Raises:
        DamagedError: one of these is damaged.
    """
    later = history.since(store, found.tip.number)
    if not later:
        return found
    if not all(isinstance(record, Commit) for record in later):
        return survey(store)
    return replace(
        found,
        tip=later[-1],
        records={**found.records, **{record.number: record for record in later}},
        tagged=_tagged(store),
    )


def _tagged(store: Store) -> frozenset[int]:
    return frozenset(target.commit for target in tagging.read_all(store).values())


def survey(store: Store) -> Survey:
    """Read the whole history, the names, and the list of what lies below ``steps/``.

    Raises:
        DamagedError: a manifest is damaged, so that nobody can tell what it names, and not in
            quarantine; or it is newer than all checkpoints that can be read.
        StoreError: code ``object-archived``: such a newer one is archived. What an older one names
            is kept, like that of all before it.
        NotFoundError: no commit is there, or one is missing.
        UnsupportedError: the store cannot list, or a manifest is of a later version.
    """
    tip = history.tip(store)
    if tip is None:
        raise history.nothing(store)
    tip = [tip, *history.since(store, tip.number)][-1]  # a listing may lag
    records: dict[int, Record] = {}
    damaged: dict[int, DamagedError | StoreError] = {}
    gone: list[Run] = []
    for number, record in _every(store, tip.number):
        if isinstance(record, DamagedError | StoreError):
            damaged[number] = record
            continue
        records[number] = record
        if isinstance(record, Collected):
            gone = intervals.merged([*gone, *record.collection.expired])
    _require_known(store, damaged, records)
    return Survey(
        tip=tip,
        records=records,
        unreadable=damaged,
        gone=gone,
        tagged=_tagged(store),
        folders=_folders(store),
    )


def _every(
    store: Readable, newest: int
) -> Iterator[tuple[int, Record | DamagedError | StoreError]]:
    try:
        yield from history.numbered(store, [[1, newest]])
    except NotFoundError as exc:
        message = f"{exc.args[0]}, so that nobody can tell what it named: repair the store first"
        raise NotFoundError(exc.code, message) from exc


def _require_known(
    store: Readable, damaged: dict[int, DamagedError | StoreError], records: dict[int, Record]
) -> None:
    """Refuse damage that nobody has looked into, and what hides the newest checkpoint."""
    newest = max((n for n, record in records.items() if isinstance(record, Commit)), default=0)
    entries = [record.entry for record in records.values()]
    given_up = frozenset[int]().union(*(entry.expires for entry in entries))
    for number, error in damaged.items():
        if number in given_up:
            continue
        is_known = isinstance(error, StoreError) or quarantine.is_marked(store, number)
        if number > newest or not is_known:
            raise error


def _folders(store: Readable) -> dict[str, list[ObjectInfo]]:
    found: dict[str, list[ObjectInfo]] = {}
    for info in store.list(f"{spec.STEPS}/"):
        folder = keys.layer_folder(info.key)
        if folder:  # else it is nothing that a writer of this format made
            found.setdefault(folder, []).append(info)
    return found
