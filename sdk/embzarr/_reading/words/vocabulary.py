"""Reads the words of a checkpoint: those of its base, then those that deltas appended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import spec, word_table
from embzarr._reading.fetching.executing import execute_apart
from embzarr._reading.planning.options import MEMORY_BYTES
from embzarr._reading.rows.array import ArrayReader
from embzarr._reading.words.lookup import LookupReader
from embzarr._storage import forks, parallel
from embzarr.errors import DamagedError, WordNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embzarr._format import Layer, WordTable
    from embzarr._reading.fetching.cost import Link
    from embzarr._storage import GetRange

_MANY = 4096
"""Words among which the leading ones are looked for first: fewer are found by few blocks."""
_SAMPLES = 64
"""Words that tell whether many are leading ones."""


class LayerWords:
    """The words of one layer: in row order, and by their lookup."""

    def __init__(self, store: GetRange, layer: Layer, link: Link) -> None:
        """Prepare to read; nothing is fetched yet."""
        self._store, self._layer, self._link = store, layer, link
        self.first, self.stop = layer.first_new_row, layer.rows
        """The rows that the words name."""
        self._data = ArrayReader(store, layer, spec.WORDS_DATA, link)
        self._offsets = ArrayReader(store, layer, spec.WORDS_OFFSETS, link)
        self._what = f"{layer.path}/words"

    @forks.cached_property
    def lookup(self) -> LookupReader:
        """Finds words; shares of a step that is not committed have none."""
        return LookupReader(self._store, self._layer, self._link)

    def words(self, start: int, stop: int) -> WordTable:
        """Return the words of rows `start` up to, not including, `stop`, all of this layer.

        Raises:
            DamagedError: code ``words-invalid``.
        """
        offsets = self._offsets.range(start - self.first, stop - self.first + 1)
        size = self._data.shape[0]
        begins, ends = start == self.first, stop == self.stop
        if (begins and offsets[0] != 0) or (ends and offsets[-1] != size):
            raise DamagedError("words-invalid", f"{self._what}: word offsets do not span the text")
        first, last = (int(min(offset, size)) for offset in (offsets[0], offsets[-1]))
        data = self._data.range(first, max(first, last))
        return word_table.from_store(data, offsets, what=self._what)

    def leading(self, count: int, nbytes: int) -> WordTable:
        """Return the first words of this layer: as many of `count` as `nbytes` of text hold.

        Both arrays are asked at once, which `words` cannot: where the text of words lies is told by
        their offsets.

        Raises:
            DamagedError: code ``words-invalid``.
        """
        offsets = np.empty(min(count, self.stop - self.first) + 1, self._offsets.dtype)
        data = np.empty(min(nbytes, self._data.shape[0]), np.uint8)
        plans = [
            self._offsets.plan_into(0, len(offsets), offsets, MEMORY_BYTES),
            self._data.plan_into(0, len(data), data, MEMORY_BYTES),
        ]
        execute_apart(plans, self._store, self._link, MEMORY_BYTES)
        held = max(int(np.searchsorted(offsets, len(data), "right")), 1)
        text = data[: int(offsets[held - 1])]
        return word_table.from_store(text, offsets[:held], what=self._what)


class VocabularyReader:
    """All words of a checkpoint and the rows that they name."""

    def __init__(self, store: GetRange, layers: Sequence[Layer], link: Link) -> None:
        """Prepare to read; nothing is fetched yet."""
        self._layers = [LayerWords(store, layer, link) for layer in layers if layer.has_words]

    def rows(self, words: WordTable) -> NDArray[np.int64]:
        """Return the row of each word, -1 where there is none."""
        rows = np.full(len(words), -1, np.int64)
        if len(words) >= _MANY and self._layers:
            rows = self._of_leading(words)
        left = np.flatnonzero(rows < 0)
        if len(left):
            rows[left] = self._look_up(words if len(left) == len(words) else words.take(left))
        return rows

    def _of_leading(self, words: WordTable) -> NDArray[np.int64]:
        """Return the row of each word that is among as many first words of the base, else -1.

        Who asks for many words mostly asks for the commonest, with which vocabularies begin: to
        read these takes a fraction of reading the lookup, which they are strewn over.
        """
        try:
            table = self._layers[0].leading(len(words), len(words.data))
        except DamagedError:  # the lookup knows them, too
            return np.full(len(words), -1, np.int64)
        first = self._layers[0].first
        if np.array_equal(table.offsets, words.offsets) and np.array_equal(table.data, words.data):
            return np.arange(first, first + len(words))
        if not _are_mostly_in(table, words):
            return np.full(len(words), -1, np.int64)
        known = {text: row for row, text in enumerate(table.texts(), first)}
        return np.array([known.get(text, -1) for text in words.texts()], np.int64)

    def _look_up(self, words: WordTable) -> NDArray[np.int64]:
        """Return the row of each word by the lookups, -1 where there is none."""
        found = parallel.together(*(partial(one.lookup.rows, words) for one in self._layers))
        rows: NDArray[np.int64] = np.max([np.full(len(words), -1, np.int64), *found], axis=0)
        return rows

    def between(
        self, first: bytes, last: bytes | None, limit: int | None = None
    ) -> tuple[WordTable, NDArray[np.int64]]:
        """Return words from `first` up to, not including, `last`, in byte order, and their rows.

        With a `limit` no more than the first so many.
        """
        if len(self._layers) == 1:
            return self._layers[0].lookup.between(first, last, limit)
        found = parallel.together(
            *(partial(one.lookup.between, first, last, limit) for one in self._layers)
        )
        table = word_table.concatenate([words for words, _ in found])
        order = table.argsort()[:limit]
        return table.take(order), np.concatenate([rows for _, rows in found])[order]

    def suggest(self, word: str) -> list[str]:
        """Return up to three words spelt like `word`."""
        return [near for layer in self._layers for near in layer.lookup.suggest(word)][:3]

    def missing(self, words: Sequence[str], where: str) -> WordNotFoundError:
        """Return the error that names the first of words that are not there, and similar ones."""
        near = ", ".join(map(repr, self.suggest(words[0])))
        more = f" and {len(words) - 1} more" if len(words) > 1 else ""
        hint = f"; did you mean {near}?" if near else ""
        message = f"no word {words[0]!r}{more} among {self._layers[-1].stop} in {where}{hint}"
        return WordNotFoundError("word-missing", message)

    def words(self, start: int, stop: int) -> WordTable:
        """Return the words of rows `start` up to, not including, `stop`.

        Raises:
            DamagedError: code ``words-invalid``.
        """
        ranges = [(max(start, one.first), min(stop, one.stop), one) for one in self._layers]
        wanted = [part for part in ranges if part[0] < part[1]]
        return word_table.concatenate([layer.words(low, high) for low, high, layer in wanted])


def _are_mostly_in(table: WordTable, words: WordTable) -> bool:
    """Tell by the first eight bytes of some words whether to look for each in a table."""
    some = words.take(np.linspace(0, len(words) - 1, _SAMPLES).astype(np.int64))
    found = np.isin(some.windows().firsts(), table.windows().firsts())
    return bool(2 * np.count_nonzero(found) >= _SAMPLES)
