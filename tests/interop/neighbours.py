"""Words whose neighbours are known, by looking at every vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle import make_vectors

ROWS, DIM = 3000, 16
WORDS = [f"w{row}" for row in range(ROWS)]
VECTORS = make_vectors(ROWS, DIM) + np.float32(0.3)
ASKED = [3, 500, 1500, 2999]


def exact(row: int, metric: str) -> list[tuple[str, float]]:
    """Return what looking at every vector gives, in double precision."""
    wide = VECTORS.astype("f8")
    if metric == "l2":
        scores = -((wide - wide[row]) ** 2).sum(axis=1)
    else:
        lengths = np.linalg.norm(wide, axis=1) if metric == "cosine" else np.ones(ROWS)
        scores = (wide @ wide[row]) / lengths / lengths[row]
    best = [at for at in np.argsort(-scores, kind="stable") if at != row]
    return [(WORDS[at], abs(scores[at]) if metric == "l2" else scores[at]) for at in best[:10]]


def recall(index: Any, metric: str) -> float:
    """Return how many of the ten nearest an index finds, as a share of one."""
    hits = 0
    for row in ASKED:
        expected = {word for word, _ in exact(row, metric)}
        hits += len(expected & {word for word, _ in index.search(WORDS[row])})
    return hits / (10 * len(ASKED))
