"""From arrays to a commit."""

from embzarr._writing import checks, compacting, copying, delta, unsaved
from embzarr._writing.array import Shards, WrittenArray
from embzarr._writing.background import AsyncSaver, Table, touched
from embzarr._writing.checks import (
    arrays_of,
    check_blocks,
    check_follows,
    check_lengths,
    column_kind,
    kinds_of,
    metadata_of,
    taken,
)
from embzarr._writing.conversion import Conversion
from embzarr._writing.delta import DeltaOptions, DeltaPolicy
from embzarr._writing.delta_layer import LossyKind
from embzarr._writing.extras import Extras
from embzarr._writing.full_layer import LayerWriter, check_order, sort_words
from embzarr._writing.given_files import Source
from embzarr._writing.layer_files import LayerFiles
from embzarr._writing.loss import LossMeter, LossSums
from embzarr._writing.save import SaveSettings, save
from embzarr._writing.tensor_parts import SharedSave, TensorPart, TensorPartWriter
from embzarr._writing.writer import Writer, create

__all__ = [
    "AsyncSaver",
    "Conversion",
    "DeltaOptions",
    "DeltaPolicy",
    "Extras",
    "LayerFiles",
    "LayerWriter",
    "LossMeter",
    "LossSums",
    "LossyKind",
    "SaveSettings",
    "Shards",
    "SharedSave",
    "Source",
    "Table",
    "TensorPart",
    "TensorPartWriter",
    "Writer",
    "WrittenArray",
    "arrays_of",
    "check_blocks",
    "check_follows",
    "check_lengths",
    "check_order",
    "checks",
    "column_kind",
    "compacting",
    "copying",
    "create",
    "delta",
    "kinds_of",
    "metadata_of",
    "save",
    "sort_words",
    "taken",
    "touched",
    "unsaved",
]
