"""What a caller says has changed, checked against the commit that it is laid upon. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import spec
from embzarr._format.arrays import dtypes
from embzarr._format.given import arguments, given_arrays
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from embzarr._format.documents.manifests import Array, Manifest


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What changed of one column."""

    rows: NDArray[np.int64]
    """Row numbers, rising, each once; shape (k,)."""
    values: NDArray[Any]
    """Their values now, shape (k, ...)."""
    places: NDArray[np.int64] | None = None
    """Where the caller gave each, if not in this order."""

    def row_of(self, at: int) -> str:
        """Return a row as its caller knows it: its number, and where it was given."""
        place = at if self.places is None else self.places[at]
        return f"{self.rows[at]} (the value at {place})"


def changes(
    rows: ArrayLike | Mapping[str, ArrayLike],
    values: ArrayLike | Mapping[str, ArrayLike],
    manifest: Manifest,
    new_words: int,
) -> dict[str, Change]:
    """Return the changes of each column, in the order of the checkpoint's columns.

    Args:
        rows: row numbers for all columns, or for each.
        values: rows of the vectors, or of each column.
        manifest: the commit that they are laid upon.
        new_words: number of words appended to it.

    Raises:
        InvalidInputError: a column that is not there, rows that are not, stand twice or are
            missing, or values of another shape or type.
    """
    blocks = arguments.by_name(values, (spec.VECTORS,))
    known = manifest.base.columns
    if not known:
        raise InvalidInputError(
            "input-argument",
            "the newest checkpoint has no words and vectors that could change: expected tensors, "
            "files or a model",
        )
    for name in blocks:
        if name not in known:
            raise InvalidInputError(
                "input-argument", f"no column {name!r}; this checkpoint has {', '.join(known)}"
            )
    if not blocks or (new_words and blocks.keys() != set(known)):
        raise InvalidInputError(
            "input-argument",
            f"expected values of {'all of' if new_words else 'some of'} {', '.join(known)}; "
            f"found {', '.join(blocks) or 'none'}",
        )
    numbers = arguments.by_name(rows, blocks)
    if numbers.keys() != blocks.keys():
        raise InvalidInputError(
            "input-argument", f"rows of {sorted(numbers)}, but values of {sorted(blocks)}"
        )
    return {
        name: _change(name, numbers[name], blocks[name], manifest, new_words)
        for name in known
        if name in blocks
    }


def _change(
    name: str, rows: ArrayLike, values: ArrayLike, manifest: Manifest, new_words: int
) -> Change:
    total = manifest.rows + new_words
    numbers = _row_numbers(name, rows, total)
    block = _block(name, values, len(numbers), manifest.base.arrays[name])
    order = None
    if not np.all(numbers[1:] > numbers[:-1]):
        order = np.argsort(numbers, kind="stable")
        numbers, block = numbers[order], block[order]
    twice = np.flatnonzero(numbers[1:] == numbers[:-1])
    if len(twice):
        raise InvalidInputError("input-rows", f"{name}: row {numbers[twice[0]]} stands twice")
    found = len(numbers) - int(np.searchsorted(numbers, manifest.rows))
    if found != new_words:
        raise InvalidInputError(
            "input-rows",
            f"{name}: expected a row for each of {new_words} new words, from row "
            f"{manifest.rows} on; found {found}",
        )
    return Change(numbers, block, order)


def _row_numbers(name: str, rows: ArrayLike, total: int) -> NDArray[np.int64]:
    numbers = given_arrays.array_of(f"rows of {name}", rows)
    if numbers.ndim != 1:
        raise InvalidInputError(
            "input-shape", f"{name}: row numbers must be of shape (k,); found {numbers.shape}"
        )
    if not len(numbers):
        return np.empty(0, np.int64)
    if numbers.dtype.kind not in "iu":
        hint = ": np.flatnonzero(mask) gives a mask's" if numbers.dtype.kind == "b" else ""
        raise InvalidInputError(
            "input-dtype", f"{name}: row numbers must be whole; found {numbers.dtype}{hint}"
        )
    beyond = (numbers < 0) | (numbers >= total)
    if beyond.any():
        raise InvalidInputError(
            "input-rows",
            f"{name}: expected rows from 0 to below {total}; found {numbers[beyond][0]}",
        )
    return numbers.astype(np.int64)


def _block(name: str, values: ArrayLike, count: int, base: Array) -> NDArray[Any]:
    block = given_arrays.array_of(name, values)
    expected = (count, *base.shape[1:])
    if block.shape != expected:
        raise InvalidInputError(
            "input-shape", f"{name}: expected values of shape {expected}; found {block.shape}"
        )
    dtypes.column_name_of(block.dtype, what=name)
    dtypes.require_converts(name, block, base.dtype)
    return block
