"""Saves estimators of scikit-learn by skops, which runs no code of a store that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import DamagedError, InvalidInputError, UnsupportedError
from embzarr.interop import _models
from embzarr.interop._door import needs
from embzarr.interop._models import HowToSave, ModelParts, Where

with needs("scikit-learn", extra="sklearn"):
    import sklearn
    from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source

_FILE = "model.skops"


def save(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save an estimator, a pipeline of them included, as one atomic commit, by skops.

    Args:
        url: where to; see `embzarr.open`.
        model: an estimator of scikit-learn, or one that behaves as such.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: no estimator, or one that skops cannot save.

    Example:
        >>> from embzarr.interop.sklearn import load, save
        >>> from sklearn.linear_model import LinearRegression
        >>> model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
        >>> saved = save(folder, model)
        >>> load(folder).predict([[2.0]])
        array([5.])
    """
    if not isinstance(model, BaseEstimator):
        raise InvalidInputError(
            "input-argument",
            f"model: expected an estimator of scikit-learn, found {type(model).__name__}",
        )
    with needs("skops", extra="sklearn"):
        import skops.io  # noqa: PLC0415 - not everybody who vectorizes texts saves models
    try:
        data = skops.io.dumps(model)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as exc:
        raise InvalidInputError("input-argument", f"model: skops cannot save it: {exc}") from exc
    parts = ModelParts(
        framework="sklearn",
        version=sklearn.__version__,
        name=f"{type(model).__module__}.{type(model).__qualname__}",
        form="skops",
        files={_FILE: data},
    )
    return _models.save_model(url, parts, how=how)


def load(source: Source, *, trusted: Iterable[str] = (), **where: Unpack[Where]) -> Any:  # noqa: ANN401
    """Return an estimator as it was saved; nothing but types that are known to do no harm is made.

    Args:
        source: an open checkpoint, or the place of a run.
        trusted: names of further types to make, such as ``sklearn.tree._tree.Tree``, where what is
            stored comes from somebody that is trusted.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: codes ``model-foreign``: one of another framework; ``model-unsafe``: types
            that are not trusted, all of them.
        DamagedError: code ``model-invalid``: skops cannot read it.

    Example:
        >>> from embzarr.interop.sklearn import load, save
        >>> from sklearn.tree import DecisionTreeRegressor
        >>> saved = save(folder, DecisionTreeRegressor().fit([[0.0], [1.0]], [1.0, 3.0]))
        >>> load(saved, trusted=["sklearn.tree._tree.Tree"]).predict([[1.0]])
        array([3.])
    """
    with needs("skops", extra="sklearn"):
        import skops.io  # noqa: PLC0415 - as above
        from skops.io.exceptions import UntrustedTypesFoundException  # noqa: PLC0415
    names = arguments.words_in_any_order("trusted", trusted)
    checkpoint, record = _models.open_model(source, "sklearn", where)
    data = checkpoint.files[_FILE].read()
    try:
        return skops.io.loads(data, trusted=names)
    except UntrustedTypesFoundException as exc:
        types = sorted(set(skops.io.get_untrusted_types(data=data)) - set(names))
        raise UnsupportedError(
            "model-unsafe",
            f"{checkpoint.url}: expected types that can do no harm, found {', '.join(types)}: "
            f"where you trust who wrote them, load(..., trusted={types})",
        ) from exc
    except (TypeError, ValueError, KeyError, AttributeError, ImportError, OSError) as exc:
        raise DamagedError(
            "model-invalid",
            f"{checkpoint.url}: scikit-learn {sklearn.__version__} cannot read a model of "
            f"{record.get('version')}: {exc}",
        ) from exc
