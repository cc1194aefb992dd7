"""Computes parts of a layer anew from its other parts.

The metadata follows from the manifest, a chunk table from the shards that it leads to, the lookup
from the words, and the words from the lookup. What comes out are offers: whether the bytes are the
recorded ones is for the caller to see.
"""

from __future__ import annotations

import bisect
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import (
    ObjectDigest,
    chunk_coding,
    chunk_index,
    dtypes,
    lookups,
    pages,
    spec,
    word_table,
)
from embzarr._reading import ArrayReader, LayerWords, fetch, link_of
from embzarr._repair.sources import digest_of, is_held
from embzarr._storage import parallel
from embzarr._verify import shards
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from embzarr._format import ChunkIndex, Layer, WordTable
    from embzarr._storage import Readable


def encoded(layer: Layer, name: str, shard: int, rows: NDArray[Any]) -> memoryview:
    """Return a shard of an array whose rows are known, as a writer would store it."""
    array = layer.arrays[name]
    first = shard * array.grid.shard_rows
    part = rows[first : first + array.grid.shard_rows]
    stored = np.ascontiguousarray(part, dtypes.numpy_dtype(array.dtype))
    grid = replace(array.grid, rows=len(part))
    pieces, _ = chunk_coding.encode_shard(stored, grid, array.codec)
    return memoryview(b"".join(pieces))


def copied(layer: Layer, name: str) -> memoryview | None:
    """Return the shard of an array whose only chunk the manifest holds, if it begins with it."""
    array = layer.arrays.get(name)
    index = array.inline_index if array else None
    if array is None or index is None or array.data is None or index.offset[0]:
        return None
    return memoryview(array.data + chunk_coding.index_bytes(index, array.grid))


def listed(
    store: Readable, layers: Sequence[Layer], known: Layer, documents: Iterable[str]
) -> dict[str, list[str]]:
    """Return the names of the objects that lost pages listed: those that no other page lists.

    Args:
        store: where the layer lies.
        layers: the layer, upon those below it, as the manifest has them.
        known: the same layer with what its sound pages hold.
        documents: names of its documents.

    Returns:
        By page, in order; nothing where what is left is not as much as the lost pages listed.
    """
    layer = layers[-1]
    lost = {
        one: page
        for (one, digest), page in zip(layer.page_objects.items(), layer.pages, strict=True)
        if not is_held(store, f"{layer.path}/{one}", digest)
    }
    left = sorted(pages.expected_objects(known, documents) - known.objects.keys())
    counts = [page.count for page in lost.values() if page.kind == spec.OBJECTS]
    if len(counts) < len(lost) or sum(counts) != len(left):
        return {}
    names = iter(left)
    return {one: list(itertools.islice(names, page.count)) for one, page in lost.items()}


def page(store: Readable, layer: Layer, names: Sequence[str]) -> memoryview | None:
    """Return a page that lists objects of a layer; None where one is not there."""
    found = parallel.each(lambda one: digest_of(store, f"{layer.path}/{one}"), names)
    digests = [ObjectDigest(size=one[0], sha256=one[1]) for one in found if one]
    if len(digests) < len(names):
        return None
    return memoryview(pages.encode_objects(dict(zip(names, digests, strict=True))))


def chunk_table(
    store: Readable, layer: Layer, name: str, damaged: frozenset[str]
) -> NDArray[np.uint64]:
    """Return the chunk table of an array, from the indexes at the ends of its shards.

    Args:
        store: where the layer lies.
        layer: the layer.
        name: the array that the table leads to.
        damaged: names of objects that are not as recorded: their entries come from the table as it
            is, or else are zeros.
    """
    grid = layer.arrays[name].grid
    reader = ArrayReader(store, layer, name, link_of(store))
    table = np.zeros((grid.chunks, spec.TABLE_COLUMNS), np.uint64)
    for shard in range(grid.shards):
        chunks = grid.chunks_of_shard(shard)
        try:
            if layer.shard_name(name, shard) in damaged:
                index = reader.index_of(chunks.start, chunks.stop)
            else:
                index = _own_index(store, layer, name, shard)
        except DamagedError:
            continue
        table[chunks.start : chunks.stop] = index.table()
    return table


def lookup_blocks(store: Readable, layer: Layer) -> NDArray[np.uint8]:
    """Return the lookup of the layer's words, divided at the manifest's fences.

    Raises:
        DamagedError: the words cannot be read.
    """
    held = LayerWords(store, layer, link_of(store))
    words = held.words(held.first, held.stop)
    order = words.argsort()
    cuts = [bisect.bisect_left(order, fence.encode(), key=words.utf8) for fence in layer.fences]
    size = layer.arrays[spec.LOOKUP_BLOCKS].shape[1]
    try:
        return lookups.fill(words, order, [*cuts, len(order)], size, held.first)
    except ValueError as exc:
        raise DamagedError("lookup-invalid", f"{layer.path}: words outside the fences") from exc


def words(store: Readable, layer: Layer) -> WordTable:
    """Return the layer's words in row order, from its lookup.

    Raises:
        DamagedError: the lookup cannot be read.
    """
    held = LayerWords(store, layer, link_of(store))
    blocks = list(held.lookup.blocks())
    rows = np.concatenate([np.empty(0, np.int64), *(block.rows for block in blocks)])
    # Counted first: how many rows there are is a stranger's word, which would be laid out here.
    whole = len(rows) == held.stop - held.first
    if not whole or not np.array_equal(np.sort(rows), np.arange(held.first, held.stop)):
        raise DamagedError("lookup-invalid", f"{layer.path}: not every row has one word")
    return word_table.concatenate([block.words for block in blocks]).take(np.argsort(rows))


def _own_index(store: Readable, layer: Layer, name: str, shard: int) -> ChunkIndex:
    """Return where the chunks of a sound shard lie, from its own bytes."""
    grid, key = layer.arrays[name].grid, layer.shard_key(name, shard)
    size, tail = layer.objects[layer.shard_name(name, shard)].size, grid.shard_index_bytes
    held = grid.chunks_of_shard(shard)
    end = fetch(store, key, size - tail, tail)
    places = chunk_coding.shard_index(end, what=key)[: len(held)]
    zeros = np.zeros((len(held), 1), np.uint64)
    index = chunk_index.from_table(np.concatenate((places, zeros), axis=1))
    chunk_index.check(
        index,
        grid,
        chunks=np.arange(held.start, held.stop),
        sizes=layer.shard_sizes(name),
        raw=layer.arrays[name].codec.name == "none",
        what=key,
    )
    for start, stop, chunks in shards.pieces(index, size - tail):
        data = fetch(store, key, start, stop - start)
        for at in chunks:
            end_at = int(index.offset[at] + index.nbytes[at]) - start
            index.crc32c[at] = int.from_bytes(data[end_at - spec.CRC_BYTES : end_at], "little")
    return index
