"""CatBoost: models in its own binary form, which has no code in it (extra ``catboost``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.interop._door import needs
from embzarr.interop._models import storing
from embzarr.interop._models.own_form import OwnForm, file_of, written

with needs("catboost", extra="catboost"):
    import catboost

if TYPE_CHECKING:
    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave, Where

__all__ = ["load", "save"]

_FORM = OwnForm(
    framework="catboost",
    version=catboost.__version__,
    form="cbm",
    file="model.cbm",
    failures=(catboost.CatBoostError,),
)


def save(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save a trained model as one atomic commit, as ``cbm``.

    Args:
        url: where to; see `embzarr.open`.
        model: a trained `catboost.CatBoost`, or one of its classifiers, regressors and rankers.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else, or a model that was not trained.

    Example:
        >>> import catboost
        >>> from embzarr.interop.catboost import load, save
        >>> quiet = {"verbose": 0, "allow_writing_files": False, "iterations": 2}
        >>> model = catboost.CatBoostRegressor(**quiet).fit([[0], [1], [2]], [0, 1, 2])
        >>> saved = save(folder, model)
        >>> bool((load(folder).predict([[1]]) == model.predict([[1]])).all())
        True
    """
    if not isinstance(model, catboost.CatBoost):
        raise arguments.wrong_type("model", "one of catboost", model)
    name = type(model).__name__
    return _FORM.save(url, name, lambda: written(model.save_model, _FORM.file), how)


def load(source: Source, **where: Unpack[Where]) -> Any:  # noqa: ANN401 - of the class that was saved
    """Return a model of the class that was saved.

    Args:
        source: an open checkpoint, or the place of a run.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: code ``model-foreign``: one of another framework, or of a class that this
            version of catboost does not have.
        DamagedError: code ``model-invalid``: catboost cannot read it.

    Example:
        >>> import catboost
        >>> from embzarr.interop.catboost import load, save
        >>> quiet = {"verbose": 0, "allow_writing_files": False, "iterations": 2}
        >>> saved = save(folder, catboost.CatBoost(quiet).fit([[0], [1], [2]], [0, 1, 2]))
        >>> load(saved).tree_count_
        2
    """
    checkpoint, record = _FORM.open(source, where)
    model = storing.class_of(catboost, record, (catboost.CatBoost,))()
    with file_of(checkpoint, _FORM.file) as path, _FORM.reading(checkpoint, record):
        model.load_model(path)
    return model
