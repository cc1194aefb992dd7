"""word2vec's text format, which fastText calls ``.vec``: a line of counts, then a line a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr.convert._writers._format import ONE_FIELD, Format
from embzarr.convert._writers._numbers import DTYPES, write_lines

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink


def _write(rows: Rows, sink: Sink) -> None:
    sink.write(f"{rows.count} {rows.dim}\n".encode())
    write_lines(rows, sink, " ")


FORMAT = Format(
    name="word2vec-text",
    what="word2vec text, and fastText's .vec: counts, then a word and its numbers a line",
    endings=(".vec",),
    dtypes=DTYPES,
    words=ONE_FIELD,
    write=_write,
)
