"""From arrays to a commit."""

from embzarr._writing import compacting, delta
from embzarr._writing.background import unsaved
from embzarr._writing.background.saver import AsyncSaver, Table, touched
from embzarr._writing.delta import DeltaOptions, DeltaPolicy
from embzarr._writing.given import checks, tensor_rows
from embzarr._writing.given.checks import (
    arrays_of,
    check_follows,
    check_lengths,
    column_kind,
    kinds_of,
    metadata_of,
    taken,
)
from embzarr._writing.given.extras import Extras
from embzarr._writing.given.given_files import Source
from embzarr._writing.layers import copying
from embzarr._writing.layers.array import ArrayWriter, Shards, WrittenArray
from embzarr._writing.layers.contents import ContentsWriter, TensorPart
from embzarr._writing.layers.conversion import Conversion, check_blocks
from embzarr._writing.layers.delta_layer import LossyKind
from embzarr._writing.layers.full_layer import LayerWriter, check_order
from embzarr._writing.layers.layer_files import LayerFiles
from embzarr._writing.layers.loss import LossMeter, LossSums
from embzarr._writing.save import SaveSettings, save
from embzarr._writing.tensor_parts import SharedSave, TensorPartWriter
from embzarr._writing.writer import Writer, create

__all__ = [
    "ArrayWriter",
    "AsyncSaver",
    "ContentsWriter",
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
    "taken",
    "tensor_rows",
    "touched",
    "unsaved",
]
