"""What the layers of a manifest must be, each for itself and one upon the other.

A part of the gate in `embzarr._format.documents.validate`: sizes, counts, keys and places are
judged before anything is allocated or fetched.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import json, keys, spec
from embzarr._format.arrays import chunk_index, dtypes
from embzarr._format.arrays.codecs import COMPRESSORS, NONE
from embzarr._format.documents import validate_deltas, validate_tensors
from embzarr._format.documents.validate_deltas import require
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embzarr._format.arrays.codecs import Codec
    from embzarr._format.documents.manifests import Array, Layer

_VOCABULARY = {spec.WORDS_DATA, spec.WORDS_OFFSETS, spec.LOOKUP_BLOCKS}


def check(layers: Sequence[Layer], what: str) -> None:
    """Refuse layers that contradict themselves or each other.

    Args:
        layers: the full one, then deltas.
        what: the manifest's key, for messages.

    Raises:
        DamagedError: codes ``manifest-invalid``, ``key-escapes-root`` or ``chunk-range``.
        UnsupportedError: codes ``dtype-unsupported`` or ``codec-unsupported``.
    """
    kinds = [layer.kind for layer in layers]
    expected = ["full", *["delta"] * (len(layers) - 1)]
    require(kinds == expected, what, "expected a full layer, then deltas")
    paths = {layer.path for layer in layers}
    require(len(paths) == len(layers), what, "two layers have one path")
    _check_pages(layers, what)
    for layer in layers:
        check_layer(layer, what)
    _check_base(layers[0], what)
    for below, layer in itertools.pairwise(layers):
        validate_deltas.check(layer, below, layers[0], what)
    validate_deltas.check_sum(layers[1:], what)
    copied = sum(layer.copied_bytes for layer in layers)
    require(copied <= spec.MAX_INLINE_SUM, what, f"{copied} bytes of copied chunks")


def _check_pages(layers: Sequence[Layer], what: str) -> None:
    """Check how much the pages may hold, before any is fetched."""
    pages = [page for layer in layers for page in layer.pages]
    nbytes, objects = sum(p.size for p in pages), sum(layer.object_count for layer in layers)
    require(len(pages) <= spec.MAX_PAGES, what, f"{len(pages)} pages")
    require(nbytes <= spec.MAX_PAGES_SUM, what, f"{nbytes} bytes of pages")
    require(objects <= spec.MAX_OBJECTS, what, f"{objects} objects")
    others = [page for page in pages if page.bytes and page.kind != spec.OBJECTS]
    require(not others, what, "bytes of a page that lists no objects")


def check_layer(layer: Layer, what: str) -> None:
    """Check what holds for a layer of any kind, as far as no page is to tell of it yet.

    Raises:
        DamagedError: codes ``manifest-invalid``, ``key-escapes-root`` or ``chunk-range``.
        UnsupportedError: codes ``dtype-unsupported`` or ``codec-unsupported``.
    """
    keys.check_key(layer.path)
    for key in layer.objects:
        keys.check_key(f"{layer.path}/{key}")
    require(layer.path.startswith(f"{spec.STEPS}/"), what, f"layer path {layer.path!r}")
    distinct = len(set(layer.columns)) == len(layer.columns)
    require(distinct, what, "a column stands twice")
    require(all(map(keys.is_column_name, layer.columns)), what, "a column has a reserved name")
    missing = sorted(set(layer.columns) - layer.arrays.keys())
    require(not missing, what, f"array {missing[:1]} is missing")
    for name, array in layer.arrays.items():
        keys.check_key(name)
        _check_array(name, array, layer, f"{what}: array {json.brief(name)}")
    shards = sum(array.grid.shards for array in layer.arrays.values()) if layer.pages else 0
    require(shards <= layer.object_count, what, "more shards than objects are listed")
    _check_placement(layer, what)
    _check_fences(layer.fences, what)
    if (layer.kind == "full" and layer.columns) or layer.arrays.keys() & _VOCABULARY:
        _check_vocabulary(layer, what)
        require(layer.kind == "full" or layer.new_words > 0, what, "a vocabulary without words")
    require(bool(layer.fences) == bool(layer.new_words), what, "words without a lookup")
    validate_tensors.check(layer, what)


def _check_base(layer: Layer, what: str) -> None:
    """Check what holds for a full layer alone."""
    if not layer.columns:
        held = layer.tensors or layer.files or layer.pages_of(spec.MEMBERS)
        require(bool(held), what, "neither columns nor tensors nor files")
        require(layer.rows == 0, what, "rows without columns")
        require(not layer.new_words, what, "words without columns")
        return
    require(layer.columns[0] == spec.VECTORS, what, "the first column must be 'vectors'")
    require(layer.new_words == layer.rows, what, "words/offsets has another shape")
    for name in layer.columns:
        rows = layer.arrays[name].shape[0]
        require(rows == layer.rows, what, f"column {name!r} has {rows} rows, not {layer.rows}")
    vectors = layer.arrays[spec.VECTORS]
    is_matrix = len(vectors.shape) == 2 and vectors.dtype in spec.VECTOR_DTYPES  # noqa: PLR2004
    require(is_matrix, what, "vectors must be a matrix of floating point")


def _check_array(name: str, array: Array, layer: Layer, what: str) -> None:
    if not dtypes.is_column_dtype(array.dtype):
        raise UnsupportedError("dtype-unsupported", f"{what}: data type {json.brief(array.dtype)}")
    check_codec(array.codec, what)
    require(array.split < len(array.shape), what, f"divided in dimension {array.split}")
    grid = array.grid
    require(array.chunk & (array.chunk - 1) == 0, what, "rows of a chunk must be a power of two")
    require(0 < grid.chunk_bytes <= spec.MAX_CHUNK_BYTES, what, f"{grid.chunk_bytes} byte chunks")
    require(grid.shard <= spec.MAX_SHARD_CHUNKS, what, f"{grid.shard} chunks in a shard")
    require(grid.shards <= layer.object_count, what, "more shards than objects are listed")
    is_paged = bool(layer.pages and layer.pages_of(spec.OBJECTS))
    for shard in () if is_paged else range(grid.shards):
        key = layer.shard_name(name, shard)
        require(key in layer.objects, what, f"object {key!r} is not listed")
    index = array.inline_index
    if index is None:
        require(array.data is None, what, "data of an array with a chunk table")
        _check_table(array, layer, what)
        return
    equal = len(index.offset) == len(index.nbytes) == len(index.crc32c) == grid.chunks
    require(equal, what, f"the index must have {grid.chunks} entries")
    sizes = layer.shard_sizes(name)
    chunks = np.arange(grid.chunks)
    chunk_index.check(
        index, grid, chunks=chunks, sizes=sizes, raw=array.codec.name == "none", what=what
    )
    if array.data is not None:
        found = [len(array.data)]
        require(index.nbytes.tolist() == found, what, f"data of {found[0]} bytes")


def _check_table(array: Array, layer: Layer, what: str) -> None:
    table = layer.arrays.get(str(array.index))
    require(table is not None and not isinstance(table.index, str), what, "its table is missing")
    if table is not None:
        expected = ([array.grid.chunks, spec.TABLE_COLUMNS], "uint64")
        require((table.shape, table.dtype) == expected, what, "its table has another shape")


def check_codec(codec: Codec, what: str) -> None:
    known = COMPRESSORS.get(codec.name)
    if codec != NONE and not (known and known.is_whole(codec)):
        raise UnsupportedError("codec-unsupported", f"{what}: codec {json.brief(str(codec))}")


def _check_vocabulary(layer: Layer, what: str) -> None:
    missing = sorted(_VOCABULARY - layer.arrays.keys())
    require(not missing, what, f"array {missing[:1]} is missing")
    data, offsets = layer.arrays[spec.WORDS_DATA], layer.arrays[spec.WORDS_OFFSETS]
    require((len(data.shape), data.dtype) == (1, "uint8"), what, "words/data must be bytes")
    sound = (len(offsets.shape), offsets.dtype) == (1, "uint64") and offsets.shape[0] > 0
    require(sound, what, "words/offsets has another shape")
    blocks = layer.arrays[spec.LOOKUP_BLOCKS]
    sound = len(blocks.shape) == 2 and blocks.dtype == "uint8" and blocks.chunk == 1  # noqa: PLR2004
    require(sound, what, "lookup/blocks must be a matrix of bytes in chunks of one row")
    sound = spec.MIN_BLOCK_BYTES <= blocks.shape[1] <= spec.MAX_BLOCK_BYTES
    require(sound, what, f"lookup blocks of {blocks.shape[1]} bytes")
    require(len(layer.fences) == blocks.shape[0], what, "not one fence for each lookup block")
    require(not isinstance(blocks.index, str), what, "the lookup's index must be inline")


def _check_placement(layer: Layer, what: str) -> None:
    placement = layer.placement
    if placement.kind in {"given", "lexical"}:
        require(not placement.groups and not placement.starts, what, "groups without hashing")
        return
    starts = placement.starts
    sound = len(starts) == placement.groups + 1 and starts[0] == 0 and starts[-1] == layer.rows
    require(placement.groups > 0 and sound, what, "group starts do not span the rows")
    require(starts == sorted(starts), what, "group starts fall")


def _check_fences(fences: list[str], what: str) -> None:
    sizes = sum(len(fence.encode()) for fence in fences)
    require(sizes <= spec.MAX_FENCE_BYTES, what, f"{sizes} bytes of fences")
    # Code point order is UTF-8 byte order.
    rising = all(a < b for a, b in itertools.pairwise(fences))
    require(rising and (not fences or fences[0] == ""), what, "fences must rise from ''")
