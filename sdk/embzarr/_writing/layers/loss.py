"""What a conversion to fewer bits cost, measured over all numbers that were converted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
from msgspec import Meta, Struct

from embzarr._format import Count, Lossy

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGITS = 6
"""Significant digits of sums, whose last bits depend on the order in which a machine adds."""


Sum: TypeAlias = Annotated[float, Meta(ge=0)]


class LossSums(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a meter has added up, so that several can be made into one."""

    source_dtype: Annotated[str, Meta(max_length=32)]
    max_abs_error: Sum
    count: Count
    """Finite numbers."""
    squares: Sum
    """Of the differences."""
    source_squares: Sum
    """Of the numbers themselves."""


class LossMeter:
    """Adds up the differences between numbers and what was stored for them."""

    def __init__(self, source_dtype: str) -> None:
        """Begin with none.

        Args:
            source_dtype: data type before the conversion.
        """
        self._source_dtype = source_dtype
        self._max = 0.0
        self._count = 0
        self._squares = 0.0
        self._source_squares = 0.0

    def add(self, source: NDArray[Any], stored: NDArray[Any]) -> None:
        """Compare `stored` with `source`, of equal shape, where both are finite."""
        with np.errstate(invalid="ignore", over="ignore"):
            before = source.astype(np.float64)
            difference = np.abs(before - stored.astype(np.float64))
        finite = np.isfinite(difference)
        before, difference = before[finite], difference[finite]
        self._max = max(self._max, float(difference.max(initial=0.0)))
        self._count += len(difference)
        self._squares += float(np.square(difference).sum())
        self._source_squares += float(np.square(before).sum())

    @property
    def sums(self) -> LossSums:
        """What was added up so far."""
        return LossSums(
            source_dtype=self._source_dtype,
            max_abs_error=self._max,
            count=self._count,
            squares=self._squares,
            source_squares=self._source_squares,
        )

    def merge(self, other: LossSums) -> None:
        """Add what another meter has added up, of other rows."""
        self._max = max(self._max, other.max_abs_error)
        self._count += other.count
        self._squares += other.squares
        self._source_squares += other.source_squares

    def lossy(self) -> Lossy:
        """Return what the manifest says of it."""
        mean = self._squares / max(self._count, 1)
        share = self._squares / self._source_squares if self._source_squares else 0.0
        return Lossy(
            source_dtype=self._source_dtype,
            max_abs_error=self._max,
            rms_error=_rounded(math.sqrt(mean)),
            relative_error=_rounded(math.sqrt(share)),
        )


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")
