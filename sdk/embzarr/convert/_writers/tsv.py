"""Tab-separated values: a word and its numbers a line, no header, no quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embzarr.convert._writers._format import Format, WordRule
from embzarr.convert._writers._numbers import DTYPES, write_lines

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink


def _write(rows: Rows, sink: Sink) -> None:
    write_lines(rows, sink, "	")


FORMAT = Format(
    name="tsv",
    what="tab-separated text: a word and its numbers a line, no header, no quotes",
    endings=(".tsv",),
    dtypes=DTYPES,
    words=WordRule(
        pattern=re.compile("[\t\n\r\v\f\0]|^$"),
        why="a tab or line end would end it, so that no word is empty or holds one, or a NUL",
        begins_file=True,
    ),
    write=_write,
)
