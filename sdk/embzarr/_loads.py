"""Loads and streams of an opened checkpoint: by word, by row, by range, in part or whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack, overload

import numpy as np

from embzarr._format import from_words, lookups, spec
from embzarr._history import LivingStore
from embzarr._reading import Cache, Loaded, TableReader, link_to, nearest, views
from embzarr._storage import interruptible, parallel
from embzarr.errors import InvalidInputError, WordNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._history import Commit
    from embzarr._reading import By, How, Plan
    from embzarr._storage import CountingStore

Missing: TypeAlias = Literal["raise", "skip", "zeros", "nan"]

_VECTORS = (spec.VECTORS,)
_BATCH_BYTES = 8 * 1024 * 1024
_STREAM_PARTS = 4
"""Three batches of a stream, one of them in use, and what is under way."""


class Loads:
    """What a checkpoint gives: words, vectors and columns, each chunk checked as it is read."""

    def __init__(self, store: CountingStore, commit: Commit, *, cache: Cache | None = None) -> None:
        """Wrap a commit; nothing is read."""
        self._store = store
        self._commit = commit
        self._cache = cache
        living = LivingStore(store, commit.number)
        asked = store.identity
        kept = (cache or Cache()).of(asked.text, on_disk=asked.lasting)
        link = link_to(store.capabilities.kind, kept)
        if store.quickest is not None:
            link.learn(1, 0, store.quickest)
        self._reader = TableReader(living, commit.manifest, link)
        self._vectors = commit.manifest.base.arrays[spec.VECTORS]

    def __len__(self) -> int:
        """Return the number of words."""
        return self._commit.manifest.rows

    @property
    def url(self) -> str:
        """Where the checkpoint's store is, without secrets."""
        return self._store.url

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._vectors.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the vectors."""
        return self._reader.column(spec.VECTORS).dtype

    # By word --------------------------------------------------------------------------------------
    @interruptible
    def __contains__(self, word: object) -> bool:
        """Tell whether the vocabulary holds `word`."""
        return isinstance(word, str) and bool(self._rows_of([word], ())[0] >= 0)

    @overload
    def __getitem__(self, words: str) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, words: Sequence[str]) -> NDArray[Any]: ...
    def __getitem__(self, words: str | Sequence[str]) -> NDArray[Any]:
        """Return the vector of a word, shape (dim,), or of a list of words, shape (k, dim).

        Raises:
            WordNotFoundError: code ``word-missing``, with similar words.
        """
        if isinstance(words, str):
            vector: NDArray[Any] = self.load([words]).vectors[0]
            return vector
        return self.load(words).vectors

    @property
    @interruptible
    def words(self) -> list[str]:
        """All words in row order, read anew at each use."""
        return list(self._reader.vocabulary.words(0, len(self)))

    def load(
        self, words: Sequence[str], *, missing: Missing = "raise", **how: Unpack[How]
    ) -> Loaded:
        """Return rows by word, in the caller's order, repeats included.

        Args:
            words: any words.
            missing: ``raise``; ``skip`` them; or ``zeros`` or ``nan`` in their place, with row -1.
            **how: as every load takes them: ``columns``, which to read; and of the vectors
                ``dtype``, such as half precision, ``dims``, a slice, and ``out``, an array to fill
                (interrupted twice, what is under way may still fill some of it);
                and ``memory_limit``, the bytes that may be under way beside the result.

        Raises:
            WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
            InvalidInputError: a keyword that cannot be used, or NaN for whole numbers.
            DamagedError: a chunk is missing, cut or changed; never zeros in its place.
        """
        asked = [words] if isinstance(words, str) else list(words)
        if missing not in {"raise", "skip", "zeros", "nan"}:
            raise InvalidInputError(
                "input-argument", f"missing is raise, skip, zeros or nan; found {missing!r}"
            )
        return self._load(asked, missing, how)

    @interruptible
    def _load(self, asked: list[str], missing: Missing, how: How) -> Loaded:
        wanted = self._reader.expecting(len(asked), views(how))
        rows = self._rows_of(asked, wanted)
        lost = rows < 0
        if not lost.any():
            return Loaded(rows, self._reader.rows(rows, wanted), lambda: asked)
        if missing == "raise":
            raise self._word_missing([asked[place] for place in np.flatnonzero(lost)])
        if missing == "skip":
            kept = [word for word, gone in zip(asked, lost.tolist(), strict=True) if not gone]
            return Loaded(rows[~lost], self._reader.rows(rows[~lost], wanted), lambda: kept)
        filled = self._reader.rows_or(rows, wanted, nan=missing == "nan")
        return Loaded(rows, filled, lambda: asked)

    @interruptible
    def load_range(self, first: str, last: str, **how: Unpack[How]) -> Loaded:
        """Return the rows of all words from `first` up to, not including, `last`.

        Words compare by their UTF-8 bytes, which is the order of their code points, and come back
        in that order.

        Raises:
            InvalidInputError: `first` lies after `last`.
        """
        begin, end = (from_words([word]).utf8(0) for word in (first, last))
        if end < begin:
            raise InvalidInputError("input-argument", f"{first!r} lies after {last!r}")
        return self._between(begin, end, how)

    @interruptible
    def load_prefix(self, prefix: str, **how: Unpack[How]) -> Loaded:
        """Return the rows of all words that begin with `prefix`, in byte order."""
        begin = from_words([prefix]).utf8(0)
        return self._between(begin, lookups.prefix_end(begin), how)

    # By row ---------------------------------------------------------------------------------------
    @interruptible
    def load_rows(self, start: int, stop: int, **how: Unpack[How]) -> Loaded:
        """Return rows `start` up to, not including, `stop`. Reads no byte of the vocabulary.

        Raises:
            InvalidInputError: not ``0 <= start <= stop <= len(self)``.
        """
        self._check_range(start, stop)
        read = self._reader.range(start, stop, views(how))
        words = self._reader.vocabulary.words
        return Loaded(np.arange(start, stop), read, lambda: words(start, stop))

    @interruptible
    def load_part(self, index: int, parts: int, *, by: By = "rows", **how: Unpack[How]) -> Loaded:
        """Return the share of worker `index` of `parts`; the shares are all rows, once each.

        Args:
            index: from 0 to below `parts`.
            parts: number of workers.
            by: equal ``rows``; whole groups of a ``hash`` or ``family`` placement; or equal
                ``weight`` by the column ``counts``, which a Zipf distribution makes far from equal
                rows.
            **how: see `load`.

        Raises:
            InvalidInputError: `index` out of range, no such placement, or no counts.
        """
        return self.load_rows(*self._reader.part(index, parts, by=by), **how)

    def stream(
        self,
        words: Sequence[str] | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
        batch_bytes: int = _BATCH_BYTES,
        **how: Unpack[How],
    ) -> Iterator[Loaded]:
        """Yield rows in batches; the next batch is fetched while one is used.

        Memory: three batches, and what is under way to fill one of them; with a ``memory_limit``
        all of that together, in smaller batches if need be.

        Args:
            words: these, in this order; by default all rows.
            start: first row, of all.
            stop: past the last row; None for all.
            batch_bytes: bytes of vectors in a batch, at least one row.
            **how: see `load`; ``out`` makes no sense here.

        Raises:
            WordNotFoundError: code ``word-missing``.
            InvalidInputError: rows that are not there, or a keyword that cannot be used.
        """
        if "out" in how:
            raise InvalidInputError("input-argument", "a stream yields batches: it takes no out")
        last = len(self) if stop is None else stop
        self._check_range(start, last)
        views(how)
        if how.get("memory_limit") is not None:
            how["memory_limit"] //= _STREAM_PARTS
            batch_bytes = min(batch_bytes, how["memory_limit"])
        row_bytes = self.dim * self.dtype.itemsize
        if words is not None:
            asked = list(words)
            cuts = nearest.batches(len(asked), row_bytes, batch_bytes)
            return parallel.ahead(lambda cut: self.load(asked[slice(*cut)], **how), list(cuts))
        cuts = nearest.batches(last - start, row_bytes, batch_bytes)
        return parallel.ahead(
            lambda cut: self.load_rows(start + cut[0], start + cut[1], **how), list(cuts)
        )

    @interruptible
    def plan(self, wanted: Sequence[str] | range) -> Plan:
        """Return what loading the vectors of words, or of a range of rows, would fetch.

        The lookup and the chunk table are read for it; words that are missing are left out.
        """
        if isinstance(wanted, range):
            self._check_range(wanted.start, wanted.stop)
            rows = np.arange(wanted.start, wanted.stop, wanted.step)
        else:
            rows = self._rows_of(wanted, _VECTORS)
        return self._reader.column(spec.VECTORS).plan(rows[rows >= 0])

    @interruptible
    def to_numpy(self) -> NDArray[Any]:
        """Return all vectors, shape (rows, dim)."""
        return self.load_rows(0, len(self)).vectors

    def _check_range(self, start: int, stop: int) -> None:
        if not 0 <= start <= stop <= len(self):
            raise InvalidInputError(
                "input-argument",
                f"expected 0 <= start <= stop <= {len(self)}, found {start} and {stop}",
            )

    def _rows_of(self, words: Sequence[str], columns: Iterable[str]) -> NDArray[np.int64]:
        return self._reader.find(from_words(list(words)), columns)

    def _between(self, first: bytes, last: bytes | None, how: How) -> Loaded:
        wanted = views(how)
        words, rows = self._reader.find_between(first, last, wanted)
        return Loaded(rows, self._reader.rows(rows, wanted), lambda: words)

    def _word_missing(self, words: list[str]) -> WordNotFoundError:
        near = ", ".join(map(repr, self._reader.vocabulary.suggest(words[0])))
        more = f" and {len(words) - 1} more" if len(words) > 1 else ""
        hint = f"; did you mean {near}?" if near else ""
        return WordNotFoundError(
            "word-missing", f"no word {words[0]!r}{more} among {len(self)} in {self.url}{hint}"
        )
