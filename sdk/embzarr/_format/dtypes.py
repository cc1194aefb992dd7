"""Data types by the names that Zarr gives them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import spec
from embzarr.errors import InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


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
    """Return the stored name of a row-aligned column's data type.

    Raises:
        InvalidInputError: code ``input-dtype``: not a number; of texts, bytes and dates it is told
            how numbers can stand for them.
    """
    try:
        return name_of(dtype, allowed=spec.COLUMN_DTYPES, what=what)
    except InvalidInputError as exc:
        hint = next((way for kinds, way in _AS_NUMBERS if _kind_of(dtype) in kinds), None)
        if hint is None:
            raise
        raise InvalidInputError(exc.code, f"{exc.args[0]}; {hint}") from None


_AS_NUMBERS = (
    ("M", "dates are stored as whole numbers: .astype('datetime64[s]').astype('int64')"),
    ("m", "spans of time are stored as whole numbers: .astype('int64')"),
    ("SV", "bytes of one length are stored as a matrix of uint8"),
    ("UOT", "texts are stored as the numbers that np.unique(texts, return_inverse=True) gives"),
)
"""Kinds of numpy's types that no column has, and what to store in place of them."""


def _kind_of(dtype: DTypeLike) -> str:
    try:
        return np.dtype(dtype).kind
    except (TypeError, ValueError):
        return ""


def vector_name_of(dtype: DTypeLike) -> str:
    """Return the stored name of a vector matrix's data type."""
    return name_of(dtype, allowed=spec.VECTOR_DTYPES, what="vectors")


def require_converts(name: str, block: NDArray[Any], stored: str) -> None:
    """Refuse numbers that would be stored as others than a caller means.

    Args:
        name: of the column, for messages.
        block: the numbers.
        stored: data type that they are to be stored as.

    Raises:
        InvalidInputError: code ``input-dtype``: a fraction or an imaginary part would be dropped,
            or a whole number does not fit.
    """
    if not _converts(block, stored):
        raise InvalidInputError(
            "input-dtype", f"{name}: expected {stored}, or what converts; found {block.dtype}"
        )


def _converts(block: NDArray[Any], stored: str) -> bool:
    """Tell whether numbers may be stored as another type: whole ones only where all fit."""
    found = block.dtype
    if found.name == stored:
        return True
    if "bfloat16" in {found.name, stored}:  # a stranger to numpy's rules, and a number all the same
        return "float" in stored and (found.kind == "f" or found.name == "bfloat16")
    if found.kind in "iu" and np.dtype(stored).kind in "iu":
        limits = np.iinfo(stored)
        return not block.size or limits.min <= int(block.min()) <= int(block.max()) <= limits.max
    return np.can_cast(found, stored, "same_kind")
