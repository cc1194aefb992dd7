"""Checks of arrays before the compiled loops, which take all of it for granted."""

from __future__ import annotations

import numpy as np

import embzarr


def check_kind(name: str, group: object, kind: type[tuple[object, ...]]) -> None:
    """Refuse what is no group of arrays of a kind."""
    if type(group) is not kind:
        raise refusal(name, kind.__name__, type(group).__name__)


def check_array(
    name: str, array: object, dtype: type[np.generic], shape: str, *, rank: int
) -> None:
    """Refuse what is not laid out in memory as the compiled loops take for granted.

    Another data type or layout would also have all of them compiled once more.
    """
    if (
        type(array) is np.ndarray
        and array.dtype == dtype
        and array.ndim == rank
        and array.flags.carray  # contiguous, aligned, and writable
    ):
        return
    found = type(array).__name__
    if isinstance(array, np.ndarray):
        read_only = "" if array.flags.writeable else "read-only "
        found = f"{read_only}{found} {array.dtype} {array.shape} of strides {array.strides}"
    raise refusal(name, f"a contiguous writable array, {np.dtype(dtype)} {shape}", found)


def refusal(name: str, expected: str, found: str) -> embzarr.InvalidInputError:
    """Return the error that says what was expected of an argument, and what it is."""
    return embzarr.InvalidInputError(
        "input-argument", f"{name}: expected {expected}, found {found}"
    )
