"""Data types by the names that Zarr gives them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import spec
from embzarr.errors import InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


def itemsize(name: str) -> int:
    """Return the bytes of one number."""
    return 2 if name == "bfloat16" else np.dtype(name).itemsize


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the little-endian numpy type of a column's data type.

    Raises:
        UnsupportedError: bfloat16 without the package ml_dtypes.
    """
    if name != "bfloat16":
        little: np.dtype[Any] = np.dtype(name).newbyteorder("<")
        return little
    try:
        half: np.dtype[Any] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    except ImportError as exc:
        raise UnsupportedError(
            "dtype-unsupported", "bfloat16 needs ml_dtypes: pip install 'embzarr[bfloat16]'"
        ) from exc
    return half


def name_of(dtype: DTypeLike, *, allowed: tuple[str, ...], what: str) -> str:
    """Return the stored name of a caller's data type.

    Raises:
        InvalidInputError: code ``input-dtype``: not one of `allowed`.
    """
    try:
        # numpy takes None for float64.
        name = str(dtype) if dtype in (None, "bfloat16") else np.dtype(dtype).name
    except (TypeError, ValueError):
        name = str(dtype)
    if name not in allowed:
        raise InvalidInputError(
            "input-dtype", f"{what}: expected one of {', '.join(allowed)}; found {name}"
        )
    return name


def column_name_of(dtype: DTypeLike, *, what: str) -> str:
    """Return the stored name of a row-aligned column's data type."""
    return name_of(dtype, allowed=spec.COLUMN_DTYPES, what=what)


def vector_name_of(dtype: DTypeLike) -> str:
    """Return the stored name of a vector matrix's data type."""
    return name_of(dtype, allowed=spec.VECTOR_DTYPES, what="vectors")
