"""What stands in a history: read once, newest first, and kept by number and identity alone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from embzarr._format import digests, intervals, json, keys, spec
from embzarr._history import Collected, Commit, Expired, history, quarantine, tagging
from embzarr._storage import folders_of, parallel
from embzarr.errors import AccessDeniedError, EmbzarrError, InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from embzarr._format import Layer, Manifest, ObjectDigest, Parent, Run
    from embzarr._history import Record
    from embzarr._storage import Readable, Store

_LOOKED_AT = 64
"""Folders in which runs are looked for, of a place that is none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Where a layer lies."""

    path: str
    group: ObjectDigest
    """Of its own ``zarr.json``."""


@dataclass(slots=True, kw_only=True)
class Survey:
    """A history."""

    store_id: str | None = None
    """Identity of the store; None where nothing stands."""
    top: Record | None = None
    """What stands at the highest number."""
    identities: dict[int, str] = field(default_factory=dict)
    """Of what stands at each number, of a tombstone that of the commit that stood there."""
    tombstones: set[int] = field(default_factory=set)
    gone: list[Run] = field(default_factory=list)
    """Numbers of which a collection tells that they had tombstones; those are not read."""
    checkpoints: list[int] = field(default_factory=list)
    """Numbers of those that are there for readers, oldest first."""
    marked: set[int] = field(default_factory=set)
    """Numbers of those in quarantine."""
    unread: list[EmbzarrError] = field(default_factory=list)
    """Why a manifest tells nothing, of those that are not in quarantine."""
    revoked: set[str] = field(default_factory=set)
    """Folders whose objects collections delete."""
    folders: set[str] = field(default_factory=set)
    """Those of layers that checkpoints name."""
    layers: dict[tuple[str, str | None], Held] = field(default_factory=dict)
    """Layers of sound checkpoints by what they hold and the folder of the layer below them."""
    contents: dict[str, int] = field(default_factory=dict)
    """Numbers of sound checkpoints by what they hold; see `checkpoint_of`."""

    def is_begun_as(self, other: Survey) -> bool:
        """Tell whether this history is the beginning of another one, or all of it."""
        if self.top is None:
            return True
        return (
            self.store_id == other.store_id
            and self.top.number <= (other.top.number if other.top else 0)
            and all(other.has(number, sha256) for number, sha256 in self.identities.items())
        )

    def has(self, number: int, sha256: str) -> bool:
        """Tell whether a commit stands here, or stood."""
        if number in self.identities:
            return self.identities[number] == sha256
        return not intervals.without([[number, number]], self.gone)


def survey(store: Readable) -> Survey:
    """Read what stands at all numbers of a store.

    Raises:
        NotFoundError: something is missing.
    """
    found = Survey(marked=set(_marked(store)))
    expiring: set[int] = set()
    for number, record in history.numbered(store, history.runs_of(store)):
        if isinstance(record, EmbzarrError):
            if number not in found.marked:
                found.unread.append(record)
            continue
        found.top = found.top or record
        found.store_id = found.store_id or record.store
        found.identities[number] = record.sha256
        _take(found, record, expiring)
    kept = {parent.commit for parent in tags_of(store).values()}
    given_up = expiring - kept
    found.checkpoints = [n for n in reversed(found.checkpoints) if n not in given_up]
    return found


def _take(found: Survey, record: Record, expiring: set[int]) -> None:
    if isinstance(record, Expired):
        found.tombstones.add(record.number)
    elif isinstance(record, Collected):
        expiring.update(record.collection.expires)
        found.revoked.update(record.collection.revokes)
        found.gone = intervals.merged([*found.gone, *record.collection.expired])
    elif isinstance(record, Commit):
        found.checkpoints.append(record.number)
        found.folders.update(layer.path for layer in record.manifest.layers)
        if record.number not in found.marked:
            _take_layers(found, record.manifest)
            found.contents[checkpoint_of(record.manifest)] = record.number


def _take_layers(found: Survey, manifest: Manifest) -> None:
    below: str | None = None
    for layer in manifest.layers:
        group = layer.objects.get(spec.ZARR_JSON)
        if group is not None:
            found.layers[content_of(layer), below] = Held(path=layer.path, group=group)
        below = layer.path


def content_of(layer: Layer) -> str:
    """Return a digest of all that a layer is but where it lies, which its own document tells."""
    told = msgspec.to_builtins(layer)
    objects = {name: told["objects"][name] for name in layer.objects if name != spec.ZARR_JSON}
    return digests.sha256(json.dumps({**told, "path": "", "objects": objects}))


def checkpoint_of(manifest: Manifest) -> str:
    """Return a digest of what a checkpoint holds, wherever it was committed."""
    layers = [content_of(layer) for layer in manifest.layers]
    told = {
        "step": manifest.step,
        "metadata": manifest.metadata,
        "model": manifest.model,
        "layers": layers,
    }
    return digests.sha256(json.dumps(told))


def tags_of(store: Readable) -> dict[str, Parent]:
    """Return what each tag names; none of a store that cannot list."""
    try:
        return tagging.read_all(store)
    except UnsupportedError:
        return {}


def _marked(store: Readable) -> list[int]:
    try:
        return quarantine.marked(store)
    except UnsupportedError:
        return []


def require_no_runs(store: Store) -> None:
    """Refuse a folder of runs, which would be taken for one run from then on."""
    with suppress(AccessDeniedError, UnsupportedError):  # it may not be listed
        folders = [name for name in folders_of(store, "") if name not in keys.FOLDERS]
        looked = parallel.each(lambda name: folders_of(store, f"{name}/"), folders[:_LOOKED_AT])
        runs = [name for name, found in zip(folders, looked, strict=False) if spec.COMMITS in found]
        if runs:
            raise InvalidInputError(
                "input-argument",
                f"{store.url} is a folder of runs, {', '.join(map(repr, runs[:8]))}: copy to a URL "
                "below it, or say append=True if the copy is to lie around them",
            )
