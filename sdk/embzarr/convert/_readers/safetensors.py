"""safetensors of one matrix; the words come from a vocabulary file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from embzarr.convert import _matrix
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from embzarr.convert._blocks import Given, Table
    from embzarr.convert._damage import Damage

_DTYPES: Final = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2"}
_MOST_HEADER_BYTES: Final = 16 << 20
_LENGTH_BYTES: Final = 8
_TOKENS: Final = "embeddings"
_CHANGES: Final = frozenset({"mapping", "weights"})
"""Beside a matrix of tokens: which row each has, and what it is multiplied by."""
_PLANE: Final = 2
_PIECE_BYTES: Final = 4 << 20


class _Tensor(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def begins(head: bytes) -> bool:
    """Tell whether a file begins as this format does."""
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    return head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and length <= _MOST_HEADER_BYTES


def read(given: Given) -> Table:
    """Read the header, go to the matrix, and leave its rows to be read."""
    stream, damage = given.stream, given.damage
    length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    if length > _MOST_HEADER_BYTES:
        raise damage.error(f"byte 0: expected a header of at most {_MOST_HEADER_BYTES} bytes")
    name, tensor = _matrix_of(_tensors(stream.read(length), damage), damage)
    shape, dtype = tuple(tensor.shape), np.dtype(_DTYPES[tensor.dtype])
    start, stop = tensor.data_offsets
    if start < 0 or min(shape) < 0 or stop - start != math.prod(shape) * dtype.itemsize:
        raise damage.error(f"tensor {name!r}: {shape} do not fit bytes {start} to {stop}")
    while start > 0 and (passed := len(stream.read(min(start, _PIECE_BYTES)))):
        start -= passed
    matrix = _matrix.Matrix(shape=shape, dtype=dtype, is_bfloat16=tensor.dtype == "BF16")
    return _matrix.table(matrix, given, stream.read)


def _tensors(header: bytes, damage: Damage) -> dict[str, _Tensor]:
    try:
        found: dict[str, Any] = msgspec.json.decode(header, type=dict[str, Any])
        found.pop("__metadata__", None)
        return {name: msgspec.convert(told, _Tensor) for name, told in found.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise damage.error(f"byte 8: no header of safetensors: {exc}") from exc


def _matrix_of(tensors: dict[str, _Tensor], damage: Damage) -> tuple[str, _Tensor]:
    found = {name: tensor for name, tensor in tensors.items() if len(tensor.shape) == _PLANE}
    further = sorted(_CHANGES.intersection(tensors))
    if further and _TOKENS in found:
        raise UnsupportedError(
            "feature-unsupported",
            f"{damage.name}: tensors {' and '.join(further)}, which change what a row stands for, "
            "as model2vec's quantised vocabularies have them, are not read",
        )
    known = [name for name in _matrix.NAMES if name in found]
    if len(found) != 1 and not known:
        names = ", ".join(sorted(found)[:5])
        raise damage.error(f"expected one matrix, found {len(found)}: {names}")
    name = next(iter(found)) if len(found) == 1 else known[0]
    if found[name].dtype not in _DTYPES:
        raise damage.error(f"tensor {name!r}: {found[name].dtype} is not floating point")
    return name, found[name]
