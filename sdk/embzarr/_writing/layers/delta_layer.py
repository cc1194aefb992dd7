"""Writes a delta: the rows that changed since a commit, and the words appended since.

Nothing that it writes is visible before a manifest names it (spec section "Deltas").
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from embzarr._format import (
    PlacementMember,
    chunk_coding,
    dtypes,
    grids,
    keys,
    lookups,
    pages,
    spec,
)
from embzarr._writing.layers.contents import ContentsWriter
from embzarr._writing.layers.conversion import check_finite
from embzarr._writing.layers.layer_files import LayerFiles
from embzarr._writing.layers.loss import LossMeter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from embzarr._format import Array, Change, Layer, Lossy, WordTable
    from embzarr._storage import Store
    from embzarr._writing.given.extras import Upon

LossyKind: TypeAlias = Literal["float16", "int8"]

_ROW_NUMBER_BYTES = 8
_MOST = 127
"""The largest number of a scaled row: int8 without its lowest, so that signs are alike."""


class DeltaWriter:
    """Writes one delta upon a commit's layers."""

    def __init__(
        self,
        store: Store,
        *,
        step: int,
        write_id: str,
        layers: list[Layer],
        compression: str,
        lossy: LossyKind | None,
        allow_nonfinite: bool,
    ) -> None:
        """Prepare to write below a fresh folder.

        Args:
            store: where to.
            step: the step's number.
            write_id: names the folder together with the step.
            layers: those of the commit that it is laid upon.
            compression: as `embzarr.save` takes it.
            lossy: store floating point of rank 2 in fewer bits.
            allow_nonfinite: whether vectors may hold NaN and infinity.
        """
        self._files = LayerFiles(store, step=step, write_id=write_id)
        self._base, self._below = layers[0], layers[-1]
        self._room_in_manifest = pages.room_beside(layers)
        self._room = spec.MAX_INLINE_SUM - sum(layer.copied_bytes for layer in layers)
        self._compression = compression
        self._lossy_kind = lossy
        self._allow_nonfinite = allow_nonfinite
        self._lossy: dict[str, Lossy] = {}

    def write(self, upon: Upon) -> Layer:
        """Write everything and return what the manifest says of the layer.

        Args:
            upon: changes by column, with new words every column and all of their rows; the words in
                row order; and the tensors and files that changed.

        Raises:
            InvalidInputError: NaN, infinity, or numbers beyond the range of the stored type.
        """
        words, extras = upon.words, upon.extras
        for name, change in upon.changes.items():
            self._put_column(name, change)
        fences: tuple[str, ...] = ()
        if len(words):
            fences = self._put_words(words)
        writer = ContentsWriter(self._files, self._compression)
        writer.put(extras.tensors, extras.files)
        layer = self._files.finish(
            list(upon.changes),
            self._lossy,
            rows=self._below.rows + len(words),
            placement=PlacementMember(kind="given"),
            fences=fences,
            contents=writer.finish(),
            below=self._below,
            room=self._room,
        )
        return self._files.paged(layer, room=self._room_in_manifest)

    def withdrawn_on_error(self) -> AbstractContextManager[None]:
        """Stop, and remove what was written, if the block fails: before a manifest is sent."""
        return self._files.withdrawn_on_error()

    def _put_column(self, name: str, change: Change) -> None:
        stored = self._stored(name, change)
        codec = chunk_coding.parse(self._compression, stored.itemsize)
        row_bytes = grids.row_bytes(stored.shape, stored.itemsize)
        chunk = grids.choose_tight_chunk(len(stored), row_bytes)
        self._files.put(name, stored, codec, chunk=chunk)
        numbers = chunk_coding.parse("blosc:zstd", 8)
        self._files.put(keys.rows_array(name), change.rows.astype("<u8"), numbers)

    def _put_words(self, words: WordTable) -> tuple[str, ...]:
        lookup = lookups.encode(words, words.argsort(), first_row=self._below.rows)
        self._files.put_words(words, lookup)
        return lookup.fences

    def _stored(self, name: str, change: Change) -> NDArray[Any]:
        """Return the values in their stored type, noting what the conversion cost."""
        base, values = self._base.arrays[name], change.values
        if self._lossy_kind == "int8" and can_shrink(base):
            return self._scaled(name, change)
        half = self._lossy_kind == "float16" and can_shrink(base) and base.dtype != "bfloat16"
        dtype = dtypes.numpy_dtype("float16" if half else base.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            stored = values.astype(dtype, copy=False)
        if stored.dtype != values.dtype:
            if name == spec.VECTORS and not self._allow_nonfinite:
                check_finite(stored, row_of=change.row_of, what=f"as {dtype}")
            if dtypes.may_lose(values.dtype, dtype):
                self._note_loss(name, values, stored)
        return stored

    def _scaled(self, name: str, change: Change) -> NDArray[Any]:
        """Return rows as int8, and write what each is to be multiplied by."""
        values = change.values
        check_finite(_flat(values), row_of=change.row_of, what="in rows of int8")
        scales, stored = scale_rows(values)
        self._note_loss(name, values, unscaled(scales, stored))
        self._files.put(keys.scales_array(name), scales, None)
        return stored

    def _note_loss(self, name: str, values: NDArray[Any], meant: NDArray[Any]) -> None:
        meter = LossMeter(values.dtype.name)
        meter.add(values, meant)
        self._lossy[name] = meter.lossy()


def stored_bytes(base: Layer, counts: Mapping[str, int], lossy: LossyKind | None) -> int:
    """Return the bytes of a delta before compression, given how many rows of each column it has."""
    sizes = {None: 0, "float16": 2, "int8": 1}
    total = 0
    for name, count in counts.items():
        array = base.arrays[name]
        item = dtypes.itemsize(array.dtype)
        shrunk = min(item, sizes[lossy] or item) if can_shrink(array) else item
        total += count * (array.grid.row_bytes // item * shrunk + _ROW_NUMBER_BYTES)
    return total


def can_shrink(base: Array) -> bool:
    """Tell whether a column may be stored in fewer bits than its base: matrices of numbers."""
    return len(base.shape) > 1 and base.dtype in spec.VECTOR_DTYPES


def scale_rows(values: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return what each row is multiplied by, and the rows as whole numbers from -127 to 127."""
    numbers = values.astype(np.float32)
    flat = _flat(numbers)
    scales = np.abs(flat).max(axis=1, initial=0.0) / np.float32(_MOST)
    # The least numbers of float32 have no 127th part: such a row is as good as zero.
    safe = np.where(scales > 0, scales, 1).astype(np.float32)
    whole = np.clip(np.rint(flat / safe[:, None]), -_MOST, _MOST)
    return scales.astype(np.float32), whole.astype(np.int8).reshape(values.shape)


def unscaled(scales: NDArray[np.float32], stored: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return what rows that were scaled mean."""
    return stored.astype(np.float32) * scales.reshape(-1, *[1] * (stored.ndim - 1))


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    """Return rows as a matrix, of no rows too."""
    return values.reshape(len(values), math.prod(values.shape[1:]))
