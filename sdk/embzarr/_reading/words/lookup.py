"""Finds the rows of words: names the blocks from the fences, reads them at once, looks inside."""

from __future__ import annotations

import difflib
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import lookups, spec, word_table
from embzarr._reading.rows.array import ArrayReader
from embzarr._storage import forks
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._format import Layer, LookupBlock, WordTable
    from embzarr._reading.fetching.cost import Link
    from embzarr._storage import GetRange

_CACHE_BYTES = 32 * 1024 * 1024
"""Decoded blocks kept for the next question."""
_BATCH_BYTES = 16 * 1024 * 1024
"""Blocks decoded at once: a list of words that needs all blocks of 10^7 words stays in bounds."""
_PASS_BYTES = 4 * 1024 * 1024
"""The same where all blocks are gone through once, whose memory nobody waits for."""


class LookupReader:
    """Answers which row holds a word, and which words lie in a range."""

    def __init__(self, store: GetRange, layer: Layer, link: Link) -> None:
        """Prepare to read; nothing is fetched yet."""
        self._blocks = ArrayReader(store, layer, spec.LOOKUP_BLOCKS, link)
        self._fences = [fence.encode() for fence in layer.fences]
        self._first, self._rows = layer.first_new_row, layer.rows
        self._what = f"{layer.path}/{spec.LOOKUP_BLOCKS}"
        self._cache: OrderedDict[int, LookupBlock] = OrderedDict()
        self._cache_lock = forks.Lock()
        self._block_bytes = layer.arrays[spec.LOOKUP_BLOCKS].shape[1]

    def rows(self, words: WordTable) -> NDArray[np.int64]:
        """Return the row of each word, -1 where there is none."""
        found = np.full(len(words), -1, np.int64)
        if not self._fences or not len(words):
            return found
        if len(words) == 1:
            found[0] = self._row(words.utf8(0))
            return found
        numbers = lookups.blocks_of(word_table.from_words(self._fences), words)
        for batch in self._batches(np.flatnonzero(np.bincount(numbers)).tolist()):
            read = np.array([number for number, _ in batch])
            here = np.flatnonzero((numbers >= read[0]) & (numbers <= read[-1]))
            which = np.searchsorted(read, numbers[here])
            found[here] = lookups.find([block for _, block in batch], words.take(here), which)
        return found

    def _row(self, word: bytes) -> int:
        """Return the row of one word, -1 where there is none: by bisection, without an array."""
        ((_, block),) = self._read([lookups.block_of(self._fences, word)])
        place = block.place(word)
        is_there = place < len(block.rows) and block.words.utf8(place) == word
        return int(block.rows[place]) if is_there else -1

    def between(
        self, first: bytes, last: bytes | None, limit: int | None = None
    ) -> tuple[WordTable, NDArray[np.int64]]:
        """Return words from `first` up to, not including, `last`, in byte order, and their rows.

        With a `limit` the first so many, for which no block is read that lies behind them.
        """
        tables: list[WordTable] = []
        rows: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        left = sys.maxsize if limit is None else limit
        numbers = lookups.blocks_of_range(self._fences, first, last)
        for _, block in self._read(numbers) if limit is None else self._one_by_one(numbers):
            low = block.place(first)
            high = min(len(block.rows) if last is None else block.place(last), low + left)
            tables.append(block.words.take(np.arange(low, high)))
            rows.append(block.rows[low:high])
            left -= high - low
            if left == 0:
                break
        return word_table.concatenate(tables), np.concatenate(rows)

    def _one_by_one(self, numbers: Iterable[int]) -> Iterator[tuple[int, LookupBlock]]:
        for number in numbers:
            yield from self._read([number])

    def blocks(self) -> Iterator[LookupBlock]:
        """Yield every block in order; none is kept, since nobody asks for it again."""
        for numbers in self._batches_of(range(len(self._fences)), _PASS_BYTES):
            yield from self._decoded(numbers)

    def first_damaged(self) -> int | None:
        """Return the number of the first block that cannot be read; None where all can."""
        for number in range(len(self._fences)):
            try:
                self._decoded([number])
            except DamagedError:
                return number
        return None

    def suggest(self, word: str) -> list[str]:
        """Return up to three words spelt like `word`, from the blocks where its forms would lie."""
        if not self._fences:
            return []
        forms = {word, word.lower(), word.capitalize(), word.upper()}
        numbers = sorted({lookups.block_of(self._fences, form.encode()) for form in forms})
        near = [other for _, block in self._read(numbers) for other in block.words]
        exact = [form for form in sorted(forms) if form in near]
        return (exact + [w for w in difflib.get_close_matches(word, near) if w not in forms])[:3]

    def _read(self, numbers: Iterable[int]) -> Iterator[tuple[int, LookupBlock]]:
        for batch in self._batches(list(numbers)):
            yield from batch

    def _batches(self, numbers: Sequence[int]) -> Iterator[list[tuple[int, LookupBlock]]]:
        """Yield blocks by their numbers, in order, as many together as memory allows."""
        for batch in self._batches_of(numbers, _BATCH_BYTES):
            blocks = self._cached(batch)
            missing = [number for number in batch if number not in blocks]
            if missing:
                blocks.update(zip(missing, self._decoded(missing), strict=True))
            self._keep(blocks)
            yield sorted(blocks.items())

    def _batches_of(self, numbers: Sequence[int], nbytes: int) -> Iterator[Sequence[int]]:
        step = max(nbytes // self._block_bytes, 1)
        return (numbers[at : at + step] for at in range(0, len(numbers), step))

    def _decoded(self, numbers: Sequence[int]) -> list[LookupBlock]:
        return lookups.decode(
            self._blocks.rows(np.array(numbers, np.int64)),
            rows=self._rows,
            what=lambda at: f"{self._what} block {numbers[at]}",
            first=self._first,
        )

    def _cached(self, numbers: Iterable[int]) -> dict[int, LookupBlock]:
        with self._cache_lock:
            return {number: self._cache[number] for number in numbers if number in self._cache}

    def _keep(self, blocks: dict[int, LookupBlock]) -> None:
        with self._cache_lock:
            for number, block in blocks.items():
                # A copy: those that came together share memory, and would keep all of it.
                self._cache[number] = block if number in self._cache else block.copy()
                self._cache.move_to_end(number)
            while len(self._cache) * self._block_bytes > _CACHE_BYTES:
                self._cache.popitem(last=False)
