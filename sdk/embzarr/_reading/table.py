"""Reads a checkpoint through its layers: words to rows, rows to columns, rows to words."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np

from embzarr._format import arguments, placements, spec, word_table
from embzarr._reading import loaded, pages
from embzarr._reading.loaded import Loaded
from embzarr._reading.rows.array import ArrayReader
from embzarr._reading.rows.column import ColumnReader
from embzarr._reading.words.vocabulary import VocabularyReader
from embzarr._storage import parallel
from embzarr.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._format import Manifest, WordTable
    from embzarr._reading.fetching.cost import Link
    from embzarr._reading.planning.options import View
    from embzarr._storage import GetRange


T = TypeVar("T")

By: TypeAlias = Literal["rows", "hash", "weight"]
Missing: TypeAlias = Literal["raise", "skip", "zeros", "nan", "subwords"]


class TableReader:
    """The columns and the words of a commit, opened from the manifest alone."""

    def __init__(self, store: GetRange, manifest: Manifest, link: Link) -> None:
        """Prepare to read; nothing is fetched yet."""
        self.manifest = manifest
        self._store, self._link = store, link
        self.vocabulary = VocabularyReader(store, manifest.layers, link)
        self._columns = {
            name: ColumnReader(store, manifest.layers, name, link) for name in manifest.base.columns
        }

    def column(self, name: str) -> ColumnReader:
        """Return the reader of a row-aligned column.

        Raises:
            InvalidInputError: there is no such column.
            NotFoundError: code ``table-missing``: there are no words and vectors at all.
        """
        if not self._columns:
            raise NotFoundError(
                "table-missing",
                "this checkpoint has no words and vectors: .tensors and .files read what it holds",
            )
        if name not in self._columns:
            raise InvalidInputError(
                "input-argument",
                f"no column {name!r}; this checkpoint has {', '.join(self._columns)}",
            )
        return self._columns[name]

    def prepare(self) -> None:
        """Read at once where the rows of all columns lie, before many reads that need it."""
        self._beside(self._columns, lambda: None)

    def expecting(self, count: int, views: Mapping[str, View]) -> dict[str, View]:
        """Return views of which the first rows are asked for, where `count` rows will want them."""
        return {name: self.column(name).expecting(count, view) for name, view in views.items()}

    def stored_sizes(self, layer: int, name: str, shard: int | None) -> NDArray[np.int64]:
        """Return the bytes of each shard of any array, or of each chunk in one of its shards.

        Raises:
            InvalidInputError: there is no such layer, array or shard.
        """
        layers = self.manifest.layers
        told = layers[arguments.whole("layer", layer, least=0, most=len(layers) - 1)]
        at = pages.whole_layer(self._store, told)
        if arguments.text("array", name) not in at.arrays:
            raise InvalidInputError("input-argument", f"layer {layer} has no array {name!r}")
        if shard is None:
            return at.shard_sizes(name)
        array = ArrayReader(self._store, at, name, self._link)
        last = array.grid.shards - 1
        return array.chunk_sizes(arguments.whole("shard", shard, least=0, most=last))

    def find(self, words: WordTable, columns: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows of words, -1 where there is none, and make ready to read `columns`.

        Lookup blocks and chunk tables are fetched in the same round trip.
        """
        return self._beside(columns, lambda: self.vocabulary.rows(words))

    def find_between(
        self, first: bytes, last: bytes | None, columns: Iterable[str], limit: int | None = None
    ) -> tuple[WordTable, NDArray[np.int64]]:
        """Return words and rows of a range of words, and make ready to read `columns`."""
        self.column(spec.VECTORS)
        return self._beside(columns, lambda: self.vocabulary.between(first, last, limit))

    def _beside(self, columns: Iterable[str], ask: Callable[[], T]) -> T:
        """Return what is asked of the vocabulary, and make ready to read columns meanwhile."""
        readers = [self.column(name) for name in columns]
        found: list[T] = parallel.together(
            ask, *(reader.prepare for reader in readers if not reader.is_prepared)
        )
        return found[0]

    def rows(self, rows: NDArray[np.int64], views: Mapping[str, View]) -> dict[str, NDArray[Any]]:
        """Return rows of several columns, in the caller's order."""
        return _gather(views, lambda name: self.column(name).rows(rows, views[name]))

    def rows_or(
        self, rows: NDArray[np.int64], views: Mapping[str, View], *, nan: bool
    ) -> dict[str, NDArray[Any]]:
        """Return rows of several columns, with zeros or NaN where the row is -1.

        Raises:
            InvalidInputError: NaN for a column of whole numbers.
        """
        lost = rows < 0
        found = {name: replace(view, out=None) for name, view in views.items()}
        read = self.rows(rows[~lost], found)
        for name, block in read.items():
            column = self.column(name)
            full = views[name].target(len(rows), column.shape[1:], column.dtype)
            read[name] = loaded.fill(block, lost, nan=nan, what=name, full=full)
        return read

    def load(
        self, asked: list[str], views: Mapping[str, View], *, missing: Missing, where: str
    ) -> Loaded:
        """Return rows by word, in the caller's order.

        Args:
            asked: the words.
            views: of each wanted column.
            missing: what to do about words that are not there.
            where: the place, for messages.

        Raises:
            WordNotFoundError: code ``word-missing``.
            InvalidInputError: NaN for a column of whole numbers.
            NotFoundError: code ``table-missing``, whatever is wanted of the words.
        """
        self.column(spec.VECTORS)
        wanted = self.expecting(len(asked), views)
        rows = self.find(word_table.from_words(asked), wanted)
        lost = rows < 0
        if not lost.any():
            return Loaded(rows, self.rows(rows, wanted), lambda: asked)
        if missing == "raise":
            raise self.vocabulary.missing([asked[at] for at in np.flatnonzero(lost)], where)
        if missing == "skip":
            kept = [word for word, gone in zip(asked, lost.tolist(), strict=True) if not gone]
            return Loaded(rows[~lost], self.rows(rows[~lost], wanted), lambda: kept)
        return Loaded(rows, self.rows_or(rows, wanted, nan=missing == "nan"), lambda: asked)

    def part(self, index: int, parts: int, *, by: By) -> tuple[int, int]:
        """Return the row range of worker `index` of `parts`.

        Raises:
            InvalidInputError: no such placement, or no counts.
        """
        if by == "hash":
            return placements.part_by_groups(self.manifest.order, index, parts)
        if by == "weight":
            counts = self.column(spec.COUNTS).range(0, self.manifest.rows)
            return placements.part_by_weight(counts, index, parts)
        return placements.part_by_rows(self.manifest.rows, index, parts)

    def range(self, start: int, stop: int, views: Mapping[str, View]) -> dict[str, NDArray[Any]]:
        """Return rows `start` up to, not including, `stop` of several columns."""
        return _gather(views, lambda name: self.column(name).range(start, stop, views[name]))


def _gather(columns: Iterable[str], read: Callable[[str], NDArray[Any]]) -> dict[str, NDArray[Any]]:
    names = list(columns)
    return dict(zip(names, parallel.together(*(partial(read, n) for n in names)), strict=True))
