"""safetensors of one matrix; the words come from a vocabulary file.

model2vec's models of a quantised vocabulary have fewer rows than tokens: beside the matrix stand
the row of each token and the number that it is multiplied by.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from embzarr.convert import _matrix
from embzarr.convert._blocks import told

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given, Table
    from embzarr.convert._damage import Damage
    from embzarr.convert._stream import Stream

_DTYPES: Final = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2"}
_MOST_HEADER_BYTES: Final = 16 << 20
_LENGTH_BYTES: Final = 8
_ABOUT: Final = "__metadata__"
_TOKENS: Final = "embeddings"
_ROWS: Final = "mapping"
_WEIGHTS: Final = "weights"
_WHOLE: Final = {
    "U8": "u1",
    "I16": "<i2",
    "U16": "<u2",
    "I32": "<i4",
    "U32": "<u4",
    "I64": "<i8",
    "U64": "<u8",
}
_PLANE: Final = 2
_PIECE_BYTES: Final = 4 << 20


class Tensor(msgspec.Struct):
    """What a file says of one."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def begins(head: bytes) -> bool:
    """Tell whether a file begins as this format does."""
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    return head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and length <= _MOST_HEADER_BYTES


def read(given: Given) -> Table:
    """Read the header, go to the matrix, and leave its rows to be read."""
    head, tensors, about = _head_of(given.stream, given.damage)
    return replace(_table_of(head, tensors, given), metadata=told(about))


def _table_of(head: bytes, tensors: dict[str, Tensor], given: Given) -> Table:
    stream, damage = given.stream, given.damage
    name, tensor = _matrix_of(tensors, damage)
    for one in (name, *({_ROWS, _WEIGHTS} & tensors.keys() if name == _TOKENS else ())):
        _check_place(one, tensors[one], damage)
    if name == _TOKENS and {_ROWS, _WEIGHTS} & tensors.keys():
        return _of_tokens(tensors, given, head)
    start = tensor.data_offsets[0]
    while start > 0 and (passed := len(stream.read(min(start, _PIECE_BYTES)))):
        start -= passed
    return _matrix.table(_described(tensor), given, stream.read)


def parts_of(given: Given, stack: ExitStack) -> Parts:
    """Return all tensors of a file.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    head, tensors, _ = _head_of(given.stream, given.damage)
    path = stack.enter_context(given.source.on_disk(given.stream, head))
    return Parts(path, len(head), tensors, given.damage)


def _head_of(stream: Stream, damage: Damage) -> tuple[bytes, dict[str, Tensor], dict[str, Any]]:
    """Return the header, and what it says of tensors and of the file."""
    size = stream.read(_LENGTH_BYTES)
    length = int.from_bytes(size, "little")
    if length > _MOST_HEADER_BYTES:
        raise damage.error(f"byte 0: expected a header of at most {_MOST_HEADER_BYTES} bytes")
    header = stream.read(length)
    return (size + header, *_tensors(header, damage))


def _described(tensor: Tensor) -> _matrix.Matrix:
    dtype = np.dtype(_DTYPES[tensor.dtype])
    return _matrix.Matrix(
        shape=tuple(tensor.shape), dtype=dtype, is_bfloat16=tensor.dtype == "BF16"
    )


def _check_place(name: str, tensor: Tensor, damage: Damage) -> None:
    start, stop = tensor.data_offsets
    known = {**_DTYPES, **_WHOLE}.get(tensor.dtype)
    if known is None:
        raise damage.error(f"tensor {name!r}: {tensor.dtype} is not read")
    nbytes = math.prod(tensor.shape) * np.dtype(known).itemsize
    if start < 0 or min(tensor.shape, default=0) < 0 or stop - start != nbytes:
        raise damage.error(
            f"tensor {name!r}: {tuple(tensor.shape)} do not fit bytes {start} to {stop}"
        )


def _of_tokens(tensors: dict[str, Tensor], given: Given, head: bytes) -> Table:
    """Return a row for each token, from the fewer rows that there are."""
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream, head))
        parts = Parts(path, len(head), tensors, given.damage)
        kind = _described(tensors[_TOKENS])
        kind.check(given)
        matrix = parts.numbers(_TOKENS, kind.dtype.str).reshape(kind.shape)
        rows = parts.of(_ROWS, _WHOLE, np.arange(len(matrix)))
        weights = parts.of(_WEIGHTS, _DTYPES, np.ones(len(rows), np.float32))
        is_inside = not len(rows) or 0 <= rows.min() <= rows.max() < len(matrix)
        if len(weights) != len(rows) or not is_inside:
            found = f"{len(rows)} rows of {len(matrix)}, and {len(weights)} weights"
            raise given.damage.error(f"tensors {_ROWS!r} and {_WEIGHTS!r}: {found}")
        tokens = _Tokens(matrix=matrix, kind=kind, rows=rows, weights=weights)
        return _matrix.of_array(tokens, given, None, stack.pop_all())


@dataclass(frozen=True, slots=True)
class Parts:
    """The tensors of a file, which stay on the disk."""

    path: Path
    offset: int
    tensors: dict[str, Tensor]
    damage: Damage

    def of(self, name: str, dtypes: dict[str, str], default: NDArray[Any]) -> NDArray[Any]:
        """Return a number for each token, by default those that change nothing."""
        tensor = self.tensors.get(name)
        if tensor is None:
            return default
        if tensor.dtype not in dtypes or tensor.dtype == "BF16" or len(tensor.shape) != 1:
            raise self.damage.error(f"tensor {name!r}: {tensor.dtype} of shape {tensor.shape}")
        return self.numbers(name, dtypes[tensor.dtype])

    def array(self, name: str, dtypes: dict[str, str], ndim: int) -> NDArray[Any]:
        """Return a tensor of one of some types and of so many dimensions."""
        tensor = self.tensors.get(name)
        if tensor is None:
            raise self.damage.error(f"expected a tensor {name!r}, found {', '.join(self.tensors)}")
        if tensor.dtype not in dtypes or len(tensor.shape) != ndim:
            raise self.damage.error(f"tensor {name!r}: {tensor.dtype} of shape {tensor.shape}")
        _check_place(name, tensor, self.damage)
        return self.numbers(name, dtypes[tensor.dtype]).reshape(tensor.shape)

    def numbers(self, name: str, dtype: str) -> NDArray[Any]:
        """Return all numbers of a tensor, one after the other."""
        start, stop = (self.offset + at for at in self.tensors[name].data_offsets)
        if stop > self.path.stat().st_size:
            raise self.damage.error(f"tensor {name!r}: cut short: it ends at byte {stop}")
        count = (stop - start) // np.dtype(dtype).itemsize
        if not count:
            return np.zeros(0, dtype)
        return np.memmap(self.path, dtype, "r", offset=start, shape=(count,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tokens:
    """A matrix of a row for each token, some of which are made at a time."""

    matrix: NDArray[Any]
    kind: _matrix.Matrix
    rows: NDArray[Any]
    weights: NDArray[Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32) if self.kind.is_bfloat16 else self.kind.dtype

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.matrix.shape[1]

    def __getitem__(self, some: slice) -> NDArray[Any]:
        found = self.kind.floats(self.matrix[self.rows[some]].tobytes())
        with np.errstate(over="ignore", invalid="ignore"):  # as of all formats, what is not finite
            weighed: NDArray[Any] = found * self.weights[some, None]
        return weighed.astype(self.dtype)


def _tensors(header: bytes, damage: Damage) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        found: dict[str, Any] = msgspec.json.decode(header, type=dict[str, Any])
        about = msgspec.convert(found.pop(_ABOUT, {}), dict[str, Any])
        about.pop("format", None)  # of what library's tensors they were, which is nothing to keep
        return {name: msgspec.convert(one, Tensor) for name, one in found.items()}, about
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise damage.error(f"byte 8: no header of safetensors: {exc}") from exc


def _matrix_of(tensors: dict[str, Tensor], damage: Damage) -> tuple[str, Tensor]:
    found = {name: tensor for name, tensor in tensors.items() if len(tensor.shape) == _PLANE}
    known = [name for name in _matrix.NAMES if name in found]
    if len(found) != 1 and not known:
        names = ", ".join(sorted(found)[:5])
        raise damage.error(f"expected one matrix, found {len(found)}: {names}")
    name = next(iter(found)) if len(found) == 1 else known[0]
    if found[name].dtype not in _DTYPES:
        raise damage.error(f"tensor {name!r}: {found[name].dtype} is not floating point")
    return name, found[name]
