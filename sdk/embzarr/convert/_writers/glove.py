"""GloVe's text format: a line a word, without counts; words may hold blanks, as GloVe's own do.

Readers split such lines from the right. Those that split from the left, as gensim does, find a word
with a blank in it to be a vector too long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embzarr.convert._writers._format import Format, WordRule
from embzarr.convert._writers._numbers import DTYPES, write_lines

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink

_NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|inf|infinity|nan)"


def _write(rows: Rows, sink: Sink) -> None:
    write_lines(rows, sink, " ")


FORMAT = Format(
    name="glove",
    what="GloVe text: a word and its numbers a line, no counts",
    endings=(),  # .txt is word2vec's as well
    dtypes=DTYPES,
    words=WordRule(
        pattern=re.compile(rf"[\t\n\r\v\f\0]|^ | $|^$|^[^ ]*(?: {_NUMBER})+$", re.IGNORECASE),
        why="a line ends it, so that no word is empty, begins or ends with a blank, holds a tab,"
        " line end or NUL, or is followed by numbers alone, which would be of its vector",
        begins_file=True,
    ),
    write=_write,
)
