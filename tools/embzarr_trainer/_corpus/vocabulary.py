"""Counting words exactly in bounded memory, in one pass over the text.

Each new word gets a provisional number. When there are too many words to hold, they go to a
temporary file, sorted, and numbering begins anew: a word may then have several numbers. At the end
the files are merged, which brings the numbers of a word together.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import operator
import tempfile
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import numpy as np

import embzarr
from embzarr_trainer._corpus.spool import telling_where
from embzarr_trainer._corpus.tokenizers import LINE_END
from embzarr_trainer._loops.numbering_gate import ASCII, LISTED, KnownWords

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from embzarr_trainer._loops.numbering_gate import Alphabet

MOST_WORDS: Final = 4_000_000
"""Different words held at once: about 600 MB."""
BREAK_NUMBER: Final = 0
"""The provisional number of a line end."""
DROPPED: Final = -1
BREAK: Final = -2


class Vocabulary(NamedTuple):
    """The words that are kept, the commonest first; equally common ones as they were met."""

    words: list[str]
    counts: npt.NDArray[np.int64]
    """(words,)"""
    ids: npt.NDArray[np.int32]
    """(provisional numbers,): the place in ``words``, ``DROPPED`` or ``BREAK``."""


class _Kept(NamedTuple):
    rank: tuple[int, int]
    word: str
    numbers: list[int]


class Numbering:
    """Numbers each new word as it is met."""

    def __init__(self, *, most_words: int = MOST_WORDS) -> None:
        """Know the line end alone."""
        self._known = KnownWords(LINE_END)
        self._before = 0
        """How many numbers were given to words that went to files."""
        self._most_words = most_words
        self._runs: list[IO[str]] = []

    @property
    def size(self) -> int:
        """How many numbers were given."""
        return self._before + len(self._known)

    def numbers_of_text(self, text: str) -> npt.NDArray[np.int32]:
        """Return the numbers of the words and line ends of ASCII text, as ``split_words`` cuts."""
        return self._numbers(text.encode("ascii"), ASCII)

    def numbers(self, words: list[str]) -> npt.NDArray[np.int32]:
        """Return the numbers of words and line ends.

        Raises:
            embzarr.InvalidInputError: ``corpus-not-text``, a tokenizer made words that are no text.
        """
        text = "\0".join(words)
        if text.count("\0") != max(len(words) - 1, 0):
            raise embzarr.InvalidInputError("corpus-not-text", "the tokenizer made a NUL character")
        try:
            encoded = text.encode()
        except UnicodeEncodeError as exc:
            raise embzarr.InvalidInputError(
                "corpus-not-text", f"the tokenizer made what UTF-8 cannot hold: {exc}"
            ) from exc
        return self._numbers(encoded, LISTED)

    def _numbers(self, text: bytes, alphabet: Alphabet) -> npt.NDArray[np.int32]:
        found = self._known.numbers(text, alphabet)
        found[found != BREAK_NUMBER] += self._before
        if len(self._known) > self._most_words:
            self._spill()
        return found

    def vocabulary(
        self, counts: npt.NDArray[np.int64], *, min_count: int, max_vocab: int | None
    ) -> Vocabulary:
        """Choose the words to keep.

        Args:
            counts: (numbers,) how often each number was given out.
            min_count: words with fewer occurrences are dropped.
            max_vocab: the most words; None for no bound.

        Raises:
            embzarr.InvalidInputError: ``corpus-no-words``, none is frequent enough.
        """
        kept: list[_Kept] = []
        commonest = 0
        for word, numbers in self._merged():
            count = sum(map(counts.item, numbers))
            commonest = max(commonest, count)
            if count >= min_count:
                kept.append(_Kept((-count, min(numbers)), word, numbers))
        if not kept:
            raise embzarr.InvalidInputError(
                "corpus-no-words",
                f"no word occurs {min_count} times, as min_count= asks; the commonest occurs"
                f" {commonest} times",
            )
        kept.sort(key=operator.attrgetter("rank"))
        return self._numbered(kept[:max_vocab])

    def close(self) -> None:
        """Delete the temporary files."""
        for run in self._runs:
            with contextlib.suppress(OSError):  # what could not be written has been told
                run.close()

    def _numbered(self, kept: list[_Kept]) -> Vocabulary:
        ids = np.full(self.size, DROPPED, np.int32)
        ids[BREAK_NUMBER] = BREAK
        for place, entry in enumerate(kept):
            ids[entry.numbers] = place
        counts = np.fromiter((-entry.rank[0] for entry in kept), np.int64, len(kept))
        return Vocabulary(words=[entry.word for entry in kept], counts=counts, ids=ids)

    def _merged(self) -> Iterator[tuple[str, list[int]]]:
        """Yield each word with all its numbers."""
        if not self._runs:
            yield from ((word, [number]) for word, number in self._held())
            return
        self._spill()
        merged = heapq.merge(*map(_entries, self._runs))
        for word, entries in itertools.groupby(merged, key=operator.itemgetter(0)):
            yield word, [number for _, number in entries]

    def _held(self) -> Iterator[tuple[str, int]]:
        """Yield the words that are in memory, each with its number."""
        words = self._known.words()
        return zip(words[1:], range(self._before + 1, self.size), strict=True)

    def _spill(self) -> None:
        """Write all words to a file, sorted, and forget them."""
        with telling_where():
            run = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - gone with this
            self._runs.append(run)
            run.writelines(f"{json.dumps(entry)}\n" for entry in sorted(self._held()))
            run.seek(0)
        self._before = self.size - 1  # the line end keeps its number
        self._known.clear()


def _entries(run: Iterable[str]) -> Iterator[tuple[str, int]]:
    for line in run:
        word, number = json.loads(line)
        yield word, number
