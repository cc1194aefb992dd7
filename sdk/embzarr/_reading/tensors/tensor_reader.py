"""Reads one tensor: an array of its own, block by block, or a stretch of one that holds many."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import dtypes, numpy_dtype
from embzarr._reading.fetching.executing import execute_apart
from embzarr._reading.planning.options import empty
from embzarr._reading.rows.array import ArrayReader
from embzarr.errors import InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._format import Layer, TensorMember
    from embzarr._reading.fetching.cost import Link
    from embzarr._reading.planning.plans import ArrayPlan
    from embzarr._storage import GetRange

UNDER_WAY_BYTES = 32 * 1024 * 1024
"""Of what is fetched of all tensors together: more does not make a fast link faster."""


class TensorReader:
    """Reads the numbers of one tensor."""

    def __init__(
        self, store: GetRange, layer: Layer, name: str, member: TensorMember, link: Link
    ) -> None:
        """Prepare to read; nothing is fetched yet."""
        self.name = name
        self.member = member
        self.path = layer.path
        self.shape = tuple(member.shape)
        self.size = math.prod(self.shape)
        self.store, self.link = store, link
        self._stored = layer.arrays[member.array]
        self._reader = ArrayReader(store, layer, member.array, link)

    @property
    def length(self) -> int:
        """Indices of the first dimension; one where there are no dimensions."""
        return self.shape[0] if self.shape else 1

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers in memory."""
        return self.size * dtypes.itemsize(self._stored.dtype)

    @property
    def type(self) -> str:
        """Name of the data type: its maker's own where it has no other."""
        return self.member.type or self._stored.dtype

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Data type of what is stored."""
        return numpy_dtype(self._stored.dtype)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of what is read.

        Raises:
            UnsupportedError: code ``dtype-unsupported``: numpy needs the package ml_dtypes for it.
        """
        return self.stored_dtype if self.member.type is None else _framework_dtype(self)

    def target(
        self, out: NDArray[Any] | None, *, raw: bool = False, at_once: int = 0
    ) -> NDArray[Any]:
        """Return the array that all of it is read into: `out`, if that is one.

        Args:
            out: what the caller gave.
            raw: of the type that is stored.
            at_once: bytes of all tensors that are read together.

        Raises:
            InvalidInputError: codes ``input-shape`` or ``input-dtype``.
        """
        dtype, what = self.stored_dtype if raw else self.dtype, f"out of tensor {self.name!r}"
        if out is None:
            return empty(self.shape, dtype, at_once=at_once)
        if not isinstance(out, np.ndarray) or out.shape != self.shape:
            found = out.shape if isinstance(out, np.ndarray) else type(out).__name__
            message = f"{what}: expected shape {self.shape}, found {found}"
            raise InvalidInputError("input-shape", message)
        if out.dtype != dtype or not out.flags.writeable or not out.flags.c_contiguous:
            message = f"{what}: expected a writable {dtype} in C order, found {out.dtype}"
            raise InvalidInputError("input-dtype", message)
        return out

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """Return indices `first` up to, not including, `last` of the first dimension."""
        shape = (last - first, *self.shape[1:])
        out = empty(shape, self.dtype)
        self.read(first, last, out)
        return out

    def read(self, first: int, last: int, out: NDArray[Any]) -> None:
        """Read a range of the first dimension into an array."""
        room = max(UNDER_WAY_BYTES, self.least)
        execute_apart(self.plans(first, last, out), self.store, self.link, room)

    def plans(self, first: int, last: int, out: NDArray[Any]) -> list[ArrayPlan]:
        """Return what reads a range of the first dimension.

        Args:
            first: index.
            last: past the last.
            out: where it goes.
        """
        if not out.size:
            return []
        stored = out if self.member.type is None else out.view(np.uint8)
        each = self.size // self.length
        plan = self._reader.plan_into
        if self.member.start is not None:
            start = self.member.start
            flat = stored.reshape(-1)
            return [plan(start + first * each, start + last * each, flat, UNDER_WAY_BYTES)]
        cut = self._stored.cut
        if not cut.split:
            return [plan(first, last, stored, UNDER_WAY_BYTES)]
        blocks = stored.reshape(-1, cut.length, *cut.row_shape)
        before = first * cut.blocks // self.shape[0]
        starts = range(before * cut.block_rows, cut.rows, cut.block_rows)
        return [
            plan(start, start + cut.length, block, UNDER_WAY_BYTES)
            for start, block in zip(starts, blocks, strict=False)
        ]

    @property
    def least(self) -> int:
        """Bytes that reading it takes at once."""
        return self._reader.least

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return indices of the first dimension in the caller's order, repeats included."""
        if self.member.start is not None or self._stored.cut.split:
            distinct, places = np.unique(rows, return_inverse=True)
            parts = [self.rows(row, row + 1) for row in distinct.tolist()]
            found = np.concatenate(parts) if parts else self.rows(0, 0)
            return np.asarray(found[places])
        found = self._reader.rows(rows)
        return found if self.member.type is None else found.view(self.dtype)

    def numbers(self, start: int, stop: int) -> NDArray[Any]:
        """Return a stretch of the array that holds it beside others."""
        return self._reader.range(start, stop)


def _framework_dtype(tensor: TensorReader) -> np.dtype[Any]:
    """Return numpy's type of one byte for what a framework calls it."""
    try:
        found = getattr(importlib.import_module("ml_dtypes"), tensor.type)
        if not isinstance(found, type):
            raise TypeError(f"{tensor.type} is no type")  # noqa: TRY301 - told below
        dtype: np.dtype[Any] = np.dtype(found)
    except (ImportError, AttributeError, TypeError) as exc:
        raise UnsupportedError(
            "dtype-unsupported",
            f"tensor {tensor.name!r}: {tensor.type} needs an ml_dtypes that has it: "
            "pip install -U 'embzarr[bfloat16]'; its bytes are read by load(raw=True)",
        ) from exc
    if dtype.itemsize != 1:
        message = f"tensor {tensor.name!r}: {tensor.type} takes more than one byte"
        raise UnsupportedError("dtype-unsupported", message)
    return dtype
