"""word2vec's binary format, as gensim writes it: no newline after a row.

word2vec's own program writes one, which readers skip; a file of that kind comes out again as one
of gensim's, byte by byte the same but for those newlines.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from embzarr.convert._writers._format import ONE_FIELD, Format, bytes_of

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink


def _write(rows: Rows, sink: Sink) -> None:
    sink.write(f"{rows.count} {rows.dim}\n".encode())
    for batch in rows.batches():
        numbers, width = bytes_of(batch.vectors), rows.dim * rows.dtype.itemsize
        vectors = (numbers[at : at + width] for at in range(0, len(numbers), width))
        words = (f"{word} ".encode() for word in batch.words)
        sink.append(b"".join(chain.from_iterable(zip(words, vectors, strict=True))))


FORMAT = Format(
    name="word2vec",
    what="word2vec binary, as gensim writes it",
    endings=(".bin",),
    dtypes=("float32",),
    words=ONE_FIELD,
    write=_write,
)
