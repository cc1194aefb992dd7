"""What stands at a number of the history: a checkpoint's commit, a collection, or a tombstone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from embzarr._format import collections, keys, manifests, spec, validate
from embzarr._history.protocol import Entry
from embzarr._storage import get_at_most
from embzarr.errors import DamagedError, NotFoundError

if TYPE_CHECKING:
    from embzarr._format import Collection, Manifest, Tombstone
    from embzarr._storage import Readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A manifest and its identity."""

    manifest: Manifest
    sha256: str

    @property
    def number(self) -> int:
        """Place in the history, from 1."""
        return self.manifest.commit

    @property
    def store(self) -> str:
        """Identity of the store."""
        return self.manifest.store

    @property
    def entry(self) -> Entry:
        """What the commit protocol needs to know of it."""
        return Entry(
            number=self.number,
            write_id=self.manifest.write_id,
            kind="checkpoint",
            step=self.manifest.step,
            folders=frozenset(layer.path for layer in self.manifest.layers),
            wrote=self._wrote,
        )

    @property
    def _wrote(self) -> str:
        path, write_id = self.manifest.top.path, self.manifest.write_id
        return path if (keys.layer_name(path) or (0, ""))[1] == write_id else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A garbage collection and its identity."""

    collection: Collection
    sha256: str

    @property
    def number(self) -> int:
        """Place in the history."""
        return self.collection.commit

    @property
    def store(self) -> str:
        """Identity of the store."""
        return self.collection.store

    @property
    def entry(self) -> Entry:
        """What the commit protocol needs to know of it."""
        return Entry(
            number=self.number,
            write_id=self.collection.write_id,
            kind="collection",
            revokes=frozenset(self.collection.revokes),
            expires=frozenset(self.collection.expires),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What is left of a commit that a collection gave up."""

    tombstone: Tombstone

    @property
    def number(self) -> int:
        """Place in the history."""
        return self.tombstone.commit

    @property
    def sha256(self) -> str:
        """The identity that the commit had."""
        return self.tombstone.sha256

    @property
    def store(self) -> str:
        """Identity of the store."""
        return self.tombstone.store

    @property
    def entry(self) -> Entry:
        """What the commit protocol needs to know of it."""
        return Entry(
            number=self.number,
            write_id=self.tombstone.write_id,
            kind=self._kind,
            expired=True,
            step=self.tombstone.step,
        )

    @property
    def _kind(self) -> Literal["checkpoint", "collection", "unknown"]:
        if self.tombstone.was in spec.CHECKPOINT_KINDS:
            return "checkpoint"
        return "collection" if self.tombstone.was == spec.COLLECT else "unknown"

    @property
    def is_lost(self) -> bool:
        """Whether a repair closed the number, as nothing stood there any more."""
        return self.tombstone.was == spec.LOST

    def error(self) -> NotFoundError:
        """Say that it expired."""
        tombstone = self.tombstone
        if self.is_lost:
            message = f"commit {tombstone.commit} is lost: a repair found nothing at its number"
            return NotFoundError("commit-expired", message)
        what = "" if tombstone.step is None else f" (step {tombstone.step})"
        return expired(f"commit {tombstone.commit}{what}", by=tombstone.by)


_KEPT: Final = 8
"""Records that were read last."""
_KEPT_BYTES: Final = 256 * 1024
"""Of a record that is kept, as stored."""

Record: TypeAlias = Commit | Collected | Expired


def expired(what: str, *, by: int) -> NotFoundError:
    """Return the error that tells of an expired commit."""
    message = f"{what} was given up by the garbage collection of commit {by}"
    return NotFoundError("commit-expired", message)


def read(store: Readable, number: int) -> Record:
    """Return what stands at a number.

    Raises:
        NotFoundError: code ``commit-missing``: nothing.
        DamagedError: it is damaged, or belongs to another number.
    """
    key = keys.commit_key(number)
    try:
        record = parse(get_at_most(store, key, spec.MAX_MANIFEST_BYTES), key)
    except NotFoundError as exc:
        raise NotFoundError("commit-missing", f"no commit {number}: {key} is not there") from exc
    if record.number != number:
        raise DamagedError(
            "manifest-mismatch", f"{key}: holds the manifest of commit {record.number}"
        )
    return record


def parse(data: bytes | bytearray | memoryview, key: str) -> Record:
    """Read bytes that a stranger may have written.

    Raises:
        DamagedError: it breaks the rules.
        UnsupportedError: a later version, or something that must be understood and is not.
    """
    if memoryview(data).nbytes <= _KEPT_BYTES:
        return _parsed_once(bytes(data), key)
    return _parsed(data, key)


def _parsed(data: bytes | bytearray | memoryview, key: str) -> Record:
    document = validate.document_of(data, what=key)
    kind = document.get("kind")
    if kind == spec.EXPIRED:
        return Expired(tombstone=collections.tombstone_of(document, what=key))
    sha256 = manifests.identity(data)
    if kind == spec.COLLECT:
        return Collected(collection=collections.collection_of(document, what=key), sha256=sha256)
    return Commit(manifest=validate.of_document(document, what=key), sha256=sha256)


_parsed_once = lru_cache(_KEPT)(_parsed)
"""Whoever opens a checkpoint again, as services do, reads the same bytes again."""
