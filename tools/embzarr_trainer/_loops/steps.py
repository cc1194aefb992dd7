"""The arithmetic of a step: a group of output rows and one input row, in scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr_trainer._buffers import GROUP, LANES, LOGIT_LIMIT, ROW_STRIDE, TABLE_SIZE
from embzarr_trainer._loops.compiling import inlined, prefetch

if TYPE_CHECKING:
    import numpy.typing as npt

    from embzarr_trainer._buffers import Marks, Scratch, Tables

_TABLE_SCALE: Final = np.float32(TABLE_SIZE / (2 * LOGIT_LIMIT))
_LIMIT: Final = np.float32(LOGIT_LIMIT)
_ZERO: Final = np.float32(0)
_ONE: Final = np.float32(1)


@inlined
def mark(marks: npt.NDArray[np.uint8], word: int) -> None:
    """Mark a row; read first, since threads that all write one cache line wait for each other."""
    if marks[word] == 0:
        marks[word] = 1


@inlined
def fetch(matrix: npt.NDArray[np.float32], word: int) -> None:
    """Have a row on its way from memory, a cache line after the other."""
    for k in range(0, matrix.shape[1], LANES):
        prefetch(matrix, word, k)


@inlined
def fetch_ahead(outputs: npt.NDArray[np.float32], start: int, stop: int, scratch: Scratch) -> None:
    """Have some of the next window's output rows on their way: all at once would hold others up."""
    for slot in range(start, min(stop, GROUP)):
        fetch(outputs, scratch.ahead[slot])


@inlined
def gather(outputs: npt.NDArray[np.float32], first: int, live: int, scratch: Scratch) -> None:
    """Copy the output rows of ``live`` targets into scratch."""
    for slot in range(live):
        row = outputs[scratch.targets[first + slot]]
        for k in range(len(row)):
            scratch.rows[slot * ROW_STRIDE + k] = row[k]


@inlined
def logits(row: npt.NDArray[np.float32], scratch: Scratch) -> None:
    """Set ``slopes`` to the products of one input row with the gathered rows."""
    rows = scratch.rows
    s0 = s1 = s2 = s3 = s4 = s5 = _ZERO
    for k in range(len(row)):
        x = row[k]
        s0 += x * rows[k]
        s1 += x * rows[ROW_STRIDE + k]
        s2 += x * rows[2 * ROW_STRIDE + k]
        s3 += x * rows[3 * ROW_STRIDE + k]
        s4 += x * rows[4 * ROW_STRIDE + k]
        s5 += x * rows[5 * ROW_STRIDE + k]
    slopes = scratch.slopes
    slopes[0], slopes[1], slopes[2] = s0, s1, s2
    slopes[3], slopes[4], slopes[5] = s3, s4, s5


@inlined
def _cell(logit: np.float32) -> int:
    return min(max(int((logit + _LIMIT) * _TABLE_SCALE), 0), TABLE_SIZE - 1)


@inlined
def loss_of(first: int, live: int, tables: Tables, scratch: Scratch) -> np.float32:
    """Return the loss of a group of logits; the first of all is the centre word's."""
    loss = _ZERO
    for slot in range(live):
        loss += tables.softplus[_cell(scratch.slopes[slot])]
    return loss - min(scratch.slopes[0], _LIMIT) if first == 0 else loss


@inlined
def to_slopes(first: int, live: int, alpha: np.float32, tables: Tables, scratch: Scratch) -> None:
    """Turn a group of logits into step sizes, 0 for slots that are not in use."""
    slopes = scratch.slopes
    for slot in range(GROUP):
        label = _ONE if first == 0 and slot == 0 else _ZERO
        slope = alpha * (label - tables.sigmoid[_cell(slopes[slot])])
        slopes[slot] = slope if slot < live else _ZERO


@inlined
def step(
    row: npt.NDArray[np.float32], following: npt.NDArray[np.float32], scratch: Scratch
) -> None:
    """Move the input row and the gathered rows, each along the other's value before the step.

    Sets ``slopes`` to the products of the moved rows with the ``following`` input row.
    """
    rows = scratch.rows
    slopes = scratch.slopes
    g0, g1, g2 = slopes[0], slopes[1], slopes[2]
    g3, g4, g5 = slopes[3], slopes[4], slopes[5]
    s0 = s1 = s2 = s3 = s4 = s5 = _ZERO
    for k in range(len(row)):
        x = row[k]
        o0, o1 = rows[k], rows[ROW_STRIDE + k]
        o2, o3 = rows[2 * ROW_STRIDE + k], rows[3 * ROW_STRIDE + k]
        o4, o5 = rows[4 * ROW_STRIDE + k], rows[5 * ROW_STRIDE + k]
        row[k] = x + g0 * o0 + g1 * o1 + g2 * o2 + g3 * o3 + g4 * o4 + g5 * o5
        rows[k] = o0 = o0 + g0 * x
        rows[ROW_STRIDE + k] = o1 = o1 + g1 * x
        rows[2 * ROW_STRIDE + k] = o2 = o2 + g2 * x
        rows[3 * ROW_STRIDE + k] = o3 = o3 + g3 * x
        rows[4 * ROW_STRIDE + k] = o4 = o4 + g4 * x
        rows[5 * ROW_STRIDE + k] = o5 = o5 + g5 * x
        y = following[k]
        s0 += y * o0
        s1 += y * o1
        s2 += y * o2
        s3 += y * o3
        s4 += y * o4
        s5 += y * o5
    slopes[0], slopes[1], slopes[2] = s0, s1, s2
    slopes[3], slopes[4], slopes[5] = s3, s4, s5


@inlined
def finish(
    row: npt.NDArray[np.float32],
    outputs: npt.NDArray[np.float32],
    first: int,
    live: int,
    marks: Marks,
    tables: Tables,
    scratch: Scratch,
) -> None:
    """Take a window's last step of a group, of which the output rows go back, but for frozen ones.

    The row's own step comes last: the others are along its value before.
    """
    rows, slopes = scratch.rows, scratch.slopes
    for slot in range(live):
        word = scratch.targets[first + slot]
        if not tables.frozen[word]:
            mark(marks.outputs, word)
            output, slope = outputs[word], slopes[slot]
            for k in range(len(output)):
                output[k] = rows[slot * ROW_STRIDE + k] + slope * row[k]
    g0, g1, g2 = slopes[0], slopes[1], slopes[2]
    g3, g4, g5 = slopes[3], slopes[4], slopes[5]
    for k in range(len(row)):
        o0, o1 = rows[k], rows[ROW_STRIDE + k]
        o2, o3 = rows[2 * ROW_STRIDE + k], rows[3 * ROW_STRIDE + k]
        o4, o5 = rows[4 * ROW_STRIDE + k], rows[5 * ROW_STRIDE + k]
        row[k] += g0 * o0 + g1 * o1 + g2 * o2 + g3 * o3 + g4 * o4 + g5 * o5
