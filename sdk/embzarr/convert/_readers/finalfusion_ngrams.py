"""finalfusion's n-grams: which rows they have, behind those of the words, and what is kept of them.

Those that are found by name are kept in the order of their hashes, so that no name need be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from embzarr._reading import FINALFUSION, NAMES, SUBWORDS, FinalfusionGrams, gram_hash
from embzarr.convert._matrix import spooled

if TYPE_CHECKING:
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from embzarr.convert._damage import Damage

BY_BUCKETS: Final = {3: "bucket", 7: "fasttext"}
"""Kinds of vocabularies whose n-grams lie in buckets, and how these are found."""
_MOST_EXPONENT: Final = 40


class Matrix(Protocol):
    """Rows of any storage."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers in each."""
        ...

    def rows(self, which: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some rows, which the caller may write to."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ngrams:
    """The n-grams of a vocabulary."""

    grams: FinalfusionGrams
    rows: int
    """Of the matrix, behind those of the words."""
    hashes: NDArray[np.uint64] | None = None
    """Of those that are found by name, in order."""
    places: NDArray[np.int64] | None = None
    """Which of the rows each of them has."""

    @staticmethod
    def in_buckets(by: str, minn: int, maxn: int, buckets: int, damage: Damage) -> Ngrams:
        """Return those that lie in buckets, of which finalfusion's own file tells the logarithm.

        Raises:
            InvalidInputError: code ``input-file``.
        """
        if by == "bucket":
            buckets = 1 << min(buckets, _MOST_EXPONENT)
        return Ngrams(grams=_sound(by, minn, maxn, buckets, damage), rows=buckets)

    @staticmethod
    def by_name(names: list[tuple[bytes, int]], minn: int, maxn: int, damage: Damage) -> Ngrams:
        """Return those that are named, each with its row, which several may share.

        Raises:
            InvalidInputError: code ``input-file``.
        """
        hashes = np.array([gram_hash(_text(name, damage)) for name, _ in names], np.uint64)
        places = np.array([place for _, place in names], np.uint64)
        order = np.argsort(hashes)
        hashes, places = hashes[order], places[order]
        rows = len(np.unique(places))
        if (hashes[1:] == hashes[:-1]).any():
            raise damage.error("an n-gram stands twice in the vocabulary")
        if not len(names) or int(places.max()) != rows - 1:
            raise damage.error(f"{len(names)} n-grams leave some of their rows to none")
        grams = _sound("name", minn, maxn, len(names), damage)
        return Ngrams(grams=grams, rows=rows, hashes=hashes, places=places.astype(np.int64))

    def stored(self, matrix: Matrix, words: int, stack: ExitStack) -> dict[str, Any]:
        """Return what of a `Table` keeps them: rows, in a temporary file, and how to find them."""

        def some(first: int, last: int) -> NDArray[np.float32]:
            which = np.arange(first, last) if self.places is None else self.places[first:last]
            return matrix.rows(which + words)

        rows = spooled(some, (self.grams.bucket, matrix.shape[1]), stack)
        return {
            "tensors": {SUBWORDS: rows, **({} if self.hashes is None else {NAMES: self.hashes})},
            "model": {"framework": "finalfusion", "form": FINALFUSION, **self.grams.to_json()},
        }


def _sound(by: str, minn: int, maxn: int, rows: int, damage: Damage) -> FinalfusionGrams:
    grams = FinalfusionGrams(bucket=rows, minn=minn, maxn=maxn, by=by)
    if not grams.is_sound:
        raise damage.error(f"n-grams of {minn} to {maxn} letters in {rows} rows cannot be")
    return grams


def _text(name: bytes, damage: Damage) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as exc:
        raise damage.error(f"an n-gram that is not UTF-8: {name[:24]!r}") from exc
