"""The work that is measured, and what exactly is asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from embzarr_bench import _words
from embzarr_bench._errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr_bench._matrix import Matrix

_PART_OF_ALL = 20
"""Ranges take at most one row of so many: a part, however small the matrix."""
_PREFIX_LETTERS = 3


class Work(StrEnum):
    """Kinds of work, by the names that reports have of them."""

    @property
    def saves(self) -> bool:
        """Whether it writes."""
        raise NotImplementedError

    @property
    def compressed(self) -> bool:
        """Whether what is stored is compressed."""
        return False


class Case(Work):
    """A piece of work on a matrix."""

    WORDS = "words"
    """1,000 random words by name."""
    WORD = "word"
    """One word by name."""
    FIRST = "first"
    """The first 20,000 words by name: the commonest, where rows stand by frequency."""
    COMMONEST = "commonest"
    """The commonest 20,000 words of a user's text, in the order of their frequency there."""
    ROWS = "rows"
    """10,000 contiguous rows."""
    RANGE = "range"
    """All words between two, 10,000 of them."""
    PREFIX = "prefix"
    """All words that begin alike, about 10,000."""
    LOAD = "load"
    """The whole matrix, stored uncompressed."""
    LOAD_COMPRESSED = "load-compressed"
    """The whole matrix, stored compressed."""
    SAVE = "save"
    """Saving words and vectors uncompressed."""
    SAVE_COMPRESSED = "save-compressed"
    """Saving words and vectors compressed."""

    @property
    def saves(self) -> bool:
        """Whether it writes."""
        return self in {Case.SAVE, Case.SAVE_COMPRESSED}

    @property
    def compressed(self) -> bool:
        """Whether what is stored is compressed."""
        return self in {Case.LOAD_COMPRESSED, Case.SAVE_COMPRESSED}

    @property
    def whole(self) -> bool:
        """Whether it reads the whole matrix, as who checks what was saved does too."""
        return self.saves or self in {Case.LOAD, Case.LOAD_COMPRESSED}

    @property
    def by_name(self) -> bool:
        """Whether rows are asked for by their words."""
        return self in {
            Case.WORDS,
            Case.WORD,
            Case.FIRST,
            Case.COMMONEST,
            Case.RANGE,
            Case.PREFIX,
        }

    @property
    def contiguous(self) -> bool:
        """Whether the rows that it asks for follow each other."""
        return self in {Case.FIRST, Case.ROWS}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """What is asked for: by name, and which rows that is."""

    case: Case
    words: tuple[str, ...] = ()
    """The words, in the order of the answer; empty for ranges of words and of rows."""
    rows: NDArray[np.int64]
    """The rows, in the order of the answer; of a range of words, in ascending order."""
    first: str = ""
    """Of a range of words, the first."""
    last: str = ""
    """Of a range of words, past the last."""
    prefix: str = ""
    """How the words begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much each case asks for, of a matrix that has enough."""

    random_words: int = 1_000
    common_words: int = 20_000
    contiguous: int = 10_000


def requests(
    matrix: Matrix,
    sizes: Sizes,
    *,
    cases: Iterable[Case] = Case,
    text: Path | None = None,
    seed: int = 0,
) -> dict[Case, Request]:
    """Return what each case asks for.

    Args:
        matrix: what is stored.
        sizes: how much to ask for.
        cases: which ones.
        text: a user's text, for `Case.COMMONEST`; by default one is made up.
        seed: of all random choices.
    """
    rows = len(matrix)
    some = min(sizes.contiguous, max(rows // _PART_OF_ALL, 1))

    def request(case: Case) -> Request:
        chance = np.random.default_rng([seed, list(Case).index(case)])
        if case is Case.FIRST:
            return _named(case, matrix, np.arange(min(sizes.common_words, rows)))
        if case is Case.COMMONEST:
            return _commonest(matrix, sizes.common_words, text=text, seed=seed)
        if case is Case.RANGE:
            return _range(matrix, some, chance)
        if case is Case.PREFIX:
            return _prefix(matrix, some)
        if case in {Case.WORDS, Case.WORD}:
            count = min(sizes.random_words if case is Case.WORDS else 1, rows)
            return _named(case, matrix, chance.choice(rows, count, replace=False))
        start = 0 if case.whole else int(chance.integers(rows - some + 1))
        return Request(case=case, rows=np.arange(start, rows if case.whole else start + some))

    return {case: request(case) for case in cases}


def _named(case: Case, matrix: Matrix, rows: NDArray[np.int64]) -> Request:
    return Request(case=case, words=tuple(matrix.words[row] for row in rows.tolist()), rows=rows)


def _commonest(matrix: Matrix, count: int, *, text: Path | None, seed: int) -> Request:
    if text is None:
        return _named(Case.COMMONEST, matrix, _words.commonest_ranks(len(matrix), count, seed=seed))
    found = _words.commonest_of_text(text, matrix.words, count)
    if not found:
        raise BenchError(f"{text} has no word of the matrix")
    return _named(Case.COMMONEST, matrix, np.array([matrix.row_of[word] for word in found]))


def _range(matrix: Matrix, count: int, chance: np.random.Generator) -> Request:
    words = matrix.byte_order
    start = int(chance.integers(max(len(words) - count, 1)))
    last = words[start + count] if start + count < len(words) else chr(0x10FFFF)
    rows = sorted(matrix.row_of[word] for word in words[start : start + count])
    return Request(case=Case.RANGE, rows=np.array(rows), first=words[start], last=last)


def _prefix(matrix: Matrix, count: int) -> Request:
    """Choose the prefix that begins the number of words nearest to `count`."""
    sizes = Counter(
        word[:letters]
        for word in matrix.words
        for letters in range(1, min(_PREFIX_LETTERS, len(word)) + 1)
    )
    prefix = min(sizes, key=lambda start: (abs(sizes[start] - count), start))
    rows = [row for row, word in enumerate(matrix.words) if word.startswith(prefix)]
    return Request(
        case=Case.PREFIX,
        rows=np.array(rows),
        prefix=prefix,
        first=prefix,
        last=prefix[:-1] + chr(ord(prefix[-1]) + 1),
    )
