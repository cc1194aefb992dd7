"""The fewest decimal digits of numbers, as doubles that are written in those digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_AT_ONCE = 8192
"""Numbers that stay in a processor's cache while their digits are looked for."""
_POWERS = 10.0 ** np.arange(23)
"""All that a double holds exactly, so that one rounding divides by them."""
_LEAST, _LIMIT = 1e-14, 1e22
"""Between which a number's digits are told by those powers."""
_ALWAYS_HELD, _ALL = 6, 9
"""So many digits any float32 keeps, and so many tell any two apart."""
_BELOW, _HALF = np.int64(2**29 - 1), np.int64(2**28)
"""Bits of a double below a float32's last one, and their value half way between two of those."""


def shortest(table: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    """Yield some rows after the other, as doubles that have the same shortest digits.

    What writes doubles quickly so writes float32 as NumPy does, which is slow at it, and whoever
    reads the digits has the same float32, whether by way of a double or not.
    """
    step = max(_AT_ONCE // max(table.shape[1], 1), 1)
    for first in range(0, len(table), step):
        rows = table[first : first + step]
        wide = np.array(rows, np.float64, order="C")
        if table.dtype == np.float32:
            _shorten(np.ascontiguousarray(rows).reshape(-1), wide.reshape(-1))
        yield wide


def _shorten(numbers: NDArray[np.float32], wide: NDArray[np.float64]) -> None:
    """Put in the place of each double the nearest one of fewest digits that is the same float32."""
    size = np.abs(wide)
    quick = (size >= _LEAST) & (size < _LIMIT)
    left = np.flatnonzero(quick)
    before_point = np.floor(np.log10(size[left])).astype(np.intp) + 1
    for digits in range(_ALWAYS_HELD, _ALL + 1):
        near = _rounded(wide[left], digits - before_point)
        fits = (near.astype(np.float32) == numbers[left]) & (near.view(np.int64) & _BELOW != _HALF)
        wide[left[fits]] = near[fits]
        left, before_point = left[~fits], before_point[~fits]
    rare = np.concatenate((left, np.flatnonzero(~quick & (size > 0) & np.isfinite(size))))
    near = np.array([float(str(number)) for number in numbers[rare]], np.float64)
    # 7.038531e-26 as a double lies half way to the next float32: that keeps all digits of its own.
    fits = near.astype(np.float32) == numbers[rare]
    wide[rare[fits]] = near[fits]


def _rounded(wide: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the doubles that are nearest to numbers rounded to decimal places."""
    up, down = _POWERS[np.maximum(places, 0)], _POWERS[np.maximum(-places, 0)]
    near: NDArray[np.float64] = np.rint(wide * up / down) * down / up
    return near
