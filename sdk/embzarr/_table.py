"""The table of a checkpoint: its words, rows and vectors, for questions that passed the door."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments, from_words, spec
from embzarr._reading import (
    BATCH_BYTES,
    SUBWORDS,
    Loaded,
    Neighbours,
    Subwords,
    Words,
    has_subwords,
    nearest,
    views,
)
from embzarr._storage import forks, interrupts, parallel
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._reading import How, Missing, TableReader, Tensors, View, column

_MOST_KEPT = 256 * 1024 * 1024
"""Bytes of vectors that are kept for the next question, where no cache says how many."""
_WORDS_AT_ONCE = 256 * 1024
_MORE = "verify tells all that is damaged, with its rows and words"
"""An error of a read names the first chunk that it met."""
_STREAM_PARTS = 4
"""Three batches of a stream, one of them in use, and what is under way."""
_MANY = 100
"""Of so many words one that is wanted is reason enough to read all at once."""


@contextmanager
def _pointing() -> Iterator[None]:
    """Have an error of damage say where all of it is told."""
    try:
        yield
    except DamagedError as exc:
        if _MORE not in getattr(exc, "__notes__", ()):
            exc.add_note(_MORE)
        raise


class Table:
    """Reads rows by word, by number and by meaning, and keeps what the next question may need."""

    def __init__(
        self, reader: TableReader, tensors: Tensors, *, most_kept: int | None, where: str
    ) -> None:
        """Read nothing yet.

        Args:
            reader: of the words and columns.
            tensors: among which an import of fastText's has its n-grams.
            most_kept: bytes of vectors that are kept for the next question; None for 256 MiB.
            where: the place, as messages name it.
        """
        self.reader = reader
        self._tensors = tensors
        self._most_kept = _MOST_KEPT if most_kept is None else most_kept
        self._where = where

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.reader.manifest.rows

    @property
    def vectors(self) -> column.ColumnReader:
        """The reader of the vectors.

        Raises:
            NotFoundError: code ``table-missing``.
        """
        return self.reader.column(spec.VECTORS)

    @property
    def row_bytes(self) -> int:
        """Bytes of a vector."""
        return self.vectors.shape[1] * self.vectors.dtype.itemsize

    @forks.cached_property
    def neighbours(self) -> Neighbours:
        """Who looks through the vectors for the nearest."""
        return Neighbours(self.vectors, most_kept=self._most_kept)

    def forget(self) -> None:
        """Let go of the words and vectors that are kept."""
        for kept in ("words", "subwords"):
            vars(self).pop(kept, None)
        if "neighbours" in vars(self):
            self.neighbours.close()

    # Words ----------------------------------------------------------------------------------------
    @forks.cached_property
    def words(self) -> Sequence[str]:
        """All words in row order, read at once and kept."""
        return Words(interrupts.apart(lambda: self.reader.vocabulary.words(0, len(self))))

    def each_word(self) -> Iterator[str]:
        """Yield the words in row order, read as the loop goes on."""
        if "words" in vars(self):
            return iter(self.words)
        read = self.reader.vocabulary.words
        cuts = list(nearest.batches(len(self), 1, _WORDS_AT_ONCE))
        return itertools.chain.from_iterable(parallel.ahead(lambda cut: read(*cut), cuts))

    def words_of(self, rows: list[int]) -> list[str]:
        """Return the words of rows: one by one, unless all are known or so many are wanted."""
        if "words" in vars(self) or len(rows) * _MANY > len(self):
            return [self.words[row] for row in rows]
        read = self.reader.vocabulary.words
        return parallel.each(lambda row: read(row, row + 1).word(0), rows)

    def rows_of(self, words: Iterable[str], columns: Iterable[str] = ()) -> NDArray[np.int64]:
        """Return the rows of words, -1 where there is none; make ready to read `columns`."""
        return self.reader.find(from_words(words), columns)

    # Rows -----------------------------------------------------------------------------------------
    @_pointing()
    def load(self, asked: list[str], wanted: dict[str, View], missing: Missing) -> Loaded:
        """Return rows by word; of words that are missing what is computed of their n-grams."""
        is_computed = missing == SUBWORDS
        subwords = self.subwords if is_computed else None
        filled: Missing = "zeros" if is_computed else missing
        found = self.reader.load(asked, wanted, missing=filled, where=self._where)
        lost = np.flatnonzero(found.rows < 0)
        if subwords and len(lost) and spec.VECTORS in wanted:
            vectors = subwords.vectors([asked[at] for at in lost])
            dims = wanted[spec.VECTORS].dims
            found.vectors[lost] = vectors if dims is None else vectors[:, dims]
        return found

    @property
    def unknown(self) -> Missing:
        """What is done about a word alone that is not there: its n-grams tell, if there are any."""
        return SUBWORDS if has_subwords(self.reader.manifest.model or {}) else "raise"

    @forks.cached_property
    def subwords(self) -> Subwords:
        """What computes vectors of words that no row has.

        Raises:
            InvalidInputError: code ``input-argument``: there are no n-grams.
        """
        model = self.reader.manifest.model or {}
        return Subwords(self._tensors, model, self.vectors.shape[1], where=self._where)

    @_pointing()
    def stretch(self, first: int, last: int, how: How) -> Loaded:
        """Return the rows from `first` up to, not including, `last`."""
        read = self.reader.range(first, last, views(how))
        words = self.reader.vocabulary.words
        return Loaded(np.arange(first, last), read, lambda: words(first, last))

    @_pointing()
    def between(self, first: bytes, last: bytes | None, limit: int | None, how: How) -> Loaded:
        """Return the rows of words from `first` up to, not including, `last`: the first `limit`."""
        wanted = views(how)
        most = None if limit is None else arguments.whole("limit", limit, least=0)
        words, rows = self.reader.find_between(first, last, wanted, most)
        return Loaded(rows, self.reader.rows(rows, wanted), lambda: words)

    def stream(self, asked: list[str] | range, batch_bytes: int, how: How) -> Iterator[Loaded]:
        """Yield the rows of words, or rows by number, in batches."""
        wanted = views(how)
        if how.get("memory_limit") is not None:
            share = int(how["memory_limit"]) // _STREAM_PARTS
            how, batch_bytes = {**how, "memory_limit": share}, min(batch_bytes, share)
            wanted = views(how)

        def read(first: int, last: int) -> Loaded:
            part = asked[first:last]
            if isinstance(part, range):
                return self.stretch(part.start, part.stop, how)
            return self.load(part, wanted, "raise")

        return self.batches(len(asked), batch_bytes, read)

    def batches(
        self, count: int, batch_bytes: int, read: Callable[[int, int], Loaded]
    ) -> Iterator[Loaded]:
        """Yield what `read` gives of each stretch of `count` rows, the next read ahead."""
        cuts = list(nearest.batches(count, self.row_bytes, batch_bytes))
        return parallel.ahead(lambda cut: read(*cut), cuts)

    def pairs(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield words with their vectors, in bounded memory."""

        def read(first: int, last: int) -> Loaded:
            part = self.stretch(first, last, {})
            _ = part.words  # read ahead, too
            return part

        for part in self.batches(len(self), BATCH_BYTES, read):
            yield from zip(part.words, part.vectors, strict=True)

    # By meaning -----------------------------------------------------------------------------------
    def nearest(
        self, question: nearest.Question, rows: NDArray[np.int64] | range, *, count: int
    ) -> list[tuple[str, float]]:
        """Return the words of `rows` whose vectors are nearest to what is asked, and the cosines.

        Raises:
            WordNotFoundError: code ``word-missing``: a word of the question, without n-grams.
        """
        asked = [word for word, _ in question.words]
        loaded = self.load(asked, views({}), self.unknown)
        target, known = question.target(loaded.vectors), frozenset(loaded.rows.tolist())
        found = self.neighbours.nearest(target, rows, count=count, without=known)
        words = self.words_of([row for row, _ in found])
        return [(word, score) for word, (_, score) in zip(words, found, strict=True)]
