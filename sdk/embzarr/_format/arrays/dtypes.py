"""Data types of columns: their names in a manifest, in NumPy, and in Zarr's metadata.

Numbers have the names that Zarr gives them. Texts, bytes and times have a size or a unit, which
Zarr tells beside the name, and a manifest within it: ``U12``, ``S8``, ``datetime64[s]``.
"""

from __future__ import annotations

import functools
import importlib
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._format import spec
from embzarr.errors import DamagedError, InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


_SIZED: Final = re.compile(spec.SIZED_DTYPES)
_SINGLE_BYTES: Final = ("bool", "int8", "uint8")
_TIME_BYTES: Final = 8
_TEXTS: Final = "US"
"""Kinds of NumPy's types that are cut where a shorter one is asked for."""
_TIMES: Final = "Mm"
_SHOWN: Final = 40
_NAMES: Final = 256
"""Sizes of so many types are remembered: a model asks for the same ones thousands of times."""


def is_column_dtype(name: str) -> bool:
    """Tell whether a column may have the data type of this name."""
    return name in spec.COLUMN_DTYPES or _SIZED.fullmatch(name) is not None


@functools.lru_cache(_NAMES)
def itemsize(name: str) -> int:
    """Return the bytes of one number, text or time; NumPy is not asked how long a text may be."""
    if name[0] in _TEXTS:
        return int(name[1:]) * (spec.CHARACTER_BYTES if name[0] == "U" else 1)
    if name.endswith("]"):
        return _TIME_BYTES
    return 2 if name == "bfloat16" else np.dtype(name).itemsize


def stored_name(dtype: np.dtype[Any]) -> str:
    """Return the name that a manifest has for a NumPy type, where it has one."""
    if dtype.kind == "U":
        return f"U{dtype.itemsize // spec.CHARACTER_BYTES}"
    return f"S{dtype.itemsize}" if dtype.kind == "S" else str(dtype.name)


def zarr_data_type(name: str) -> str | dict[str, Any]:
    """Return what ``zarr.json`` says of a data type."""
    if name[0] in _TEXTS:
        kind = "fixed_length_utf32" if name[0] == "U" else "null_terminated_bytes"
        return {"name": kind, "configuration": {"length_bytes": itemsize(name)}}
    found = _SIZED.fullmatch(name)
    if found is None:
        return name
    kind, factor, unit = found.groups()
    told = {"unit": unit, "scale_factor": int(factor or 1)}
    return {"name": f"numpy.{kind}", "configuration": told}


def fill_value(name: str) -> bool | float | str | list[float]:
    """Return the value of zero bytes, as ``zarr.json`` writes it."""
    if name[0] in _TEXTS:
        return ""
    if name == "bool":
        return False
    if name.startswith("complex"):
        return [0.0, 0.0]
    return 0.0 if "float" in name else 0


def has_byte_order(name: str) -> bool:
    """Tell whether a data type is made of numbers of more than one byte."""
    return name[0] != "S" and name not in _SINGLE_BYTES


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the little-endian numpy type of a column's data type.

    Raises:
        UnsupportedError: bfloat16 without the package ml_dtypes.
    """
    if name != "bfloat16":
        # By way of its text: else numpy shows "<f4" in place of "float32".
        little: np.dtype[Any] = np.dtype(np.dtype(name).newbyteorder("<").str)
        return little
    try:
        half: np.dtype[Any] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    except ImportError as exc:
        raise UnsupportedError(
            "dtype-unsupported", "bfloat16 needs ml_dtypes: pip install 'embzarr[bfloat16]'"
        ) from exc
    return half


def column_name_of(dtype: DTypeLike, *, what: str) -> str:
    """Return the stored name of a row-aligned column's data type.

    Raises:
        InvalidInputError: code ``input-dtype``: none that is stored; where something else can
            stand for it, the error says what.
    """
    name = _name_of(dtype)
    if is_column_dtype(name):
        return name
    kinds = ", ".join(spec.COLUMN_DTYPES)
    message = (
        f"{what}: expected one of {kinds}, U<length>, S<length>, datetime64[<unit>] or "
        f"timedelta64[<unit>]; found {name[:_SHOWN]}"
    )
    hint = next((way for kinds, way in _INSTEAD if _kind_of(dtype) in kinds), "")
    raise InvalidInputError("input-dtype", message + hint)


_INSTEAD = (
    (_TIMES, "; say in which unit, such as .astype('datetime64[s]')"),
    (_TEXTS, "; say how long they may be, such as U16"),
    ("T", "; say how long they may be: .astype('U16')"),
    ("V", "; bytes of one length are stored as a matrix of uint8"),
    ("O", "; objects are stored where all are text, or all are bytes"),
)
"""Kinds of NumPy's types that no column has as they are, and what to do about it."""


def _name_of(dtype: DTypeLike) -> str:
    try:
        # numpy takes None for float64.
        return str(dtype) if dtype in (None, "bfloat16") else stored_name(np.dtype(dtype))
    except (TypeError, ValueError):
        return str(dtype)


def _kind_of(dtype: DTypeLike) -> str:
    try:
        return np.dtype(dtype).kind
    except (TypeError, ValueError):
        return ""


def vector_name_of(dtype: DTypeLike) -> str:
    """Return the stored name of a vector matrix's data type.

    Raises:
        InvalidInputError: code ``input-dtype``: no floating point.
    """
    name = _name_of(dtype)
    if name not in spec.VECTOR_DTYPES:
        raise InvalidInputError(
            "input-dtype",
            f"vectors: expected one of {', '.join(spec.VECTOR_DTYPES)}; found {name[:_SHOWN]}",
        )
    return name


def may_lose(found: np.dtype[Any], stored: np.dtype[Any]) -> bool:
    """Tell whether numbers may change that are stored as another type; others must not."""
    return found.kind not in _TEXTS + _TIMES and not np.can_cast(found, stored, "safe")


def check_values(rows: NDArray[Any], what: str) -> None:
    """Refuse stored texts that hold something else than characters: no string can be made of them.

    Raises:
        DamagedError: code ``chunk-decode``.
    """
    wrong = _no_characters(rows)
    if wrong is not None:
        raise DamagedError("chunk-decode", f"{what}: expected characters, found {wrong:#x}")


def _no_characters(rows: NDArray[Any]) -> int | None:
    """Return the first number in texts that is no Unicode scalar value."""
    if rows.dtype.kind != "U":
        return None
    codes = np.ascontiguousarray(rows).reshape(-1).view(rows.dtype.byteorder + "u4")
    low, high = spec.SURROGATES
    wrong = codes[(codes > spec.LAST_CHARACTER) | ((codes >= low) & (codes <= high))]
    return int(wrong[0]) if len(wrong) else None


def require_converts(name: str, block: NDArray[Any], stored: str) -> None:
    """Refuse values that would be stored as others than a caller means.

    Args:
        name: of the column, for messages.
        block: the values.
        stored: data type that they are to be stored as.

    Raises:
        InvalidInputError: code ``input-dtype``: a fraction or an imaginary part would be dropped,
            a text cut, a time rounded, or a whole number does not fit.
    """
    wrong = _no_characters(block)
    if wrong is not None:
        raise InvalidInputError("input-dtype", f"{name}: expected characters, found {wrong:#x}")
    if not _converts(block, stored):
        raise InvalidInputError(
            "input-dtype",
            f"{name}: expected {stored}, or what converts; found {_told(block, stored)}",
        )


def _told(block: NDArray[Any], stored: str) -> str:
    """Return what a block has that does not fit: of texts the longest."""
    kind = block.dtype.kind
    if kind not in _TEXTS or kind != stored[0]:
        return stored_name(block.dtype)
    texts = block.reshape(-1)
    longest = texts[int(np.char.str_len(texts).argmax())]
    return f"{longest[:_SHOWN]!a}, of length {len(longest)}: longer ones are not cut"


def _converts(block: NDArray[Any], stored: str) -> bool:
    """Tell whether values may be stored as another type: whole numbers only where all fit."""
    found = block.dtype
    if stored_name(found) == stored:
        return True
    if found.name == "bfloat16":  # a stranger to numpy's rules, and a number all the same
        return "float" in stored
    if stored == "bfloat16":
        return found.kind in "fiub"
    if found.kind in _TEXTS + _TIMES or stored[0] in _TEXTS or stored.endswith("]"):
        return _keeps(block, numpy_dtype(stored))
    if found.kind in "iu" and np.dtype(stored).kind in "iu":
        limits = np.iinfo(stored)
        return not block.size or limits.min <= int(block.min()) <= int(block.max()) <= limits.max
    return np.can_cast(found, stored, "same_kind")


def _keeps(block: NDArray[Any], stored: np.dtype[Any]) -> bool:
    """Tell whether texts are short enough, and times whole units of the stored type."""
    if block.dtype.kind != stored.kind:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        again = block.astype(stored).astype(block.dtype)
    same = again == block
    return bool(np.all(same | np.isnat(block) if stored.kind in _TIMES else same))
