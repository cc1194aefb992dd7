"""Makes rows of chunks that have come in: checks, decodes and copies them.

Whoever fetched chunks does that with them at once, so that no byte is touched twice and none waits
for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import Chunks, chunk_coding, dtypes
from embzarr._reading.planning.selecting import Blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._reading.planning.merging import Request
    from embzarr._reading.planning.options import View
    from embzarr._reading.planning.plans import ArrayPlan


def assemble(
    data: memoryview, request: Request, plan: ArrayPlan, view: View, out: NDArray[Any]
) -> None:
    """Copy the wanted rows of what a request brought into `out`.

    Args:
        data: its bytes.
        request: one of the plan's.
        plan: names the chunks, and where their rows go.
        view: how the rows are wanted.
        out: where they go.

    Raises:
        DamagedError: a chunk that is not as it was written.
    """
    index, ats = plan.index(), request.wanted
    starts = index.offset[ats] - request.start
    stops, numbers = starts + index.nbytes[ats], plan.selection.chunks[ats]
    chunks = Chunks(data, starts, stops, lambda at: plan.array.chunk_told(int(numbers[at])))
    chunks.check(index.crc32c[ats], lambda: plan.marks()[ats])
    together = max(len(ats), 1)
    if not plan.array.is_raw:
        chunks, ats = _decode_whole(chunks, ats, plan, view, out)
        together = plan.together(len(data), view)
    for first in range(0, len(ats), together):
        some = slice(first, first + together)
        _copy(chunks if together >= len(ats) else chunks.take(some), ats[some], plan, view, out)


def _decode_whole(
    chunks: Chunks, ats: NDArray[np.int64], plan: ArrayPlan, view: View, out: NDArray[Any]
) -> tuple[Chunks, NDArray[np.int64]]:
    """Decode chunks that go into the result whole straight into it; return the others."""
    array = plan.array
    if not _is_as_stored(plan, view, out):
        return chunks, ats
    rows = plan.selection.whole(ats)
    here = rows >= 0
    if not here.any():
        return chunks, ats
    places = rows[here] * array.grid.row_bytes
    some = chunks if here.all() else chunks.take(here)
    some.decode_to(chunk_coding.as_bytes(out), places, array.codec, array.chunk_bytes)
    return chunks.take(~here), ats[~here]


def _is_as_stored(plan: ArrayPlan, view: View, out: NDArray[Any]) -> bool:
    """Tell whether rows of the result have the bytes that are stored, and need no look."""
    same = out.dtype == plan.array.dtype and view.dims is None and out.flags.c_contiguous
    return same and plan.scales is None and out.dtype.kind != "U"


def _copy(
    chunks: Chunks, ats: NDArray[np.int64], plan: ArrayPlan, view: View, out: NDArray[Any]
) -> None:
    """Decode some chunks and copy their rows into `out`."""
    array = plan.array
    raw, slots = chunks.decoded(array.codec, array.chunk_bytes)
    rows = raw.view(array.dtype).reshape(len(raw), array.grid.chunk, *array.shape[1:])
    if array.dtype.kind == "U":  # between the wanted chunks lie others, which nobody checked
        dtypes.check_values(rows[slots], array.what)
    blocks = Blocks(ats, rows, slots)
    if plan.scales is None:  # and no errstate: in numpy 1 a default one ends another thread's
        plan.selection.copy(view.cut(blocks), out)
        return
    factors = plan.scales()[plan.selection.chunks[ats]]
    # Of a stored number and its scale, a product that the result cannot hold is infinity.
    with np.errstate(over="ignore"):
        plan.selection.copy(view.cut(_scaled(blocks, factors)), out)


def _scaled(blocks: Blocks, factors: NDArray[np.float32]) -> Blocks:
    """Return what the stored numbers of chunks mean."""
    numbers = blocks.rows[blocks.slots].astype(np.float32)
    numbers *= factors.reshape(*factors.shape, *[1] * (numbers.ndim - 2))
    return Blocks(blocks.ats, numbers, np.arange(len(numbers)))
