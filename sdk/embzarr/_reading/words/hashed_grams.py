"""The rows of a word's n-grams in floret's table, which holds several for each.

Source: floret's ``Dictionary::computeSubwords`` (github.com/explosion/floret), which fastText's was
made into: a word with its marks, and each run of `minn` to `maxn` letters of it, has the rows that
the first `hash_count` numbers of its MurmurHash3 leave modulo the rows.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_MOST_LETTERS: Final = 99
_MOST_HASHES: Final = 4
_MOST_MARKS: Final = 200
"""Letters of the two marks; floret writes one each unless it is told otherwise."""
_MASK: Final = (1 << 64) - 1
_C1: Final = 0x87C37B91114253D5
_C2: Final = 0x4CF5AD432745937F


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedGrams:
    """How a table of floret was hashed."""

    bucket: int
    """Rows of the table."""
    minn: int
    maxn: int
    hash_count: int
    """Rows of each n-gram, 1 to 4."""
    hash_seed: int
    begin: str
    """The mark before a word."""
    end: str

    def to_json(self) -> dict[str, Any]:
        """Return it as members of a model record."""
        return asdict(self)

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> HashedGrams | None:
        """Return what a record says, which may be a stranger's; None of what cannot be."""
        kinds = {field.name: int for field in fields(HashedGrams)} | {"begin": str, "end": str}
        found = members(record, kinds)
        grams = None if found is None else HashedGrams(**found)
        return grams if grams is not None and grams.is_sound else None

    @property
    def is_sound(self) -> bool:
        """Whether floret can have written it."""
        return (
            self.bucket > 0
            and 0 <= self.minn <= self.maxn <= _MOST_LETTERS
            and 1 <= self.hash_count <= _MOST_HASHES
            and 0 <= self.hash_seed < 1 << 32
            and len(self.begin) + len(self.end) <= _MOST_MARKS
        )

    def of(self, words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return of which word each row is, and the rows."""
        return end_to_end([self.rows_of(word) for word in words])

    @staticmethod
    def means(values: NDArray[Any], of_word: NDArray[np.int64], words: int) -> NDArray[np.float32]:
        """Return the means of the values of each word, which has some."""
        ends = np.searchsorted(of_word, np.arange(words + 1))
        parts = [values[start:end] for start, end in itertools.pairwise(ends.tolist())]
        found = [part.mean(axis=0, dtype=np.float64) for part in parts]
        return np.array(found, np.float32).reshape(words, values.shape[1])

    def rows_of(self, word: str) -> list[int]:
        """Return the rows of a word with its marks, and of its n-grams, a few for each."""
        marked = f"{self.begin}{word}{self.end}"
        grams = [
            marked[start : start + length]
            for start in range(len(marked))
            for length in range(max(self.minn, 1), self.maxn + 1)
            if start + length <= len(marked)
        ]
        found: list[int] = []
        for gram in (marked, *(gram for gram in grams if gram not in {self.begin, self.end})):
            numbers = murmur(gram.encode(), self.hash_seed)[: self.hash_count]
            found += [number % self.bucket for number in numbers]
        return found


def members(record: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any] | None:
    """Return members of a record, each of its very type; None where one is missing or another."""
    found = {name: record.get(name) for name in kinds}
    is_such = all(type(value) is kinds[name] for name, value in found.items())
    return found if is_such else None


def end_to_end(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return of which word each row is, and the rows, of those of each word."""
    of_word = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
    return of_word, np.array([row for some in rows for row in some], np.int64)


def murmur(data: bytes, seed: int) -> tuple[int, int, int, int]:
    """Return MurmurHash3 (x64, 128 bits) as four numbers of 32 bits (A. Appleby, public domain)."""
    one = two = seed
    whole = len(data) - len(data) % 16
    for at in range(0, whole, 16):
        one ^= _first(int.from_bytes(data[at : at + 8], "little"))
        one = ((_turned(one, 27) + two) * 5 + 0x52DCE729) & _MASK
        two ^= _second(int.from_bytes(data[at + 8 : at + 16], "little"))
        two = ((_turned(two, 31) + one) * 5 + 0x38495AB5) & _MASK
    two ^= _second(int.from_bytes(data[whole + 8 :], "little"))
    one ^= _first(int.from_bytes(data[whole : whole + 8], "little"))
    one, two = one ^ len(data), two ^ len(data)
    one = (one + two) & _MASK
    two = (two + one) & _MASK
    one, two = _mixed(one), _mixed(two)
    one = (one + two) & _MASK
    two = (two + one) & _MASK
    return one & 0xFFFFFFFF, one >> 32, two & 0xFFFFFFFF, two >> 32


def _turned(number: int, by: int) -> int:
    return (number << by | number >> 64 - by) & _MASK


def _first(part: int) -> int:
    return _turned(part * _C1 & _MASK, 31) * _C2 & _MASK


def _second(part: int) -> int:
    return _turned(part * _C2 & _MASK, 33) * _C1 & _MASK


def _mixed(number: int) -> int:
    number = (number ^ number >> 33) * 0xFF51AFD7ED558CCD & _MASK
    number = (number ^ number >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return number ^ number >> 33
