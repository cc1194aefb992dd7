"""Nearest neighbours by cosine over a checkpoint of any size: one pass, a running top list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


_LEAST_LENGTH = 1e-15
"""Below it squares in float32 lose their digits."""


class Lengths:
    """Euclidean lengths of a checkpoint's vectors, each computed when it is first needed.

    Memory: four bytes a row, from the first use on.
    """

    def __init__(self, rows: int) -> None:
        """Know none yet."""
        self._rows = rows
        self._known = np.empty(0, np.float32)

    def of(self, rows: NDArray[np.int64], block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the lengths of `rows`, whose vectors are `block`; NaN where one is not finite."""
        if not len(self._known):
            self._known = np.full(self._rows, np.nan, np.float32)
        lengths = self._known[rows]
        new = np.isnan(lengths)
        if new.any():
            some = block[new]
            with np.errstate(invalid="ignore", over="ignore"):
                lengths[new] = np.sqrt(np.einsum("ij,ij->i", some, some))
            self._known[rows] = lengths
        return lengths


def nearest(
    query: NDArray[Any],
    blocks: Iterable[tuple[NDArray[np.int64], NDArray[Any]]],
    lengths: Lengths,
    *,
    count: int,
    without: frozenset[int],
) -> list[tuple[int, float]]:
    """Return the rows nearest to `query` and their cosines, nearest first; none that is not finite.

    Args:
        query: shape (dim,).
        blocks: row numbers, shape (k,), and their vectors, shape (k, dim).
        lengths: those of the vectors that were seen before.
        count: how many rows to return.
        without: rows to leave out.
    """
    target = unit(query.astype(np.float64)).astype(np.float32)
    best = np.empty(0, np.float32)
    rows = np.empty(0, np.int64)
    for numbers, block in blocks:
        vectors = block.astype(np.float32, copy=False)
        scores = _cosines(vectors, lengths.of(numbers, vectors), target)
        scores[np.isin(numbers, list(without))] = -np.inf
        best = np.concatenate((best, scores))
        rows = np.concatenate((rows, numbers))
        keep = np.argsort(-best, kind="stable")[:count]
        best, rows = best[keep], rows[keep]
    found = np.isfinite(best)
    return list(zip(rows[found].tolist(), best[found].tolist(), strict=True))


def check(query: NDArray[Any], count: int, *, dim: int) -> None:
    """Refuse a query that no row can be near to.

    Raises:
        InvalidInputError: codes ``input-shape`` or ``input-argument``.
    """
    if query.shape != (dim,):
        raise InvalidInputError(
            "input-shape", f"expected a word or a vector of shape ({dim},), found {query.shape}"
        )
    if count < 0:
        raise InvalidInputError("input-argument", f"expected a number of words, found {count}")


def cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the cosine of the angle between two vectors, 0 where one is zero."""
    return float(unit(a.astype(np.float64)) @ unit(b.astype(np.float64)))


def unit(vector: NDArray[Any]) -> NDArray[Any]:
    """Return the vector at length 1; a zero vector as it is."""
    length = np.linalg.norm(vector)
    at_one: NDArray[Any] = vector / length if length else vector
    return at_one


def batches(rows: int, row_bytes: int, batch_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield half-open row ranges of at most `batch_bytes` each, at least a row."""
    step = max(batch_bytes // max(row_bytes, 1), 1)
    for start in range(0, rows, step):
        yield start, min(start + step, rows)


def _cosines(
    block: NDArray[Any], lengths: NDArray[np.float32], target: NDArray[Any]
) -> NDArray[Any]:
    # A row that is not finite has no cosine: it comes out as NaN, quietly.
    with np.errstate(invalid="ignore", over="ignore"):
        cosines = _quotients(block @ target, lengths)
        # Squares of very small or large numbers leave float32's range; in double precision not.
        extreme = np.flatnonzero((lengths < _LEAST_LENGTH) | ~np.isfinite(lengths))
        wide = block[extreme].astype(np.float64)
        cosines[extreme] = _quotients(wide @ target, np.linalg.norm(wide, axis=1))
    return cosines


def _quotients(dots: NDArray[Any], lengths: NDArray[Any]) -> NDArray[Any]:
    quotients = np.zeros_like(dots)
    np.divide(dots, lengths, out=quotients, where=lengths != 0)
    return quotients
