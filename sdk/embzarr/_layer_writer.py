"""Writes one layer: vectors and columns as they come, then the words, the lookup and the metadata.

Nothing that it writes is visible before a manifest names it (spec section "Commit order").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr import _chunks, _dtypes, _lookup, _schema, _words
from embzarr._layer_files import LayerFiles
from embzarr._loss import LossMeter
from embzarr._manifest import Layer, PlacementMember
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embzarr._lookup import LookupImage
    from embzarr._manifest import Lossy
    from embzarr._placement import Placement
    from embzarr._words import WordTable
    from embzarr.objects import Store


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
        self._files = LayerFiles(store, step=step, write_id=write_id)
        self._allow_nonfinite = allow_nonfinite
        self._words: list[WordTable] = []
        self._sorted: tuple[NDArray[np.int64], LookupImage] | None = None
        self._losses: dict[str, LossMeter] = {}
        self.lossy: dict[str, Lossy] = {}
        """What conversions of earlier writes cost, where rows are taken over from them."""
        self.dtypes = {
            _schema.VECTORS: dtype,
            **{name: kind for name, (kind, _) in columns.items()},
        }
        shapes = {_schema.VECTORS: (dim,), **{name: shape for name, (_, shape) in columns.items()}}
        self.columns = {
            name: self._files.add(
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

    def sort(self, words: WordTable) -> None:
        """Make the lookup of all words, which may be done while their rows are appended.

        Raises:
            InvalidInputError: a word stands twice.
        """
        self._sorted = _sorted(words)

    def finish(self, placement: Placement) -> Layer:
        """Write the rest and return what the manifest says of the layer.

        Args:
            placement: the order in which rows were appended.

        Raises:
            InvalidInputError: a word stands twice, or rows are not in the order of `placement`.
        """
        for column in self.columns.values():
            column.finish()
        words = _words.concatenate(self._words)
        order, lookup = self._sorted or _sorted(words)
        _check_order(placement, order)
        self._files.put_words(words, lookup)
        lossy = self.lossy | {name: meter.lossy() for name, meter in self._losses.items()}
        arrays = self._files.finish(list(self.columns), lossy)
        return Layer(
            kind="full",
            path=self._files.path,
            rows=len(words),
            placement=PlacementMember(
                kind=placement.kind, groups=placement.groups, starts=list(placement.starts)
            ),
            columns=list(self.columns),
            arrays=arrays,
            fences=list(lookup.fences),
            objects=self._files.digests,
        )

    def abort(self) -> None:
        """Stop, and remove what was written: only where no manifest that names it was sent."""
        self._files.abort()

    def _stored(self, name: str, block: NDArray[Any]) -> NDArray[Any]:
        """Return `block` in its stored type, noting what the conversion cost."""
        dtype = _dtypes.numpy_dtype(self.dtypes[name])
        with np.errstate(over="ignore", invalid="ignore"):
            stored = block.astype(dtype, copy=False)
        if name == _schema.VECTORS and not self._allow_nonfinite:
            check_finite(block, first_row=self.rows)
            if stored.dtype != block.dtype:
                check_finite(stored, first_row=self.rows, what=f"as {self.dtypes[name]}")
        if len(block) and not np.can_cast(block.dtype, dtype, "safe"):
            self._losses.setdefault(name, LossMeter(block.dtype.name)).add(block, stored)
        return stored


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


def _sorted(words: WordTable) -> tuple[NDArray[np.int64], LookupImage]:
    """Return the rows in byte order of their words, none of which stands twice, and the lookup."""
    order = words.argsort()
    _words.check_unique(words, order)
    return order, _lookup.encode(words, order)


def _check_order(placement: Placement, order: NDArray[np.int64]) -> None:
    if placement.kind == "lexical" and np.any(np.diff(order) < 0):
        row = int(np.flatnonzero(np.diff(order) < 0)[0])
        raise InvalidInputError(
            "input-argument",
            f"placement 'lexical' needs words in byte order: row {int(order[row])} belongs after "
            f"row {int(order[row + 1])}",
        )
