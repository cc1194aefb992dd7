"""From words or rows to arrays."""

from embzarr._reading import nearest, pages
from embzarr._reading.cache import Cache
from embzarr._reading.fetching.cost import Link, link_of, link_to
from embzarr._reading.fetching.fetch import fetch
from embzarr._reading.loaded import Loaded
from embzarr._reading.mapping import Values, Words, as_array
from embzarr._reading.neighbours import Neighbours
from embzarr._reading.planning.merging import Plan
from embzarr._reading.planning.options import BATCH_BYTES, WHOLE, How, View, views
from embzarr._reading.rows import column
from embzarr._reading.rows.array import ArrayReader
from embzarr._reading.rows.column import DeltaColumn
from embzarr._reading.table import By, Missing, TableReader
from embzarr._reading.tensors.files import File, Files
from embzarr._reading.tensors.tensors import Tensor, Tensors, fill_tensors
from embzarr._reading.words.finalfusion_grams import FinalfusionGrams, gram_hash
from embzarr._reading.words.hashed_grams import HashedGrams
from embzarr._reading.words.subwords import (
    FINALFUSION,
    FLORET,
    MOST_LETTERS,
    NAMES,
    SUBWORDS,
    Subwords,
    has_subwords,
    ngram_hashes,
)
from embzarr._reading.words.vocabulary import LayerWords, VocabularyReader

__all__ = [
    "BATCH_BYTES",
    "FINALFUSION",
    "FLORET",
    "MOST_LETTERS",
    "NAMES",
    "SUBWORDS",
    "WHOLE",
    "ArrayReader",
    "By",
    "Cache",
    "DeltaColumn",
    "File",
    "Files",
    "FinalfusionGrams",
    "HashedGrams",
    "How",
    "LayerWords",
    "Link",
    "Loaded",
    "Missing",
    "Neighbours",
    "Plan",
    "Subwords",
    "TableReader",
    "Tensor",
    "Tensors",
    "Values",
    "View",
    "VocabularyReader",
    "Words",
    "as_array",
    "column",
    "fetch",
    "fill_tensors",
    "gram_hash",
    "has_subwords",
    "link_of",
    "link_to",
    "nearest",
    "ngram_hashes",
    "pages",
    "views",
]
