"""The gate before the compiled loops, which read and write wherever an index says.

Nothing else may import the kernel (import-linter holds that), so that it is entered with arrays
alone whose every shape, stride, data type and index was checked against the arrays themselves. What
lasts as long as training is checked once, and what belongs to a chunk with each chunk: some 30
microseconds beside the 10 to 40 milliseconds that its training takes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from embzarr_trainer._buffers import (
    MAX_NEGATIVE,
    MAX_SENTENCE,
    MAX_VECTOR_SIZE,
    MAX_WINDOW,
    TABLE_SIZE,
    Marks,
    Method,
    Tables,
    Weights,
    Windows,
    new_scratch,
)
from embzarr_trainer._loops.checks import check_array, check_kind, refusal
from embzarr_trainer._loops.kernel import train_chunk, train_windows
from embzarr_trainer._options import check_integer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from embzarr_trainer._buffers import Scratch

_Layout: TypeAlias = "Mapping[str, tuple[type[np.generic], tuple[int, ...]]]"
"""Data type and shape of each array of a group."""

_MAX_ROWS: Final = 2**31 - 1
"""Word ids are int32."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kernel:
    """The compiled loops, and the arrays that all threads share, which fit one another.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, naming the array, what was expected of it
            and what was found.
    """

    method: Method
    weights: Weights
    """Changed in place."""
    marks: Marks
    """Set for the rows that are changed."""
    tables: Tables
    """Not to be changed any more."""

    def __post_init__(self) -> None:
        """Check what stays the same from one chunk to the next."""
        _check_method(self.method)
        rows, width = _shape_of(self.weights)
        _check_group("weights", self.weights, Weights, _of_weights(rows, width))
        _check_group("marks", self.marks, Marks, _of_marks(rows))
        _check_group("tables", self.tables, Tables, _of_tables(rows))
        _check_ids("tables.alias_word", self.tables.alias_word, rows)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Worker:
    """The kernel, and one thread's working space."""

    kernel: Kernel
    _scratch: Scratch = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Allocate the working space."""
        object.__setattr__(self, "_scratch", new_scratch(self.kernel.weights.inputs.shape[1]))

    def train(
        self,
        ids: npt.NDArray[np.int32],
        starts: npt.NDArray[np.int64],
        *,
        alpha: np.float32,
        seed: np.uint64,
    ) -> tuple[float, int]:
        """Train on sentences ``ids[starts[i]:starts[i + 1]]``, each of at most MAX_SENTENCE words.

        Args:
            ids: (words of the corpus,) word ids.
            starts: (sentences + 1,) where the sentences of this chunk begin, and the last one ends.
            alpha: the learning rate of the whole chunk.
            seed: of all that is drawn.

        Returns:
            The sum of the loss (nats) over one (context, centre) pair of each window, taken before
            the window's steps, and how many windows there were.

        Raises:
            embzarr.InvalidInputError: ``input-argument``, as of ``Kernel``; nothing was trained.
        """
        shared, scratch = self.kernel, self._scratch
        _check_sentences(ids, starts)
        _check_ids("ids", ids[starts[0] : starts[-1]], len(shared.weights.inputs))
        if not isinstance(alpha, np.float32) or not np.isfinite(alpha):
            raise refusal("alpha", "a finite float32", repr(alpha))
        scratch.state[0] = seed
        method, weights, marks, tables = shared.method, shared.weights, shared.marks, shared.tables
        return train_chunk(ids, starts, alpha, method, weights, marks, tables, scratch)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """The compiled loops on an input and an output matrix of different words: skip-gram alone.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, as of ``Kernel``.
    """

    method: Method
    weights: Weights
    """Changed in place; as many rows of each as it has words."""
    tables: Tables
    """Of the words of the output matrix, whose negatives are drawn."""
    _marks: Marks = dataclasses.field(init=False)
    _scratch: Scratch = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Check what stays the same from one call to the next."""
        _check_method(self.method)
        if self.method.cbow:
            raise refusal("method.cbow", "False: a mean does not split into blocks", "True")
        rows, width = _shape_of(self.weights)
        outputs = self.weights.outputs
        check_array("weights.outputs", outputs, np.float32, f"(words, {width})", rank=2)
        others = len(outputs)
        if outputs.shape[1] != width or not 1 <= others <= _MAX_ROWS:
            raise refusal("weights.outputs", f"rows of {width} numbers", str(outputs.shape))
        _check_group("tables", self.tables, Tables, _of_tables(others))
        _check_ids("tables.alias_word", self.tables.alias_word, others)
        marks = Marks(np.zeros(rows, np.uint8), np.zeros(others, np.uint8))
        object.__setattr__(self, "_marks", marks)
        object.__setattr__(self, "_scratch", new_scratch(width))

    def train(self, windows: Windows, *, alpha: np.float32, seed: np.uint64) -> float:
        """Train on windows in their order, each with negatives of its own.

        Args:
            windows: whose words they are; of at most twice ``MAX_WINDOW`` context words each.
            alpha: the learning rate of all.
            seed: of the negatives.

        Returns:
            The sum of the loss (nats) over one (context, centre) pair of each window, taken before
            the window's steps.

        Raises:
            embzarr.InvalidInputError: ``input-argument``, as of ``Kernel``; nothing was trained.
        """
        _check_windows(windows)
        inputs, outputs = self.weights
        _check_ids("windows.centres", windows.centres, len(outputs))
        _check_ids("windows.contexts", windows.contexts, len(inputs))
        if not isinstance(alpha, np.float32) or not np.isfinite(alpha):
            raise refusal("alpha", "a finite float32", repr(alpha))
        self._scratch.state[0] = seed
        method, marks, tables = self.method, self._marks, self.tables
        return train_windows(windows, alpha, method, self.weights, marks, tables, self._scratch)


def _check_windows(windows: Windows) -> None:
    check_kind("windows", windows, Windows)
    kinds: tuple[type[np.generic], ...] = (np.int32, np.uint16, np.int32)
    for name, kind, array in zip(Windows._fields, kinds, windows, strict=True):
        check_array(f"windows.{name}", array, kind, "(windows,)", rank=1)
    sizes = windows.sizes
    if len(sizes) != len(windows.centres):
        raise refusal("windows.sizes", f"shape ({len(windows.centres)},)", str(sizes.shape))
    low, high = int(sizes.min(initial=1)), int(sizes.max(initial=1))
    if low < 1 or high > 2 * MAX_WINDOW:
        raise refusal("windows.sizes", f"from 1 to {2 * MAX_WINDOW}", f"from {low} to {high}")
    if int(sizes.sum(dtype=np.int64)) != len(windows.contexts):
        expected = f"shape ({int(sizes.sum(dtype=np.int64))},), as sizes say"
        raise refusal("windows.contexts", expected, str(windows.contexts.shape))


def _of_weights(rows: int, width: int) -> _Layout:
    return {"inputs": (np.float32, (rows, width)), "outputs": (np.float32, (rows, width))}


def _of_marks(rows: int) -> _Layout:
    return {"inputs": (np.uint8, (rows,)), "outputs": (np.uint8, (rows,))}


def _of_tables(rows: int) -> _Layout:
    return {
        "keep": (np.uint32, (rows,)),
        "frozen": (np.uint8, (rows,)),
        "alias_cut": (np.uint32, (rows,)),
        "alias_word": (np.int32, (rows,)),
        "sigmoid": (np.float32, (TABLE_SIZE,)),
        "softplus": (np.float32, (TABLE_SIZE,)),
    }


def _check_method(method: Method) -> None:
    check_kind("method", method, Method)
    check_integer("method.window", method.window, low=1, high=MAX_WINDOW)
    check_integer("method.negative", method.negative, low=1, high=MAX_NEGATIVE)
    if not isinstance(method.cbow, bool):
        raise refusal("method.cbow", "True or False", repr(method.cbow))


def _shape_of(weights: Weights) -> tuple[int, int]:
    """Return rows and padded size, within the bounds that the loops rely on."""
    check_kind("weights", weights, Weights)
    inputs = weights.inputs
    check_array("weights.inputs", inputs, np.float32, "(words, padded size)", rank=2)
    rows, width = inputs.shape
    if not (1 <= rows <= _MAX_ROWS and 1 <= width <= MAX_VECTOR_SIZE):
        expected = f"1 to {_MAX_ROWS} rows of 1 to {MAX_VECTOR_SIZE} numbers"
        raise refusal("weights.inputs", expected, str(inputs.shape))
    return rows, width


def _check_group(
    name: str, group: tuple[Any, ...], kind: type[tuple[Any, ...]], layout: _Layout
) -> None:
    check_kind(name, group, kind)
    for (field, (dtype, shape)), array in zip(layout.items(), group, strict=True):
        check_array(f"{name}.{field}", array, dtype, str(shape), rank=len(shape))
        if array.shape != shape:
            raise refusal(f"{name}.{field}", f"shape {shape}", str(array.shape))


def _check_sentences(ids: npt.NDArray[np.int32], starts: npt.NDArray[np.int64]) -> None:
    check_array("ids", ids, np.int32, "(words,)", rank=1)
    check_array("starts", starts, np.int64, "(sentences + 1,)", rank=1)
    if len(starts) == 0:
        raise refusal("starts", "one number at least", "none")
    low, high = int(starts.min()), int(starts.max())
    if low < 0 or high > len(ids):  # also bounds the differences, which could wrap around
        raise refusal("starts", f"places from 0 to {len(ids)}", f"from {low} to {high}")
    lengths = np.diff(starts)
    shortest, longest = int(lengths.min(initial=0)), int(lengths.max(initial=0))
    if shortest < 0 or longest > MAX_SENTENCE:
        expected = f"sentences of 0 to {MAX_SENTENCE} words"
        raise refusal("starts", expected, f"from {shortest} to {longest}")


def _check_ids(name: str, ids: npt.NDArray[np.int32], rows: int) -> None:
    """Refuse ids of rows that are not there; as unsigned numbers the negative ones are large."""
    if ids.view(np.uint32).max(initial=0) >= rows:
        raise refusal(name, f"word ids below {rows}", f"from {ids.min()} to {ids.max()}")
