"""The specification as values and bytes; no I/O."""

from embzarr._format import digests, intervals, json, keys, rooms, row_changes, spec
from embzarr._format.arrays import checksums, chunk_coding, chunk_index, dtypes, grids
from embzarr._format.arrays.chunk_coding import Chunks
from embzarr._format.arrays.chunk_index import ChunkIndex, Places
from embzarr._format.arrays.codecs import Codec
from embzarr._format.arrays.dtypes import itemsize, numpy_dtype
from embzarr._format.arrays.grids import Cut, Grid, cut_tensor
from embzarr._format.documents import (
    collections,
    manifests,
    pages,
    validate,
    validate_layers,
    zarr_json,
)
from embzarr._format.documents.collections import Collection, Tombstone
from embzarr._format.documents.manifests import (
    EMPTY,
    Array,
    Contents,
    Count,
    FileMember,
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
    TensorMember,
)
from embzarr._format.documents.pages import Part as PagePart
from embzarr._format.documents.validate_deltas import require
from embzarr._format.given import arguments, given_arrays, plain_json
from embzarr._format.intervals import Run
from embzarr._format.row_changes import Change
from embzarr._format.settings import LayerSettings
from embzarr._format.words import lookups, placements, word_table
from embzarr._format.words.lookups import LookupBlock, LookupImage
from embzarr._format.words.placements import Placement
from embzarr._format.words.word_table import WordTable, from_words

__all__ = [
    "EMPTY",
    "Array",
    "Change",
    "ChunkIndex",
    "Chunks",
    "Codec",
    "Collection",
    "Contents",
    "Count",
    "Cut",
    "FileMember",
    "Grid",
    "Hex128",
    "Hex256",
    "InlineIndex",
    "Instant",
    "Layer",
    "LayerSettings",
    "LookupBlock",
    "LookupImage",
    "Lossy",
    "Manifest",
    "ObjectDigest",
    "PagePart",
    "Parent",
    "Placement",
    "PlacementMember",
    "Places",
    "Positive",
    "Run",
    "TensorMember",
    "Tombstone",
    "WordTable",
    "arguments",
    "checksums",
    "chunk_coding",
    "chunk_index",
    "collections",
    "cut_tensor",
    "digests",
    "dtypes",
    "from_words",
    "given_arrays",
    "grids",
    "intervals",
    "itemsize",
    "json",
    "keys",
    "lookups",
    "manifests",
    "numpy_dtype",
    "pages",
    "placements",
    "plain_json",
    "require",
    "rooms",
    "row_changes",
    "spec",
    "validate",
    "validate_layers",
    "word_table",
    "zarr_json",
]
