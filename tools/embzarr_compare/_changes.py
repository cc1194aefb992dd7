"""What changed between two tables of vectors that are seen batch by batch, by word.

Memory: a batch of each, and four bytes for each word that both have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PERCENTILES = (0, 1, 5, 25, 50, 75, 95, 100)
_BARS = 40
_NARROWEST = 1e-3
"""From the first edge to the last: what is narrower is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is said of the words that both tables have."""

    common: int
    changed: int
    """Rows of which a number differs; NaN equals NaN."""
    cosines: dict[int, float] | None
    """Percentiles of the cosine of a word's two vectors, of all rows where both are finite and not
    zero; None where no row is, or vectors differ in length."""
    moved: tuple[tuple[str, float], ...]
    """Words whose vectors changed, and the cosine, the smallest first."""
    without_cosine: int
    """Rows that changed of which one vector is zero or not finite, so that there is no cosine."""
    unmeasured: tuple[tuple[str, str], ...]
    """The first words of those, and which it is: ``zero now``, ``zero before``, ``not finite``."""
    histogram: dict[str, list[float]] | None
    """How many rows have which cosine: ``counts``, and the ``edges`` around them, one more; None as
    `cosines` is."""


class Comparison:
    """Gathers changes from batches of words that both tables have."""

    def __init__(self, most: int) -> None:
        """Keep at most so many of the words that moved."""
        self._most = most
        self._common = 0
        self._changed = 0
        self._cosines: list[NDArray[np.float32]] = []
        self._moved: list[tuple[float, str]] = []
        self._without_cosine = 0
        self._unmeasured: list[tuple[str, str]] = []

    def add(self, words: Sequence[str], before: NDArray[Any], after: NDArray[Any]) -> None:
        """Take the two vectors of each of some words; rows of other lengths all count as changed.

        Args:
            words: k of them, which no other batch has.
            before: shape (k, dim).
            after: shape (k, dim of the other table).
        """
        self._common += len(words)
        if before.shape != after.shape:
            self._changed += len(words)
            return
        old, new = before.astype(np.float64), after.astype(np.float64)
        changed = ~((old == new) | (np.isnan(old) & np.isnan(new))).all(axis=1)
        self._changed += int(changed.sum())
        cosines = _cosines(old, new)
        cosines[~changed & np.isfinite(cosines)] = 1  # to the last bit
        known = np.isfinite(cosines)
        self._cosines.append(cosines[known].astype(np.float32))
        self._keep(words, cosines, np.flatnonzero(changed & known))
        others = np.flatnonzero(changed & ~known)
        self._without_cosine += len(others)
        for place in others[: self._most - len(self._unmeasured)].tolist():
            self._unmeasured.append((words[place], _why(old[place], new[place])))

    def _keep(
        self, words: Sequence[str], cosines: NDArray[np.float64], places: NDArray[np.intp]
    ) -> None:
        nearest = places[np.argsort(cosines[places], kind="stable")[: self._most]]
        new = [(float(cosines[place]), words[place]) for place in nearest.tolist()]
        self._moved = sorted([*self._moved, *new], key=lambda one: one[0])[: self._most]

    def changes(self) -> Changes:
        """Return what was found."""
        every = np.concatenate(self._cosines) if self._cosines else np.empty(0, np.float32)
        cuts = np.percentile(every, PERCENTILES).tolist() if len(every) else None
        return Changes(
            common=self._common,
            changed=self._changed,
            cosines=None if cuts is None else dict(zip(PERCENTILES, cuts, strict=True)),
            moved=tuple((word, cosine) for cosine, word in self._moved),
            without_cosine=self._without_cosine,
            unmeasured=tuple(self._unmeasured),
            histogram=_histogram(every) if len(every) else None,
        )


def _why(old: NDArray[np.float64], new: NDArray[np.float64]) -> str:
    """Return why two vectors have no cosine."""
    if not new.any():
        return "zero now"
    return "not finite" if old.any() else "zero before"


def _histogram(cosines: NDArray[np.float32]) -> dict[str, list[float]]:
    """Return bars from the smallest cosine to 1."""
    low = min(float(cosines.min()), 1 - _NARROWEST)
    counts, edges = np.histogram(cosines, bins=_BARS, range=(low, 1))
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def _cosines(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosine of each pair of rows; NaN where one is zero or not finite."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        lengths = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
        cosines: NDArray[np.float64] = np.einsum("ij,ij->i", old, new) / lengths
    return np.clip(cosines, -1, 1)


def differences(
    before: dict[str, Any], after: dict[str, Any], path: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Return the members of two JSON objects that differ, nested ones by their path, with dots.

    None stands for a member that one of them lacks.
    """
    found: dict[str, tuple[Any, Any]] = {}
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found |= differences(old, new, f"{path}{name}.")
        elif old != new or (name in before) != (name in after):
            found[f"{path}{name}"] = (old, new)
    return found
