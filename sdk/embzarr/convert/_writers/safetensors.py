"""safetensors with one tensor, ``embeddings``, and its words in a ``.txt`` beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from embzarr.convert._writers._format import ONE_A_LINE, Format, words_beside, write_beside

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink

_NAMES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64"}


def _write(rows: Rows, sink: Sink, words: Sink) -> None:
    tensor = {
        "dtype": _NAMES[rows.dtype.name],
        "shape": [rows.count, rows.dim],
        "data_offsets": [0, rows.count * rows.dim * rows.dtype.itemsize],
    }
    header = json.dumps({"__metadata__": {"format": "pt"}, "embeddings": tensor}).encode()
    header += b" " * (-len(header) % 8)  # numbers begin aligned
    sink.write(len(header).to_bytes(8, "little") + header)
    write_beside(rows, sink, words)


FORMAT = Format(
    name="safetensors",
    what='safetensors, tensor "embeddings", with the words one a line in a .txt beside it',
    endings=(".safetensors",),
    dtypes=tuple(_NAMES),
    words=ONE_A_LINE,
    words_beside=words_beside,
    write=_write,
)
