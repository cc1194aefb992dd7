"""numpy's ``.npz`` with the arrays ``words``, of texts, and ``vectors``; no pickle."""

from __future__ import annotations

import re
import zipfile
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from embzarr.convert._writers._format import Format, WordRule, bytes_of
from embzarr.convert._writers.npy import DTYPES, write_header

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink

_LONGEST = 1000
"""Letters: numpy takes as much room for each text of an array as for the longest."""


def _write(rows: Rows, sink: Sink) -> None:
    longest = max((len(word) for word in rows.words()), default=1) or 1
    texts = np.dtype(f"<U{longest}")
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("words.npy", "w", force_zip64=True) as member:
            write_header(member, texts, (rows.count,))
            every = rows.words()
            while words := list(islice(every, 2**14)):
                member.write(np.array(words, texts).tobytes())
        with archive.open("vectors.npy", "w", force_zip64=True) as member:
            write_header(member, rows.dtype, (rows.count, rows.dim))
            for batch in rows.batches():
                member.write(bytes_of(batch.vectors))


FORMAT = Format(
    name="npz",
    what="numpy's .npz with the arrays words and vectors",
    endings=(".npz",),
    dtypes=DTYPES,
    words=WordRule(
        pattern=re.compile(rf"\0\Z|\A(?s:.){{{_LONGEST + 1}}}"),
        why=f"an array of texts ends them at a NUL, and takes as much room for each as for the"
        f" longest, which is {_LONGEST} letters at most",
    ),
    write=_write,
)
