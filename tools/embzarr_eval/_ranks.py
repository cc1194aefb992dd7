"""Spearman's rank correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def ranks(values: NDArray[Any] | Sequence[float]) -> NDArray[np.float64]:
    """Return the rank of each value from 1 on; values that are equal share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return mean[place]


def spearman(a: NDArray[Any] | Sequence[float], b: NDArray[Any] | Sequence[float]) -> float | None:
    """Return the correlation of the ranks of `a` and `b`, both of shape (n,).

    None where all values of one are equal, and so for less than two.
    """
    first, second = (ranks(values) - (len(values) + 1) / 2 for values in (a, b))
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else None
