"""The lookup: words in byte order, in blocks, each word with its row.

A fence table of one text for each block stands in the manifest, so that a word, a range or a prefix
names its blocks before anything is read (spec section "Lookup").
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import rooms, spec
from embzarr._format.words.word_order import PART, compare, search
from embzarr._format.words.word_table import WordTable, check_utf8, concatenate, in_turn
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_HEADER_BYTES = 8
_ENTRY_BYTES = 12
"""A row number (8 bytes) and the end of the word in the text (4 bytes)."""


@dataclass(frozen=True, slots=True, eq=False)
class LookupBlock:
    """One decoded block: neighbouring words in byte order."""

    words: WordTable
    rows: NDArray[np.int64]

    def copy(self) -> LookupBlock:
        """Return the same in memory of its own."""
        words = WordTable(self.words.data.copy(), self.words.offsets)
        return LookupBlock(words, self.rows.copy())

    def place(self, word: bytes) -> int:
        """Return how many words of this block lie before `word`."""
        return bisect_left(range(len(self.rows)), word, key=self.words.utf8)


@dataclass(frozen=True, slots=True, eq=False)
class LookupImage:
    """A whole lookup, laid out; its blocks are made as they are written, since they are large."""

    words: WordTable
    """By row."""
    order: NDArray[np.int64]
    """Rows in byte order of their words."""
    cuts: list[int]
    """Where in `order` each block begins and the last ends."""
    size: int
    """Bytes of a block."""
    first_row: int
    fences: tuple[str, ...]
    each: Callable[..., object]
    """Makes a call for each block."""

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.cuts) - 1

    def blocks(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]:
        """Return blocks `start` up to, not including, `stop`, or to the last: one in each row."""
        cuts = self.cuts[start : None if stop is None else stop + 1]
        return fill(self.words, self.order, cuts, self.size, self.first_row, self.each)


def encode(
    words: WordTable,
    order: NDArray[np.int64],
    *,
    first_row: int = 0,
    chunk_bytes: int | None = None,
    each: Callable[..., object] = in_turn,
) -> LookupImage:
    """Lay out the lookup of `words`.

    Blocks are 64 KiB, or as small as chunks of vectors were asked for, which those do who look
    scattered words up; doubled until every word fits and the fence table is within its limits.

    Args:
        words: in row order.
        order: their places in byte order.
        first_row: row of the first.
        chunk_bytes: what was asked for; None for nothing.
        each: makes a call for each block, as `in_turn` does, or several at once.

    Raises:
        InvalidInputError: code ``input-word``: so many words share such long beginnings that no
            fence table within its limit can tell blocks apart.
    """
    ends = _sizes(words, order)
    longest = int(ends.max(initial=_ENTRY_BYTES)) + _HEADER_BYTES
    np.cumsum(ends, out=ends)  # in place, since there may be millions
    size = _least_block(chunk_bytes)
    while size <= spec.MAX_BLOCK_BYTES:
        cuts = _cuts(ends, size) if longest <= size else None
        fences = _fences(words, order, cuts) if cuts and _few(cuts) else None
        if cuts and fences is not None:
            return LookupImage(words, order, cuts, size, first_row, fences, each)
        size *= 2
    raise InvalidInputError(
        "input-word",
        f"words share beginnings too long for {spec.MAX_FENCE_BYTES} bytes of fences and lookup "
        f"blocks of at most {spec.MAX_BLOCK_BYTES} bytes",
    )


def _sizes(words: WordTable, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bytes of the entry of each word, in byte order of the words."""
    found: NDArray[np.int64] = rooms.empty(len(order), np.int64)
    for start in range(0, len(order), PART):
        rows = order[start : start + PART]
        found[start : start + PART] = words.offsets[rows + 1] - words.offsets[rows] + _ENTRY_BYTES
    return found


def _least_block(chunk_bytes: int | None) -> int:
    """Return the largest power of two within what was asked for, from 4 to 64 KiB."""
    if chunk_bytes is None:
        return spec.BLOCK_BYTES
    return min(max(1 << (chunk_bytes.bit_length() - 1), spec.LEAST_BLOCK_BYTES), spec.BLOCK_BYTES)


def fill(
    words: WordTable,
    order: NDArray[np.int64],
    cuts: list[int],
    size: int,
    first_row: int,
    each: Callable[..., object] = in_turn,
) -> NDArray[np.uint8]:
    """Return blocks of `size` bytes, shape (blocks, size).

    Args:
        words: by row.
        order: rows in byte order of their words.
        cuts: where in `order` each block begins and the last ends.
        size: bytes of a block.
        first_row: row of the first word.
        each: makes a call for each block.
    """
    blocks = np.zeros((len(cuts) - 1, size), np.uint8)

    def lay(at: int) -> None:
        rows = order[cuts[at] : cuts[at + 1]]
        part = words.take(rows)
        entry = np.concatenate(
            (
                np.array([len(rows), 0], "<u4").view(np.uint8),
                (first_row + rows).astype("<u8").view(np.uint8),
                part.offsets[1:].astype("<u4").view(np.uint8),
                part.data,
            )
        )
        blocks[at, : len(entry)] = entry

    each(lay, range(len(blocks)))
    return blocks


def decode(
    blocks: NDArray[np.uint8], *, rows: int, what: Callable[[int], str], first: int = 0
) -> list[LookupBlock]:
    """Check and take apart blocks: many at once, since each step of numpy's takes its time.

    Args:
        blocks: their bytes, uint8 of shape (blocks, block bytes).
        rows: number of rows of the layer.
        what: names one of them, for messages.
        first: row of the first word of the layer.

    Raises:
        DamagedError: code ``lookup-invalid``, or ``words-invalid`` for text that is not UTF-8.
    """
    if not len(blocks):
        return []
    counts = blocks[:, :4].copy().view("<u4")[:, 0].astype(np.int64)
    texts = _HEADER_BYTES + _ENTRY_BYTES * counts
    _refuse(
        (counts == 0) | (texts > blocks.shape[1]),
        lambda at: f"{what(at)}: {counts[at]} entries do not fit {blocks.shape[1]} bytes",
    )
    numbers, ends = _entries(blocks, counts)
    edges = np.concatenate(([0], np.cumsum(counts)))
    owner = np.repeat(np.arange(len(blocks)), counts)
    lasts = ends[edges[1:] - 1]
    wrong = texts + lasts > blocks.shape[1]
    wrong[owner[1:][(ends[1:] < ends[:-1]) & (owner[1:] == owner[:-1])]] = True
    _refuse(wrong, lambda at: f"{what(at)}: word ends fall, or leave the block")
    wrong = np.zeros(len(blocks), np.bool_)
    wrong[owner[(numbers < first) | (numbers >= rows)]] = True
    _refuse(wrong, lambda at: f"{what(at)}: a row number is not from {first} to below {rows}")
    parts = zip(blocks, texts.tolist(), (texts + lasts).tolist(), strict=True)
    data = np.concatenate([block[start:stop] for block, start, stop in parts])
    before = np.cumsum(lasts) - lasts
    table = WordTable(data, np.concatenate(([0], ends + before[owner])))
    _check_utf8(table, edges, what)
    found = numbers.astype(np.int64)
    return [
        LookupBlock(table.part(start, stop), found[start:stop])
        for start, stop in itertools.pairwise(edges.tolist())
    ]


def _entries(
    blocks: NDArray[np.uint8], counts: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the row numbers of all blocks, and where in its block's text each word ends."""
    numbers, ends = [], []
    for block, count in zip(blocks, counts.tolist(), strict=True):
        rows_end = _HEADER_BYTES + 8 * count
        numbers.append(block[_HEADER_BYTES:rows_end])
        ends.append(block[rows_end : rows_end + 4 * count])
    return np.concatenate(numbers).view("<u8"), np.concatenate(ends).view("<u4").astype(np.int64)


def _refuse(wrong: NDArray[np.bool_], told: Callable[[int], str]) -> None:
    """Refuse the first block that is wrong, if one is.

    Raises:
        DamagedError: code ``lookup-invalid``.
    """
    if wrong.any():
        raise DamagedError("lookup-invalid", told(int(wrong.argmax())))


def _check_utf8(table: WordTable, edges: NDArray[np.int64], what: Callable[[int], str]) -> None:
    """Refuse the first block whose words are not UTF-8 each for itself.

    Raises:
        DamagedError: code ``words-invalid``.
    """
    try:
        check_utf8(table, what="")
    except DamagedError:
        for at, (start, stop) in enumerate(itertools.pairwise(edges.tolist())):
            check_utf8(table.part(start, stop), what=what(at))
        raise


def find(
    blocks: Sequence[LookupBlock], words: WordTable, which: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the row of each of `words`, -1 where there is none.

    Args:
        blocks: in the order of their words.
        words: what is looked for.
        which: the block that can hold each of them.
    """
    table, asked = concatenate([block.words for block in blocks]).windows(), words.windows()
    rows = np.concatenate([block.rows for block in blocks])
    edges = np.cumsum([0, *(len(block.rows) for block in blocks)])
    ends = edges[which + 1]
    places = search(table, (edges[which], ends), asked)
    inside = np.flatnonzero(places < ends)
    same = compare(table, places[inside], asked, inside) == 0
    found = np.full(len(words), -1, np.int64)
    found[inside[same]] = rows[places[inside[same]]]
    return found


def blocks_of(fences: WordTable, words: WordTable) -> NDArray[np.int64]:
    """Return the one block that can hold each word; the first fence lies at or below all words."""
    bounds = np.zeros(len(words), np.int64), np.full(len(words), len(fences))
    above = search(fences.windows(), bounds, words.windows(), after=True)
    return above - 1


def block_of(fences: Sequence[bytes], word: bytes) -> int:
    """Return the one block that can hold `word`."""
    return bisect_right(fences, word) - 1


def blocks_of_range(fences: Sequence[bytes], first: bytes, last: bytes | None) -> range:
    """Return the blocks that can hold words from `first` up to, not including, `last`.

    Args:
        fences: the fence table as UTF-8.
        first: inclusive.
        last: exclusive; None for no bound.
    """
    if not fences or (last is not None and last <= first):
        return range(0)
    stop = len(fences) if last is None else bisect_left(fences, last)
    return range(block_of(fences, first), stop)


def prefix_end(prefix: bytes) -> bytes | None:
    """Return the least bytes above every text that begins with `prefix`; None where none is."""
    cut = prefix.rstrip(b"\xff")
    return cut[:-1] + bytes([cut[-1] + 1]) if cut else None


def _cuts(ends: NDArray[np.int64], size: int) -> list[int]:
    """Return where blocks begin and the last ends, filling each as far as `size` allows."""
    cuts = [0]
    room = size - _HEADER_BYTES
    while cuts[-1] < len(ends) and len(cuts) <= spec.MAX_FENCES + 1:
        before = int(ends[cuts[-1] - 1]) if cuts[-1] else 0
        cuts.append(int(np.searchsorted(ends, before + room, side="right")))
    return cuts


def _few(cuts: list[int]) -> bool:
    return len(cuts) - 1 <= spec.MAX_FENCES


def _fences(words: WordTable, order: NDArray[np.int64], cuts: list[int]) -> tuple[str, ...] | None:
    """Return the shortest texts that keep blocks apart; None where they need too many bytes."""
    fences: list[str] = []
    used = 0
    for cut in cuts[:-1]:
        fence = "" if cut == 0 else _separator(words.word(order[cut - 1]), words.word(order[cut]))
        used += len(fence.encode())
        if used > spec.MAX_FENCE_BYTES:
            return None
        fences.append(fence)
    return tuple(fences)


def _separator(before: str, after: str) -> str:
    """Return the shortest beginning of `after` that lies above `before`."""
    shared = next(
        (at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before)
    )
    return after[: shared + 1]
