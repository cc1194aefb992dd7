"""Every literal of ``spec/v1/embzarr.md``, once.

Nothing here computes: names, numbers and limits only, so that a reader can hold this file beside
the specification (``tests/conformance/test_spec_sync.py`` does).
"""

from __future__ import annotations

from typing import Final

FORMAT: Final = "embzarr"
VERSION: Final = 1

CONVENTION_UUID: Final = "6d1c5fd6-6c0b-4c1e-9a5e-0d5a2e7b9c41"
"""Identity of the convention in a Zarr group's ``zarr_conventions`` attribute."""

# Object names ---------------------------------------------------------------------------------
ZARR_JSON: Final = "zarr.json"
LATEST: Final = "latest.json"
COMMITS: Final = "commits"
TAGS: Final = "tags"
STEPS: Final = "steps"
QUARANTINE: Final = "quarantine"
KEPT: Final = "kept"
PARTS: Final = "parts"
"""Below a layer: receipts of those who wrote its parts."""
PAGES: Final = "pages"
"""Below a layer: what of a large manifest stands by itself."""
PROBES: Final = "probe"

# Kinds of what stands in commits/ --------------------------------------------------------------
CHECKPOINT_KINDS: Final = ("full", "delta")
"""Of commits that hold a checkpoint."""
COLLECT: Final = "collect"
EXPIRED: Final = "expired"
"""A tombstone."""
LOST: Final = "lost"
"""Of what a tombstone stands for: nobody knows, as nothing was there any more."""

# Arrays of a layer ----------------------------------------------------------------------------
VECTORS: Final = "vectors"
COUNTS: Final = "counts"
WORDS_DATA: Final = "words/data"
WORDS_OFFSETS: Final = "words/offsets"
LOOKUP_BLOCKS: Final = "lookup/blocks"
CHUNKS: Final = "chunks"
ROWS: Final = "rows"
SCALES: Final = "scales"
TENSORS: Final = "tensors"
FILES: Final = "files"
SMALL: Final = "small"
"""Holds small tensors and files end to end, an array for each data type."""
CONTENTS: Final = (TENSORS, FILES, SMALL)
RESERVED_COLUMNS: Final = frozenset(
    {
        "words",
        "lookup",
        "chunks",
        "rows",
        "scales",
        "parts",
        "tensors",
        "files",
        "small",
        "words.data",
        "words.offsets",
    }
)
"""The last two would give a column the chunk table of the vocabulary."""

# Data types -----------------------------------------------------------------------------------
VECTOR_DTYPES: Final = ("float32", "float16", "bfloat16", "float64")
COLUMN_DTYPES: Final = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "bfloat16",
    "complex64",
    "complex128",
)
SIZED_DTYPES: Final = (
    r"[US][1-9][0-9]{0,8}"
    r"|(datetime64|timedelta64)\[([2-9]|[1-9][0-9]{1,8})?([YMWDhms]|ms|us|ns|ps|fs|as)\]"
)
"""Further types of columns, whose names say how long a text is, or the unit of a time."""
CHARACTER_BYTES: Final = 4
LAST_CHARACTER: Final = 0x10FFFF
SURROGATES: Final = (0xD800, 0xDFFF)
"""Numbers that are no characters, though below the greatest."""

# Codecs ---------------------------------------------------------------------------------------
CODECS: Final = ("none", "zstd", "blosc")
BLOSC_CNAMES: Final = ("lz4", "lz4hc", "blosclz", "zlib", "zstd")
BLOSC_SHUFFLES: Final = ("noshuffle", "shuffle", "bitshuffle")
CRC_BYTES: Final = 4
INDEX_ENTRY_BYTES: Final = 16
EMPTY_CHUNK: Final = 2**64 - 1
"""Offset and length, in a shard's index, of a chunk that lies beyond the array."""

LAYER_KINDS: Final = ("full", "delta")
OBJECTS: Final = "objects"
MEMBERS: Final = "contents"
"""Kinds of pages: entries of `objects`; tensors, files and the arrays that they have alone."""
PAGE_KINDS: Final = (OBJECTS, MEMBERS)
PLACEMENTS: Final = ("given", "lexical", "hash", "family")

# Sizes that a writer aims for -----------------------------------------------------------------
CHUNK_BYTES: Final = 128 * 1024
LEAST_CHUNK_BYTES: Final = 1024
SHARD_BYTES: Final = 16 * 1024 * 1024
PADDING_BYTES: Final = 4 * 1024
PADDING_SHARE: Final = 16
"""Zeros after the last row of a delta take no more than these bytes, or one in so many rows."""
PART_GRAIN: Final = 16
"""Parts of a step are equal to within one row in so many."""
TENSOR_CHUNK_BYTES: Final = 1024 * 1024
TENSOR_ROW_BYTES: Final = 4 * 1024 * 1024
"""A tensor whose rows take more is divided further in."""
SMALL_BYTES: Final = 64 * 1024
"""Tensors and files of no more are stored together."""
BLOCK_BYTES: Final = 64 * 1024
LEAST_BLOCK_BYTES: Final = 4 * 1024
"""Fences of smaller ones would make the manifest larger than what they spare."""
TABLE_CHUNK_ROWS: Final = 4096
TABLE_COLUMNS: Final = 3
INLINE_CHUNKS: Final = 256
DEFAULT_GROUPS: Final = 1024
SPLIT_BYTES: Final = 8 * 1024 * 1024
"""A manifest that would take more is split."""
PAGE_BYTES: Final = 1024 * 1024

# Limits that a reader enforces before it allocates --------------------------------------------
MAX_INTEGER: Final = 2**53 - 1
"""Largest integer of a manifest: exact in every JSON implementation."""
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
MAX_PAGES: Final = 1024
"""Of all layers of a manifest."""
MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
MAX_PAGES_SUM: Final = 512 * 1024 * 1024
MAX_OBJECTS: Final = 4 * 1024 * 1024
"""Of all layers of a manifest, those in pages included."""
MAX_TAG_BYTES: Final = 64 * 1024
MAX_QUARANTINE_BYTES: Final = 1024 * 1024
MAX_FAULTS: Final = 1000
MAX_PARTS: Final = 16384
MAX_PLAN_BYTES: Final = 256 * 1024
MAX_RECEIPT_BYTES: Final = 64 * 1024 * 1024
MAX_ZARR_JSON_BYTES: Final = 16 * 1024 * 1024
MAX_JSON_DEPTH: Final = 32
MAX_METADATA_BYTES: Final = 16 * 1024 * 1024
MAX_KEY_CHARS: Final = 512
MAX_COLUMNS: Final = 256
MAX_LAYERS: Final = 64
MAX_DELTA_ROWS: Final = 16 * 1024 * 1024
"""Row numbers of one column in all deltas of a commit together."""
MAX_RANK: Final = 8
MAX_NAME_BYTES: Final = 1024
"""UTF-8 of the name of a tensor or a file."""
MAX_TYPE_CHARS: Final = 64
MAX_MEDIA_TYPE_CHARS: Final = 256
MAX_FENCES: Final = 4096
MAX_FENCE_BYTES: Final = 1024 * 1024
MAX_INLINE_INDEX: Final = 4096
MAX_INLINE_BYTES: Final = 16 * 1024
"""Stored bytes of an array that stands in a manifest whole."""
MAX_INLINE_SUM: Final = 512 * 1024
"""The same of all such arrays of a manifest."""
MAX_GROUPS: Final = 65536
MAX_WORD_BYTES: Final = 16 * 1024 * 1024
MIN_BLOCK_BYTES: Final = 20
MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
MAX_CHUNK_BYTES: Final = 256 * 1024 * 1024
MAX_SHARD_CHUNKS: Final = 1024 * 1024
