"""Nearest neighbours by cosine over a checkpoint of any size: one pass, a running top list.

What is asked for is the mean of the directions of words and vectors, some of them turned round, as
word2vec's own distance and analogy tools have it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Words and vectors, and how much each counts."""

    words: tuple[tuple[str, float], ...]
    vectors: tuple[tuple[NDArray[Any], float], ...]

    def target(self, vectors_of_words: NDArray[Any]) -> NDArray[np.float64]:
        """Return the direction that is asked for: of words at length 1, and vectors as they are."""
        of_words = zip(vectors_of_words, self.words, strict=True)
        parts = [weight * unit(vector.astype(np.float64)) for vector, (_, weight) in of_words]
        parts += [weight * vector.astype(np.float64) for vector, weight in self.vectors]
        target: NDArray[np.float64] = np.sum(parts, axis=0)
        return target


def question(positive: object, negative: object, *, dim: int) -> Question:
    """Return what a caller asks for, as gensim takes it.

    Args:
        positive: a word, a vector of shape (dim,), or a collection of such or of pairs of one and
            its weight.
        negative: a word, a vector, or a collection of such.
        dim: numbers in a vector.

    Raises:
        InvalidInputError: nothing is asked for, or what cannot be a word or a vector.
    """
    parts = [(name, *_weighted(name, one)) for name, one in _named("positive", positive)]
    parts += [(name, one, -1.0) for name, one in _named("negative", negative)]
    if not parts:
        raise InvalidInputError("input-argument", "positive, negative: expected a word or a vector")
    words = [(name, item, w) for name, item, w in parts if not isinstance(item, np.ndarray)]
    vectors = [(name, item, w) for name, item, w in parts if isinstance(item, np.ndarray)]
    return Question(
        tuple((arguments.word(name, item), weight) for name, item, weight in words),
        tuple((_vector(name, item, dim), weight) for name, item, weight in vectors),
    )


def _named(name: str, given: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - checked by those who use it
    """Yield each of what was given, and what to call it."""
    is_one = isinstance(given, str | bytes)
    if isinstance(given, np.ndarray) and given.dtype.kind not in "OSUT":
        is_one = given.ndim <= 1
    if given is None or is_one:
        yield from () if given is None else ((name, given),)
    elif isinstance(given, Iterable):
        listed = sorted(given, key=repr) if isinstance(given, set | frozenset) else given
        yield from ((f"{name}[{at}]", one) for at, one in enumerate(listed))
    else:
        raise arguments.refusal(name, "a word, a vector as a numpy array, or a list", given)


def _weighted(name: str, one: Any) -> tuple[Any, float]:  # noqa: ANN401 - checked here
    if not isinstance(one, tuple) or len(one) != 2:  # noqa: PLR2004 - a pair
        return one, 1.0
    item, weight = one
    is_number = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
    if not is_number or not np.isfinite(weight):
        raise arguments.refusal(name, "a finite number as the weight", weight)
    return item, float(weight)


def _vector(name: str, given: NDArray[Any], dim: int) -> NDArray[Any]:
    if arguments.is_masked_array(given):
        raise arguments.refusal(name, "a vector without a mask", given)
    if given.dtype.kind not in "iuf" and given.dtype.name != "bfloat16":
        raise arguments.refusal(name, "a vector of numbers", given)
    if given.shape != (dim,):
        raise InvalidInputError(
            "input-shape", f"{name}: expected a vector of shape ({dim},), found {given.shape}"
        )
    return given


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
