"""What of a column a caller wants, in which type, and into which array."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from embzarr._format import arguments, spec
from embzarr._reading.planning import memory
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from embzarr._reading.planning.prefetch import Ahead
    from embzarr._reading.planning.selecting import Blocks


MEMORY_BYTES = 64 * 1024 * 1024
BATCH_BYTES = 8 * 1024 * 1024
"""Of vectors that are read one part after the other."""


class How(TypedDict, total=False):
    """Keywords that every load takes."""

    columns: Sequence[str]
    """Which columns to read; by default the vectors alone."""
    dtype: DTypeLike
    """Type of the vectors in the result; by default as they are stored."""
    dims: slice
    """Which dimensions of the vectors to keep; by default all. Whole chunks are fetched."""
    out: NDArray[Any]
    """An array for the vectors, a memory-mapped one too; exactly the result's shape and type."""
    memory_limit: int
    """Bytes of a column that may be under way beside the result; by default 64 MiB, or what its
    largest chunk takes stored and decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The keywords of one load, for one column."""

    dtype: np.dtype[Any] | None = None
    dims: slice | None = None
    out: NDArray[Any] | None = None
    memory_limit: int | None = None
    """None where the caller named none."""
    ahead: Ahead | None = None
    """What of the column's base was asked for beforehand."""

    def room(self, least: int) -> int:
        """Return the bytes that may be under way: by default as many as any chunk takes, too.

        Args:
            least: what a chunk of the array takes.
        """
        limit = self.memory_limit
        return max(MEMORY_BYTES, least) if limit is None else limit

    def within(self, least: int) -> View:
        """Return the same with a memory limit, one that holds a chunk where the caller named none.

        Args:
            least: what a chunk of any array that is read takes.
        """
        return replace(self, memory_limit=self.room(least)) if self.memory_limit is None else self

    def target(self, count: int, row_shape: tuple[int, ...], stored: np.dtype[Any]) -> NDArray[Any]:
        """Return the array that `count` rows are read into.

        Raises:
            InvalidInputError: codes ``input-shape`` or ``input-dtype``: `out` is not it.
        """
        shape = (count, *row_shape)
        if self.dims is not None:
            shape = (count, len(range(*self.dims.indices(row_shape[0]))), *row_shape[1:])
        dtype = stored if self.dtype is None else self.dtype
        if self.out is None:
            return empty(shape, dtype)
        if self.out.shape != shape:
            raise InvalidInputError(
                "input-shape", f"out: expected shape {shape}, found {self.out.shape}"
            )
        if self.out.dtype != dtype or not self.out.flags.writeable:
            found = f"{self.out.dtype}{'' if self.out.flags.writeable else ', read-only'}"
            raise InvalidInputError("input-dtype", f"out: expected {dtype}, found {found}")
        return self.out

    def cut(self, blocks: Blocks) -> Blocks:
        """Return the wanted dimensions of decoded rows, without a copy."""
        return blocks if self.dims is None else replace(blocks, rows=blocks.rows[:, :, self.dims])


WHOLE = View()


def empty(shape: tuple[int, ...], dtype: np.dtype[Any], *, at_once: int = 0) -> NDArray[Any]:
    """Return an array of any numbers, of results that take so many bytes together.

    Raises:
        InvalidInputError: there is no memory for it.
    """
    try:
        return memory.empty(shape, dtype, at_once=at_once)
    except MemoryError as exc:  # what a stranger's manifest claims may be more than there is
        message = f"no memory for {shape} of {dtype}: load fewer rows at once, or use stream()"
        raise InvalidInputError("input-argument", message) from exc


def views(how: How) -> dict[str, View]:
    """Return the view of each wanted column; type, dimensions and `out` are the vectors'.

    Raises:
        InvalidInputError: a keyword that cannot be used.
    """
    unknown = sorted(how.keys() - How.__optional_keys__)
    if unknown:
        known = ", ".join(sorted(How.__optional_keys__))
        raise InvalidInputError(
            "input-argument", f"loads take no keyword {unknown[0]!r}; those of all are: {known}"
        )
    limit, dims, out = how.get("memory_limit"), how.get("dims"), how.get("out")
    whole = View(memory_limit=None if limit is None else arguments.whole("memory_limit", limit))
    vectors = replace(
        whole,
        dtype=_floating(how.get("dtype")),
        dims=None if dims is None else _dims(dims),
        out=None if out is None else _out(out),
    )
    return {name: vectors if name == spec.VECTORS else whole for name in _names(how.get("columns"))}


def _names(columns: Any) -> tuple[str, ...]:  # noqa: ANN401 - checked here
    if columns is None:
        return (spec.VECTORS,)
    if isinstance(columns, str):
        return (columns,)
    if not isinstance(columns, Iterable):
        raise arguments.refusal("columns", "names of columns", columns)
    return tuple(arguments.text(f"columns[{at}]", name) for at, name in enumerate(columns))


def _dims(dims: object) -> slice:
    if not isinstance(dims, slice):
        raise arguments.refusal("dims", "a slice", dims)
    start, stop, step = (
        None if end is None else arguments.whole("dims", end)
        for end in (dims.start, dims.stop, dims.step)
    )
    if step == 0:
        raise arguments.refusal("dims", "a slice whose step is not 0", dims)
    return slice(start, stop, step)


def _out(out: object) -> NDArray[Any]:
    if not isinstance(out, np.ndarray) or arguments.is_masked_array(out):
        raise arguments.refusal("out", "a numpy array without a mask", out)
    return out


def _floating(dtype: DTypeLike | None) -> np.dtype[Any] | None:
    if dtype is None:
        return None
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise arguments.refusal("dtype", "a data type", dtype, code="input-dtype") from None
    # ml_dtypes' bfloat16 is of kind V, a number all the same.
    if found.kind != "f" and found.name != "bfloat16":
        raise InvalidInputError(
            "input-dtype", f"vectors can be read as floating point, not as {found}"
        )
    return found
