"""Writes one layer: vectors and columns as they come, then the words, the lookup and the metadata.

Nothing that it writes is visible before a manifest names it (spec section "Commit order").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr import _chunks, _dtypes, _keys, _lookup, _parallel, _schema, _words, _zarr_json
from embzarr._array_write import ArrayWriter, ObjectWriter
from embzarr._manifest import Array, Layer, Lossy, PlacementMember
from embzarr.errors import EmbzarrError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embzarr._placement import Placement
    from embzarr._words import WordTable
    from embzarr.objects import Store

JOB_BYTES = 160 * 1024 * 1024
"""Rows and their encoded form, over all background work of a writer."""


class LayerWriter:
    """Takes rows in their final order and writes a full step."""

    def __init__(
        self,
        store: Store,
        *,
        step: int,
        write_id: str,
        dim: int,
        dtype: str,
        columns: Mapping[str, tuple[str, tuple[int, ...]]],
        compression: str,
        allow_nonfinite: bool,
    ) -> None:
        """Prepare to write below a fresh folder.

        Args:
            store: where to.
            step: the step's number.
            write_id: names the folder together with the step.
            dim: numbers in a vector.
            dtype: stored data type of the vectors.
            columns: stored data type and row shape of each further column.
            compression: as `embzarr.save` takes it.
            allow_nonfinite: whether vectors may hold NaN and infinity.
        """
        self.step = step
        self.write_id = write_id
        self.rows = 0
        """Rows taken so far."""
        self._store = store
        self._jobs = _parallel.Jobs(JOB_BYTES)
        self._objects = ObjectWriter(store, _keys.layer_path(step, write_id), self._jobs)
        self._allow_nonfinite = allow_nonfinite
        self._words: list[WordTable] = []
        self._lossy: dict[str, Lossy] = {}
        self.dtypes = {
            _schema.VECTORS: dtype,
            **{name: kind for name, (kind, _) in columns.items()},
        }
        shapes = {_schema.VECTORS: (dim,), **{name: shape for name, (_, shape) in columns.items()}}
        self.columns = {
            name: ArrayWriter(
                self._objects,
                name,
                dtype=self.dtypes[name],
                row_shape=shape,
                codec=_chunks.parse(compression, _dtypes.itemsize(self.dtypes[name])),
            )
            for name, shape in shapes.items()
        }

    def append(self, words: WordTable, columns: Mapping[str, NDArray[Any]]) -> None:
        """Take rows: one word and one row of each column. The arrays must not change any more.

        Raises:
            InvalidInputError: NaN, infinity, or numbers beyond the range of the stored type.
        """
        stored = {name: self._stored(name, block) for name, block in columns.items()}
        self._words.append(words)
        self.rows += len(words)
        for name, block in stored.items():
            self.columns[name].append(block)

    def finish(self, placement: Placement, byte_order: NDArray[np.int64] | None = None) -> Layer:
        """Write the rest and return what the manifest says of the layer.

        Args:
            placement: the order in which rows were appended.
            byte_order: rows in byte order of their words, where the caller has it already.

        Raises:
            InvalidInputError: a word stands twice, or rows are not in the order of `placement`.
        """
        words = _words.concatenate(self._words)
        order = words.argsort() if byte_order is None else byte_order
        if byte_order is None:
            _words.check_unique(words, order)
            _check_order(placement, order)
        lookup = _lookup.encode(words, order)
        for column in self.columns.values():
            column.finish()
        fixed = self._write_words(words, lookup)
        self._jobs.wait()
        arrays = self._finish_arrays(fixed)
        self._write_metadata(arrays)
        self._jobs.close()
        return Layer(
            kind="full",
            path=_keys.layer_path(self.step, self.write_id),
            rows=len(words),
            placement=PlacementMember(
                kind=placement.kind, groups=placement.groups, starts=list(placement.starts)
            ),
            columns=list(self.columns),
            arrays=arrays,
            fences=list(lookup.fences),
            objects=self._objects.digests,
        )

    def abort(self) -> None:
        """Stop, and remove what was written, as far as the store lets us.

        Only for a write whose manifest was never sent: an object that a manifest may name is never
        removed.
        """
        self._jobs.close()
        path = _keys.layer_path(self.step, self.write_id)
        for name in list(self._objects.digests):
            try:
                self._store.delete(f"{path}/{name}")
            except EmbzarrError:
                return  # garbage below a write id that no manifest names harms nobody

    def _stored(self, name: str, block: NDArray[Any]) -> NDArray[Any]:
        """Return `block` in its stored type, noting what the conversion cost."""
        dtype = _dtypes.numpy_dtype(self.dtypes[name])
        with np.errstate(over="ignore", invalid="ignore"):
            stored = block.astype(dtype, copy=False)
        if name == _schema.VECTORS and not self._allow_nonfinite:
            check_finite(block, first_row=self.rows)
            if stored.dtype != block.dtype:
                check_finite(stored, first_row=self.rows, what=f"as {self.dtypes[name]}")
        if stored.dtype != block.dtype and not np.can_cast(block.dtype, dtype, "safe"):
            self._note_loss(name, block, stored)
        return stored

    def _note_loss(self, name: str, block: NDArray[Any], stored: NDArray[Any]) -> None:
        if not len(block):
            return
        with np.errstate(invalid="ignore"):
            difference = np.abs(block.astype(np.float64) - stored.astype(np.float64))
        error = float(np.max(difference[np.isfinite(difference)], initial=0.0))
        before = self._lossy.get(name)
        self._lossy[name] = Lossy(
            source_dtype=block.dtype.name,
            max_abs_error=max(error, before.max_abs_error if before else 0.0),
        )

    def _write_words(self, words: WordTable, lookup: _lookup.LookupImage) -> dict[str, ArrayWriter]:
        """Start writing the arrays that hold the vocabulary."""
        size = lookup.blocks.shape[1]
        numbers = _chunks.parse("blosc:zstd", 8)
        arrays = {
            _schema.WORDS_DATA: (words.data, _chunks.ZSTD, None),
            _schema.WORDS_OFFSETS: (words.offsets.astype("<u8"), numbers, None),
            _schema.LOOKUP_BLOCKS: (lookup.blocks, _chunks.ZSTD, 1),
        }
        writers: dict[str, ArrayWriter] = {}
        for name, (rows, codec, chunk) in arrays.items():
            writer = ArrayWriter(
                self._objects,
                name,
                dtype=rows.dtype.name,
                row_shape=(size,) if chunk else (),
                codec=codec,
                chunk=chunk,
            )
            writer.append(rows)
            writer.finish()
            writers[name] = writer
        return writers

    def _finish_arrays(self, fixed: dict[str, ArrayWriter]) -> dict[str, Array]:
        """Write chunk tables where an index is too long for the manifest."""
        tables: dict[str, ArrayWriter] = {}
        for name, writer in {**self.columns, **fixed}.items():
            index = writer.index()
            if len(index) > _schema.INLINE_CHUNKS and name != _schema.LOOKUP_BLOCKS:
                tables[name] = self._write_table(_keys.table_array(name), index.table())
        self._jobs.wait()
        arrays = {
            name: writer.array(
                table=_keys.table_array(name) if name in tables else None,
                lossy=self._lossy.get(name),
            )
            for name, writer in {**self.columns, **fixed}.items()
        }
        return arrays | {_keys.table_array(name): table.array() for name, table in tables.items()}

    def _write_table(self, name: str, table: NDArray[np.uint64]) -> ArrayWriter:
        writer = ArrayWriter(
            self._objects,
            name,
            dtype="uint64",
            row_shape=(_schema.TABLE_COLUMNS,),
            codec=_chunks.parse("blosc:zstd", 8),
            chunk=_schema.TABLE_CHUNK_ROWS,
        )
        writer.append(table)
        writer.finish()
        return writer

    def _write_metadata(self, arrays: dict[str, Array]) -> None:
        documents = _zarr_json.layer_documents(
            arrays, step=self.step, write_id=self.write_id, columns=list(self.columns)
        )
        _parallel.each(lambda item: self._objects.put(*item), list(documents.items()))


def check_finite(block: NDArray[Any], *, first_row: int = 0, what: str = "") -> None:
    """Refuse NaN and infinity.

    Args:
        block: vectors, shape (rows, dim).
        first_row: row of the first, for the message.
        what: how the numbers were converted, for the message.

    Raises:
        InvalidInputError: code ``input-nonfinite``, naming the first place.
    """
    # A sum of finite numbers may overflow, but one with a NaN or infinity is never finite: adding
    # up is several times faster than a look at each number.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.add.reduce(block, axis=None, dtype=np.float32)):
            return
    bad = np.argwhere(~np.isfinite(block))
    if len(bad):
        row, place = (int(number) for number in bad[0])
        raise InvalidInputError(
            "input-nonfinite",
            f"vectors must be finite{what and ' ' + what}: row {first_row + row}, dimension "
            f"{place} is {block[row, place]!s}; {len(bad)} in all "
            "(allow_nonfinite=True stores them)",
        )


def _check_order(placement: Placement, order: NDArray[np.int64]) -> None:
    if placement.kind == "lexical" and np.any(np.diff(order) < 0):
        row = int(np.flatnonzero(np.diff(order) < 0)[0])
        raise InvalidInputError(
            "input-argument",
            f"placement 'lexical' needs words in byte order: row {int(order[row])} belongs after "
            f"row {int(order[row + 1])}",
        )
