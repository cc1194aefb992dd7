"""Looks at every number of the history, and restores manifests of which a sound copy is known.

A copy is believed where its SHA-256 is recorded: by the next commit or by a tag. For the newest
commit, of which nothing else tells, ``latest.json`` is believed where it follows the commit before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from embzarr._format import digests, intervals, keys, spec
from embzarr._history import Collected, Commit, Expired, history, records, tagging
from embzarr._storage import get_at_most, pieces
from embzarr.errors import DamagedError, EmbzarrError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from embzarr._format import Layer, Manifest, Parent, Run
    from embzarr._history import Record
    from embzarr._repair.store import RepairStore
    from embzarr._storage import Data, Readable


_MOST = spec.MAX_MANIFEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands at a number of the history."""

    number: int
    stored: str | None
    """SHA-256 of the stored bytes; None where there are none."""
    identity: str | None = None
    """That of the commit; a tombstone tells it of what stood there."""
    error: EmbzarrError | None = None
    """Why they are not the manifest of this number."""
    is_checkpoint: bool = False
    """Whether it is a commit that holds a checkpoint: no collection, and no tombstone."""
    parent: Parent | None = None
    layers: Mapping[str, int] = field(default_factory=dict)
    """The bytes of each layer that it names, by `chain_id`."""
    stray: int | None = None
    """Number of the commit whose manifest this is, where it is another one's."""
    leads_to: int | None = None
    """Where this is the newest commit, number of the checkpoint that a reader finds."""
    leads_now: bool = False
    """Whether it says so: a tombstone does not."""
    is_lost: bool = False
    """Whether it is a tombstone that an earlier repair put where nothing was."""


class History:
    """All commits of a store, newest first, and what is recorded of each."""

    def __init__(self, store: RepairStore, other: Readable | None) -> None:
        """Prepare; nothing is read yet."""
        self._store = store
        self._other = other
        self._recorded: dict[int, set[str]] = {}
        self._store_ids: set[str] = set()
        self._strays: dict[int, list[str]] = {}
        self._expired: list[Run] = []
        self._gone: list[Run] = []
        """Numbers that have had tombstones for long."""
        self._revoked: set[str] = set()
        self.standings: dict[int, Standing] = {}
        self.hint: Commit | None = None

    @property
    def top(self) -> Standing | None:
        """What stands at the highest number at which something does."""
        there = (number for number, found in self.standings.items() if found.stored is not None)
        highest = max(there, default=None)
        return None if highest is None else self.standings[highest]

    @property
    def store_id(self) -> str | None:
        """Identity of the store, where all manifests agree on one."""
        return next(iter(self._store_ids)) if len(self._store_ids) == 1 else None

    def survey(self) -> None:
        """Look at every number, and restore the manifests of which a copy can be believed."""
        hint = self._parsed(self._get(self._store, spec.LATEST), spec.LATEST)
        self.hint = hint if isinstance(hint, Commit) else None
        for number in history.numbers_of(self._store):
            self.look(number)
        self._note_tags()
        top = max(self.standings, default=0)
        if self.hint and self.hint.number == top + 1 and self.follows(self.hint):
            self.look(self.hint.number)
        for number in self._downwards():
            standing = self.standings[number]
            if self.is_expired(number):
                continue
            if standing.error is not None or standing.is_lost or self.contradicted(standing):
                self._restore(number)

    def is_expired(self, number: int) -> bool:
        """Tell whether a collection has given a commit up: then it is not ours to restore."""
        return any(first <= number <= last for first, last in self._expired)

    def contradicted(self, standing: Standing) -> bool:
        """Tell whether another identity is recorded of a number than what stands there has."""
        recorded = self._recorded.get(standing.number)
        known = not standing.is_lost and bool(recorded)
        return known and standing.identity not in (recorded or ())

    def recorded(self, number: int) -> frozenset[str]:
        """Return the identities that others record of a commit."""
        return frozenset(self._recorded.get(number, ()))

    def missing(self) -> frozenset[str]:
        """Return the recorded identities of commits whose manifests cannot be read."""
        lost = [number for number, standing in self.standings.items() if standing.error]
        return frozenset().union(*map(self.recorded, lost))

    def bytes(self) -> int:
        """Return the bytes of all layers, those that commits share counted once."""
        sizes: dict[str, int] = {}
        for standing in self.standings.values():
            sizes |= standing.layers
        return sum(sizes.values())

    def follows(self, commit: Commit) -> bool:
        """Tell whether a manifest is of this store and follows what stands before its number."""
        parent = commit.manifest.parent
        before = self.standings.get(parent.commit) if parent else None
        same_store = not self._store_ids or commit.manifest.store in self._store_ids
        known = before.identity if before else None  # of a damaged one nothing is known
        in_chain = parent is None or known is None or parent.sha256 == known
        return same_store and in_chain

    def alternative(self) -> Commit | None:
        """Return what ``latest.json`` says of the newest commit where it says something else.

        It may tell of a later one, too, which did not come with a copy of a store.
        """
        top, hint = self.top, self.hint
        if hint is None or not self.follows(hint):
            return None
        if top is None or hint.number > top.number:
            return hint
        same = hint.number == top.number and hint.sha256 != top.stored
        return hint if same and not self.recorded(top.number) else None

    def gaps(self) -> list[Run]:
        """Return the numbers before the newest at which nothing stands, and something should."""
        there = [number for number, x in self.standings.items() if x.stored is not None]
        if not there:
            return []
        missing = intervals.without([[1, max(there)]], intervals.merged([], there))
        return intervals.without(missing, intervals.merged(self._gone))

    def named_by_next(self, number: int) -> str | None:
        """Return the identity of a commit by the one that follows it, or else by a tag."""
        later = self.standings.get(number + 1)
        if later and later.parent:
            return later.parent.sha256
        return min(self.recorded(number), default=None)

    def put(self, number: int, data: Data, origin: str) -> None:
        """Write a manifest to its place, unless that has changed meanwhile."""
        if number not in self.standings:
            self.look(number)
        key, standing = keys.commit_key(number), self.standings[number]
        now = self._identity_at(key)
        if now is None:
            self._store.create("restore", key, data, f"from {origin}")
        elif now == standing.stored:
            found = self._get(self._store, key) if standing.stray is not None else None
            if found is not None and standing.stray is not None:
                kept = keys.kept_key(now)
                message = f"what lies at {key} belongs elsewhere"
                self._store.write("keep", kept, found, message)
                self._strays.setdefault(standing.stray, []).append(kept)
            self._store.restore(key, data, f"from {origin}")
        self.look(number)

    def _downwards(self) -> Iterator[int]:
        """Yield numbers, newest first, those included that only their follower or a tag tells of.

        What a tag names above the newest is no gap, and is not looked for.
        """
        top = max(self.standings, default=0)
        waiting = set(self.standings) | {number for number in self._recorded if number < top}
        while waiting:
            number = max(waiting)
            waiting.remove(number)
            if number not in self.standings:
                self.look(number)
            yield number
            parent = self.standings[number].parent
            if parent and parent.commit not in self.standings:
                waiting.add(parent.commit)

    def look(self, number: int) -> None:
        """Take note of what stands at a number."""
        key = keys.commit_key(number)
        stored = self._identity_at(key)
        if stored is None:
            error = NotFoundError("object-missing", f"{key} is not there")
            self.standings[number] = Standing(number=number, stored=None, error=error)
            return
        try:
            record = records.parse(get_at_most(self._store, key, _MOST), key)
        except (DamagedError, UnsupportedError) as exc:
            self.standings[number] = Standing(number=number, stored=stored, error=exc)
            return
        if record.number == number:
            self.standings[number] = self._read(record, stored)
            return
        self._strays.setdefault(record.number, []).append(key)
        message = f"{key}: holds the manifest of commit {record.number}"
        self.standings[number] = Standing(
            number=number,
            stored=stored,
            error=DamagedError("manifest-mismatch", message),
            stray=record.number,
        )

    def _read(self, record: Record, stored: str) -> Standing:
        """Take note of what a record says of others, and return what is known of it."""
        self._store_ids.add(record.store)
        parent: Parent | None = None
        layers: Mapping[str, int] = {}
        leads_to: int | None = None
        if isinstance(record, Collected):
            found = record.collection
            parent, leads_to = found.parent, found.newest.commit if found.newest else None
            self._expired += [[number, number] for number in found.expires] + found.expired
            self._gone += found.expired
            self._revoked |= set(found.revokes)
        elif isinstance(record, Commit):
            parent, leads_to = record.manifest.parent, record.number
            layers = {chain_id(x): x[-1].bytes_stored for x in chains(record.manifest)}
        if parent:
            self._record(parent)
        return Standing(
            number=record.number,
            stored=stored,
            identity=record.sha256,
            is_checkpoint=isinstance(record, Commit),
            parent=parent,
            layers=layers,
            leads_to=leads_to,
            leads_now=not isinstance(record, Expired),
            is_lost=isinstance(record, Expired) and record.is_lost,
        )

    def _record(self, named: Parent) -> None:
        self._recorded.setdefault(named.commit, set()).add(named.sha256)

    def _note_tags(self) -> None:
        for info in self._store.list(f"{spec.TAGS}/"):
            if keys.tag_name(info.key) is None:
                continue
            try:
                data = self._get(self._store, info.key, spec.MAX_TAG_BYTES) or b""
                self._record(tagging.parse_tag(data, info.key))
            except DamagedError:
                continue  # told of when tags are looked at

    def _restore(self, number: int) -> None:
        for origin, data in self._copies(number):
            record = self._parsed(data, origin)
            if record is not None and record.number == number and self._is_believed(record):
                self.put(number, data, origin)
                return

    def _copies(self, number: int) -> Iterator[tuple[str, Data]]:
        key = keys.commit_key(number)
        kept = [keys.kept_key(sha256) for sha256 in self.recorded(number)]
        for place in [spec.LATEST, *self._strays.get(number, ()), *kept]:
            data = self._get(self._store, place)
            if data is not None:
                yield place, data
        data = self._get(self._other, key) if self._other else None
        if data is not None:
            yield f"the source's {key}", data

    def _is_believed(self, record: Record) -> bool:
        recorded = self.recorded(record.number)
        if self._revoked & record.entry.folders:
            return False  # given up since it was lost
        if recorded:
            return record.sha256 in recorded and not isinstance(record, Expired)
        newest = record.number == max(self.standings)
        return newest and isinstance(record, Commit) and self.follows(record)

    def _parsed(self, data: Data | None, what: str) -> Record | None:
        if data is None:
            return None
        try:
            return records.parse(data, what)
        except (DamagedError, UnsupportedError):
            return None

    def _get(self, store: Readable, key: str, limit: int = _MOST) -> Data | None:
        """Return the bytes; None where it is gone, or more than any record has."""
        try:
            return get_at_most(store, key, limit)
        except (NotFoundError, DamagedError):
            return None

    def _identity_at(self, key: str) -> str | None:
        """Return the SHA-256 of what stands at a key, as far as it may be read, not held whole."""
        try:
            size = min(self._store.head(key).size, _MOST + 1)
            return digests.sha256_of(pieces(self._store, key, 0, size))
        except NotFoundError:
            return None


def chains(manifest: Manifest) -> Iterator[list[Layer]]:
    """Yield each layer upon those below it, the full one first."""
    for at in range(len(manifest.layers)):
        yield manifest.layers[: at + 1]


def chain_id(layers: list[Layer]) -> str:
    """Name the last layer by all that the manifest says of it, and by what lies below."""
    below = [layer.path for layer in layers[:-1]]
    return digests.sha256(msgspec.json.encode([below, layers[-1]]))
