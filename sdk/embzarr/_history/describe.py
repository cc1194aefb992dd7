"""What can be said of a checkpoint without reading it: everything here is in the manifest."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from embzarr._format import itemsize, spec

if TYPE_CHECKING:
    from embzarr._format import Array, FileMember, Layer, Manifest, TensorMember
    from embzarr._history.records import Commit


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
    rms_error: float | None = None
    """Square root of the mean squared difference."""
    relative_error: float | None = None
    """Square root of the summed squared differences over the summed squares of the source."""
    layer: int = 0
    """Which of the checkpoint's layers holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerInfo:
    """One write of rows."""

    kind: str
    path: str
    rows: int
    """Rows that it holds: all of them, or those that a delta changed."""
    objects: int
    bytes_stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One named tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """Its data type, or what a framework calls it."""
    bytes_raw: int
    bytes_stored: int | None
    """None of a small one, which is stored together with others."""
    array: str
    layer: int
    """Which of the checkpoint's layers holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """One named file."""

    name: str
    size: int
    sha256: str
    media_type: str
    bytes_stored: int | None
    """None of a small one, which is stored together with others."""
    array: str
    layer: int
    """Which of the checkpoint's layers holds it."""


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
    """All arrays of all layers."""
    tensors: tuple[TensorInfo, ...]
    files: tuple[FileInfo, ...]
    model: dict[str, Any] | None
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
    """What the commit itself wrote; a delta's layers below it were there."""
    write_id: str


def of_checkpoint(commit: Commit) -> CheckpointInfo:
    """Describe a checkpoint in full, whose manifest has what its pages hold."""
    manifest = commit.manifest
    dim, dtype = _vectors(manifest)
    columns = tuple(
        _column(layer, name, at)
        for at, layer in enumerate(manifest.layers)
        for name in _names(layer)
    )
    return CheckpointInfo(
        step=manifest.step,
        commit=manifest.commit,
        created=manifest.created,
        writer=manifest.writer,
        kind=manifest.kind,
        rows=manifest.rows,
        dim=dim,
        dtype=dtype,
        placement=str(manifest.order),
        bytes_stored=sum(layer.bytes_stored for layer in manifest.layers),
        bytes_raw=_bytes_raw(manifest),
        layers=tuple(
            LayerInfo(
                kind=part.kind,
                path=part.path,
                rows=_held(part),
                objects=part.object_count,
                bytes_stored=part.bytes_stored,
            )
            for part in manifest.layers
        ),
        columns=columns,
        tensors=_tensors(manifest),
        files=_files(manifest),
        model=deepcopy(manifest.model),
        metadata=deepcopy(manifest.metadata),
    )


def held(commit: Commit) -> str:
    """Return what a checkpoint holds, in a few words: its matrix, tensors and files."""
    manifest = commit.manifest
    dim, dtype = _vectors(manifest)
    parts = [f"{manifest.rows} x {dim} {dtype}"] if dim else []
    return ", ".join(parts + [f"{count} {kind}" for kind, count in _counts(manifest) if count])


def facts(commit: Commit) -> dict[str, object]:
    """Return what a notebook shows of a checkpoint; None of what is not there, or not known yet."""
    manifest = commit.manifest
    dim, dtype = _vectors(manifest)
    is_paged = bool(_paged(manifest))
    return {
        "step": str(manifest.step),
        "commit": manifest.commit,
        "created": manifest.created,
        "kind": manifest.kind,
        "vectors": f"{manifest.rows:,} x {dim} {dtype}" if dim else None,
        **{kind: count or None for kind, count in _counts(manifest)},
        "bytes stored": sum(layer.bytes_stored for layer in manifest.layers),
        "bytes raw": None if is_paged else _bytes_raw(manifest),
        "layers": len(manifest.layers),
    }


def _counts(manifest: Manifest) -> list[tuple[str, int]]:
    """Return how many tensors and files there are; of those that pages list, how many those say."""
    listed = {"tensors": len(manifest.tensors), "files": len(manifest.files)}
    return [*listed.items(), ("tensors and files in pages", _paged(manifest))]


def _paged(manifest: Manifest) -> int:
    pages = [page for layer in manifest.layers for page in layer.pages_of(spec.MEMBERS)]
    return sum(page.count for page in pages)


def of_commit(commit: Commit) -> CommitInfo:
    """Describe a commit in one line."""
    manifest = commit.manifest
    dim, dtype = _vectors(manifest)
    return CommitInfo(
        commit=manifest.commit,
        step=manifest.step,
        created=manifest.created,
        kind=manifest.kind,
        rows=manifest.rows,
        dim=dim,
        dtype=dtype,
        bytes_stored=manifest.top.bytes_stored,
        write_id=manifest.write_id,
    )


def _bytes_raw(manifest: Manifest) -> int:
    """Return the bytes of all values, before compression and without what finds them."""
    base = manifest.base
    table = sum(_raw(base.arrays[name], manifest.rows) for name in base.columns)
    tensors = sum(tensor.bytes_raw for tensor in _tensors(manifest))
    return table + tensors + sum(file.size for _, file in manifest.files.values())


def _tensors(manifest: Manifest) -> tuple[TensorInfo, ...]:
    numbers = {layer.path: at for at, layer in enumerate(manifest.layers)}
    return tuple(
        TensorInfo(
            name=name,
            shape=tuple(member.shape),
            dtype=member.type or layer.arrays[member.array].dtype,
            bytes_raw=math.prod(member.shape) * itemsize(layer.arrays[member.array].dtype),
            bytes_stored=_stored_alone(layer, member),
            array=member.array,
            layer=numbers[layer.path],
        )
        for name, (layer, member) in manifest.tensors.items()
    )


def _files(manifest: Manifest) -> tuple[FileInfo, ...]:
    numbers = {layer.path: at for at, layer in enumerate(manifest.layers)}
    return tuple(
        FileInfo(
            name=name,
            size=member.size,
            sha256=member.sha256,
            media_type=member.media_type,
            bytes_stored=_stored_alone(layer, member),
            array=member.array,
            layer=numbers[layer.path],
        )
        for name, (layer, member) in manifest.files.items()
    )


def _stored_alone(layer: Layer, member: TensorMember | FileMember) -> int | None:
    return None if member.start is not None else int(layer.shard_sizes(member.array).sum())


def _vectors(manifest: Manifest) -> tuple[int, str]:
    """Return dimension and data type of the vectors; 0 and nothing where there are none."""
    if not manifest.has_table:
        return 0, ""
    vectors = manifest.base.arrays[spec.VECTORS]
    return vectors.shape[1], vectors.dtype


def _names(layer: Layer) -> list[str]:
    # JSON sorts members by name; a person wants the vectors first and the plumbing last.
    return [*layer.columns, *sorted(layer.arrays.keys() - set(layer.columns))]


def _held(layer: Layer) -> int:
    return max((layer.arrays[name].shape[0] for name in layer.columns), default=0)


def _raw(array: Array, rows: int) -> int:
    return rows * math.prod(array.shape[1:]) * itemsize(array.dtype)


def _column(layer: Layer, name: str, at: int) -> ColumnInfo:
    array = layer.arrays[name]
    grid = array.grid
    count = math.prod(array.shape) * itemsize(array.dtype)
    return ColumnInfo(
        name=name,
        shape=tuple(array.shape),
        dtype=array.dtype,
        codec=str(array.codec),
        chunk_rows=array.chunk,
        shard_chunks=array.shard,
        chunks=grid.chunks,
        bytes_stored=int(layer.shard_sizes(name).sum()),
        bytes_raw=count,
        layer=at,
        **msgspec.structs.asdict(array.lossy) if array.lossy else {},
    )
