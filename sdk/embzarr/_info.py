"""What can be said of a checkpoint without reading it: everything here is in the manifest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embzarr import _schema
from embzarr._dtypes import itemsize

if TYPE_CHECKING:
    from embzarr._history import Commit
    from embzarr._manifest import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnInfo:
    """One array of a layer."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    codec: str
    chunk_rows: int
    shard_chunks: int
    chunks: int
    bytes_stored: int
    bytes_raw: int
    source_dtype: str | None = None
    """Data type before a conversion at save that lost precision."""
    max_abs_error: float | None = None
    """The largest difference that the conversion made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerInfo:
    """One write of rows."""

    kind: str
    path: str
    rows: int
    objects: int
    bytes_stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointInfo:
    """A checkpoint as ``embzarr inspect`` shows it. Sizes are in bytes."""

    step: int
    commit: int
    created: str
    writer: str
    kind: str
    rows: int
    dim: int
    dtype: str
    placement: str
    bytes_stored: int
    bytes_raw: int
    layers: tuple[LayerInfo, ...]
    columns: tuple[ColumnInfo, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """One line of a run's history."""

    commit: int
    step: int
    created: str
    kind: str
    rows: int
    dim: int
    dtype: str
    bytes_stored: int
    write_id: str


def of_checkpoint(commit: Commit) -> CheckpointInfo:
    """Describe a checkpoint in full."""
    manifest, layer = commit.manifest, commit.manifest.layer
    # JSON sorts members by name; a person wants the vectors first and the plumbing last.
    names = [*layer.columns, *sorted(layer.arrays.keys() - set(layer.columns))]
    columns = tuple(_column(layer, name) for name in names)
    return CheckpointInfo(
        step=manifest.step,
        commit=manifest.commit,
        created=manifest.created,
        writer=manifest.writer,
        kind=manifest.kind,
        rows=layer.rows,
        dim=layer.arrays[_schema.VECTORS].shape[1],
        dtype=layer.arrays[_schema.VECTORS].dtype,
        placement=str(layer.order),
        bytes_stored=_stored(layer),
        bytes_raw=sum(column.bytes_raw for column in columns if column.name in layer.columns),
        layers=tuple(
            LayerInfo(
                kind=part.kind,
                path=part.path,
                rows=part.rows,
                objects=len(part.objects),
                bytes_stored=_stored(part),
            )
            for part in manifest.layers
        ),
        columns=columns,
        metadata=manifest.metadata,
    )


def of_commit(commit: Commit) -> CommitInfo:
    """Describe a commit in one line."""
    manifest, layer = commit.manifest, commit.manifest.layer
    vectors = layer.arrays[_schema.VECTORS]
    return CommitInfo(
        commit=manifest.commit,
        step=manifest.step,
        created=manifest.created,
        kind=manifest.kind,
        rows=layer.rows,
        dim=vectors.shape[1],
        dtype=vectors.dtype,
        bytes_stored=_stored(layer),
        write_id=manifest.write_id,
    )


def _stored(layer: Layer) -> int:
    return sum(digest.size for digest in layer.objects.values())


def _column(layer: Layer, name: str) -> ColumnInfo:
    array = layer.arrays[name]
    grid = array.grid
    return ColumnInfo(
        name=name,
        shape=tuple(array.shape),
        dtype=array.dtype,
        codec=str(array.codec),
        chunk_rows=array.chunk,
        shard_chunks=array.shard,
        chunks=grid.chunks,
        bytes_stored=int(layer.shard_sizes(name).sum()),
        bytes_raw=math.prod(array.shape) * itemsize(array.dtype),
        source_dtype=array.lossy.source_dtype if array.lossy else None,
        max_abs_error=array.lossy.max_abs_error if array.lossy else None,
    )
