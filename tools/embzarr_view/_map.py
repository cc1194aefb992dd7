"""The commonest words in the plane."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
from embzarr_view._shown import number
from embzarr_view._words import named

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST: Final = 5000
_MOST_NUMBERS: Final = 2**24
"""In all vectors of a map: of long vectors, which a stranger may have made so, it has fewer."""
_LEAST: Final = 3
_DIGITS: Final = 4
_SEED: Final = 1


def methods() -> list[str]:
    """Return the ways to draw a map that are installed."""
    return ["pca", "umap"] if importlib.util.find_spec("umap") else ["pca"]


def plane(checkpoint: embzarr.Checkpoint, count: int, method: str) -> dict[str, Any]:
    """Return the first words with their places in the plane, of vectors made one long.

    Args:
        checkpoint: where from.
        count: how many of the first rows.
        method: one of `methods`.

    Raises:
        embzarr.InvalidInputError: another method, or more words than a map has room for.
    """
    if method not in methods() or not 1 <= count <= MOST:
        raise embzarr.InvalidInputError(
            "input-argument",
            f"map: expected 1 to {MOST} words by one of {methods()}, found {count} by {method!r}",
        )
    fitting = max(_MOST_NUMBERS // max(checkpoint.dim, 1), 1)
    loaded = checkpoint.load_rows(0, min(count, fitting))
    directions, drawn = _directions(loaded.vectors)
    is_bent = method == "umap" and len(directions) > _LEAST
    places, shares = (_umap(directions), None) if is_bent else _pca(directions)
    return {
        "method": method,
        "shares": shares,
        "left_out": len(loaded) - len(drawn),
        "words": [named(loaded.words[at], int(loaded.rows[at])) for at in drawn],
        "x": np.round(places[:, 0], _DIGITS).tolist(),
        "y": np.round(places[:, 1], _DIGITS).tolist(),
    }


def _directions(vectors: NDArray[Any]) -> tuple[NDArray[np.float64], list[int]]:
    """Return the rows that have a direction, at length 1, and which they are."""
    wide = vectors.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(wide, axis=1)
    drawn = np.flatnonzero(np.isfinite(lengths) & (lengths > 0))
    return wide[drawn] / lengths[drawn, None], drawn.tolist()


def _pca(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[float | None] | None]:
    """Return the places along the two axes along which points lie furthest apart.

    And the share of the variance along each.
    """
    if not len(points):
        return np.zeros((0, 2)), [None, None]
    centred = points - points.mean(axis=0)
    values, chosen = _axes(centred)
    chosen = chosen * np.where(chosen.sum(axis=0) < 0, -1, 1)  # the same each time
    places = np.zeros((len(points), 2))
    places[:, : chosen.shape[1]] = centred @ chosen
    total = float(values.sum())
    shares = [number(value / total) if total > 0 else None for value in values[:2]]
    return places, shares


def _axes(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return all variances, largest first, and the two axes of the largest, as columns."""
    points, dim = centred.shape
    if dim <= points:
        values, axes = np.linalg.eigh(centred.T @ centred)
        return values[::-1], axes[:, ::-1][:, :2]
    # Where a vector is longer than there are points, of the far smaller matrix of points.
    values, mixes = np.linalg.eigh(centred @ centred.T)
    values, axes = values[::-1], centred.T @ mixes[:, ::-1][:, :2]
    return values, axes / np.maximum(np.linalg.norm(axes, axis=0), np.finfo(np.float64).tiny)


def _umap(points: NDArray[np.float64]) -> NDArray[np.float64]:
    umap = importlib.import_module("umap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own settings, which nobody here can change
        near = min(15, len(points) - 1)
        made = umap.UMAP(n_neighbors=near, metric="cosine", random_state=_SEED, n_jobs=1)
        return np.asarray(made.fit_transform(points), np.float64)
