"""gensim: `KeyedVectors` of a checkpoint, in memory or read by word, and back (``gensim``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from embzarr._format import arguments
from embzarr._writing import save
from embzarr.errors import InvalidInputError
from embzarr.interop._door import Source, common_dtype, loaded_once, needs, opened
from embzarr.interop._rows.stored_matrix import (
    StoredColumns,
    StoredLengths,
    StoredMatrix,
    StoredWords,
    as_objects,
)

with needs("gensim", extra="gensim"):
    from gensim import utils
    from gensim.models import KeyedVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import DTypeLike, NDArray

    from embzarr._checkpoint import Checkpoint

__all__ = ["LazyKeyedVectors", "from_keyed_vectors", "to_keyed_vectors"]

_COUNTS = {"counts": "count"}
"""Columns that gensim knows by another name."""
_DERIVED = frozenset({"sample_int"})
"""What gensim computes anew when it trains."""
_MEMORY_BYTES = 256 * 1024 * 1024


def to_keyed_vectors(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    *,
    missing: str = "raise",
    dtype: DTypeLike | None = None,
) -> Any:  # noqa: ANN401 - gensim has no types
    """Return a `gensim.models.KeyedVectors`, all of it in memory.

    Columns of one value a word come along: ``counts`` as gensim's own attribute ``count``, others
    by their names, for ``get_vecattr``.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        missing: ``raise``, or ``skip`` words that are not there.
        dtype: type of the vectors; by default as they are stored, and bfloat16 as float32.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice.

    Example:
        >>> from embzarr.interop.gensim import to_keyed_vectors
        >>> table = to_keyed_vectors(checkpoint, ["queen", "king"])
        >>> table.index_to_key, table["king"]
        (['queen', 'king'], array([1., 0., 0., 0.], dtype=float32))
    """
    found = opened(checkpoint)
    loaded = loaded_once(
        found,
        words,
        missing=missing,
        columns=found.columns,
        dtype=common_dtype(found.dtype) if dtype is None else dtype,
    )
    table = KeyedVectors(found.dim, dtype=loaded.dtype)
    table.vectors = loaded.vectors
    table.index_to_key = list(loaded.words)
    table.key_to_index = {word: row for row, word in enumerate(loaded.words)}
    table.next_index = len(loaded)
    for name, column in loaded.columns.items():
        if name != "vectors" and column.ndim == 1:
            # What set_vecattr makes, of all words at once.
            table.expandos[_COUNTS.get(name, name)] = as_objects(column)
    return table


def from_keyed_vectors(url: object, keyed_vectors: Any, **options: Any) -> Checkpoint:  # noqa: ANN401 - gensim has no types, and `save` checks its own
    """Save a `gensim.models.KeyedVectors` as a checkpoint, and return that, opened.

    Its attributes of each word become columns: ``count`` is ``counts``, others have their names.

    Args:
        url: where to; see `embzarr.open`.
        keyed_vectors: of a model, its ``wv``.
        **options: those of `embzarr.save`, such as ``step``; ``columns`` and ``counts`` that are
            given take the place of the table's own.

    Raises:
        InvalidInputError: what is no table, or holds keys that are no words, as `embzarr.save` has
            it; nothing was committed.

    Example:
        >>> from embzarr.interop.gensim import from_keyed_vectors, to_keyed_vectors
        >>> saved = from_keyed_vectors(folder, to_keyed_vectors(checkpoint), step=7)
        >>> saved.step, saved["queen"]
        (7, array([0., 1., 0., 0.], dtype=float32))
    """
    if not isinstance(keyed_vectors, KeyedVectors):
        raise arguments.refusal(
            "keyed_vectors", "a gensim KeyedVectors (of a model, its .wv)", keyed_vectors
        )
    names = {theirs: ours for ours, theirs in _COUNTS.items()}
    columns = {
        names.get(name, name): np.asarray(values)
        for name, values in keyed_vectors.expandos.items()
        if name not in _DERIVED
    }
    columns = {
        name: np.array(values.tolist(), str) if values.dtype == object else values
        for name, values in columns.items()
    }
    if options.get("counts") is not None:
        columns.pop("counts", None)
    given = options.pop("columns", None)
    columns.update(given or {})
    words, vectors = keyed_vectors.index_to_key, np.asarray(keyed_vectors.vectors)
    return save(url, words, vectors, columns=columns, **options)


def _refused(name: str) -> Callable[..., NoReturn]:
    def refuse(self: LazyKeyedVectors, *_: object, **__: object) -> NoReturn:
        raise InvalidInputError(
            "input-argument",
            f"{name}: a checkpoint never changes; to_keyed_vectors({self.checkpoint.url!r}) makes "
            "a table in memory that may",
        )

    return refuse


class LazyKeyedVectors(KeyedVectors):  # type: ignore[misc]  # gensim has no types
    """gensim's `KeyedVectors` over a store: vectors are read by word, when they are asked for.

    It is gensim's own class, so that its answers are gensim's: only where words, rows and lengths
    come from is ours. Looking up words reads their vectors; `most_similar` reads all of the
    vectors, or the first ones with ``restrict_vocab``, once if they take up to `memory_bytes`, else
    in a pass for each question. Evaluations and neighbours read the vocabulary, too. Nothing can be
    changed. It can be pickled.

    Args:
        checkpoint: one that is open, or the place of a run.
        memory_bytes: of vectors that may be kept: those that were asked for by word, and as many
            again of the first rows.

    Example:
        >>> from embzarr.interop.gensim import LazyKeyedVectors
        >>> lazy = LazyKeyedVectors(checkpoint)
        >>> lazy.similarity("king", "queen"), "emperor" in lazy
        (np.float32(0.0), False)
        >>> lazy.doesnt_match(["king", "king", "queen"])
        'queen'
    """

    def __init__(self, checkpoint: Source, *, memory_bytes: int = _MEMORY_BYTES) -> None:
        """Know what there is; nothing is read but the manifest."""
        self.checkpoint = opened(checkpoint)
        self.memory_bytes = arguments.whole("memory_bytes", memory_bytes, least=0)
        self.vector_size = self.checkpoint.dim
        self.vectors = StoredMatrix(self.checkpoint, self.memory_bytes)
        self.norms = StoredLengths(self.vectors)
        self.key_to_index: Any = StoredWords(self.checkpoint)
        self.next_index = len(self.checkpoint)
        self.expandos = StoredColumns(self.checkpoint, _COUNTS)
        self.mapfile_path = None
        self._listed: list[str] = []
        """All words, while an evaluation goes over them again and again."""

    def __reduce__(self) -> tuple[Callable[..., LazyKeyedVectors], tuple[Checkpoint, int]]:
        """Pickle how the store is opened; none of what is kept."""
        return _unpickled, (self.checkpoint, self.memory_bytes)

    @property
    def index_to_key(self) -> Sequence[str]:
        """All words in row order, read when first asked for."""
        return self._listed or self.checkpoint.words

    def __len__(self) -> int:
        """Return the number of words, which the manifest knows."""
        return len(self.checkpoint)

    def prefetch(self, keys: Iterable[object]) -> None:
        """Read the vectors of many words side by side, to be kept for what is asked next."""
        stored = self.key_to_index
        if isinstance(stored, StoredWords):  # else an evaluation has read all words
            new = [
                key
                for key in dict.fromkeys(keys)
                if isinstance(key, str) and not stored.knows(key) and arguments.is_word(key)
            ]
            found = self.checkpoint.load(new, missing="zeros", dtype=self.vectors.dtype)
            stored.learn(new, found.rows)
            there = found.rows >= 0
            self.vectors.learn(found.rows[there], found.vectors[there])

    # What gensim asks for key by key, asked for at once -------------------------------------------
    def __getitem__(self, key_or_keys: Any) -> NDArray[Any]:  # noqa: ANN401 - as gensim takes it
        """Return the vector of a key, or those of a list of keys."""
        if isinstance(key_or_keys, str | int | np.integer):
            return self.get_vector(key_or_keys)
        listed = list(key_or_keys)
        self.prefetch(listed)
        return np.vstack([self.get_vector(key) for key in listed])

    def get_index(self, key: Any, default: int | None = None) -> int:  # noqa: ANN401 - as gensim takes it
        """Return the row of a key; a number is one."""
        if isinstance(key, int | np.integer) and 0 <= key < len(self):
            return int(key)
        row: int = super().get_index(key, default)
        return row

    def get_vector(self, key: Any, norm: bool = False) -> NDArray[Any]:  # noqa: ANN401, FBT001, FBT002 - as gensim takes it
        """Return the vector of a key, with `norm` at length 1."""
        self.prefetch([key])
        vector: NDArray[Any] = super().get_vector(key, norm=norm)
        return vector

    def get_mean_vector(self, keys: Any, *args: Any, **options: Any) -> NDArray[Any]:  # noqa: ANN401 - as gensim takes it
        """Return the mean of the vectors of keys, and of vectors among them."""
        self.prefetch(key for key in keys if isinstance(key, str))
        mean: NDArray[Any] = super().get_mean_vector(keys, *args, **options)
        return mean

    def distances(self, word_or_vector: Any, other_words: Any = ()) -> NDArray[Any]:  # noqa: ANN401 - as gensim takes it
        """Return one minus the cosine with each of other words, or with all."""
        listed = list(other_words) if other_words else ()
        self.prefetch(listed)
        found: NDArray[Any] = super().distances(word_or_vector, listed)
        return found

    def rank_by_centrality(self, words: Any, use_norm: bool = True) -> list[tuple[float, str]]:  # noqa: ANN401, FBT001, FBT002 - as gensim takes it
        """Return words with their cosines with the mean of them all, the highest first."""
        self.prefetch(words)
        ranked: list[tuple[float, str]] = super().rank_by_centrality(words, use_norm)
        return ranked

    def most_similar_to_given(self, key1: str, keys_list: Any) -> Any:  # noqa: ANN401 - as gensim takes it
        """Return the one of a list that is most similar to a key."""
        self.prefetch([key1, *keys_list])
        return super().most_similar_to_given(key1, keys_list)

    def vectors_for_all(self, keys: Iterable[Any], *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as gensim takes it
        """Return a table in memory of those of the keys that there are."""
        listed = list(keys)
        self.prefetch(listed)
        return super().vectors_for_all(listed, *args, **options)

    def fill_norms(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - as gensim takes it
        """Do nothing: lengths are computed of the rows that are asked for."""

    # Evaluations, which ask for the row of every word ---------------------------------------------
    def evaluate_word_pairs(
        self,
        pairs: Any,  # noqa: ANN401 - a path or a file
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,  # noqa: FBT001, FBT002 - as gensim takes it
        dummy4unknown: bool = False,  # noqa: FBT001, FBT002 - as gensim takes it
    ) -> Any:  # noqa: ANN401 - gensim has no types
        """Compare cosines with what people said, as gensim does; reads the pairs' vectors alone."""
        with utils.open(pairs, encoding=encoding) as lines:
            asked = {word for line in lines for word in line.split(delimiter)}
        fold = str.upper if case_insensitive else str
        folded = {fold(word) for word in asked}
        first: dict[str, str] = {}
        for word in self.index_to_key[:restrict_vocab]:
            if fold(word) in folded:
                first.setdefault(fold(word), word)
        self.prefetch(first.values())
        evaluate = super().evaluate_word_pairs
        settings = (delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown)
        return self._knowing_all(lambda: evaluate(pairs, *settings))

    def evaluate_word_analogies(self, analogies: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as gensim takes it
        """Answer analogies as gensim does; reads the first ``restrict_vocab`` vectors once."""
        evaluate = super().evaluate_word_analogies
        return self._knowing_all(lambda: evaluate(analogies, *args, **options))

    def _knowing_all(self, evaluate: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it returns
        kept, self._listed = self.key_to_index, list(self.checkpoint.words)
        self.key_to_index = {word: row for row, word in enumerate(self._listed)}
        try:
            return evaluate()
        finally:
            self.key_to_index, self._listed = kept, []

    # What would change it -------------------------------------------------------------------------
    add_vector = _refused("add_vector")
    add_vectors = _refused("add_vectors")
    __setitem__ = _refused("__setitem__")
    allocate_vecattrs = _refused("allocate_vecattrs")
    set_vecattr = _refused("set_vecattr")
    resize_vectors = _refused("resize_vectors")
    sort_by_descending_frequency = _refused("sort_by_descending_frequency")
    unit_normalize_all = _refused("unit_normalize_all")
    intersect_word2vec_format = _refused("intersect_word2vec_format")


def _unpickled(checkpoint: Checkpoint, memory_bytes: int) -> LazyKeyedVectors:
    return LazyKeyedVectors(checkpoint, memory_bytes=memory_bytes)
