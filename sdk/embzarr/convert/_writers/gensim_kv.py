"""gensim's own ``KeyedVectors.save``, by gensim, in one file; the whole matrix is in memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from embzarr.convert._writers._format import Format

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink


def _write(rows: Rows, sink: Sink) -> None:
    from gensim.models import KeyedVectors  # noqa: PLC0415 - an extra

    vectors = np.empty((rows.count, rows.dim), rows.dtype)
    words: list[str] = []
    for batch in rows.batches():
        vectors[len(words) : len(words) + len(batch)] = batch.vectors
        words.extend(batch.words)
    table = KeyedVectors(rows.dim, dtype=rows.dtype)
    table.vectors = vectors
    table.index_to_key = words
    table.key_to_index = {word: row for row, word in enumerate(words)}
    table.next_index = len(words)
    # Arrays of any size into the one file, so that it is whole or not there.
    table.save(sink, sep_limit=sys.maxsize)


FORMAT = Format(
    name="gensim",
    what="gensim's KeyedVectors.save, in one file; takes the whole matrix into memory",
    endings=(".kv",),
    dtypes=("float32", "float16", "float64"),
    package="gensim",
    extra="gensim",
    write=_write,
)
