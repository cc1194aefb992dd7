"""JSON lines: ``{"word": "king", "vector": [0.5, ...]}``, any word, finite numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from embzarr.convert._writers._digits import shortest
from embzarr.convert._writers._format import Format
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from embzarr._reading import Loaded
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink


def _write(rows: Rows, sink: Sink) -> None:
    encode = msgspec.json.Encoder().encode_lines
    for batch in rows.batches():
        _refuse_nonfinite(batch)
        vectors = (row for block in shortest(batch.vectors) for row in block.tolist())
        pairs = zip(batch.words, vectors, strict=True)
        sink.append(encode([{"word": word, "vector": vector} for word, vector in pairs]))


def _refuse_nonfinite(batch: Loaded) -> None:
    finite = np.isfinite(batch.vectors).all(axis=1)
    if not finite.all():
        place = int(np.argmin(finite))
        raise InvalidInputError(
            "input-nonfinite",
            f"JSON has no NaN and no infinity, which the vector of {batch.words[place]!r}, row"
            f" {batch.rows[place]}, holds",
        )


FORMAT = Format(
    name="jsonl",
    what='JSON lines: an object with "word" and "vector" a line',
    endings=(".jsonl", ".ndjson"),
    dtypes=("float32", "float64"),
    write=_write,
)
