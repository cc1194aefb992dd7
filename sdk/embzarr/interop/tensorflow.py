"""TensorFlow: variables of modules as named tensors, and SavedModels as files (``tensorflow``).

For a `keras.Model` see `embzarr.interop.keras`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import DamagedError, InvalidInputError, NotFoundError, UnsupportedError
from embzarr.interop._door import needs
from embzarr.interop._models import storing
from embzarr.interop._models.by_names import by_names
from embzarr.interop._models.own_form import save_folder
from embzarr.interop._models.storing import HowToSave, ModelParts, Where

with needs("tensorflow", extra="tensorflow"):
    import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.by_names import Names

__all__ = ["load", "load_saved_model", "save"]

_OPTIMIZER = "optimizer/"
_FOLDER = "saved_model/"


def save(
    url: object,
    model: Any,  # noqa: ANN401 - tensorflow is an extra
    *,
    optimizer: Any = None,  # noqa: ANN401 - tensorflow is an extra
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    saved_model: bool = False,
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save the variables of a module, and on wish of its optimizer, as one atomic commit.

    Args:
        url: where to; see `embzarr.open`.
        model: a `tf.Module`, or another object that TensorFlow tracks; its variables are named by
            the attributes that lead to them, such as ``layers/0/kernel``.
        optimizer: an optimizer with ``variables``, such as one of Keras, that is built.
        vocabulary: words of an embedding, in the order of its rows: they and its vectors become
            the table, to be read by word.
        embedding: name of that variable; by default the only matrix of as many rows.
        saved_model: write a SavedModel beside them, as files, which needs no code to be loaded.
        **how: ``step``, ``metadata``, ``compression``, ``storage_options`` and others, as
            `embzarr.save` takes them.

    Raises:
        InvalidInputError: nothing that TensorFlow tracks, variables of texts, a vocabulary that
            does not fit, or what TensorFlow cannot write as a SavedModel.

    Example:
        >>> import tensorflow as tf
        >>> from embzarr.interop.tensorflow import load, save
        >>> module, again = tf.Module(), tf.Module()
        >>> module.w, again.w = tf.Variable([1.0, 2.0]), tf.Variable([0.0, 0.0])
        >>> sorted(save(folder, module).tensors)
        ['w']
        >>> load(folder, into=again).w.numpy()
        array([1., 2.], dtype=float32)
    """
    arguments.check_flags(saved_model=saved_model)
    variables = _variables(model) | _variables_of_optimizer(optimizer)
    with tempfile.TemporaryDirectory(prefix="embzarr-model-") as folder:
        parts = ModelParts(
            framework="tensorflow",
            version=tf.__version__,
            name=f"{type(model).__module__}.{type(model).__qualname__}",
            form="tensors",
            tensors={name: _array(name, one) for name, one in variables.items()},
            files=_exported(model, Path(folder)) if saved_model else {},
        )
        return storing.save_model(url, parts, vocabulary=vocabulary, embedding=embedding, how=how)


def load(
    source: Source,
    *,
    into: Any = None,  # noqa: ANN401 - tensorflow is an extra
    optimizer: Any = None,  # noqa: ANN401 - tensorflow is an extra
    strict: bool = True,
    names: Names | None = None,
    **where: Unpack[Where],
) -> Any:  # noqa: ANN401 - tensorflow is an extra
    """Fill a module and an optimizer with what was saved, or return the tensors by name.

    Args:
        source: an open checkpoint, or the place of a run.
        into: the module to fill, which is returned.
        optimizer: the optimizer to fill, built for the variables of `into`.
        strict: refuse names and shapes that the one has and the other has not; else what fits is
            taken, and the rest left.
        names: take tensors of whatever framework saved them: which of them each variable is, where
            names differ, such as ``{"out/kernel": "dense.weight"}``, or with the order of its axes,
            ``{"out/kernel": ("dense.weight", (1, 0))}``. No optimizer then.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model, or no optimizer.
        UnsupportedError: code ``model-foreign``: one of another framework, without `names`.
        InvalidInputError: code ``input-shape``: what does not fit, all of it at once.

    Example:
        >>> import tensorflow as tf
        >>> from embzarr.interop.tensorflow import load, save
        >>> module = tf.Module()
        >>> module.w = tf.Variable([1.0, 2.0])
        >>> load(save(folder, module))["w"].numpy()
        array([1., 2.], dtype=float32)
    """
    variables = {} if into is None else _variables(into)
    if names is not None:
        shapes = {name: _shape(one) for name, one in variables.items()}
        _fill(variables, by_names(source, names, into, shapes, strict=strict, where=where))
        return into
    checkpoint, _ = storing.open_model(source, "tensorflow", where, version=tf.__version__)
    held = storing.shapes_of(checkpoint)
    own = {name: at for name, at in held.items() if not name.startswith(_OPTIMIZER)}
    if optimizer is not None:
        if len(own) == len(held):
            raise NotFoundError("model-missing", f"{checkpoint.url}: saved without an optimizer")
        variables, own = variables | _variables_of_optimizer(optimizer), held
    if not variables:
        found = storing.tensors_of(checkpoint, only=own)
        return {name: tf.constant(array) for name, array in found.items()}
    wanted = {name: _shape(one) for name, one in variables.items()}
    common = storing.check_fits(own, wanted, strict=strict)
    _fill(variables, storing.tensors_of(checkpoint, only=common))
    return into


def load_saved_model(source: Source, *, allow_unsafe: bool = False, **where: Unpack[Where]) -> Any:  # noqa: ANN401 - tensorflow is an extra
    """Return the SavedModel of a checkpoint, as ``tf.saved_model.load`` does.

    A SavedModel is a program: its graph may read and write files of whoever runs it.

    Args:
        source: an open checkpoint, or the place of a run.
        allow_unsafe: load it, because who wrote it is trusted.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model, or no SavedModel.
        UnsupportedError: codes ``model-foreign``: a model of another framework; ``model-unsafe``:
            without `allow_unsafe`.
        DamagedError: code ``model-invalid``: TensorFlow cannot read it.

    Example:
        >>> import tensorflow as tf
        >>> from embzarr.interop.tensorflow import load_saved_model, save
        >>> module = tf.Module()
        >>> module.w = tf.Variable([1.0, 2.0])
        >>> saved = save(folder, module, saved_model=True)
        >>> load_saved_model(saved, allow_unsafe=True).w.numpy()
        array([1., 2.], dtype=float32)
    """
    arguments.check_flags(allow_unsafe=allow_unsafe)
    checkpoint, record = storing.open_model(source, "tensorflow", where, version=tf.__version__)
    if not any(name.startswith(_FOLDER) for name in checkpoint.files):
        raise NotFoundError("model-missing", f"{checkpoint.url}: saved without a SavedModel")
    if not allow_unsafe:
        raise UnsupportedError(
            "model-unsafe",
            f"{checkpoint.url}: a SavedModel is a program: where you trust who wrote it, "
            "load_saved_model(..., allow_unsafe=True)",
        )
    with tempfile.TemporaryDirectory(prefix="embzarr-model-") as folder:
        save_folder(checkpoint, Path(folder), below=_FOLDER)
        try:
            return tf.saved_model.load(str(Path(folder) / _FOLDER))
        except (tf.errors.OpError, OSError, ValueError, KeyError) as exc:
            raise DamagedError(
                "model-invalid",
                f"{checkpoint.url}: tensorflow {tf.__version__} cannot read a SavedModel of "
                f"{record.get('version')!r:.40}: {exc}",
            ) from exc


def _variables(model: Any) -> dict[str, Any]:  # noqa: ANN401 - tensorflow is an extra
    """Return variables by the attributes that lead to them, each once.

    Raises:
        InvalidInputError: nothing that TensorFlow tracks, or two of one name.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()
    rest: list[tuple[str, Any]] = [("", model)]
    while rest:
        path, one = rest.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, tf.Variable):
            if path in found:
                raise InvalidInputError("input-argument", f"model: two variables named {path!r}")
            found[path] = one
        else:
            rest += [(f"{path}/{name}".lstrip("/"), at) for name, at in _children(one)]
    return found


def _children(one: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - tensorflow is an extra
    """Return what TensorFlow tracks below something, in reverse, as a stack takes it."""
    try:
        return list(tf.train.TrackableView.children(one).items())[::-1]
    except AttributeError as exc:
        raise arguments.wrong_type("model", "a tf.Module", one) from exc


def _variables_of_optimizer(optimizer: Any) -> dict[str, Any]:  # noqa: ANN401 - tensorflow is an extra
    if optimizer is None:
        return {}
    variables = getattr(optimizer, "variables", None)
    if not isinstance(variables, list | tuple):
        raise arguments.wrong_type("optimizer", "one with variables", optimizer)
    return {f"{_OPTIMIZER}{at}": one for at, one in enumerate(variables)}


def _array(name: str, variable: Any) -> NDArray[Any]:  # noqa: ANN401 - tensorflow is an extra
    array: NDArray[Any] = variable.numpy()
    if array.dtype == object:
        raise InvalidInputError(
            "input-dtype", f"variable {name!r}: expected numbers, found {variable.dtype}"
        )
    return array


def _shape(variable: Any) -> tuple[int, ...]:  # noqa: ANN401 - tensorflow is an extra
    return tuple(variable.shape)


def _fill(variables: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        variables[name].assign(tf.cast(tf.constant(array), variables[name].dtype))


def _exported(model: Any, folder: Path) -> dict[str, Path]:  # noqa: ANN401 - tensorflow is an extra
    """Write a SavedModel, and return its files by the names that they have in a checkpoint."""
    try:
        tf.saved_model.save(model, str(folder))
    except (tf.errors.OpError, AttributeError, TypeError, ValueError) as exc:
        raise InvalidInputError(
            "input-argument", f"model: tensorflow cannot write a SavedModel of it: {exc}"
        ) from exc
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f"{_FOLDER}{path.relative_to(folder).as_posix()}": path for path in files}
