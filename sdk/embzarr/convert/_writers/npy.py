"""A matrix as numpy's ``.npy``, which can be mapped, and its words in a ``.txt`` beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr.convert._writers._format import ONE_A_LINE, Format, words_beside, write_beside

if TYPE_CHECKING:
    from typing import IO

    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink

DTYPES = ("float32", "float16", "float64")


def write_header(file: IO[bytes] | Sink, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Write what stands before the numbers of an array."""
    described = np.lib.format.dtype_to_descr(dtype.newbyteorder("<"))
    header = {"descr": described, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _write(rows: Rows, sink: Sink, words: Sink) -> None:
    write_header(sink, rows.dtype, (rows.count, rows.dim))
    write_beside(rows, sink, words)


FORMAT = Format(
    name="npy",
    what="numpy's .npy, with the words one a line in a .txt beside it",
    endings=(".npy",),
    dtypes=DTYPES,
    words=ONE_A_LINE,
    words_beside=words_beside,
    write=_write,
)
