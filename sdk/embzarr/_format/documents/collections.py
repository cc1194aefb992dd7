"""What a garbage collection writes into the history: its own commit, and tombstones.

Spec section "Garbage collection". Both stand in ``commits/`` beside the manifests of checkpoints.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from embzarr._format import json, keys, spec
from embzarr._format.documents import validate
from embzarr._format.documents.manifests import Count, Hex128, Hex256, Instant, Parent, Positive
from embzarr.errors import DamagedError

Span: TypeAlias = Annotated[list[Positive], Meta(min_length=2, max_length=2)]
Folder: TypeAlias = Annotated[str, Meta(max_length=spec.MAX_KEY_CHARS)]


class Collection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A commit that gives up checkpoints and revokes folders; it holds no vectors."""

    format: Literal["embzarr"]
    version: Literal[1]
    store: Hex128
    commit: Positive
    write_id: Hex128
    parent: Parent
    kind: Literal["collect"]
    created: Instant
    writer: Annotated[str, Meta(max_length=256)]
    newest: Parent | None
    """The newest checkpoint, so that a reader who finds this commit last need not search."""
    revokes: list[Folder]
    """Folders below ``steps/`` whose objects are deleted: no later commit may name them."""
    expires: list[Positive]
    """Numbers that get a tombstone now."""
    expired: list[Span]
    """Numbers, first and last of each run, whose tombstones stood already."""


class Tombstone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What replaces the manifest of an expired commit, so that its number is never used again."""

    format: Literal["embzarr"]
    version: Literal[1]
    store: Hex128
    commit: Positive
    write_id: Hex128
    kind: Literal["expired"]
    was: Annotated[str, Meta(max_length=64)]
    """The kind of the commit."""
    step: Count | None
    """Of the checkpoint; null for a collection."""
    sha256: Hex256
    """The commit's identity."""
    by: Positive
    """Number of the collection that expired it."""


_to_collection = json.parser(Collection, "manifest-invalid")
_to_tombstone = json.parser(Tombstone, "manifest-invalid")


def encode(record: Collection | Tombstone) -> bytes:
    """Return the canonical bytes."""
    return json.dumps(msgspec.to_builtins(record))


def collection_of(document: dict[str, Any], *, what: str) -> Collection:
    """Check the JSON of a collection.

    Raises:
        DamagedError: it breaks the rules.
        UnsupportedError: it has a member that must be understood and is not.
    """
    found = _to_collection(validate.without_optional(document, Collection, what), what)
    for folder in found.revokes:
        keys.check_key(folder)
    numbers = [*found.expired, *([number, number] for number in found.expires)]
    runs = [*sorted(numbers), [found.commit, found.commit]]
    sound = (
        found.parent.commit == found.commit - 1
        and all(folder.startswith(f"{spec.STEPS}/") for folder in found.revokes)
        and _rises(found.revokes)
        and _rises(found.expires)
        and all(first <= last for first, last in runs)
        and all(before[1] < after[0] for before, after in itertools.pairwise(runs))
    )
    if not sound:
        raise DamagedError("manifest-invalid", f"{what}: its lists overlap, fall, or go beyond")
    return found


def tombstone_of(document: dict[str, Any], *, what: str) -> Tombstone:
    """Check the JSON of a tombstone; errors as `collection_of`."""
    found = _to_tombstone(validate.without_optional(document, Tombstone, what), what)
    if found.by <= found.commit:
        raise DamagedError("manifest-invalid", f"{what}: expired by the earlier commit {found.by}")
    return found


def _rises(items: list[Any]) -> bool:
    return all(a < b for a, b in itertools.pairwise(items))
