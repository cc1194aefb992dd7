"""The commit protocol: a commit is a manifest created under the next free number.

Spec section "Commit order". Everything that a manifest names is written before it; whoever creates
``commits/<n>.json`` owns number n; names and hints are written after and never trusted alone.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from embzarr import _history, _json, _keys, _manifest, _manifest_gate, _schema, _zarr_json
from embzarr._history import Commit
from embzarr._manifest import Manifest, Parent
from embzarr.errors import AccessDeniedError, ConflictError, EmbzarrError, NotFoundError, StoreError
from embzarr.objects import get_at_most

if TYPE_CHECKING:
    from embzarr._manifest import Layer
    from embzarr.objects import Readable, Store

_TRIES = 5
"""How often a create whose answer was lost is sent again."""
_RIVALS = 1000
"""Numbers that other writers may take from us before we give up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a writer wants to commit; the number is found when it is published."""

    write_id: str
    step: int
    layers: list[Layer]
    """The full one, then deltas; the last is what this write stored."""
    metadata: dict[str, Any]
    follows: Commit | None = None
    """The commit that a delta, or what replaces one, must come right after."""


def new_id() -> str:
    """Return 128 random bits in hexadecimal, for a store or a write."""
    return secrets.token_hex(16)


def now() -> str:
    """Return the time of day as manifests tell it: for people, never for safety."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def publish(store: Store, draft: Draft, *, writer: str) -> Commit:
    """Make a draft the newest commit.

    A full step needs nothing of the commits before it: where another writer takes the number first,
    the draft takes the next. A delta says what became of the commit that it follows, and no more.

    Raises:
        ConflictError: code ``commit-superseded``: the newest commit is not the one that the draft
            follows; ``commit-conflict``: a thousand other commits came first.
        StoreError: code ``commit-unknown``: the store stopped answering, and the commit may or may
            not have been made; nothing that it names may be deleted.
    """
    parent = _history.head(store)
    store_id = parent.manifest.store if parent else claim(store)
    for _ in range(_RIVALS):
        _check_follows(draft, parent)
        commit, data = _compose(draft, parent, store_id, writer)
        winner = _create(store, commit, data)
        if winner.manifest.write_id == draft.write_id:
            _leave_hint(store, data)
            return commit
        parent = winner
    raise ConflictError(
        "commit-conflict", f"{_RIVALS} other commits were made while this one was tried"
    )


def _check_follows(draft: Draft, parent: Commit | None) -> None:
    if draft.follows and (parent is None or parent.sha256 != draft.follows.sha256):
        found = f"commit {parent.number}" if parent else "nothing"
        raise ConflictError(
            "commit-superseded",
            f"expected commit {draft.follows.number} to be the newest, found {found}: another "
            "writer came between",
        )


def claim(store: Store) -> str:
    """Make the root a Zarr group of ours, once, and return the store's identity.

    Raises:
        ConflictError: code ``root-foreign``: another Zarr node is there.
    """
    store_id = new_id()
    try:
        store.create(_schema.ZARR_JSON, _zarr_json.root_document(store_id))
    except ConflictError:
        store_id = _store_id(store)
    with contextlib.suppress(ConflictError):  # somebody was first: the bytes are the same
        store.create(f"{_schema.STEPS}/{_schema.ZARR_JSON}", _zarr_json.group_document())
    return store_id


def _store_id(store: Readable) -> str:
    what = _schema.ZARR_JSON
    limit = _schema.MAX_ZARR_JSON_BYTES
    root = _json.loads(get_at_most(store, what, limit), what=what, max_bytes=limit)
    attributes = root.get("attributes") if isinstance(root, dict) else None
    ours = attributes.get(_schema.FORMAT) if isinstance(attributes, dict) else None
    store_id = ours.get("store") if isinstance(ours, dict) else None
    if not isinstance(store_id, str):
        raise ConflictError(
            "root-foreign", "zarr.json at the root belongs to something else: choose another folder"
        )
    return store_id


def _compose(
    draft: Draft, parent: Commit | None, store_id: str, writer: str
) -> tuple[Commit, bytes]:
    manifest = Manifest(
        format="embzarr",
        version=1,
        store=store_id,
        commit=parent.number + 1 if parent else 1,
        write_id=draft.write_id,
        parent=Parent(commit=parent.number, sha256=parent.sha256) if parent else None,
        step=draft.step,
        kind="delta" if len(draft.layers) > 1 else "full",
        created=now(),
        writer=writer,
        layers=draft.layers,
        metadata=draft.metadata,
    )
    data = _manifest.encode(manifest)
    # What we could not read back, nobody could: the gate for strangers checks us too.
    _manifest_gate.parse(data, what=_keys.commit_key(manifest.commit))
    return Commit(manifest=manifest, sha256=_manifest.identity(data)), data


def _create(store: Store, commit: Commit, data: bytes) -> Commit:
    """Create the manifest; return what stands at its number now: ours, or the winner's."""
    key = _keys.commit_key(commit.number)
    for attempt in range(_TRIES):
        try:
            store.create(key, data)
        except ConflictError:
            return _history.read(store, commit.number)
        except AccessDeniedError:
            raise
        except (StoreError, NotFoundError):
            found = _standing(store, commit.number)
            if found:
                return found
            time.sleep(0.1 * 2**attempt)
        else:
            return commit
    raise StoreError(
        "commit-unknown", f"{key}: the store does not say whether this commit was made"
    )


def _standing(store: Readable, number: int) -> Commit | None:
    """Return what stands at a number after a lost answer; None where nothing does, or who knows."""
    try:
        return _history.read(store, number)
    except (StoreError, NotFoundError):
        return None


def _leave_hint(store: Store, data: bytes) -> None:
    # The commit is made whatever becomes of its hint: a stale one costs a reader one round trip.
    with contextlib.suppress(EmbzarrError):
        store.put(_schema.LATEST, data)
