"""Saves Keras models as named tensors and a configuration, and builds or fills them again.

Variables are named by their layer, since their own paths change when a model is built anew from
its configuration. No code is stored: what Keras refuses to build in its safe mode is refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import DamagedError, InvalidInputError, UnsupportedError
from embzarr.interop._door import needs
from embzarr.interop._models import storing
from embzarr.interop._models.by_names import by_names
from embzarr.interop._models.storing import HowToSave, HowToSaveLater, ModelParts, Where

with needs("keras", extra="keras"):
    import keras

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from embzarr._checkpoint import Checkpoint
    from embzarr._run import Run
    from embzarr.interop._door import Source
    from embzarr.interop._models.by_names import Names

_OPTIMIZER = "optimizer/"
_CONFIG = "config"


def save(
    url: object,
    model: Any,  # noqa: ANN401 - keras is an extra
    *,
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save a model with its optimizer, if it has one, as one atomic commit.

    Args:
        url: where to; see `embzarr.open`.
        model: a `keras.Model` that is built.
        vocabulary: words of an embedding layer, in the order of its rows: they and its vectors
            become the table, to be read by word.
        embedding: name of that layer's variable, such as ``embedding/embeddings``; by default the
            only matrix of as many rows.
        **how: ``step``, ``metadata``, ``compression``, ``storage_options`` and others, as
            `embzarr.save` takes them.

    Raises:
        InvalidInputError: no model, one that is not built, or a vocabulary that does not fit.

    Example:
        >>> import keras
        >>> from embzarr.interop.keras import load, save
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")])
        >>> sorted(save(folder, model).tensors)
        ['out/bias', 'out/kernel']
        >>> load(folder).predict(np.ones((1, 2)), verbose=0).shape
        (1, 1)
    """
    parts = _parts_of(model)
    return storing.save_model(url, parts, vocabulary=vocabulary, embedding=embedding, how=how)


def save_async(
    run: Run,
    model: Any,  # noqa: ANN401 - keras is an extra
    *,
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    **how: Unpack[HowToSaveLater],
) -> Future[Checkpoint]:
    """Save a model with its optimizer in the background.

    Training may go on as soon as this returns: all variables are copied by then, and sent by a
    thread of the run, see `embzarr.Run.save_async`.

    Args:
        run: where to; it keeps the memory for copies, and saves in the order of the calls.
        model: as `save` takes it.
        vocabulary: as `save` takes it.
        embedding: as `save` takes it.
        **how: ``step``, ``metadata``, ``changed``, ``base`` and others, as `Run.save_async` takes
            them: ``changed={}`` writes only variables that differ from those of the save before.

    Raises:
        InvalidInputError: as `save`; nothing was begun.
        EmbzarrError: what the save before ended with; this one was not begun.

    Example:
        >>> import keras
        >>> from embzarr.interop.keras import save_async
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")])
        >>> with embzarr.Run(folder) as run:
        ...     saving = save_async(run, model)
        >>> sorted(saving.result().tensors)
        ['out/bias', 'out/kernel']
    """
    parts = _parts_of(model)
    return storing.save_later(run, parts, vocabulary=vocabulary, embedding=embedding, how=how)


def load(
    source: Source,
    *,
    into: Any = None,  # noqa: ANN401 - keras is an extra
    strict: bool = True,
    custom_objects: Mapping[str, Any] | None = None,
    names: Names | None = None,
    **where: Unpack[Where],
) -> Any:  # noqa: ANN401 - keras is an extra
    """Return a model as it was saved, or fill one.

    Args:
        source: an open checkpoint, or the place of a run.
        into: the model to fill; by default one is built from the configuration.
        strict: refuse variables that the one has and the other has not; else what fits is taken,
            and the rest left.
        custom_objects: classes and functions by name, where the configuration names such.
        names: take tensors of whatever framework saved them: which of them each variable of `into`
            is, where names differ, such as ``{"out/bias": "fc.bias"}``, or with the order of its
            axes, ``{"out/kernel": ("fc.weight", (1, 0))}``. Its optimizer is left as it is.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: codes ``model-foreign``: one of another framework, without `names`;
            ``model-unsafe``: one that runs code, or that has no configuration to build it from.
        InvalidInputError: code ``input-shape``: what does not fit, all of it at once.

    Example:
        >>> import keras
        >>> from embzarr.interop.keras import load, save
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> _ = save(folder, model)
        >>> load(folder, into=model) is model
        True
    """
    if names is not None:
        own = {} if into is None else _variables(into)
        own = {name: one for name, one in own.items() if not name.startswith(_OPTIMIZER)}
        shapes = {name: tuple(one.shape) for name, one in own.items()}
        found = by_names(source, names, into, shapes, strict=strict, where=where)
        for name, array in found.items():
            own[name].assign(array)
        return into
    checkpoint, record = storing.open_model(source, "keras", where, version=keras.__version__)
    model = _built(checkpoint, record, custom_objects) if into is None else into
    variables = _variables(model)
    wanted = {name: tuple(one.shape) for name, one in variables.items()}
    held = storing.shapes_of(checkpoint)
    if into is not None:  # it may have been compiled since, or not
        bare = {name for name in held.keys() ^ wanted.keys() if name.startswith(_OPTIMIZER)}
        held = {name: shape for name, shape in held.items() if name not in bare}
        wanted = {name: shape for name, shape in wanted.items() if name not in bare}
    common = storing.check_fits(held, wanted, strict=strict)
    arrays = storing.tensors_of(checkpoint)
    for name in common:
        variables[name].assign(arrays[name])
    return model


def _parts_of(model: Any) -> ModelParts:  # noqa: ANN401 - keras is an extra
    """Return a model as a checkpoint holds it."""
    if not isinstance(model, keras.Model):
        raise arguments.wrong_type("model", "a keras.Model", model)
    if not model.built:
        raise InvalidInputError("input-argument", "model: expected one that is built; call it once")
    tensors = {name: keras.ops.convert_to_numpy(one) for name, one in _variables(model).items()}
    return ModelParts(
        framework="keras",
        version=keras.__version__,
        name=f"{type(model).__module__}.{type(model).__qualname__}",
        form="tensors",
        tensors=tensors,
        record=_config(model),
    )


def _variables(model: Any) -> dict[str, Any]:  # noqa: ANN401 - keras is an extra
    """Return variables by layer and name, those of one name counted; the optimizer's by number."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    counts: Counter[str] = Counter()
    for layer, layer_name in [*zip(model.layers, _layer_names(model), strict=True), (model, "")]:
        for variable in layer.variables:
            if id(variable) in seen:
                continue
            seen.add(id(variable))
            name = f"{layer_name}/{variable.name}" if layer_name else variable.name
            found[f"{name}.{counts[name]}" if counts[name] else name] = variable
            counts[name] += 1
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        found |= {f"{_OPTIMIZER}{at}": one for at, one in enumerate(optimizer.variables)}
    return found


def _layer_names(model: Any) -> list[str]:  # noqa: ANN401 - keras is an extra
    """Return the names of layers; those that Keras chose are counted within the model.

    Keras counts them within the process: the same model made twice has ``dense`` and ``dense_1``.
    """
    counts: Counter[str] = Counter()
    names = []
    for layer in model.layers:
        kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(layer).__name__).lower()
        name = layer.name
        if re.fullmatch(rf"{kind}(_\d+)?", name):
            name = f"{kind}_{counts[kind]}" if counts[kind] else kind
            counts[kind] += 1
        names.append(name)
    return names


def _config(model: Any) -> dict[str, Any]:  # noqa: ANN401 - keras is an extra
    """Return what builds a model again; nothing of one that cannot tell."""
    try:
        return {_CONFIG: json.loads(model.to_json())}
    except (NotImplementedError, TypeError, ValueError):
        return {}


def _built(
    checkpoint: Checkpoint, record: Mapping[str, Any], custom_objects: Mapping[str, Any] | None
) -> Any:  # noqa: ANN401 - keras is an extra
    if not isinstance(record.get(_CONFIG), dict):
        raise UnsupportedError(
            "model-unsafe",
            f"{checkpoint.url}: a {record.get('class')!r:.80} has no configuration that builds it: "
            "load(..., into=model)",
        )
    try:
        model = keras.models.model_from_json(
            json.dumps(record[_CONFIG]), dict(custom_objects or {})
        )
    except (TypeError, ValueError, ImportError, AttributeError, KeyError) as exc:
        text = str(exc)
        code = "model-unsafe" if "safe_mode" in text or "unsafe" in text.lower() else ""
        message = f"{checkpoint.url}: keras {keras.__version__} cannot build it: {text}"
        if code:
            raise UnsupportedError(code, message) from exc
        raise DamagedError("model-invalid", message) from exc
    if not model.built:
        raise UnsupportedError(
            "model-unsafe", f"{checkpoint.url}: not built: load(..., into=model)"
        )
    return model
