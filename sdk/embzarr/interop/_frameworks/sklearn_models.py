"""Saves estimators of scikit-learn by skops, which runs no code of a store that is read."""

from __future__ import annotations

import pydoc
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import UnsupportedError
from embzarr.interop._door import needs
from embzarr.interop._models.own_form import OwnForm

with needs("scikit-learn", extra="sklearn"):
    import sklearn
    from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave, Where

_FORM = OwnForm(
    framework="sklearn",
    version=sklearn.__version__,
    form="skops",
    file="model.skops",
    failures=(
        AttributeError,
        EOFError,
        ImportError,
        KeyError,
        NotImplementedError,
        OSError,
        RuntimeError,  # of what is encrypted, or nested too deeply
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ),
)


def save(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save an estimator, a pipeline of them included, as one atomic commit, by skops.

    Args:
        url: where to; see `embzarr.open`.
        model: an estimator of scikit-learn, or one that behaves as such.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: no estimator, one that skops cannot save, or one with functions or
            classes that no module names, such as a lambda: nothing could load it again.

    Example:
        >>> from embzarr.interop.sklearn import load, save
        >>> from sklearn.linear_model import LinearRegression
        >>> model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
        >>> saved = save(folder, model)
        >>> load(folder).predict([[2.0]])
        array([5.])
    """
    if not isinstance(model, BaseEstimator):
        raise arguments.wrong_type("model", "an estimator of scikit-learn", model)
    with needs("skops", extra="sklearn"):
        import skops.io  # noqa: PLC0415 - not everybody who vectorizes texts saves models

    name = f"{type(model).__module__}.{type(model).__qualname__}"

    def write() -> bytes:
        data = bytes(skops.io.dumps(model))
        lost = _absent(skops.io.get_untrusted_types(data=data))
        if lost:
            raise ValueError(
                f"no module has {', '.join(lost)}, so that nothing could load it again"
            )
        return data

    return _FORM.save(url, name, write, how)


def load(source: Source, *, trusted: Iterable[str] = (), **where: Unpack[Where]) -> Any:  # noqa: ANN401
    """Return an estimator as it was saved; nothing but types that are known to do no harm is made.

    Args:
        source: an open checkpoint, or the place of a run.
        trusted: names of further types to make, such as ``sklearn.tree._tree.Tree``, where what is
            stored comes from somebody that is trusted.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: codes ``model-foreign``: one of another framework, or of types that are
            trusted and cannot be imported here; ``model-unsafe``: types that are not trusted. All
            of them are named.
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
    checkpoint, record = _FORM.open(source, where)
    data = checkpoint.files[_FORM.file].read()
    with _FORM.reading(checkpoint, record):
        try:
            return skops.io.loads(data, trusted=names)
        except UntrustedTypesFoundException as exc:
            types = sorted(set(skops.io.get_untrusted_types(data=data)) - set(names))
            raise UnsupportedError(
                "model-unsafe",
                f"{checkpoint.url}: expected types that can do no harm, found {', '.join(types)}: "
                f"where you trust who wrote them, load(..., trusted={types})",
            ) from exc
        except (AttributeError, ImportError) as exc:
            unsafe = set(skops.io.get_untrusted_types(data=data))
            lost = _absent(sorted(unsafe & set(names)))  # looking imports: of no other types
            if not lost:
                raise
            raise UnsupportedError(
                "model-foreign",
                f"{checkpoint.url}: no module here has {', '.join(lost)}: install or import what "
                "defines them",
            ) from exc


def _absent(names: Iterable[str]) -> list[str]:
    """Return those of types and functions, which are trusted, that no module has."""
    return [name for name in names if not _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        return pydoc.locate(name) is not None
    except pydoc.ErrorDuringImport:
        return False
