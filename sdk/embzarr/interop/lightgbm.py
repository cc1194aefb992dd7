"""LightGBM: models in its own text form, which has no code in it (extra ``lightgbm``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from embzarr.errors import InvalidInputError
from embzarr.interop._door import needs
from embzarr.interop._models import storing
from embzarr.interop._models.own_form import OwnForm
from embzarr.interop._models.saves import Saves, every_of, is_due

with needs("lightgbm", extra="lightgbm"):
    import lightgbm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave, ModelParts, Where

__all__ = ["SaveCallback", "load", "save"]

_FORM = OwnForm(
    framework="lightgbm",
    version=lightgbm.__version__,
    form="text",
    file="model.txt",
    failures=(lightgbm.basic.LightGBMError,),
)


def save(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save a model as one atomic commit, as text, which is the same for the same model.

    Args:
        url: where to; see `embzarr.open`.
        model: a `lightgbm.Booster`, or a trained estimator, of which its booster is saved.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else, or an estimator that was not trained.

    Example:
        >>> import lightgbm
        >>> from embzarr.interop.lightgbm import load, save
        >>> data = lightgbm.Dataset(np.arange(40.0).reshape(-1, 1), label=np.arange(40.0))
        >>> model = lightgbm.train({"verbose": -1}, data, 2)
        >>> saved = save(folder, model)
        >>> rows = np.array([[0.0], [39.0]])
        >>> bool((load(folder).predict(rows) == model.predict(rows)).all())
        True
    """
    return storing.save_model(url, _parts_of(model), how=how)


def load(source: Source, **where: Unpack[Where]) -> Any:  # noqa: ANN401 - lightgbm is an extra
    """Return the `lightgbm.Booster` that was saved.

    Args:
        source: an open checkpoint, or the place of a run.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: code ``model-foreign``: one of another framework.
        DamagedError: code ``model-invalid``: lightgbm cannot read it.

    Example:
        >>> import lightgbm
        >>> from embzarr.interop.lightgbm import load, save
        >>> data = lightgbm.Dataset(np.arange(40.0).reshape(-1, 1), label=np.arange(40.0))
        >>> saved = save(folder, lightgbm.train({"verbose": -1}, data, 2))
        >>> load(saved).num_feature()
        1
    """
    checkpoint, record = _FORM.open(source, where)
    text = checkpoint.files[_FORM.file].read().decode("utf-8", "replace")
    with _FORM.reading(checkpoint, record):
        return lightgbm.Booster(model_str=text)


class SaveCallback:
    """Saves a booster every so many rounds while it is trained, in the background.

    The step is the number of rounds. Training goes on with ``init_model=load(url)``. The last round
    is saved in any case, and waited for; where training ends early, `close` waits for what is under
    way.

    Example:
        >>> import lightgbm
        >>> from embzarr.interop.lightgbm import SaveCallback
        >>> data = lightgbm.Dataset(np.arange(40.0).reshape(-1, 1), label=np.arange(40.0))
        >>> _ = lightgbm.train({"verbose": -1}, data, 5, callbacks=[SaveCallback(folder, every=2)])
        >>> [commit.step for commit in embzarr.Run(folder).commits()]
        [5, 4, 2]
    """

    order = 5
    """Before lightgbm's own early stopping, which ends the calls of a round."""

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
        self._every = every_of(every)
        self._metadata = metadata
        self._saves = Saves(to, storage_options)

    def __call__(self, env: Any) -> None:  # noqa: ANN401 - lightgbm's own
        """Save, if it is time.

        Raises:
            InvalidInputError: no single booster is trained.
            EmbzarrError: what the save before ended with.
        """
        if not isinstance(env.model, lightgbm.Booster):
            kind = type(env.model).__name__
            raise InvalidInputError(
                "input-argument", f"model: expected a Booster that is trained, found {kind}"
            )
        rounds, is_last = env.iteration + 1, env.iteration + 1 == env.end_iteration
        if not is_last and not is_due(rounds, self._every):
            return
        how: storing.HowToSaveLater = {"step": rounds, "metadata": self._metadata}
        storing.save_later(self._saves.run, _parts_of(env.model), how=how)
        if is_last:
            self._saves.close()

    def close(self) -> None:
        """Wait until all is saved.

        Raises:
            EmbzarrError: what the last save ended with.
        """
        self._saves.close()


def _parts_of(model: Any) -> ModelParts:  # noqa: ANN401 - lightgbm is an extra
    """Return a model as a checkpoint holds it."""
    try:
        booster = model if isinstance(model, lightgbm.Booster) else model.booster_
    except (AttributeError, ValueError) as exc:  # the latter, and its own, where it is not trained
        raise InvalidInputError(
            "input-argument",
            f"model: expected a Booster or a trained estimator of lightgbm: {exc}",
        ) from exc
    return _FORM.parts(type(model).__name__, lambda: booster.model_to_string().encode())
