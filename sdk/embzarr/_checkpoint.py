"""An opened checkpoint: what it is, a mapping from words to vectors, and whether it is sound."""

from __future__ import annotations

from collections.abc import KeysView, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, get_args, overload

import numpy as np

from embzarr._format import arguments, lookups, spec
from embzarr._history import LivingStore, describe
from embzarr._reading import (
    BATCH_BYTES,
    By,
    Cache,
    Files,
    Missing,
    TableReader,
    Tensors,
    Values,
    as_array,
    link_to,
    nearest,
    pages,
    views,
)
from embzarr._redact import html_facts
from embzarr._storage import interruptible, interrupts
from embzarr._table import Table
from embzarr._verify import losses, verifying
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from embzarr import _group
    from embzarr._history import CheckpointInfo, Commit
    from embzarr._reading import How, Loaded, Plan
    from embzarr._storage import CountingStore, Traffic
    from embzarr._verify import VerifyReport

T = TypeVar("T")

_VECTORS = (spec.VECTORS,)
_SPARED = 4 * 1024
"""Bytes that many processes together read over at most, each time. With 64 KiB a thousand scattered
words of a million would take half the requests, and two and a half times the bytes."""


class Checkpoint:
    """One committed step of a run. Made by `embzarr.open` and `embzarr.save`.

    It never changes: commits made later do not show in it. Every chunk that it reads is checked
    against its CRC-32C. It may be used from many threads, in forked children, and by whoever
    unpickles it.

    It is a `collections.abc.Mapping` of words to vectors, and an array of these. It equals itself
    alone: vectors are compared as arrays are.

    Example:
        >>> checkpoint = embzarr.open(url)
        >>> checkpoint["queen"]
        array([0., 1., 0., 0.], dtype=float32)
        >>> len(checkpoint), checkpoint.shape, "emperor" in checkpoint
        (4, (4, 4), False)
    """

    def __init__(
        self,
        store: CountingStore,
        commit: Commit,
        *,
        cache: Cache | None = None,
        widest: int | None = None,
    ) -> None:
        """Wrap a commit; nothing is read.

        Args:
            store: where it is.
            commit: its manifest.
            cache: what keeps chunks that were read.
            widest: bytes between two chunks that are read over at most, so as to send one request
                less; by default as many as take no longer.
        """
        self._store = store
        self._commit = commit
        self._cache = cache
        self._widest = widest
        living = LivingStore(store, commit.number)
        asked = store.identity
        kept = (cache or Cache()).of(asked.text, on_disk=asked.lasting)
        link = link_to(store.capabilities.kind, kept, widest=widest)
        if store.quickest is not None:
            link.learn(1, 0, store.quickest)
        tensors, files = pages.contents(living, commit.manifest)
        self.tensors = Tensors(living, tensors, link)
        """Named tensors of any shape: a mapping of which nothing is read before it is asked for."""
        self.files = Files(living, files, link)
        """Named files: a mapping of which nothing is read before it is asked for."""
        self._table = Table(
            TableReader(living, commit.manifest, link),
            self.tensors,
            most_kept=None if cache is None else cache.memory_bytes,
            where=store.url,
        )

    def __reduce__(self) -> tuple[Callable[..., Checkpoint], tuple[CountingStore, Commit]]:
        """Pickle and copy how the store is opened, the manifest, and the settings of its cache.

        To be unpickled takes no request. Where the commit was given up by then, reading from it is
        a `NotFoundError` with code ``commit-expired``.
        """
        again = partial(type(self), cache=self._cache, widest=self._widest)
        return again, (self._store, self._commit)

    @property
    def step(self) -> int:
        """The step that was saved."""
        return self._commit.manifest.step

    @property
    def commit(self) -> int:
        """Number of the commit in the run's history, from 1."""
        return self._commit.number

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the row-aligned columns, ``vectors`` first."""
        return tuple(self._commit.manifest.base.columns)

    @property
    def metadata(self) -> dict[str, Any]:
        """What the writer said of the checkpoint; a copy."""
        return deepcopy(self._commit.manifest.metadata)

    @property
    def model(self) -> dict[str, Any]:
        """What the writer said of the model that tensors and files make; a copy."""
        return deepcopy(self._commit.manifest.model or {})

    def info(self) -> CheckpointInfo:
        """Return sizes, codecs, layers and all else that the manifest says.

        Nothing is read but the pages of a manifest that is split, as one of 10^9 words is.

        Example:
            >>> checkpoint.info().step
            100
        """
        whole = pages.whole(self._store, self._commit.manifest)
        return describe.of_checkpoint(replace(self._commit, manifest=whole))

    @property
    def traffic(self) -> Traffic:
        """Requests, bytes and dependent round trips since the checkpoint was opened."""
        return self._store.traffic()

    def __repr__(self) -> str:
        """Return place, step and size; nothing is read."""
        held = describe.held(self._commit)
        place = f"{self._store.url} step {self.step} (commit {self.commit})"
        return f"<embzarr.Checkpoint {place}: {held}>"

    def _repr_html_(self) -> str:
        """Return a small table for notebooks; nothing is read."""
        facts = {"place": self.url, **describe.facts(self._commit)}
        return html_facts("embzarr checkpoint", facts)

    @property
    def url(self) -> str:
        """Where the checkpoint's store is, without secrets."""
        return self._store.url

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._table.vectors.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the vectors."""
        return self._table.vectors.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers in a vector."""
        return len(self), self.dim

    @property
    def ndim(self) -> int:
        """Two, as of any matrix."""
        return len(self.shape)

    def __enter__(self) -> Self:
        """Return the checkpoint itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Let go of the words and vectors that are kept in memory; what is read next reads them.

        Nothing must be closed: no file or connection of the checkpoint's own stays open.

        Example:
            >>> with embzarr.open(url) as checkpoint:  # closes it
            ...     vector = checkpoint["king"]
        """
        self._table.forget()

    # By word --------------------------------------------------------------------------------------
    def __len__(self) -> int:
        """Return the number of words."""
        return len(self._table)

    @interruptible
    def __contains__(self, word: object) -> bool:
        """Tell whether the vocabulary holds `word`."""
        listed = [arguments.word("word", word)] if arguments.is_word(word) else []
        return bool(np.any(self._table.rows_of(listed) >= 0))

    def __iter__(self) -> Iterator[str]:
        """Yield the words in row order, in bounded memory: they are read as the loop goes on."""
        return self._table.each_word()

    __reversed__ = None
    """As Python wants it said of what has a length and items, but no order of numbers."""

    @overload
    def __getitem__(self, words: str | bytes) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, words: Iterable[str | bytes]) -> NDArray[Any]: ...
    def __getitem__(self, words: bytes | Iterable[str | bytes]) -> NDArray[Any]:
        """Return the vector of a word, shape (dim,), or of a list of words, shape (k, dim).

        Rows are not asked for so, since a number may be a word: ``load_rows(0, 10)`` has them.

        Raises:
            WordNotFoundError: code ``word-missing``, with similar words.
            InvalidInputError: what cannot be a word, or a set, which has no order.
        """
        vectors: NDArray[Any] = self.load(words).vectors
        return vectors[0] if isinstance(words, str | bytes) else vectors

    def get(self, word: str | bytes, default: T | None = None) -> NDArray[Any] | T | None:
        """Return the vector of a word, or `default` where the vocabulary does not hold it.

        Example:
            >>> checkpoint.get("emperor", np.zeros(4))
            array([0., 0., 0., 0.])
        """
        loaded = self.load(arguments.word("word", word), missing="skip")
        return loaded.vectors[0] if len(loaded) else default

    def keys(self) -> KeysView[str]:
        """Return the words as a mapping has them: to loop over, and to ask what is among them.

        Example:
            >>> list(checkpoint.keys())
            ['king', 'queen', 'man', 'woman']
        """
        return KeysView(self)

    def values(self) -> Values[NDArray[Any]]:
        """Return the vectors in row order; a loop streams them, in bounded memory.

        Example:
            >>> [int(vector.argmax()) for vector in checkpoint.values()]
            [0, 1, 2, 3]
        """
        return Values(len(self), lambda: (row for part in self.stream() for row in part.vectors))

    def items(self) -> Values[tuple[str, NDArray[Any]]]:
        """Return words with their vectors; a loop streams them, in bounded memory.

        ``dict(checkpoint.items())`` reads everything once; ``dict(checkpoint)`` would ask for each
        word by itself.

        Example:
            >>> {word: int(vector.argmax()) for word, vector in checkpoint.items()}
            {'king': 0, 'queen': 1, 'man': 2, 'woman': 3}
        """
        return Values(len(self), self._table.pairs)

    @property
    def words(self) -> Sequence[str]:
        """All words in row order: read when first asked for, and kept, as UTF-8, from then on.

        They behave as a list that cannot be changed: ``checkpoint.words.index("king")`` is a row.
        """
        return self._table.words

    def load(
        self,
        words: bytes | Iterable[str | bytes],
        *,
        missing: Missing = "raise",
        **how: Unpack[How],
    ) -> Loaded:
        """Return rows by word, in the caller's order, repeats included.

        Args:
            words: any words, as texts or their UTF-8; one alone is a list of one. Not a set, whose
                order nobody knows.
            missing: ``raise``; ``skip`` them; or ``zeros`` or ``nan`` in their place, with row -1;
                or ``subwords``, vectors that are computed of their n-grams, which an import of
                fastText's ``.bin``, of a table of floret or of finalfusion has.
            **how: as every load takes them: ``columns``, which to read; and of the vectors
                ``dtype``, such as half precision, ``dims``, a slice, and ``out``, an array to fill
                (interrupted twice, what is under way may still fill some of it);
                and ``memory_limit``, the bytes that may be under way beside the result.

        Raises:
            WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
            InvalidInputError: a keyword that cannot be used, or NaN for whole numbers.
            DamagedError: a chunk is missing, cut or changed; never zeros in its place.

        Example:
            >>> loaded = checkpoint.load(["queen", "emperor"], missing="zeros")
            >>> loaded.words, loaded.rows, loaded.vectors
            (('queen', 'emperor'), array([ 1, -1]), array([[0., 1., 0., 0.],
                   [0., 0., 0., 0.]], dtype=float32))
        """
        asked = arguments.words("words", words)
        arguments.choice("missing", missing, get_args(Missing))
        wanted = views(how)
        return interrupts.apart(lambda: self._table.load(asked, wanted, missing))

    def get_vector(
        self,
        word: str | bytes,
        unknown: Callable[[str], NDArray[Any]] | None = None,
    ) -> NDArray[Any]:
        """Return the vector of a word, and of one that no row has what is made of it.

        Args:
            word: any.
            unknown: makes a vector, shape (dim,), of a word that is not there; by default its
                n-grams do, which an import of fastText's ``.bin``, of a table of floret or of
                finalfusion has: of them only the rows that it needs are read.

        Raises:
            WordNotFoundError: code ``word-missing``: there are no n-grams, and no `unknown`.
            InvalidInputError: code ``input-shape``: `unknown` made something else.

        Example:
            >>> checkpoint.get_vector("emperor", lambda word: np.full(4, len(word)))
            array([7, 7, 7, 7])
        """
        asked = arguments.word("word", word)
        loaded = self.load(asked, missing="skip")
        if len(loaded):
            return np.asarray(loaded.vectors[0])
        if unknown is None:
            return np.asarray(self.load(asked, missing=self._table.unknown).vectors[0])
        made = np.asarray(unknown(asked))
        if made.shape != (self.dim,):
            raise InvalidInputError(
                "input-shape", f"unknown: expected shape ({self.dim},), found {made.shape}"
            )
        return made

    @interruptible
    def load_range(
        self, first: str | None, last: str | None, *, limit: int | None = None, **how: Unpack[How]
    ) -> Loaded:
        """Return the rows of all words from `first` up to, not including, `last`.

        Words compare by their UTF-8 bytes, which is the order of their code points, and come back
        in that order. None leaves an end open: ``load_range("inter", None)`` is every word from
        "inter" on.

        Args:
            first: the first word, or what would lie before it.
            last: what lies behind the last one.
            limit: no more than so many words, the first ones; by default all.
            **how: see `load`.

        Raises:
            InvalidInputError: `first` lies after `last`.

        Example:
            >>> checkpoint.load_range("l", "r").words  # from one, up to another
            ('man', 'queen')
        """
        begin = b"" if first is None else arguments.word("first", first).encode()
        end = None if last is None else arguments.word("last", last).encode()
        if end is not None and end < begin:
            raise InvalidInputError("input-argument", f"{first!r} lies after {last!r}")
        return self._table.between(begin, end, limit, how)

    @interruptible
    def load_prefix(self, prefix: str, *, limit: int | None = None, **how: Unpack[How]) -> Loaded:
        """Return the rows of all words that begin with `prefix`, in byte order.

        Args:
            prefix: any text.
            limit: no more than so many words, the first ones; by default all.
            **how: see `load`.

        Example:
            >>> checkpoint.load_prefix("ki").words
            ('king',)
        """
        begin = arguments.word("prefix", prefix).encode()
        return self._table.between(begin, lookups.prefix_end(begin), limit, how)

    # By row ---------------------------------------------------------------------------------------
    @interruptible
    def load_rows(self, start: int | None, stop: int | None, **how: Unpack[How]) -> Loaded:
        """Return rows `start` up to, not including, `stop`. Reads no byte of the vocabulary.

        They are those of the slice ``start:stop``: no more than there are, counted from the end
        where a number is negative, from the first or to the last where it is None.

        Example:
            >>> checkpoint.load_rows(0, 2).words
            ('king', 'queen')
        """
        return self._table.stretch(*arguments.rows(start, stop, of=len(self)), how)

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

        Example:
            >>> [checkpoint.load_part(worker, 2).words for worker in range(2)]
            [('king', 'queen'), ('man', 'woman')]
        """
        count = arguments.whole("parts", parts, least=1)
        number = arguments.whole("index", index, least=0, most=count - 1)
        arguments.choice("by", by, get_args(By))
        return self.load_rows(*self._table.reader.part(number, count, by=by), **how)

    def stream(
        self,
        words: bytes | Iterable[str | bytes] | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
        batch_bytes: int = BATCH_BYTES,
        **how: Unpack[How],
    ) -> Iterator[Loaded]:
        """Yield rows in batches; the next batch is fetched while one is used.

        Memory: three batches, and what is under way to fill one of them; with a ``memory_limit``
        all of that together, in smaller batches if need be.

        Args:
            words: these, in this order; by default all rows.
            start: first row, of all; with `stop` as `load_rows` takes them.
            stop: past the last row; None for all.
            batch_bytes: bytes of vectors in a batch, at least one row.
            **how: see `load`; ``out`` makes no sense here.

        Raises:
            WordNotFoundError: code ``word-missing``.
            InvalidInputError: a keyword that cannot be used.

        Example:
            >>> sum(len(batch) for batch in checkpoint.stream())
            4
        """
        if "out" in how:
            raise InvalidInputError("input-argument", "a stream yields batches: it takes no out")
        first, last = arguments.rows(start, stop, of=len(self))
        nbytes = arguments.whole("batch_bytes", batch_bytes, least=0)
        asked = range(first, last) if words is None else arguments.words("words", words)
        return self._table.stream(asked, nbytes, how)

    @interruptible
    def plan(self, wanted: bytes | Iterable[str | bytes] | range) -> Plan:
        """Return what loading the vectors of words, or of a range of rows, would fetch.

        The lookup and the chunk table are read for it; words and rows that are missing are left
        out.

        Example:
            >>> checkpoint.plan(["king", "queen"]).requests
            1
        """
        if isinstance(wanted, range):
            rows = np.arange(wanted.start, wanted.stop, wanted.step)
        else:
            listed = arguments.words_in_any_order("wanted", wanted)
            rows = self._table.rows_of(listed, _VECTORS)
        return self._table.vectors.plan(rows[(rows >= 0) & (rows < len(self))])

    @interruptible
    def stored_sizes(
        self, array: str = spec.VECTORS, *, layer: int = 0, shard: int | None = None
    ) -> NDArray[np.int64]:
        """Return how many bytes each shard of an array takes, or each chunk in one shard.

        The manifest tells of shards, and nothing but its pages is read for them; for chunks the
        part of the chunk table that tells of them is.

        Args:
            array: its name, as `info` lists it.
            layer: which of the checkpoint's layers, from 0, the oldest.
            shard: of which to return the chunks; by default all shards are returned.

        Returns:
            int64 of shape (shards,) or (chunks,).

        Raises:
            InvalidInputError: there is no such layer, array or shard.

        Example:
            >>> len(checkpoint.stored_sizes()), len(checkpoint.stored_sizes(shard=0))
            (1, 1)
        """
        return self._table.reader.stored_sizes(layer, array, shard)

    def to_numpy(self) -> NDArray[Any]:
        """Return all vectors, shape (rows, dim).

        Example:
            >>> checkpoint.to_numpy().trace()
            np.float32(4.0)
        """
        return self.load_rows(None, None).vectors

    def __array__(
        self, dtype: DTypeLike | None = None, *, copy: bool | None = None
    ) -> NDArray[Any]:
        """Return all vectors for ``numpy.asarray(checkpoint)``."""
        if copy is False:
            raise InvalidInputError("input-argument", "copy=False: reading makes a new array")
        return as_array(self.to_numpy(), dtype)

    # By meaning -----------------------------------------------------------------------------------
    @interruptible
    def most_similar(
        self,
        positive: bytes | Iterable[str | bytes | NDArray[Any] | tuple[Any, float]] | None = None,
        *,
        negative: bytes | Iterable[str | bytes | NDArray[Any]] | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
        restrict: Iterable[str | bytes] | None = None,
    ) -> list[tuple[str, float]]:
        """Return the words whose vectors have the largest cosine with what is asked for.

        ``most_similar("king")``, or by analogy, as gensim does it:
        ``most_similar(positive=["king", "woman"], negative=["man"])``. The words of the question
        are left out of the answer. A word that is not there is looked for by its n-grams, as
        `get_vector` does.

        All vectors, or the first ones with `restrict_vocab`, are kept in memory for the next
        question if they take up to 256 MiB as they are stored, or up to the ``memory_bytes`` of the
        `Cache` that the checkpoint was opened with. Else each question reads them in one pass, and
        memory is three batches. Their lengths are computed once, and take four bytes a row.

        Args:
            positive: a word, or a vector of shape (dim,), or a list of such, or of pairs of one and
                its weight, which may be negative. Of several the mean is asked for: of words that
                of their directions, of vectors as they are.
            negative: the same, without weights, turned round.
            topn: how many words.
            restrict_vocab: look at so many of the first rows alone, which are the commonest words
                where rows go by frequency; by default at all.
            restrict: look at these words alone, in any order.

        Raises:
            WordNotFoundError: code ``word-missing``: a word of the question, where there are no
                n-grams, or of `restrict`.
            InvalidInputError: a vector of another shape, nothing that is asked for, a negative
                `topn`, or both ways to restrict.

        Example:
            >>> checkpoint.most_similar(positive=["king", "woman"], negative=["man"], topn=1)
            [('queen', 0.0)]
        """
        question = nearest.question(positive, negative, dim=self.dim)
        count = arguments.whole("topn", topn, least=0)
        if restrict is None:
            first = len(self) if restrict_vocab is None else restrict_vocab
            rows = range(len(self))[: arguments.whole("restrict_vocab", first, least=0)]
            return self._table.nearest(question, rows, count=count)
        if restrict_vocab is not None:
            raise InvalidInputError("input-argument", "give one of restrict and restrict_vocab")
        among = self.load(arguments.words_in_any_order("restrict", restrict), columns=()).rows
        return self._table.nearest(question, among, count=count)

    @interruptible
    def similarity(self, a: str | bytes, b: str | bytes) -> float:
        """Return the cosine of the vectors of two words, or of what `get_vector` makes of them.

        Example:
            >>> checkpoint.similarity("king", "queen")
            0.0
        """
        asked = [arguments.word("a", a), arguments.word("b", b)]
        first, second = self.load(asked, missing=self._table.unknown).vectors
        return nearest.cosine(first, second)

    # As a whole -----------------------------------------------------------------------------------
    @interruptible
    def verify(
        self, *, quick: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> VerifyReport:
        """Read everything and compare it with the manifest: SHA-256, CRC-32C, metadata, words.

        Memory: 64 MiB, and the vocabulary.

        Args:
            quick: look only whether each object is there and has its size; no byte of it is read.
            progress: called with the bytes done and the bytes in all.

        Example:
            >>> checkpoint.verify().ok
            True
        """
        return verifying.verify(self._store, self._commit, quick=quick, progress=progress)

    @interruptible
    def lost_rows(self, report: VerifyReport, column: str = "vectors") -> NDArray[np.int64]:
        """Return the rows of a column that cannot be read any more, as `verify` found: all of them.

        Their words are ``[checkpoint.words[row] for row in rows]`` where words are sound. A row
        that a newer delta holds anew can be read, and is not among them.

        Args:
            report: what `verify` returned of this checkpoint, not a quick one.
            column: its name.

        Returns:
            Row numbers, int64 of shape (k,), rising.

        Example:
            >>> checkpoint.lost_rows(checkpoint.verify())
            array([], dtype=int64)
        """
        layers = self._commit.manifest.layers
        return losses.lost_rows(self._store, layers, report.problems, column)

    @interruptible
    def group(self) -> _group.Group:
        """Return the step as a plain, read-only Zarr group.

        It holds what the manifest lists: metadata is made from that, and a shard that is listed and
        is not there, is cut, or holds chunks or an index with other checksums than were recorded is
        a `DamagedError`, never zeros. Zarr compares the chunks with their checksums.

        Of a delta it is the group of the newest layer, which holds what the delta changed: in
        ``rows/vectors`` the row numbers, in ``vectors`` the rows. The attribute ``embzarr`` names
        the layer ``below`` it.

        Example:
            >>> checkpoint.group()["vectors"].shape
            (4, 4)
        """
        from embzarr import _group  # noqa: PLC0415 - importing zarr takes longer than a load

        return _group.open_group(self._store, self._commit)


Mapping.register(Checkpoint)  # not inherited: two would be compared by reading all vectors of both


def sparing(checkpoint: Checkpoint) -> Checkpoint:
    """Return the same for one of many processes that share the way to a store.

    Alone, what lies between two chunks is read over where that takes no longer than to ask twice;
    where others wait for the same link, those bytes are theirs.
    """
    store, commit = checkpoint._store, checkpoint._commit  # noqa: SLF001 - of this module
    return Checkpoint(store, commit, cache=checkpoint._cache, widest=_SPARED)  # noqa: SLF001
