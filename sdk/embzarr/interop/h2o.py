"""H2O: models in its own binary form, and word2vec models as tables of words (extra ``h2o``).

A cluster must be connected, by ``h2o.init()``. Files go by way of this process, so that it may be
on another machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from embzarr._format import arguments
from embzarr.errors import InvalidInputError
from embzarr.interop._door import loaded_once, needs, opened
from embzarr.interop._models.embeddings import save_rows
from embzarr.interop._models.own_form import OwnForm, file_of, written

with needs("h2o", extra="h2o"):
    import h2o
    from h2o.estimators import H2OWord2vecEstimator
    from h2o.exceptions import H2OError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave, Where

__all__ = ["embedding", "load", "save", "save_embedding"]

_FORM = OwnForm(
    framework="h2o",
    version=h2o.__version__,
    form="binary",
    file="model.bin",
    failures=(H2OError,),
    harm="read by the cluster's Java deserialisation, which can run code",
)


def save(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save a trained model as one atomic commit, in the form of ``h2o.download_model``.

    Args:
        url: where to; see `embzarr.open`.
        model: a trained model of the cluster that is connected.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else, a model that was not trained, or no cluster.

    Example:
        >>> from h2o.estimators import H2OGradientBoostingEstimator
        >>> from embzarr.interop.h2o import load, save
        >>> frame = h2o.H2OFrame({"x": [0, 1, 2, 3], "y": [0.0, 1.0, 4.0, 9.0]})
        >>> model = H2OGradientBoostingEstimator(ntrees=2, min_rows=1)
        >>> _ = model.train(["x"], "y", frame)
        >>> saved = save(folder, model)
        >>> again = load(folder, allow_unsafe=True)
        >>> bool((again.predict(frame) == model.predict(frame)).all())
        True
    """
    _check_cluster()
    if not isinstance(model, h2o.model.ModelBase) or model.model_id is None:
        raise arguments.wrong_type("model", "a trained model of h2o", model)

    def download(path: str) -> None:
        h2o.download_model(model, path=str(Path(path).parent), filename=Path(path).name)

    name, cluster = type(model).__name__, h2o.cluster().version
    return _FORM.save(url, name, lambda: written(download, _FORM.file), how, {"cluster": cluster})


def load(source: Source, *, allow_unsafe: bool = False, **where: Unpack[Where]) -> Any:  # noqa: ANN401 - of the class that was saved
    """Return a model as it was saved, in the cluster that is connected.

    H2O reads its form by Java's own deserialisation among others, so that a file of a stranger
    could run code in the cluster; and only the version that wrote it reads it.

    Args:
        source: an open checkpoint, or the place of a run.
        allow_unsafe: read it, because who wrote it is trusted.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: codes ``model-foreign``: one of another framework; ``model-unsafe``:
            without `allow_unsafe`.
        DamagedError: code ``model-invalid``: this version of H2O cannot read it.

    Example:
        >>> from h2o.estimators import H2OKMeansEstimator
        >>> from embzarr.interop.h2o import load, save
        >>> model = H2OKMeansEstimator(k=2)
        >>> _ = model.train(["x"], training_frame=h2o.H2OFrame({"x": [0, 1, 8, 9]}))
        >>> load(save(folder, model), allow_unsafe=True).algo
        'kmeans'
    """
    checkpoint, record = _FORM.open(source, where, allow_unsafe=allow_unsafe)
    _check_cluster()
    with file_of(checkpoint, _FORM.file) as path, _FORM.reading(checkpoint, record):
        return h2o.upload_model(path)


def save_embedding(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save the words and vectors of a word2vec model as a table, float32.

    Args:
        url: where to; see `embzarr.open`.
        model: a trained `h2o.estimators.H2OWord2vecEstimator`.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else, a model that was not trained, or no cluster.

    Example:
        >>> from embzarr.interop.h2o import embedding, save_embedding
        >>> save_embedding(folder, embedding(checkpoint, ["queen", "king"]))["king"]
        array([1., 0., 0., 0.], dtype=float32)
    """
    _check_cluster()
    if not isinstance(model, H2OWord2vecEstimator) or model.model_id is None:
        raise arguments.wrong_type("model", "a trained H2OWord2vecEstimator", model)
    rows = model.to_frame().as_data_frame(use_pandas=False, header=False)
    vectors = np.array([[float(number) for number in row[1:]] for row in rows], np.float32)
    return save_rows(url, [row[0] for row in rows], vectors, how)


def embedding(
    checkpoint: Source, words: Iterable[str | bytes] | None = None, *, missing: str = "raise"
) -> Any:  # noqa: ANN401 - h2o is an extra
    """Return a `h2o.estimators.H2OWord2vecEstimator` with the vectors of words, float32.

    The numbers are the same, but for the sign of a zero, which H2O does not keep.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        missing: ``raise``, or ``skip`` words that the checkpoint does not hold.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice; no words
            at all; numbers that are not finite, which H2O takes for missing; or no cluster.

    Example:
        >>> from embzarr.interop.h2o import embedding
        >>> embedding(checkpoint, ["queen", "king"]).to_frame().dim
        [2, 5]
    """
    _check_cluster()
    loaded = loaded_once(opened(checkpoint), words, missing=missing, dtype=np.float32)
    if not len(loaded) or not np.isfinite(loaded.vectors).all():
        raise InvalidInputError(
            "input-argument",
            f"expected words with finite vectors, found {len(loaded)} words"
            + (" and numbers that are not finite" if len(loaded) else ""),
        )
    names = ["word", *(f"v{at}" for at in range(loaded.vectors.shape[1]))]
    table = [[w, *v] for w, v in zip(loaded.words, loaded.vectors.tolist(), strict=True)]
    kinds = ["string", *["numeric"] * (len(names) - 1)]
    frame = h2o.H2OFrame(table, column_names=names, column_types=kinds)
    try:
        return H2OWord2vecEstimator.from_external(external=frame)
    finally:
        h2o.remove(frame)


def _check_cluster() -> None:
    if h2o.connection() is None:
        raise InvalidInputError("input-argument", "expected a connected cluster: h2o.init()")
