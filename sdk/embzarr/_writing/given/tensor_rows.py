"""Tensors as their writer takes them: little-endian rows, a shard at a time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import Cut, arguments, cut_tensor, dtypes, given_arrays, keys, spec
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike, DTypeLike, NDArray


_BY_A_PACKAGE = 2
"""What numpy says of a type that a package has registered."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenTensor:
    """A caller's tensor: its numbers as they are stored, and what they are called."""

    array: NDArray[Any]
    """Any shape and byte order; not copied."""
    dtype: str
    """Stored data type."""
    type: str | None = None
    """The framework's own, where numbers of one byte have no data type here."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return self.array.shape

    @property
    def is_small(self) -> bool:
        """Whether it is stored together with others."""
        nbytes = self.array.size * dtypes.itemsize(self.dtype)
        return nbytes <= spec.SMALL_BYTES

    def cut(self, chunk_bytes: int | None) -> Cut:
        """Return how it is divided where it is stored by itself."""
        return cut_tensor(self.shape, dtypes.itemsize(self.dtype), target=chunk_bytes)

    def rows(self, cut: Cut) -> Iterator[NDArray[Any]]:
        """Yield its rows, a shard at a time; those of a block that another one follows, padded."""
        step = cut.chunk * cut.shard
        for at in np.ndindex(self.shape[: cut.split]):
            block = self.array[at]
            for first in range(0, cut.length, step):
                yield self._stored(block[first : first + step], step if cut.blocks > 1 else 0)

    def stored(self) -> NDArray[Any]:
        """Return all of its numbers as they are stored, in its shape."""
        return self._stored(self.array, 0)

    def flat(self) -> NDArray[Any]:
        """Return all of its numbers, end to end."""
        return self.stored().reshape(-1)

    def _stored(self, part: NDArray[Any], least: int) -> NDArray[Any]:
        """Return a part in its stored type, with zeros up to `least` rows."""
        found = np.ascontiguousarray(part, dtypes.numpy_dtype(self.dtype))
        if found.ndim == 0 or len(found) >= least:
            return found
        padded = np.zeros((least, *found.shape[1:]), found.dtype)
        padded[: len(found)] = found
        return padded


def given(tensors: Mapping[str, ArrayLike] | None) -> dict[str, GivenTensor]:
    """Return what a caller passed as tensors.

    Raises:
        InvalidInputError: codes ``input-argument``: no mapping, or a name that cannot be used;
            ``input-dtype``: objects, or what no tensor is made of; ``input-shape``: too many
            dimensions.
    """
    members = {} if tensors is None else tensors
    if not hasattr(members, "items"):
        raise arguments.wrong_type("tensors", "arrays by name, as a dict", members)
    return {check_name("tensors", name): _given(name, value) for name, value in members.items()}


def check_name(what: str, name: object) -> str:
    """Return the name of a tensor or a file.

    Raises:
        InvalidInputError: no text, an empty one, or one that is too long.
    """
    try:
        if isinstance(name, str) and keys.is_tensor_name(name):
            return str.__str__(name)
    except UnicodeError:
        pass
    raise InvalidInputError(
        "input-argument",
        f"{what}: expected names of 1 to {spec.MAX_NAME_BYTES} bytes of UTF-8, found {name!r:.100}",
    )


def kind_of(dtype: DTypeLike, what: str) -> tuple[str, str | None]:
    """Return the data type that numbers are stored as, and its own name where that is of bytes.

    Raises:
        InvalidInputError: code ``input-dtype``: what no tensor is made of.
    """
    with suppress(TypeError, ValueError):
        found = np.dtype(dtype)
        # Of ml_dtypes: numpy's own types have names that the format knows, or none.
        if found.itemsize == 1 and found.isbuiltin == _BY_A_PACKAGE:
            return "uint8", found.name
    return dtypes.column_name_of(dtype, what=what), None


def _given(name: str, value: ArrayLike) -> GivenTensor:
    what = f"tensor {name[:64]!r}"
    array = given_arrays.array_of(what, value)
    if array.ndim > spec.MAX_RANK:
        raise InvalidInputError(
            "input-shape",
            f"{what}: expected at most {spec.MAX_RANK} dimensions, found {array.ndim}",
        )
    stored, told = kind_of(array.dtype, what)
    found = GivenTensor(array=array.view(np.uint8) if told else array, dtype=stored, type=told)
    if not array.ndim and not found.is_small:
        message = f"{what}: expected less than a text of {array.dtype.itemsize} bytes: save a file"
        raise InvalidInputError("input-shape", message)
    return found
