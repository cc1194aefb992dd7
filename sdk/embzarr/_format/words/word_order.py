"""Compares words by their UTF-8 bytes, which is the order of their code points, many at once.

Eight bytes of a word are one big-endian integer, and integers compare as the bytes do.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import rooms

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 8
"""Bytes of a word that are compared at once: one unsigned 64-bit integer."""
COMPARED = 32
"""Bytes compared in bulk before the few words that still tie are compared one by one."""
_BITS = 8
PART = 1 << 16
"""Words that are looked at together where there are many: what is in between takes several times
the memory of what comes out."""
_SAMPLES = 4
"""Words of a table, for each that is looked for, that draw its bounds together first."""
_FEW = 32
"""Words that are found one by one before all steps of a search in bulk are set up."""


class Windows:
    """Words that lie end to end, as integers of eight bytes each."""

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        """Wrap the text of all words, and where each begins and the last ends."""
        if len(data) < WINDOW:
            data = np.concatenate((data, np.zeros(WINDOW, np.uint8)))
        self._data = data
        self._offsets = offsets
        self._last = len(data) - WINDOW
        # An integer begins at every byte: to take some of them is one gather.
        self._integers = np.ndarray((self._last + 1,), ">u8", np.ascontiguousarray(data), 0, (1,))

    def lengths(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bytes of each word."""
        return self._offsets[rows + 1] - self._offsets[rows]

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> bytes:
        """Return a word."""
        return self._data[self._offsets[row] : self._offsets[row + 1]].tobytes()

    def firsts(self) -> NDArray[np.uint64]:
        """Return the first eight bytes of every word, as `window` does."""
        found = rooms.empty(len(self), np.uint64)
        for start in range(0, len(found), PART):
            some = slice(start, min(start + PART, len(found)))
            found[some] = self._window(np.arange(some.start, some.stop), 0)
        return found

    def window(self, rows: NDArray[np.int64], at: int) -> NDArray[np.uint64]:
        """Return eight bytes of each word from byte `at` on, zeros after its end."""
        if len(rows) <= PART:
            return self._window(rows, at)
        found = np.empty(len(rows), np.uint64)
        for start in range(0, len(rows), PART):
            some = slice(start, start + PART)
            found[some] = self._window(rows[some], at)
        return found

    def _window(self, rows: NDArray[np.int64], at: int) -> NDArray[np.uint64]:
        starts = self._offsets[rows] + at
        # The last windows lie less than eight bytes before the end: read earlier, and shifted.
        # numpy shifts by 64 bits and more to zero, as is right where a word has ended.
        places = np.minimum(starts, self._last)
        keys = self._integers[places].astype(np.uint64)
        keys <<= _BITS * (starts - places).astype(np.uint64)
        beyond = np.maximum(starts + WINDOW - self._offsets[rows + 1], 0).astype(np.uint64)
        keys >>= _BITS * beyond
        keys <<= _BITS * beyond
        return keys


def compare(
    left: Windows, rows: NDArray[np.int64], right: Windows, others: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Return -1, 0 or 1 where a word lies below, at or above another, pair by pair.

    Args:
        left: holds the words.
        rows: which of them.
        right: holds the words that they are compared with.
        others: which of those, one for each of `rows`.
    """
    sign = np.zeros(len(rows), np.int8)
    tied = np.arange(len(rows))
    for at in range(0, COMPARED, WINDOW):
        one, other = left.window(rows[tied], at), right.window(others[tied], at)
        sign[tied] = (one > other).astype(np.int8) - (one < other)
        tied = tied[one == other]
        # Where one of them has ended, the rest was zeros, and the shorter word begins the longer.
        sizes, other_sizes = left.lengths(rows[tied]), right.lengths(others[tied])
        sign[tied] = np.sign(sizes - other_sizes)
        tied = tied[np.minimum(sizes, other_sizes) > at + WINDOW]
        if not len(tied):
            return sign
    for at in tied.tolist():
        one_text, other_text = left[int(rows[at])], right[int(others[at])]
        sign[at] = (one_text > other_text) - (one_text < other_text)
    return sign


def search(
    table: Windows,
    bounds: tuple[NDArray[np.int64], NDArray[np.int64]],
    words: Windows,
    *,
    after: bool = False,
) -> NDArray[np.int64]:
    """Return where each of some words belongs among words in byte order: binary search.

    Args:
        table: holds words that rise within all bounds.
        bounds: for each of `words`, the first place and the one past the last to consider.
        words: what is looked for.
        after: return the place behind a word that is the same, not that word's own.
    """
    low, high = (bound.copy() for bound in bounds)
    if len(low) < _FEW:
        cut = bisect_right if after else bisect_left
        each = enumerate(zip(low.tolist(), high.tolist(), strict=True))
        places = [cut(table, words[row], *bound) for row, bound in each]
        return np.array(places, np.int64)
    rows = _narrow(table, words, low, high)
    rows = rows[low[rows] < high[rows]]
    while len(rows):
        middle = (low[rows] + high[rows]) // 2
        sign = compare(table, middle, words, rows)
        below = sign <= 0 if after else sign < 0
        low[rows[below]] = middle[below] + 1
        high[rows[~below]] = middle[~below]
        rows = rows[low[rows] < high[rows]]
    return low


def _narrow(
    table: Windows, words: Windows, low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Draw bounds together, in place, by the first windows of some words of the table.

    Windows of the whole table would take longer than the steps that they save.

    Returns:
        Which of `words` come first in byte order: memory is read faster along it.
    """
    step = max(len(table) // (_SAMPLES * len(words)), 1)
    keys = table.window(np.arange(0, len(table), step), 0)
    sought = words.firsts()
    order = np.argsort(sought)
    sought = sought[order]
    below = step * (np.searchsorted(keys, sought, "left") - 1) + 1
    above = step * np.searchsorted(keys, sought, "right")
    bounds = low[order], high[order]
    low[order] = np.clip(below, *bounds)
    high[order] = np.clip(above, *bounds)
    return order
