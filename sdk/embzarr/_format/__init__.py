"""The specification as values and bytes; no I/O."""

from embzarr._format import (
    chunk_coding,
    chunk_index,
    collections,
    digests,
    dtypes,
    grids,
    intervals,
    json,
    keys,
    lookups,
    manifests,
    placements,
    row_changes,
    spec,
    validate,
    validate_layers,
    word_table,
    zarr_json,
)
from embzarr._format.chunk_index import ChunkIndex, Places
from embzarr._format.collections import Collection, Tombstone
from embzarr._format.dtypes import itemsize, numpy_dtype
from embzarr._format.grids import Grid
from embzarr._format.intervals import Run
from embzarr._format.lookups import LookupBlock, LookupImage
from embzarr._format.manifests import (
    Array,
    Codec,
    Count,
    Hex128,
    Hex256,
    InlineIndex,
    Instant,
    Layer,
    Lossy,
    Manifest,
    ObjectDigest,
    Parent,
    PlacementMember,
    Positive,
)
from embzarr._format.placements import Placement
from embzarr._format.row_changes import Change
from embzarr._format.validate_deltas import require
from embzarr._format.word_table import WordTable, from_words

__all__ = [
    "Array",
    "Change",
    "ChunkIndex",
    "Codec",
    "Collection",
    "Count",
    "Grid",
    "Hex128",
    "Hex256",
    "InlineIndex",
    "Instant",
    "Layer",
    "LookupBlock",
    "LookupImage",
    "Lossy",
    "Manifest",
    "ObjectDigest",
    "Parent",
    "Placement",
    "PlacementMember",
    "Places",
    "Positive",
    "Run",
    "Tombstone",
    "WordTable",
    "chunk_coding",
    "chunk_index",
    "collections",
    "digests",
    "dtypes",
    "from_words",
    "grids",
    "intervals",
    "itemsize",
    "json",
    "keys",
    "lookups",
    "manifests",
    "numpy_dtype",
    "placements",
    "require",
    "row_changes",
    "spec",
    "validate",
    "validate_layers",
    "word_table",
    "zarr_json",
]
