"""The words that are asked about: their rows and vectors, and nothing else of the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr_words import spellings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    import embzarr


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Words that have been found, under every spelling."""

    rows: Mapping[str, tuple[int, ...]]
    """For each word found, the rows of its spellings, the lowest first."""
    units: NDArray[np.float32]
    """Vectors of those rows at length 1, shape (k, dim)."""
    places: Mapping[int, int]
    """Where in `units` a row lies."""

    def __contains__(self, word: object) -> bool:
        """Tell whether a word was found."""
        return word in self.rows

    def place(self, word: str) -> int:
        """Return where in `units` a word lies: its lowest row, by frequency the commonest."""
        return self.places[self.rows[word][0]]


def look_up(
    checkpoint: embzarr.Checkpoint, words: Iterable[str], *, below: int, case_sensitive: bool
) -> Vocabulary:
    """Load the vectors of words in one request of the checkpoint.

    Args:
        checkpoint: where they are.
        words: any words; those that are not there are left out.
        below: only rows before this one count.
        case_sensitive: look for the spelling given, in composed form too, and not also for lower
            case, upper case and a capital.
    """
    known_as = {
        word: spellings(word, case_sensitive=case_sensitive) for word in dict.fromkeys(words)
    }
    asked = list(dict.fromkeys(spelt for group in known_as.values() for spelt in group))
    loaded = checkpoint.load(asked, missing="skip", dtype=np.float32)
    row_of = dict(zip(loaded.words, loaded.rows.tolist(), strict=True))
    found = {
        word: tuple(sorted(row_of[spelt] for spelt in group if row_of.get(spelt, below) < below))
        for word, group in known_as.items()
    }
    return Vocabulary(
        rows={word: rows for word, rows in found.items() if rows},
        units=units(loaded.vectors),
        places={row: place for place, row in enumerate(loaded.rows.tolist())},
    )


def units(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return vectors, shape (n, dim), at length 1; zeros for what is zero or not finite."""
    wide = vectors.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    wide[~np.isfinite(wide).all(axis=1)] = 0
    return wide.astype(np.float32)
