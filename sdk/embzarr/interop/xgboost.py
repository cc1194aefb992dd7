"""XGBoost: models in UBJSON, its own form, which has no code in it (extra ``xgboost``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from embzarr.errors import DamagedError, InvalidInputError
from embzarr.interop import _models
from embzarr.interop._door import needs
from embzarr.interop._own_form import OwnForm, written

with needs("xgboost", extra="xgboost"):
    import xgboost

if TYPE_CHECKING:
    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models import HowToSave, Where

__all__ = ["load", "save"]

_FORM = OwnForm(
    framework="xgboost",
    version=xgboost.__version__,
    form="ubjson",
    file="model.ubj",
    failures=(xgboost.core.XGBoostError, AttributeError, KeyError, TypeError, ValueError),
)


def save(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save a model as one atomic commit, in UBJSON.

    Args:
        url: where to; see `embzarr.open`.
        model: an `xgboost.Booster`, or a trained estimator of `xgboost`.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else, or an estimator that was not trained.

    Example:
        >>> import xgboost
        >>> from embzarr.interop.xgboost import load, save
        >>> data = xgboost.DMatrix([[0.0], [1.0]], label=[0, 1])
        >>> model = xgboost.train({"max_depth": 1, "base_score": 0.5}, data, 2)
        >>> saved = save(folder, model)
        >>> bool((load(folder).predict(data) == model.predict(data)).all())
        True
    """
    if not isinstance(model, xgboost.Booster | xgboost.XGBModel):
        raise InvalidInputError(
            "input-argument",
            f"model: expected a Booster or an estimator of xgboost, found {type(model).__name__}",
        )
    name = type(model).__name__
    return _FORM.save(url, name, lambda: written(model.save_model, _FORM.file), how)


def load(source: Source, **where: Unpack[Where]) -> Any:  # noqa: ANN401 - of the class that was saved
    """Return a model as it was saved: a Booster, or an estimator of the same class.

    Args:
        source: an open checkpoint, or the place of a run.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: code ``model-foreign``: one of another framework, or of a class that this
            version of xgboost does not have.
        DamagedError: code ``model-invalid``: xgboost cannot read it.

    Example:
        >>> import xgboost
        >>> from embzarr.interop.xgboost import load, save
        >>> data = xgboost.DMatrix([[0.0], [1.0]], label=[0, 1])
        >>> saved = save(folder, xgboost.train({}, data, 1))
        >>> type(load(saved)).__name__
        'Booster'
    """
    checkpoint, record = _FORM.open(source, where)
    kinds = (xgboost.Booster, xgboost.XGBModel)
    model, data = _models.class_of(xgboost, record, kinds)(), checkpoint.files[_FORM.file].read()
    if not data.startswith(b"{"):  # as no UBJSON does, and xgboost ends the process for nothing
        raise DamagedError("model-invalid", f"{checkpoint.url}: {_FORM.file} is no UBJSON")
    with _FORM.reading(checkpoint, record):
        model.load_model(bytearray(data))
    return model
