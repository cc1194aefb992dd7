"""Figures of vectors that are seen batch by batch: lengths, zeros, doubles, isotropy.

Memory: a batch, and twelve bytes a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Norms:
    """Euclidean lengths of the rows that are finite."""

    min: float
    mean: float
    max: float
    percentiles: dict[int, float]
    """By `PERCENTILES`, as `numpy.percentile` has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is said of a matrix."""

    rows: int
    zero_rows: int
    nonfinite_rows: int
    duplicate_rows: int
    """Rows whose bits an earlier row has, by a hash of 64 bits; rows of zeros are not counted."""
    norms: Norms | None
    """None where no row is finite."""
    mean_cosine: float | None
    """Of all pairs of different rows that are finite and not zero; None with fewer than two.

    It is 0 where directions are spread evenly, and near 1 where all vectors lie in a narrow cone:
    the measure of anisotropy of K. Ethayarajh, "How Contextual are Contextualized Word
    Representations?", EMNLP 2019, there over a sample of pairs, here over all of them.
    """


def figures_of(blocks: Iterable[NDArray[Any]], dim: int) -> Figures:
    """Return the figures of the rows of all blocks, each of shape (k, dim).

    The sum of the cosines of all pairs is what the length of the sum of all directions tells:
    its square is that sum twice, and one for each row.
    """
    lengths: list[NDArray[np.float32]] = []
    hashes: list[NDArray[np.uint64]] = []
    direction = np.zeros(dim)
    rows = nonfinite = zero = pointed = 0
    for block in blocks:
        wide = block.astype(np.float64)
        finite = np.isfinite(wide).all(axis=1)
        norms = np.linalg.norm(wide[finite], axis=1)
        some = norms > 0
        direction += (wide[finite][some] / norms[some, None]).sum(axis=0)
        rows, nonfinite = rows + len(block), nonfinite + int((~finite).sum())
        zero, pointed = zero + int((~some).sum()), pointed + int(some.sum())
        lengths.append(norms.astype(np.float32))
        hashes.append(_hashes(block[finite][some]))
    every = np.concatenate(hashes) if hashes else np.empty(0, np.uint64)
    return Figures(
        rows=rows,
        zero_rows=zero,
        nonfinite_rows=nonfinite,
        duplicate_rows=len(every) - len(np.unique(every)),
        norms=_norms(lengths),
        mean_cosine=_mean_cosine(direction, pointed),
    )


def _hashes(block: NDArray[Any]) -> NDArray[np.uint64]:
    rows = np.ascontiguousarray(block)
    return np.fromiter((xxhash.xxh3_64_intdigest(row.tobytes()) for row in rows), np.uint64)


def _norms(parts: list[NDArray[np.float32]]) -> Norms | None:
    norms = np.concatenate(parts) if parts else np.empty(0, np.float32)
    if not len(norms):
        return None
    cuts = np.percentile(norms, PERCENTILES)
    return Norms(
        min=float(norms.min()),
        mean=float(norms.mean(dtype=np.float64)),
        max=float(norms.max()),
        percentiles=dict(zip(PERCENTILES, cuts.tolist(), strict=True)),
    )


def _mean_cosine(direction: NDArray[np.float64], rows: int) -> float | None:
    if rows < 2:  # noqa: PLR2004 - a pair
        return None
    return float((direction @ direction - rows) / (rows * (rows - 1)))
