"""Writes one layer: vectors and columns as they come, then the words, the lookup and the metadata.

Nothing that it writes is visible before a manifest names it (spec section "Commit order").
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import (
    PlacementMember,
    chunk_coding,
    dtypes,
    lookups,
    pages,
    word_table,
)
from embzarr._storage import parallel
from embzarr._writing.layers.contents import ContentsWriter
from embzarr._writing.layers.conversion import Conversion
from embzarr._writing.layers.layer_files import JOB_BYTES, LayerFiles
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from embzarr._format import Layer, LayerSettings, Lossy, Placement, WordTable
    from embzarr._storage import Store


class LayerWriter:
    """Takes rows in their final order and writes a full step."""

    def __init__(
        self,
        store: Store,
        settings: LayerSettings,
        *,
        step: int,
        write_id: str,
        caller_rows: NDArray[np.int64] | None = None,
        staged: bool = False,
        job_bytes: int = JOB_BYTES,
    ) -> None:
        """Prepare to write below a fresh folder.

        Args:
            store: where to.
            settings: how it is stored.
            step: the step's number.
            write_id: names the folder together with the step.
            caller_rows: the caller's row of each row, for messages, where rows were moved.
            staged: whether rows are read once, in their order, and removed: neither a lookup nor
                documents are written, and words are not looked through for doubles.
            job_bytes: what all background work may hold at once.
        """
        self.step = step
        self.write_id = write_id
        self.rows = 0
        """Rows taken so far."""
        self._files = LayerFiles(
            store, step=step, write_id=write_id, staged=staged, job_bytes=job_bytes
        )
        self.contents = ContentsWriter(self._files, settings.compression, settings.chunk_bytes)
        """Takes tensors and files."""
        self._chunk_bytes = settings.chunk_bytes
        self._words = word_table.Gathering()
        self._fences: tuple[str, ...] | None = None
        self.lossy: dict[str, Lossy] = {}
        """What conversions of earlier writes cost, where rows are taken over from them."""
        kinds = settings.kinds
        self.dtypes = {name: kind for name, (kind, _) in kinds.items()}
        self._conversion = Conversion(
            self.dtypes, allow_nonfinite=settings.allow_nonfinite, caller_rows=caller_rows
        )
        self.columns = {
            name: self._files.add(
                name,
                dtype=kind,
                row_shape=shape,
                chunk_bytes=settings.chunk_bytes,
                codec=chunk_coding.parse(settings.compression, dtypes.itemsize(kind)),
            )
            for name, (kind, shape) in kinds.items()
        }

    def require_room(self, rows: int) -> None:
        """Refuse more rows than a manifest can tell of, before they are sent.

        Raises:
            InvalidInputError: code ``input-argument``, with the objects that they would take.
        """
        shards = sum(-(-rows // column.shard_rows) for column in self.columns.values())
        pages.require_objects(shards)

    def beside(self, work: Callable[[], object]) -> None:
        """Do something else meanwhile; where it fails, this write fails."""
        self._files.beside(work)

    def append(
        self, words: WordTable, columns: Mapping[str, NDArray[Any]], *, copied: bool = False
    ) -> None:
        """Take rows: one word and one row of each column.

        Args:
            words: of the rows.
            columns: the rows; they must not change any more, unless they are copied.
            copied: whether to copy them; of a layer all are, or none.

        Raises:
            InvalidInputError: NaN, infinity, or numbers beyond the range of the stored type.
        """
        self.append_rows(columns, copied=copied)
        self._words.add(words)

    def append_rows(self, columns: Mapping[str, NDArray[Any]], *, copied: bool = False) -> None:
        """Take rows of each column, as `append`, whose words `put_words` writes."""
        (rows,) = {len(block) for block in columns.values()}
        self.require_room(self.rows + rows)
        stored = self._conversion.stored(columns, first_row=self.rows)
        self.rows += rows
        for name, block in stored.items():
            self.columns[name].append(block, copied=copied)

    def put_words(
        self, words: WordTable, placement: Placement, order: NDArray[np.int64] | None = None
    ) -> None:
        """Start writing all words and their lookup, which may be done before rows are appended.

        Args:
            words: in the final order of their rows.
            placement: that order.
            order: rows in byte order of their words, where the caller has sorted them already.

        Raises:
            InvalidInputError: a word stands twice, or words are not in the order of `placement`.
        """
        each = partial(parallel.each, workers=os.cpu_count() or 1)
        order = words.argsort_unique(each=each) if order is None else order
        check_order(placement, order)
        lookup = lookups.encode(words, order, chunk_bytes=self._chunk_bytes, each=each)
        self._files.put_words(words, lookup)
        self._fences = lookup.fences

    def finish(
        self, placement: Placement, *, meanwhile: Callable[[], object] | None = None
    ) -> Layer:
        """Write the rest and return what the manifest says of the layer.

        Args:
            placement: the order in which rows were appended.
            meanwhile: what else to do once nothing of the caller's can be refused any more.

        Raises:
            InvalidInputError: a word stands twice, or rows are not in the order of `placement`.
        """
        for column in self.columns.values():
            column.finish()
        if self._files.is_staged:
            self._files.put_texts(self._words.table())
        elif self._fences is None and self.columns:
            self.put_words(self._words.table(), placement)
        if meanwhile:
            self._files.beside(meanwhile)
        losses = self._conversion.losses
        lossy = self.lossy | {name: meter.lossy() for name, meter in losses.items()}
        layer = self._files.finish(
            list(self.columns),
            lossy,
            rows=self.rows,
            placement=PlacementMember(
                kind=placement.kind, groups=placement.groups, starts=list(placement.starts)
            ),
            fences=self._fences or (),
            contents=self.contents.finish(),
        )
        return self._files.paged(layer)

    def withdrawn_on_error(self) -> AbstractContextManager[None]:
        """Stop, and remove what was written, if the block fails: before a manifest is sent."""
        return self._files.withdrawn_on_error()

    def abort(self, cause: BaseException) -> None:
        """Stop, and remove what was written, since `cause` was raised."""
        self._files.abort(cause)


def check_order(placement: Placement, order: NDArray[np.int64]) -> None:
    if placement.kind == "lexical" and np.any(np.diff(order) < 0):
        row = int(np.flatnonzero(np.diff(order) < 0)[0])
        raise InvalidInputError(
            "input-argument",
            f"placement 'lexical' needs words in byte order: row {int(order[row])} belongs after "
            f"row {int(order[row + 1])}",
        )
