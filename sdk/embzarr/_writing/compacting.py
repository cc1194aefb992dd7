"""Turns a chain of deltas into a full step: rows are read through all layers and written anew.

Memory is bounded: a few batches of rows, the shards under way, and the vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from embzarr._format import LayerSettings, Lossy, Placement, grids, spec
from embzarr._history import Draft, committing
from embzarr._reading import WHOLE, TableReader, link_of, nearest
from embzarr._redact import without_secrets
from embzarr._storage import parallel
from embzarr._writing.given.extras import NOTHING
from embzarr._writing.layers.full_layer import LayerWriter
from embzarr._writing.layers.layer_files import JOB_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from embzarr._format import Array, Change, Layer, Manifest, WordTable
    from embzarr._history import Commit
    from embzarr._storage import Store
    from embzarr._writing.given.extras import Upon

Blocks: TypeAlias = dict[str, NDArray[Any]]

BATCH_BYTES = 16 * 1024 * 1024


def write_full(
    store: Store,
    commit: Commit,
    *,
    step: int,
    write_id: str,
    compression: str,
    chunk_bytes: int | None,
    upon: Upon = NOTHING,
    progress: Callable[[int, int], None] | None = None,
) -> Layer:
    """Write all rows of a commit, with changes laid upon them, as one full layer.

    Args:
        store: where from, and where to.
        commit: the chain.
        step: the step's number.
        write_id: names the layer's folder.
        compression: as `embzarr.save` takes it.
        chunk_bytes: of the chunks; None for what was asked for when the base was saved.
        upon: what is laid upon it.
        progress: called with the rows of the commit that are read, and all of them.

    Raises:
        DamagedError: a layer of the chain is damaged; nothing of it is written on.
    """
    manifest = commit.manifest
    reader = TableReader(store, manifest, link_of(store))
    layer = writer_like(
        store,
        manifest,
        step=step,
        write_id=write_id,
        compression=compression,
        chunk_bytes=chunk_bytes,
    )
    layer.lossy = inherited(manifest.layers)
    with layer.withdrawn_on_error():
        for start, table, blocks in _rows_of(reader):
            _lay(upon.changes, blocks, start)
            layer.append(table, blocks)
            if progress is not None:
                progress(start + len(table), manifest.rows)
        if len(upon.words):
            new = slice(-len(upon.words), None)
            layer.append(upon.words, {name: c.values[new] for name, c in upon.changes.items()})
        layer.contents.put(upon.extras.tensors, upon.extras.files)
        layer.contents.take_over(store, manifest)
        placement = Placement(kind="given") if len(upon.words) else manifest.order
        return layer.finish(placement)


def compact(
    store: Store,
    commit: Commit,
    *,
    compression: str,
    chunk_bytes: int | None,
    writer: str,
    progress: Callable[[int, int], None] | None = None,
) -> Commit:
    """Commit a chain's checkpoint again, as a full step of the same number and metadata.

    Raises:
        ConflictError: code ``commit-superseded``: another commit was made meanwhile.
    """
    write_id, manifest = committing.new_id(), commit.manifest
    layer = write_full(
        store,
        commit,
        step=manifest.step,
        write_id=write_id,
        compression=compression,
        chunk_bytes=chunk_bytes,
        progress=progress,
    )
    draft = Draft(
        store_id=commit.store,
        write_id=write_id,
        step=manifest.step,
        layers=[layer],
        metadata=without_secrets(manifest.metadata),
        model=None if manifest.model is None else without_secrets(manifest.model),
        base=commit,
        follows=True,
    )
    return committing.publish(store, draft, writer=writer)


def writer_like(
    store: Store,
    manifest: Manifest,
    *,
    step: int,
    write_id: str,
    compression: str,
    chunk_bytes: int | None,
    job_bytes: int = JOB_BYTES,
) -> LayerWriter:
    """Return what writes a full layer of the same columns as a commit's."""
    columns = _columns(manifest)
    vectors = columns.pop(spec.VECTORS, None)
    settings = LayerSettings(
        dim=vectors.shape[1] if vectors else None,
        dtype=vectors.dtype if vectors else "float32",
        columns={name: (array.dtype, tuple(array.shape[1:])) for name, array in columns.items()},
        compression=compression,
        chunk_bytes=chunk_bytes or (_chosen_chunk_bytes(vectors) if vectors else None),
        allow_nonfinite=True,  # what is stored was allowed once
    )
    return LayerWriter(store, settings, step=step, write_id=write_id, job_bytes=job_bytes)


def _chosen_chunk_bytes(vectors: Array) -> int | None:
    """Return what was asked for when the base was saved, as far as its vectors show it."""
    grid = vectors.grid
    is_usual = grid.chunks == 1 or grid.chunk == grids.choose_chunk(grid.row_bytes)
    return None if is_usual else max(grid.chunk_bytes, spec.LEAST_CHUNK_BYTES)


def _columns(manifest: Manifest) -> dict[str, Array]:
    return {name: manifest.base.arrays[name] for name in manifest.base.columns}


def blocks_of(reader: TableReader, batch_bytes: int = BATCH_BYTES) -> Iterable[Blocks]:
    """Yield the columns of all rows in batches; the next one is fetched meanwhile."""
    reader.prepare()
    return parallel.ahead(lambda cut: _blocks(reader, *cut), _cuts(reader, batch_bytes))


def _rows_of(reader: TableReader) -> Iterable[tuple[int, WordTable, Blocks]]:
    """Yield all rows in batches, as `blocks_of`: the first one's number, words, columns."""
    reader.prepare()
    return parallel.ahead(lambda cut: _rows(reader, *cut), _cuts(reader, BATCH_BYTES))


def _cuts(reader: TableReader, batch_bytes: int) -> list[tuple[int, int]]:
    manifest = reader.manifest
    row_bytes = sum(array.grid.row_bytes for array in _columns(manifest).values())
    return list(nearest.batches(manifest.rows, row_bytes, batch_bytes))


def _rows(reader: TableReader, start: int, stop: int) -> tuple[int, WordTable, Blocks]:
    words, blocks = parallel.together(
        lambda: reader.vocabulary.words(start, stop), lambda: _blocks(reader, start, stop)
    )
    return start, words, blocks


def _blocks(reader: TableReader, start: int, stop: int) -> Blocks:
    return reader.range(start, stop, dict.fromkeys(reader.manifest.base.columns, WHOLE))


def _lay(changes: Mapping[str, Change], blocks: Blocks, start: int) -> None:
    """Lay changes upon the rows of a batch."""
    for name, change in changes.items():
        block = blocks[name]
        first, last = np.searchsorted(change.rows, (start, start + len(block)))
        block[change.rows[first:last] - start] = change.values[first:last]


def inherited(layers: Iterable[Layer]) -> dict[str, Lossy]:
    """Return a bound of what conversions cost for each column, over all layers."""
    found: dict[str, Lossy] = {}
    for layer in layers:
        for name in layer.columns:
            lossy = layer.arrays[name].lossy
            if lossy:
                found[name] = _worst(found.get(name, lossy), lossy)
    return found


def _worst(one: Lossy, other: Lossy) -> Lossy:
    return Lossy(
        source_dtype=one.source_dtype,
        max_abs_error=max(one.max_abs_error, other.max_abs_error),
        rms_error=max(one.rms_error, other.rms_error),
        relative_error=max(one.relative_error, other.relative_error),
    )
