"""The rows of a word's n-grams as finalfusion finds them: in buckets, as fastText does, or by name.

Source: ``FinalfusionHashIndexer``, ``FastTextIndexer`` and ``ExplicitIndexer`` of
github.com/finalfusion/finalfusion-python: each run of `minn` to `maxn` letters of a word between
``<`` and ``>`` has one row, or by name perhaps none; a word is their sum, made of length 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._reading.words.hashed_grams import end_to_end, members
from embzarr._storage import forks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._reading.tensors.tensors import Tensor

_WAYS: Final = frozenset({"bucket", "fasttext", "name"})
_MOST_LETTERS: Final = 64
_MASK: Final = (1 << 64) - 1
_SEED: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_SHORT_MASK: Final = (1 << 32) - 1
_SHORT_SEED: Final = 2166136261
_SHORT_PRIME: Final = 16777619


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalfusionGrams:
    """How the rows of n-grams are found."""

    bucket: int
    """Rows."""
    minn: int
    maxn: int
    by: str
    """``bucket``, ``fasttext``, or ``name``: the row is the place of its hash among all."""

    def to_json(self) -> dict[str, Any]:
        """Return it as members of a model record."""
        return asdict(self)

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> FinalfusionGrams | None:
        """Return what a record says, which may be a stranger's; None of what cannot be."""
        found = members(record, {"bucket": int, "minn": int, "maxn": int, "by": str})
        grams = None if found is None else FinalfusionGrams(**found)
        return grams if grams is not None and grams.is_sound else None

    @property
    def is_sound(self) -> bool:
        """Whether finalfusion can have written it."""
        is_some = 1 <= self.minn <= self.maxn <= _MOST_LETTERS
        return self.bucket > 0 and is_some and self.by in _WAYS

    def of_word(self, word: str) -> list[str]:
        """Return the n-grams of a word, in finalfusion's order."""
        marked = f"<{word}>"
        return [
            marked[start : start + length]
            for start in range(len(marked) + 1 - self.minn)
            for length in range(self.maxn, self.minn - 1, -1)
            if start + length <= len(marked)
        ]

    def rows_of(self, word: str, names: NDArray[np.uint64]) -> list[int]:
        """Return the rows of a word's n-grams.

        Args:
            word: the word.
            names: the hashes of all n-grams in order, for where they are found by name.
        """
        grams = self.of_word(word)
        if self.by == "fasttext":
            return [fasttext_hash(gram) % self.bucket for gram in grams]
        hashes = [gram_hash(gram) for gram in grams]
        if self.by == "bucket":
            return [number % self.bucket for number in hashes]
        wanted = np.array(hashes, np.uint64)
        places = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
        return [int(place) for place in places[names[places] == wanted]]


class FinalfusionRows:
    """Rows of n-grams, and the hashes by which they are found, which are read once."""

    def __init__(self, grams: FinalfusionGrams, names: Tensor | None) -> None:
        """Read nothing yet; `names` are the hashes, for where n-grams are found by name."""
        self.grams = grams
        self._names = names

    @property
    def bucket(self) -> int:
        """Rows."""
        return self.grams.bucket

    @forks.cached_property
    def _hashes(self) -> NDArray[np.uint64]:
        return np.zeros(0, np.uint64) if self._names is None else self._names.load()

    def of(self, words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return of which word each row is, and the rows."""
        return end_to_end([self.grams.rows_of(word, self._hashes) for word in words])

    @staticmethod
    def means(values: NDArray[Any], of_word: NDArray[np.int64], words: int) -> NDArray[np.float32]:
        """Return the directions of the sums of each word's values; zeros where it has none."""
        found = np.zeros((words, values.shape[1]), np.float32)
        np.add.at(found, of_word, values)
        lengths = np.linalg.norm(found, axis=1)[:, None]
        np.divide(found, lengths, out=found, where=lengths > 0)
        return found


def gram_hash(gram: str) -> int:
    """Return FNV-1a, of 64 bits, of the number of letters and of each letter's code point."""
    found = _SEED
    letters = gram.encode("utf-32-le", "surrogatepass")
    for byte in len(gram).to_bytes(8, "little") + letters:
        found = (found ^ byte) * _PRIME & _MASK
    return found


def fasttext_hash(gram: str) -> int:
    """Return fastText's hash, FNV-1a of 32 bits, of bytes that have a sign."""
    found = _SHORT_SEED
    for byte in gram.encode("utf-8", "surrogatepass"):
        signed = byte - 256 if byte > 127 else byte  # noqa: PLR2004 - of a byte
        found = (found ^ signed & _SHORT_MASK) * _SHORT_PRIME & _SHORT_MASK
    return found
