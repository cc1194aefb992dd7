"""Makes the newest sound commit the newest of all, and its names and hints tell the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from embzarr._format import Collection, Parent, collections, json, keys, manifests, spec, zarr_json
from embzarr._history import Claim, committing, protocol, records, tagging
from embzarr._storage import get_at_most
from embzarr._verify import Problem
from embzarr._version import __version__
from embzarr.errors import ConflictError, DamagedError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._format import Layer
    from embzarr._history import Commit
    from embzarr._repair.store import RepairStore
    from embzarr._storage import Data, Readable, Store

WRITER = f"embzarr {__version__} repair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """What stands at the highest number, whether it can be read or not."""

    number: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A checkpoint that is to be the newest one again."""

    commit: Commit
    layers: list[Layer]
    """As they are now."""
    write_id: str
    """Names the folder of the top layer, where that was written for this."""
    message: str


def relist(target: Store, store: RepairStore, again: Again, top: Top) -> bool:
    """Make a checkpoint the newest one, by a commit that follows `top`.

    A checkpoint that another writer made meanwhile is as good: then nothing is made.

    Args:
        target: where to create the manifest.
        store: where to note it.
        again: the checkpoint.
        top: the newest commit.

    Returns:
        Whether it was made.

    Raises:
        StoreError: code ``commit-unknown``.
    """
    if store.dry_run:
        store.note("commit", keys.commit_key(top.number + 1), again.message)
        return True

    def compose(parent: Parent | None, _: object) -> bytes:
        manifest = msgspec.structs.replace(
            again.commit.manifest,
            commit=parent.commit + 1 if parent else 1,
            parent=parent,
            write_id=again.write_id,
            layers=again.layers,
            created=committing.now(),
            writer=WRITER,
        )
        return manifests.encode(manifest)

    claim = Claim(
        write_id=again.write_id,
        folders=frozenset(layer.path for layer in again.layers),
        seen=top.number,
        passes=protocol.COLLECTIONS,
    )
    key = keys.commit_key(top.number + 1)
    try:
        made = store.make(key, lambda: committing.take_number(target, claim, top, compose)[0])
    except ConflictError:
        return False
    if made is None:
        return False
    store.note("commit", keys.commit_key(made[0].number), again.message)
    return True


def lead(target: Store, store: RepairStore, store_id: str, top: Top, newest: Top | None) -> None:
    """Say which checkpoint is the newest, by a collection that follows `top` and gives up nothing.

    Raises:
        StoreError: code ``commit-unknown``.
    """
    key = keys.commit_key(top.number + 1)
    message = f"commit {newest.number} is the newest" if newest else "no checkpoint is left"
    if store.dry_run:
        store.note("commit", key, message)
        return
    record = Collection(
        format="embzarr",
        version=1,
        store=store_id,
        commit=top.number + 1,
        write_id=committing.new_id(),
        parent=Parent(commit=top.number, sha256=top.sha256),
        kind="collect",
        created=committing.now(),
        writer=WRITER,
        newest=Parent(commit=newest.number, sha256=newest.sha256) if newest else None,
        revokes=[],
        expires=[],
        expired=[],
    )
    claim = Claim(
        write_id=record.write_id, folders=frozenset(), seen=top.number, passes=protocol.NONE
    )
    data = collections.encode(record)
    try:
        made = store.make(key, lambda: committing.take_number(target, claim, top, lambda *_: data))
    except ConflictError:
        return  # somebody else has committed meanwhile
    if made:
        store.note("commit", key, message)


def mend_hint(store: RepairStore, head: int) -> None:
    """Let ``latest.json`` be a copy of commit `head`, unless it tells of a later one."""
    try:
        expected = store.get(keys.commit_key(head))
    except NotFoundError:  # a dry run that would make it
        store.note("restore", spec.LATEST, f"from {keys.commit_key(head)}")
        return
    found = _hint(store)
    if found == expected:
        return
    if found is not None:
        try:
            told = records.parse(found, spec.LATEST).number
            if told > head and records.read(store, told):
                return
        except (DamagedError, NotFoundError, UnsupportedError):
            pass
    store.restore(spec.LATEST, expected, f"from {keys.commit_key(head)}")


def _hint(store: Readable) -> Data | None:
    """Return what the hint holds; nothing of one that is larger than any manifest."""
    try:
        return get_at_most(store, spec.LATEST, spec.MAX_MANIFEST_BYTES)
    except NotFoundError:
        return None
    except DamagedError:
        return b""


def mend_root(store: RepairStore, store_id: str) -> Iterator[Problem]:
    """Write the groups above the layers where they are gone or are no JSON; yield other faults."""
    steps, limit = f"{spec.STEPS}/{spec.ZARR_JSON}", spec.MAX_ZARR_JSON_BYTES
    empty = zarr_json.group_document()
    for key, document in ((spec.ZARR_JSON, zarr_json.root_document(store_id)), (steps, empty)):
        found = _get(store, key, limit)
        if found is None:
            store.create("restore", key, document, "from the manifests")
            continue
        try:
            group = json.loads(found, what=key, max_bytes=limit)
        except DamagedError:
            store.restore(key, document, "from the manifests")
            continue
        is_root = key != steps and zarr_json.is_root_document(group, store_id)
        is_steps = key == steps and group == json.loads(empty, what=key, max_bytes=limit)
        if not is_root and not is_steps:
            message = "is not that of this store; it may be somebody's, and is left alone"
            yield Problem(code="zarr-metadata", key=key, message=message)


def mend_tags(
    store: RepairStore, other: Readable | None, is_sound: Callable[[Parent], bool]
) -> Iterator[Problem]:
    """Restore tags that cannot be read from the source; yield those that name nothing sound."""
    limit = spec.MAX_TAG_BYTES
    for info in sorted(store.list(f"{spec.TAGS}/"), key=lambda info: info.key):
        if keys.tag_name(info.key) is None:
            continue
        try:
            target = tagging.parse_tag(_get(store, info.key, limit) or b"", info.key)
        except DamagedError as exc:
            copy = _get(other, info.key, limit) if other else None
            if copy is not None and _names_sound(copy, info.key, is_sound):
                store.restore(info.key, copy, f"from the source's {info.key}")
                continue
            yield Problem(code=exc.code, key=info.key, message=str(exc.args[0]))
            continue
        if not is_sound(target):
            message = f"names commit {target.commit}, which is gone or damaged"
            yield Problem(code="tag-invalid", key=info.key, message=message)


def _names_sound(data: Data, key: str, is_sound: Callable[[Parent], bool]) -> bool:
    try:
        return is_sound(tagging.parse_tag(data, key))
    except DamagedError:
        return False


def _get(store: Readable, key: str, limit: int) -> Data | None:
    """Return the bytes, of an object that is too large the first; None where it is gone."""
    try:
        return store.get_range(key, 0, min(store.head(key).size, limit + 1))
    except NotFoundError:
        return None
