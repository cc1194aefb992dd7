"""Compares a lookup with the words in row order: the same words, each with its row, sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from embzarr._layer_read import LayerReader
    from embzarr._lookup import LookupBlock
    from embzarr._words import WordTable


def lookup_faults(reader: LayerReader) -> list[tuple[int | None, DamagedError]]:
    """Return what is first wrong with a lookup, with the number of the block; else nothing."""
    try:
        fault = _first_fault(reader)
    except DamagedError as exc:
        return [(None, exc)]
    if fault is None:
        return []
    block, message = fault
    return [(block, DamagedError("lookup-invalid", message))]


def _first_fault(reader: LayerReader) -> tuple[int | None, str] | None:
    """Look for a fault.

    Raises:
        DamagedError: the words, or a block, cannot be read at all.
    """
    layer = reader.layer
    words = reader.words(0, layer.rows)
    fences = [fence.encode() for fence in layer.fences]
    seen = np.zeros(layer.rows, np.bool_)
    before: bytes | None = None
    for number, block in enumerate(reader.lookup.blocks()):
        limit = fences[number + 1] if number + 1 < len(fences) else None
        fault = _fault(block, words, before, fences[number], limit)
        if fault:
            return number, fault
        seen[block.rows] = True
        before = block.words.utf8(len(block.rows) - 1)
    return None if seen.all() else (None, f"row {int(seen.argmin())} is in no block")


def _fault(
    block: LookupBlock, words: WordTable, before: bytes | None, fence: bytes, limit: bytes | None
) -> str | None:
    first, last = block.words.utf8(0), block.words.utf8(len(block.rows) - 1)
    if not block.words.rises():
        return "its words do not rise"
    if first < fence or (limit is not None and last >= limit):
        return "its words lie outside its fences"
    if before is not None and first <= before:
        return "its words do not follow those of the block before"
    held = words.take(block.rows)
    same = np.array_equal(held.offsets, block.words.offsets)
    if not same or not np.array_equal(held.data, block.words.data):
        return "its words are not those of their rows"
    return None
