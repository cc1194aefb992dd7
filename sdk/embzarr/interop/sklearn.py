"""scikit-learn: estimators, texts as means of vectors, and analyses as tables (``sklearn``)."""

from __future__ import annotations

import copyreg
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

import numpy as np

from embzarr._checkpoint import Checkpoint
from embzarr._format import arguments
from embzarr._open import open_checkpoint
from embzarr.errors import InvalidInputError
from embzarr.interop._door import Source, needs, opened
from embzarr.interop._frameworks.lsa import embedding, save_embedding
from embzarr.interop._frameworks.sklearn_models import load, save

with needs("scikit-learn", extra="sklearn"):
    from scipy.sparse import csr_matrix
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._reading import Loaded

__all__ = ["WordVectorizer", "embedding", "load", "save", "save_embedding"]

_WEIGHTINGS = ("mean", "tfidf", "sif")
_FREQUENCIES = ("texts", "counts")
_UNSEEN = ("load", "ignore")


class WordVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A transformer from texts to vectors: the weighted mean of the vectors of a text's words.

    `fit` loads the vectors of the words of its texts, and nothing else, from the store. A text
    without any known word is zeros. The result is float32, of shape (texts, dim), and float64 where
    the vectors are. `save` keeps it, also in a pipeline, with the place of its checkpoint, which is
    opened again, by this machine's own keys, once `transform` meets a word that is new.

    Args:
        checkpoint: one that is open, or the place of a run, whose newest `fit` takes. A clone uses
            the same open checkpoint.
        weighting: ``mean``; ``tfidf``, where a word counts by how few of the fitted texts hold it,
            smoothed as `sklearn.feature_extraction.text.TfidfVectorizer` does it; or ``sif``,
            smooth inverse frequency: a word that is the share p of all words counts
            ``smoothing / (smoothing + p)``, and what all texts have in common is taken out.
        tokenizer: cuts a text into words; by default at blanks, as `str.split`. Texts that are
            lists of words already are taken as they are.
        smoothing: of ``sif``.
        components: of ``sif``: how many of the fitted texts' principal directions are taken out.
        frequencies: where ``sif`` has p from: the fitted ``texts``, or the checkpoint's column
            ``counts``, all of which is read for it.
        unseen: what `transform` does about words that no fitted text has: ``load`` their vectors,
            for that call, or ``ignore`` them.

    Attributes:
        vocabulary_: the words that were loaded, and the rows of `vectors_`.
        vectors_: their vectors, shape (words, dim).
        weights_: how much each counts, shape (words,).
        components_: the directions that are taken out, shape (components, dim).

    Raises:
        InvalidInputError: from `fit` and `transform`: a setting or texts that cannot be used.

    Example:
        >>> from embzarr.interop.sklearn import WordVectorizer
        >>> vectorizer = WordVectorizer(checkpoint).fit(["king queen king", "woman"])
        >>> vectorizer.transform(["king queen", "man man", "emperor"])
        array([[0.5, 0.5, 0. , 0. ],
               [0. , 0. , 1. , 0. ],
               [0. , 0. , 0. , 0. ]], dtype=float32)
        >>> sorted(vectorizer.vocabulary_)
        ['king', 'queen', 'woman']
    """

    def __init__(
        self,
        checkpoint: Source,
        *,
        weighting: str = "mean",
        tokenizer: Callable[[str], Iterable[str]] | None = None,
        smoothing: float = 1e-3,
        components: int = 1,
        frequencies: str = "texts",
        unseen: str = "load",
    ) -> None:
        """Keep the parameters as they are, as scikit-learn wants it; `fit` checks them."""
        self.checkpoint = checkpoint
        self.weighting = weighting
        self.tokenizer = tokenizer
        self.smoothing = smoothing
        self.components = components
        self.frequencies = frequencies
        self.unseen = unseen

    def __reduce_ex__(self, _: SupportsIndex) -> tuple[Any, ...]:
        """Pickle and copy an open checkpoint as it pickles itself, with how its store is opened."""
        return copyreg.__newobj__, (type(self),), super().__getstate__()  # type: ignore[attr-defined]  # not in typeshed

    def __getstate__(self) -> dict[str, Any]:
        """Return what skops keeps, which saves no object: of a checkpoint where, and which."""
        return {name: _told(one) for name, one in super().__getstate__().items()}

    def __sklearn_clone__(self) -> Any:  # noqa: ANN401 - as scikit-learn has it
        """Return one that is not fitted, with the same open checkpoint and what it keeps."""
        fresh: Any = type(self)(**self.get_params(deep=False))
        if hasattr(self, "_sklearn_output_config"):
            fresh.__dict__["_sklearn_output_config"] = dict(self._sklearn_output_config)
        return fresh

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - scikit-learn has no types
        """Say that texts go in, where most estimators take numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def fit(self, X: Iterable[Any], y: object = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's names
        """Load the vectors of the words of texts, and weigh them.

        Args:
            X: texts, or lists of words.
            y: not used.
        """
        self._check()
        texts = self._words_of(X)
        if not texts:
            raise InvalidInputError("input-argument", "X: expected at least one text, found none")
        self.checkpoint_ = _opened(self.checkpoint)
        self._n_features_out = self.checkpoint_.dim
        seen = _distinct(texts)
        loaded = self._load(seen)
        self.vocabulary_ = {word: row for row, word in enumerate(loaded.words)}
        self.absent_ = frozenset(seen) - self.vocabulary_.keys()
        self.vectors_: NDArray[Any] = loaded.vectors
        self._weigh(texts, loaded)
        self.components_ = np.zeros((0, self.checkpoint_.dim), self.vectors_.dtype)
        if self.weighting == "sif":
            pooled = _pooled(texts, self.vocabulary_, self.vectors_, self.weights_)
            # The directions of largest second moment, not centred, as the method has it.
            _, directions = np.linalg.eigh(pooled.T.astype(np.float64) @ pooled)
            largest = directions.T[::-1][: self.components]
            self.components_ = largest.astype(self.vectors_.dtype)
        return self

    def transform(self, X: Iterable[Any]) -> NDArray[Any]:  # noqa: N803 - scikit-learn's name
        """Return the weighted mean of each text's vectors, shape (texts, dim).

        Args:
            X: texts, or lists of words.
        """
        check_is_fitted(self)
        texts = self._words_of(X)
        vocabulary, vectors, weights = self.vocabulary_, self.vectors_, self.weights_
        new = [
            word for word in _distinct(texts) if word not in vocabulary and word not in self.absent_
        ]
        if new and self.unseen == "load":
            loaded = self._load(new)
            rows = range(len(vocabulary), len(vocabulary) + len(loaded))
            vocabulary = {**vocabulary, **dict(zip(loaded.words, rows, strict=True))}
            vectors = np.concatenate((vectors, loaded.vectors))
            weights = np.concatenate((weights, self._weights_of_new(loaded)))
        pooled = _pooled(texts, vocabulary, vectors, weights)
        found: NDArray[Any] = pooled - pooled @ self.components_.T @ self.components_
        return found

    # Inside ---------------------------------------------------------------------------------------
    def _check(self) -> None:
        arguments.choice("weighting", self.weighting, _WEIGHTINGS)
        arguments.choice("frequencies", self.frequencies, _FREQUENCIES)
        arguments.choice("unseen", self.unseen, _UNSEEN)
        arguments.whole("components", self.components, least=0)
        if self.tokenizer is not None and not callable(self.tokenizer):
            raise arguments.refusal("tokenizer", "a function from a text to words", self.tokenizer)
        is_number = isinstance(self.smoothing, int | float | np.number)
        if not is_number or not 0 < self.smoothing < np.inf:
            raise arguments.refusal("smoothing", "a number above 0", self.smoothing)

    def _words_of(self, texts: Iterable[Any]) -> list[list[str]]:
        shape = getattr(texts, "shape", (0,))
        is_table = hasattr(texts, "columns") or shape == () or shape[1:] == (1,)
        if is_table:  # whose rows would be taken for lists of one word
            expected = "texts, or lists of words; of a table a column, as X[:, 0] or frame['text']"
            raise arguments.refusal("X", expected, texts)
        if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
            raise arguments.refusal("X", "texts, or lists of words", texts)
        cut = self.tokenizer or str.split
        found = []
        for at, text in enumerate(texts):
            words = cut(text) if isinstance(text, str) else text
            if isinstance(words, str | bytes) or not isinstance(words, Iterable):
                if isinstance(text, str):
                    raise arguments.refusal(f"tokenizer(X[{at}])", "words", words)
                raise arguments.refusal(f"X[{at}]", "a text, or a list of words", text)
            found.append(list(words))
        return found

    def _load(self, words: list[str]) -> Loaded:
        self.checkpoint_ = _opened(self.checkpoint_)
        wide = np.float64 if self.checkpoint_.dtype == np.float64 else np.float32
        columns = ("vectors", "counts") if self._by_counts else ("vectors",)
        return self.checkpoint_.load(words, missing="skip", dtype=wide, columns=columns)

    @property
    def _by_counts(self) -> bool:
        return self.weighting == "sif" and self.frequencies == "counts"

    def _weigh(self, texts: list[list[str]], loaded: Loaded) -> None:
        """Learn how much each loaded word counts, and how one that is new will."""
        self.weights_ = np.ones(len(loaded), self.vectors_.dtype)
        self._weight_of_new = 1.0
        if self.weighting == "tfidf":
            held = Counter(word for words in texts for word in set(words))
            of_texts = np.array([held[word] for word in loaded.words])
            self.weights_[:] = np.log((1 + len(texts)) / (1 + of_texts)) + 1
            self._weight_of_new = float(np.log(1 + len(texts)) + 1)
        elif self._by_counts:
            batches = self.checkpoint_.stream(columns=("counts",))
            self._total = sum(int(batch.columns["counts"].sum()) for batch in batches)
            self.weights_[:] = self._weights_of_new(loaded)
        elif self.weighting == "sif":
            times = Counter(word for words in texts for word in words)
            self._total = times.total()
            self.weights_[:] = self._smooth(np.array([times[word] for word in loaded.words]))

    def _weights_of_new(self, loaded: Loaded) -> NDArray[Any]:
        if self._by_counts:
            return self._smooth(loaded.columns["counts"])
        return np.full(len(loaded), self._weight_of_new, self.vectors_.dtype)

    def _smooth(self, times: NDArray[Any]) -> NDArray[Any]:
        weights: NDArray[Any] = self.smoothing / (self.smoothing + times / max(self._total, 1))
        return weights.astype(self.vectors_.dtype)


def _told(given: Any) -> Any:  # noqa: ANN401 - any attribute of an estimator
    return {"url": given.url, "commit": given.commit} if isinstance(given, Checkpoint) else given


def _opened(given: Any) -> Checkpoint:  # noqa: ANN401 - as a caller or skops has it
    if isinstance(given, dict):
        return open_checkpoint(given["url"], commit=given["commit"])
    return opened(given)


def _distinct(texts: list[list[str]]) -> list[str]:
    try:
        return sorted(arguments.words("X", list({word for words in texts for word in words})))
    except (InvalidInputError, TypeError):  # of the last, what cannot be in a set
        for at, words in enumerate(texts):
            arguments.words(f"X[{at}]", words)
        raise


def _pooled(
    texts: list[list[str]],
    vocabulary: dict[str, int],
    vectors: NDArray[Any],
    weights: NDArray[Any],
) -> NDArray[Any]:
    """Return weighted means, shape (texts, dim); zeros where no word is known."""
    rows = [[vocabulary[word] for word in words if word in vocabulary] for words in texts]
    ends = np.cumsum([0, *map(len, rows)])
    places = np.fromiter((row for listed in rows for row in listed), np.int64, ends[-1])
    # How often each word stands in each text; what stands twice is added up.
    times = csr_matrix((weights[places], places, ends), shape=(len(rows), len(vocabulary)))
    sums = np.asarray(times.sum(axis=1)).reshape(-1, 1)
    pooled: NDArray[Any] = (times @ vectors) / np.where(sums == 0, 1, sums)
    return pooled.astype(vectors.dtype, copy=False)
