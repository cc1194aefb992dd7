"""Vectors of words that no row has, from rows of their n-grams, as fastText makes them.

Source: P. Bojanowski and others, "Enriching Word Vectors with Subword Information", TACL 2017, and
fastText's ``Dictionary::computeSubwords``: each run of `minn` to `maxn` letters of a word between
``<`` and ``>`` has the row that its 32-bit FNV-1a hash, of signed bytes, leaves modulo the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._reading.words.finalfusion_grams import FinalfusionGrams, FinalfusionRows
from embzarr._reading.words.hashed_grams import HashedGrams, members
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._reading.tensors.tensors import Tensors

SUBWORDS: Final = "subwords"
"""The tensor of n-grams, the form of its model record, and what `load` calls it."""
MOST_LETTERS: Final = 64
"""Of an n-gram."""
FLORET: Final = "floret"
"""The form of a model record whose tensor is floret's table."""
FINALFUSION: Final = "finalfusion"
"""That of one whose tensor has finalfusion's rows of n-grams."""
NAMES: Final = "subwords.names"
"""The tensor of the hashes of n-grams that are found by name: row i is that of hash i."""
_END_OF_SENTENCE: Final = b"</s>"
_SEED: Final = np.uint32(2166136261)
_PRIME: Final = np.uint32(16777619)


def has_subwords(record: Mapping[str, Any]) -> bool:
    """Tell whether a model record says that vectors of unknown words can be computed."""
    return record.get("form") in _GRAMS


class Subwords:
    """Computes vectors of words from the rows of their n-grams, of which only these are read."""

    def __init__(
        self, tensors: Tensors, record: Mapping[str, Any], dim: int, *, where: str
    ) -> None:
        """Prepare to read; nothing is fetched yet.

        Args:
            tensors: of the checkpoint.
            record: its model record, which a stranger may have written.
            dim: numbers in a vector.
            where: the place, for messages.

        Raises:
            InvalidInputError: code ``input-argument``: it has no n-grams.
            DamagedError: code ``model-invalid``: n-grams that cannot be.
        """
        if not has_subwords(record) or SUBWORDS not in tensors:
            raise InvalidInputError(
                "input-argument",
                f"{where}: expected rows of n-grams, as the import of fastText's .bin, of a table "
                "of floret or of finalfusion's n-grams has them, found none: missing='zeros' or "
                "'skip' needs none",
            )
        self._matrix = tensors[SUBWORDS]
        grams = _GRAMS[record["form"]](record, tensors)
        if grams is None or self._matrix.shape != (grams.bucket, dim):
            raise DamagedError(
                "model-invalid",
                f"{where}: {grams or 'no sound n-grams'} in rows of shape {self._matrix.shape}",
            )
        self._grams = grams

    def vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return what the rows of each word's n-grams make, zeros where it has none."""
        of_word, buckets = self._grams.of(words)
        rows, places = np.unique(buckets, return_inverse=True)
        return self._grams.means(self._matrix.take(rows)[places], of_word, len(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ngrams:
    """fastText's n-grams, each of which has one row."""

    bucket: int
    minn: int
    maxn: int

    def of(self, words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return of which word each n-gram is, and its row."""
        of_word, hashes = ngram_hashes([word.encode() for word in words], self.minn, self.maxn)
        return of_word, (hashes % np.uint32(self.bucket)).astype(np.int64)

    @staticmethod
    def means(values: NDArray[Any], of_word: NDArray[np.int64], words: int) -> NDArray[np.float32]:
        """Return the means of the values of each word, added up as fastText does."""
        found = np.zeros((words, values.shape[1]), np.float32)
        np.add.at(found, of_word, values)
        counts = np.bincount(of_word, minlength=words)
        return found * (1.0 / np.maximum(counts, 1)).astype(np.float32)[:, None]


def _ngrams(record: Mapping[str, Any]) -> _Ngrams | None:
    """Return what a record says of fastText's n-grams; None for what cannot be."""
    found = members(record, dict.fromkeys(("bucket", "minn", "maxn"), int))
    if found is None:
        return None
    grams = _Ngrams(**found)
    return grams if grams.bucket > 0 and 1 <= grams.minn <= grams.maxn <= MOST_LETTERS else None


def _finalfusion(record: Mapping[str, Any], tensors: Tensors) -> FinalfusionRows | None:
    """Likewise of finalfusion's."""
    grams = FinalfusionGrams.from_json(record)
    if grams is None:
        return None
    if grams.by != "name":
        return FinalfusionRows(grams, None)
    names = tensors.get(NAMES)
    if names is None or names.shape != (grams.bucket,) or names.dtype != np.uint64:
        return None
    return FinalfusionRows(grams, names)


_Grams = _Ngrams | HashedGrams | FinalfusionRows
_GRAMS: Final[Mapping[object, Callable[[Mapping[str, Any], Tensors], _Grams | None]]] = {
    SUBWORDS: lambda record, _: _ngrams(record),
    FLORET: lambda record, _: HashedGrams.from_json(record),
    FINALFUSION: _finalfusion,
}


def ngram_hashes(
    words: list[bytes], minn: int, maxn: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the hashes of the n-grams of words, and of which word each is, in fastText's order.

    All letters of all words go on by one letter at a time. The end of a sentence has no n-grams,
    and neither has what is no UTF-8.
    """
    marked = [b"<" + word + b">" if _has_ngrams(word) else b"" for word in words]
    data = np.frombuffer(b"".join(marked), np.int8)
    lengths = np.array([len(word) for word in marked])
    ends = np.repeat(np.cumsum(lengths), lengths)
    of_word = np.repeat(np.arange(len(words)), lengths)
    goes_on = np.append((data.view(np.uint8) & 0xC0) == 0x80, False)  # noqa: PLR2004 - UTF-8
    signed = data.astype(np.int32).view(np.uint32)
    starts = np.flatnonzero(~goes_on[:-1])
    is_first = np.diff(of_word[starts], prepend=-1) != 0
    at, hashes = starts.copy(), np.full(len(starts), _SEED)
    found = np.zeros((len(starts), maxn), np.uint32)
    is_one = np.zeros((len(starts), maxn), np.bool_)
    for length in range(1, maxn + 1):
        open_ = np.flatnonzero(at < ends[starts])
        reached = open_
        while len(open_):
            hashes[open_] = (hashes[open_] ^ signed[at[open_]]) * _PRIME
            at[open_] += 1
            inside = at[open_] < ends[starts[open_]]
            open_ = open_[inside & goes_on[at[open_]]]
        if length >= minn:
            kept = reached
            if length == 1:  # the marks alone are none
                kept = kept[~is_first[kept] & (at[kept] < ends[starts[kept]])]
            found[kept, length - 1] = hashes[kept]
            is_one[kept, length - 1] = True
    return np.repeat(of_word[starts], is_one.sum(axis=1)), found[is_one]


def _has_ngrams(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return word != _END_OF_SENTENCE
