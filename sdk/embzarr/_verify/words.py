"""Compares what names rows with the rows: a lookup with its words, a delta's numbers with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from embzarr._format import LookupBlock, keys, spec
from embzarr._reading import ArrayReader, LayerWords, VocabularyReader, column, link_of
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embzarr._format import Layer, WordTable
    from embzarr._storage import GetRange

Fault: TypeAlias = tuple[str, int | None, DamagedError]
"""The array, the number of its chunk where there is one, and what is wrong."""


def faults(store: GetRange, layers: Sequence[Layer]) -> list[Fault]:
    """Return what is first wrong with the lookup and each list of rows of the last layer."""
    layer = layers[-1]
    found: list[Fault] = []
    if layer.has_words:
        found += _lookup_faults(store, layers)
    for name in layer.columns if layer.kind == "delta" else ():
        array = keys.rows_array(name)
        reader = ArrayReader(store, layer, array, link_of(store))
        try:
            column.checked_rows(reader.range(0, reader.shape[0]), layer, array)
        except DamagedError as exc:
            found.append((array, None, exc))
    return found


def _lookup_faults(store: GetRange, layers: Sequence[Layer]) -> list[Fault]:
    held = LayerWords(store, layers[-1], link_of(store))
    below = VocabularyReader(store, layers[:-1], link_of(store))
    try:
        words = held.words(held.first, held.stop)
    except DamagedError as exc:
        return [(_damaged_array(store, layers[-1]), None, exc)]
    try:
        fault = _first_fault(held, words, below, layers[-1])
    except DamagedError as exc:  # no block is damaged where those of a layer below are
        return [(spec.LOOKUP_BLOCKS, held.lookup.first_damaged(), exc)]
    if fault is None:
        return []
    block, message = fault
    return [(spec.LOOKUP_BLOCKS, block, DamagedError("lookup-invalid", message))]


def _damaged_array(store: GetRange, layer: Layer) -> str:
    """Return which array keeps words from being read: their offsets, or else their text."""
    reader = ArrayReader(store, layer, spec.WORDS_OFFSETS, link_of(store))
    try:
        offsets = reader.range(0, reader.shape[0])
    except DamagedError:
        return spec.WORDS_OFFSETS
    is_whole = offsets[0] == 0 and offsets[-1] == layer.arrays[spec.WORDS_DATA].shape[0]
    divides = is_whole and bool((offsets[1:] >= offsets[:-1]).all())
    return spec.WORDS_DATA if divides else spec.WORDS_OFFSETS


def _first_fault(
    held: LayerWords, words: WordTable, below: VocabularyReader, layer: Layer
) -> tuple[int | None, str] | None:
    """Look for a fault in the lookup of a layer.

    Raises:
        DamagedError: a block, or one of a layer below, cannot be read at all.
    """
    fences = [fence.encode() for fence in layer.fences]
    seen = np.zeros(held.stop - held.first, np.bool_)
    before: bytes | None = None
    for number, block in enumerate(held.lookup.blocks()):
        limit = fences[number + 1] if number + 1 < len(fences) else None
        own = LookupBlock(block.words, block.rows - held.first)
        fault = _fault(own, words, before, fences[number], limit) or _twice(block, below)
        if fault:
            return number, fault
        seen[own.rows] = True
        before = block.words.utf8(len(block.rows) - 1)
    return None if seen.all() else (None, f"row {held.first + int(seen.argmin())} is in no block")


def _twice(block: LookupBlock, below: VocabularyReader) -> str | None:
    """Say which of a block's words a layer below has as well."""
    rows = below.rows(block.words)
    twice = np.flatnonzero(rows >= 0)
    if not len(twice):
        return None
    return f"{block.words.word(int(twice[0]))!r} names row {rows[twice[0]]} as well"


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
