"""Which rows of a file are kept: sound ones, of the words that are wanted, each word once."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from embzarr._format import word_table
from embzarr.convert._damage import MOST_SHOWN, Damage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a caller wants of a file."""

    limit: int | None
    words: frozenset[str] | None
    duplicates: Literal["error", "first", "last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows to be saved."""

    words: list[bytes]
    """In UTF-8."""
    vectors: NDArray[Any]
    counts: NDArray[Any] | None
    numbers: NDArray[np.int64]
    """Of the rows in the file."""

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns beside the vectors."""
        return {} if self.counts is None else {"counts": self.counts}


class Selection:
    """Takes the blocks of a file, and gives what is kept of them."""

    def __init__(self, choice: Choice, damage: Damage, *, kept: frozenset[int] | None) -> None:
        """Take nothing yet.

        Args:
            choice: what the caller wants.
            damage: told of what is wrong.
            kept: numbers of the rows of which only these are kept; None for all.
        """
        self.damage = damage
        self.rows_read = 0
        self.duplicates = 0
        self.duplicate_words: list[str] = []
        self.unwanted = 0
        self.is_limited = False
        """Whether rows may be left that were not read."""
        self._choice = choice
        self._kept = kept
        self._wanted = None if choice.words is None else frozenset(map(_utf8, choice.words))
        self._seen: set[bytes] = set()
        self._found: set[bytes] = set()

    @property
    def limit(self) -> int | None:
        """The most rows to read, where that ended the reading."""
        return self._choice.limit if self.is_limited else None

    @property
    def missing(self) -> int:
        """Words that were wanted and did not come."""
        return 0 if self._wanted is None else len(self._wanted) - len(self._found)

    @property
    def missing_words(self) -> list[str]:
        """The first few of them, in byte order."""
        left = () if self._wanted is None else self._wanted - self._found
        return [word.decode(errors="replace") for word in heapq.nsmallest(MOST_SHOWN, left)]

    def of(self, blocks: Iterable[Block]) -> Iterator[Rows]:
        """Yield what is kept, block by block."""
        for block in blocks:
            taken = self._limited(block)
            if taken.words:
                yield self._of_one(taken)
            if self.is_limited:
                return

    def _limited(self, block: Block) -> Block:
        limit = self._choice.limit
        if limit is None or self.rows_read + len(block.words) < limit:
            return block
        self.is_limited = True
        return block.first(limit - self.rows_read)

    def _of_one(self, block: Block) -> Rows:
        first, self.rows_read = self.rows_read, self.rows_read + len(block.words)
        words, sound = self._checked(block)
        vectors, finite = self._finite(block, sound)
        good = sound & finite
        kept = good & self._are_wanted(words)
        self.unwanted += int(np.count_nonzero(good & ~kept))
        self._pick(words, kept, first)
        rows = np.flatnonzero(kept)
        numbers = rows + first
        if len(rows) == len(words):
            return Rows(words=words, vectors=vectors, counts=block.counts, numbers=numbers)
        counts = None if block.counts is None else block.counts[rows]
        picked = [words[row] for row in rows.tolist()]
        return Rows(words=picked, vectors=vectors[rows], counts=counts, numbers=numbers)

    def _checked(self, block: Block) -> tuple[list[bytes], NDArray[np.bool_]]:
        """Return the words as UTF-8, and which were so, or were made so."""
        sound = np.ones(len(block.words), np.bool_)
        if word_table.is_utf8(block.words):
            return block.words, sound
        return [self._repaired(block, row, sound) for row in range(len(block.words))], sound

    def _repaired(self, block: Block, row: int, sound: NDArray[np.bool_]) -> bytes:
        word = block.words[row]
        try:
            word.decode()
        except UnicodeDecodeError as exc:
            problem = f"{block.place(row)}: a word that is not UTF-8: {exc}"
            sound[row] = self.damage.replace(problem, code="input-word")
            return word.decode(errors="replace").encode()
        return word

    def _finite(
        self, block: Block, sound: NDArray[np.bool_]
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the vectors, and which rows are finite or were made so."""
        finite = np.ones(len(block.words), np.bool_)
        with np.errstate(all="ignore"):
            if np.isfinite(block.vectors.sum(dtype=np.float32)):
                return block.vectors, finite
        bad = np.flatnonzero(~np.isfinite(block.vectors).all(axis=1) & sound)
        if not len(bad):
            return block.vectors, finite
        vectors = np.array(block.vectors)
        for row in bad.tolist():
            column = int(np.flatnonzero(~np.isfinite(vectors[row]))[0])
            problem = f"{block.place(row)}: {vectors[row, column]} at position {column}"
            finite[row] = self.damage.replace(problem, code="input-nonfinite")
            vectors[row] = np.nan_to_num(vectors[row], nan=0, posinf=0, neginf=0)
        return vectors, finite

    def _are_wanted(self, words: list[bytes]) -> NDArray[np.bool_]:
        wanted = self._wanted
        if wanted is None:
            return np.ones(len(words), np.bool_)
        self._found.update(wanted.intersection(words))
        return np.fromiter((word in wanted for word in words), np.bool_, len(words))

    def _pick(self, words: list[bytes], kept: NDArray[np.bool_], first: int) -> None:
        """Leave out the rows of words that have another one."""
        if self._kept is not None:
            others = [row for row in np.flatnonzero(kept).tolist() if first + row not in self._kept]
        elif self._choice.duplicates == "first":
            rows = np.flatnonzero(kept).tolist()
            others = [row for row in rows if self._is_seen(words[row])]
        else:
            return
        kept[others] = False
        self.duplicates += len(others)
        left = MOST_SHOWN - len(self.duplicate_words)
        self.duplicate_words += [words[row].decode() for row in itertools.islice(others, left)]

    def _is_seen(self, word: bytes) -> bool:
        before = len(self._seen)
        self._seen.add(word)
        return len(self._seen) == before


def _utf8(word: str) -> bytes:
    """Return a word that somebody asks for as it would stand in a file, if it can."""
    return word.encode("utf-8", "surrogatepass")


def last_rows(blocks: Iterable[Rows]) -> frozenset[int]:
    """Return the numbers of the last rows of all words."""
    last: dict[bytes, int] = {}
    for rows in blocks:
        last.update(zip(rows.words, rows.numbers.tolist(), strict=True))
    return frozenset(last.values())
