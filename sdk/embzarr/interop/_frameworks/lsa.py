"""scikit-learn's latent semantic analysis as words with vectors, and words with vectors as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from embzarr._format import arguments
from embzarr.errors import InvalidInputError
from embzarr.interop._door import common_dtype, loaded_once, needs, opened
from embzarr.interop._models.embeddings import save_rows

with needs("scikit-learn", extra="sklearn"):
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave

_IDF = "idf"
_STEPS = "a fitted pipeline of a CountVectorizer or TfidfVectorizer and a TruncatedSVD"


def save_embedding(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save the words of a latent semantic analysis with their vectors, as a table.

    What each word counts by how few texts hold it becomes the column ``idf``. For the estimator
    itself, with all its settings, see `save`.

    Args:
        url: where to; see `embzarr.open`.
        model: a fitted `sklearn.pipeline.Pipeline` of a `CountVectorizer` or `TfidfVectorizer` and
            a `TruncatedSVD`.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else, or one that was not fitted.

    Example:
        >>> from sklearn.decomposition import TruncatedSVD
        >>> from sklearn.feature_extraction.text import TfidfVectorizer
        >>> from sklearn.pipeline import make_pipeline
        >>> from embzarr.interop.sklearn import save_embedding
        >>> model = make_pipeline(TfidfVectorizer(), TruncatedSVD(2))
        >>> _ = model.fit(["king and queen", "man and woman", "king and man"])
        >>> list(save_embedding(folder, model).words)
        ['and', 'king', 'man', 'queen', 'woman']
    """
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else []
    match steps:
        case [CountVectorizer() as vectorizer, TruncatedSVD() as svd]:
            pass
        case _:
            raise arguments.refusal("model", _STEPS, model)
    try:
        check_is_fitted(svd)
        columns = {_IDF: vectorizer.idf_} if getattr(vectorizer, "use_idf", False) else None
    except ValueError as exc:  # NotFittedError is one
        raise InvalidInputError("input-argument", f"model: expected {_STEPS}: {exc}") from exc
    words = {word: int(at) for word, at in vectorizer.vocabulary_.items()}
    words = dict(sorted(words.items(), key=lambda pair: pair[1]))
    return save_rows(url, words, svd.components_.T, how, columns)


def embedding(
    checkpoint: Source, words: Iterable[str | bytes] | None = None, *, missing: str = "raise"
) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """Return a fitted pipeline that adds up the vectors of a text's words.

    It is a latent semantic analysis of given vectors: a `CountVectorizer`, or with a column ``idf``
    a `TfidfVectorizer` without a norm, and a `TruncatedSVD`. Texts are cut at blanks.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        missing: ``raise``, or ``skip`` words that the checkpoint does not hold.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice; or no
            words at all.

    Example:
        >>> from embzarr.interop.sklearn import embedding
        >>> embedding(checkpoint, ["queen", "king"]).transform(["king queen king", "emperor"])
        array([[2., 1., 0., 0.],
               [0., 0., 0., 0.]])
    """
    found = opened(checkpoint)
    columns = ("vectors", *(name for name in found.columns if name == _IDF))
    dtype = common_dtype(found.dtype)
    loaded = loaded_once(found, words, missing=missing, columns=columns, dtype=dtype)
    if not len(loaded):
        raise InvalidInputError("input-argument", "expected words, found none")
    how = {"vocabulary": list(loaded.words), "lowercase": False, "tokenizer": str.split}
    if _IDF in loaded.columns:
        vectorizer = TfidfVectorizer(**how, token_pattern=None, norm=None)
        vectorizer.idf_ = np.asarray(loaded.columns[_IDF], np.float64)
    else:
        vectorizer = CountVectorizer(**how, token_pattern=None)
    vectorizer.vocabulary_ = {word: row for row, word in enumerate(loaded.words)}
    svd = TruncatedSVD(loaded.vectors.shape[1])
    svd.components_ = loaded.vectors.T
    svd.n_features_in_ = len(loaded)
    return make_pipeline(vectorizer, svd)
