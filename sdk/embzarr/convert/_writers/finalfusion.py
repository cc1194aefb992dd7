"""finalfusion's ``.fifu`` with a plain vocabulary and a plain matrix.

Vectors stay as they are: finalfusion's own tools store them at length 1 with their lengths beside
them, which is not asked for here, and loses bits.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from embzarr.convert._writers._format import Format, bytes_of

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink

_VERSION = 0
_WORDS, _MATRIX, _FLOAT32 = 1, 2, 10
_BUFFERED = 2**20


def _write(rows: Rows, sink: Sink) -> None:
    sink.write(struct.pack("<4sIIII", b"FiFu", _VERSION, 2, _WORDS, _MATRIX))
    _write_words(rows, sink)
    # As finalfusion counts it: four bytes where the numbers are aligned anyway.
    padding = 4 - sink.size % 4
    length = 8 + 4 + 4 + padding + rows.count * rows.dim * 4
    sink.write(struct.pack("<IQQII", _MATRIX, length, rows.count, rows.dim, _FLOAT32))
    sink.write(b"\0" * padding)
    for batch in rows.batches():
        sink.append(bytes_of(batch.vectors))


def _write_words(rows: Rows, sink: Sink) -> None:
    nbytes = sum(len(word.encode()) for word in rows.words())
    sink.write(struct.pack("<IQQ", _WORDS, 8 + 4 * rows.count + nbytes, rows.count))
    waiting = bytearray()
    for word in rows.words():
        text = word.encode()
        waiting += struct.pack("<I", len(text)) + text
        if len(waiting) > _BUFFERED:
            sink.write(waiting)
            waiting = bytearray()
    sink.write(waiting)


FORMAT = Format(
    name="finalfusion",
    what="finalfusion's .fifu, plain vocabulary and matrix",
    endings=(".fifu",),
    dtypes=("float32",),
    write=_write,
)
