"""LightGBM: models in its own text form, which has no code in it (extra ``lightgbm``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from embzarr.errors import InvalidInputError
from embzarr.interop._door import needs
from embzarr.interop._own_form import OwnForm

with needs("lightgbm", extra="lightgbm"):
    import lightgbm

if TYPE_CHECKING:
    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models import HowToSave, Where

__all__ = ["load", "save"]

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
    try:
        booster = model if isinstance(model, lightgbm.Booster) else model.booster_
    except (AttributeError, ValueError) as exc:  # the latter, and its own, where it is not trained
        raise InvalidInputError(
            "input-argument",
            f"model: expected a Booster or a trained estimator of lightgbm: {exc}",
        ) from exc
    name = type(model).__name__
    return _FORM.save(url, name, lambda: booster.model_to_string().encode(), how)


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
