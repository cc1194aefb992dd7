"""What the doors of a save say of a full layer, written and checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr._format import spec
from embzarr._format.arrays import chunk_coding, dtypes
from embzarr._format.given import arguments
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSettings:
    """How a full layer is stored."""

    dim: int | None
    """Numbers in a vector; None where there is no table."""
    dtype: str
    """Stored data type of the vectors."""
    columns: Mapping[str, tuple[str, tuple[int, ...]]]
    """Stored data type and row shape of each further column."""
    compression: str
    """As `embzarr.save` takes it."""
    chunk_bytes: int | None
    """The most that a chunk of several rows takes; None for 128 KiB."""
    allow_nonfinite: bool
    """Whether vectors may hold NaN and infinity."""

    def __post_init__(self) -> None:
        """Refuse what cannot be stored.

        Raises:
            InvalidInputError: codes ``input-shape`` or ``input-argument``.
            UnsupportedError: bfloat16 without its package.
        """
        arguments.check_flags(allow_nonfinite=self.allow_nonfinite)
        if self.dim is not None:
            object.__setattr__(self, "dim", arguments.whole("dim", self.dim))
            if self.dim < 1:
                message = f"vectors must have a dimension; found {self.dim}"
                raise InvalidInputError("input-shape", message)
        if len(self.columns) >= spec.MAX_COLUMNS:
            raise InvalidInputError(
                "input-argument",
                f"expected at most {spec.MAX_COLUMNS} columns, vectors included; "
                f"found {len(self.columns) + 1}",
            )
        dtypes.numpy_dtype(self.dtype)
        chunk_coding.parse(self.compression, 1)
        if self.chunk_bytes is not None:
            object.__setattr__(self, "chunk_bytes", arguments.chunk_bytes(self.chunk_bytes))

    @property
    def kinds(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Stored data type and row shape of each column, the vectors first."""
        vectors = {} if self.dim is None else {spec.VECTORS: (self.dtype, (self.dim,))}
        return {**vectors, **self.columns}
