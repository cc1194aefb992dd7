"""XGBoost: models in UBJSON, its own form, which has no code in it (extra ``xgboost``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import DamagedError
from embzarr.interop._door import needs
from embzarr.interop._models import storing
from embzarr.interop._models.own_form import OwnForm, written
from embzarr.interop._models.saves import Saves, every_of, is_due

with needs("xgboost", extra="xgboost"):
    import xgboost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave, ModelParts, Where

__all__ = ["SaveCallback", "load", "save"]

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
    return storing.save_model(url, _parts_of(model), how=how)


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
    model, data = storing.class_of(xgboost, record, kinds)(), checkpoint.files[_FORM.file].read()
    if not data.startswith(b"{"):  # as no UBJSON does, and xgboost ends the process for nothing
        raise DamagedError("model-invalid", f"{checkpoint.url}: {_FORM.file} is no UBJSON")
    with _FORM.reading(checkpoint, record):
        model.load_model(bytearray(data))
    return model


class SaveCallback(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # an extra
    """Saves a booster every so many rounds while it is trained, in the background.

    The step is the number of rounds. Training goes on with ``xgb_model=load(url)``. The last round
    is saved in any case, and waited for.

    Example:
        >>> import xgboost
        >>> from embzarr.interop.xgboost import SaveCallback
        >>> data = xgboost.DMatrix([[0.0], [1.0]], label=[0, 1])
        >>> _ = xgboost.train({}, data, 5, callbacks=[SaveCallback(folder, every=2)])
        >>> [commit.step for commit in embzarr.Run(folder).commits()]
        [5, 4, 2]
    """

    def __init__(
        self,
        to: object,
        *,
        every: int = 10,
        metadata: Mapping[str, Any] | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Save to a run.

        Args:
            to: an `embzarr.Run`, or where one is.
            every: rounds from one save to the next.
            metadata: any JSON.
            storage_options: credentials and endpoint, of a place.
        """
        super().__init__()
        self._every = every_of(every)
        self._metadata = metadata
        self._saves = Saves(to, storage_options)
        self._saved: int | None = None

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ANN401
        """Save, if it is time; never end the training.

        Raises:
            InvalidInputError: no single booster is trained.
            EmbzarrError: what the save before ended with.
        """
        del epoch, evals_log
        if is_due(model.num_boosted_rounds(), self._every):
            self._save(model)
        return False

    def after_training(self, model: Any) -> Any:  # noqa: ANN401 - xgboost's own
        """Save the last round, and wait for it."""
        if self._saved != model.num_boosted_rounds():
            self._save(model)
        self._saves.close()
        return model

    def _save(self, model: Any) -> None:  # noqa: ANN401 - xgboost's own
        self._saved = rounds = model.num_boosted_rounds()
        how: storing.HowToSaveLater = {"step": rounds, "metadata": self._metadata}
        storing.save_later(self._saves.run, _parts_of(model), how=how)


def _parts_of(model: Any) -> ModelParts:  # noqa: ANN401 - xgboost is an extra
    """Return a model as a checkpoint holds it."""
    if not isinstance(model, xgboost.Booster | xgboost.XGBModel):
        raise arguments.wrong_type("model", "a Booster or an estimator of xgboost", model)
    return _FORM.parts(type(model).__name__, lambda: written(model.save_model, _FORM.file))
