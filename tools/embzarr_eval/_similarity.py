"""Word similarity: do cosines put word pairs in the order in which people did?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embzarr_eval._ranks import spearman
from embzarr_eval._results import Similarity

if TYPE_CHECKING:
    from embzarr_eval._tasks import Pairs
    from embzarr_eval._vocabulary import Vocabulary


def score_pairs(pairs: Pairs, vocabulary: Vocabulary) -> Similarity:
    """Correlate the cosines of the pairs that can be answered with people's scores."""
    known = [
        (vocabulary.place(a), vocabulary.place(b), score)
        for (a, b), score in zip(pairs.words, pairs.scores, strict=True)
        if a in vocabulary and b in vocabulary
    ]
    table = np.array(known, np.float64).reshape(-1, 3)
    left, right = table[:, :2].T.astype(np.int64)
    units = vocabulary.units.astype(np.float64)
    cosines = np.einsum("ij,ij->i", units[left], units[right])
    return Similarity(
        file=pairs.file,
        pairs=len(pairs.words),
        answered=len(known),
        spearman=spearman(cosines, table[:, 2]),
    )
