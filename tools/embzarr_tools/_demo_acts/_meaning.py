"""The demo's act on meaning: neighbours for the eye, and a measure that chance cannot reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embzarr_tools._demo_acts._stage import claim, tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import embzarr
    from embzarr_tools._demo_acts._stage import Stage

_ASKED = ("month", "error", "file", "integer", "encoding", "send")
_WORDS_SHOWN = 6
_NEIGHBOURS = 4
_LONG_WORD = 4
_MOST_PAIRS = 500
_FEWEST_PAIRS = 50
_NEAREST_SHARE = 100
"""A plural counts as near among the nearest 1 in so many words."""
_LEAST_NEAR = 0.25
"""Share of plurals that must be near; chance gives 0.01."""


def show_meaning(stage: Stage, full: embzarr.Loaded, *, known: bool) -> None:
    """Show nearest neighbours, and how often a plural is near its singular.

    Args:
        stage: where the demo plays.
        full: the whole matrix.
        known: whether the text is the demo's own, so that a claim can be made of it.
    """
    stage.begin("Meaning")
    checkpoint = stage.open()
    words = [word for word in _ASKED if word in checkpoint]
    words += [word for word in full.words if len(word) > _LONG_WORD]
    for word in words[:_WORDS_SHOWN]:
        near = checkpoint.most_similar(word, topn=_NEIGHBOURS)
        tell(f"{word}: " + ", ".join(f"{other} {cosine:.2f}" for other, cosine in near))
    rows = {word: row for row, word in enumerate(full.words)}
    pairs = [(word, f"{word}s") for word in full.words if len(word) >= _LONG_WORD]
    pairs = [pair for pair in pairs if pair[1] in rows][:_MOST_PAIRS]
    if len(pairs) < _FEWEST_PAIRS:
        return
    share = _share_near(full.vectors, np.array([[rows[a], rows[b]] for a, b in pairs]))
    tell(
        f"{share:.0%} of {len(pairs)} plurals, such as {pairs[0][1]}, are among the 1% of words "
        "nearest to their singular; by chance it would be 1%."
    )
    claim(not known or share >= _LEAST_NEAR, "words of like meaning are not near each other")


def _share_near(vectors: NDArray[np.float32], pairs: NDArray[np.int64]) -> float:
    """Return the share of pairs whose second is among the nearest 1% of the first."""
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = directions[pairs[:, 0]] @ directions.T
    to_partner = np.take_along_axis(cosines, pairs[:, 1:], axis=1)
    nearer = (cosines > to_partner).sum(axis=1) - 1  # the word itself is nearest
    return float((nearer < len(vectors) / _NEAREST_SHARE).mean())
