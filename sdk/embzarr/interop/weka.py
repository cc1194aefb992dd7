"""Weka: models in its own form, which is Java's serialisation (extra ``weka``).

The JVM must run, by ``weka.core.jvm.start()``.
"""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import DamagedError, InvalidInputError, UnsupportedError
from embzarr.interop._door import needs
from embzarr.interop._models.own_form import OwnForm, file_of, written

with needs("python-weka-wrapper3", extra="weka"):
    import jpype
    from weka.associations import Associator
    from weka.classifiers import Classifier
    from weka.clusterers import Clusterer
    from weka.core import serialization
    from weka.core.dataset import Instances
    from weka.core.version import weka_version

if TYPE_CHECKING:
    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave, Where

__all__ = ["load", "save"]

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Classifier, Clusterer, Associator)}
"""What a model may be, by the name of its class in the library."""
_FORM = OwnForm(
    framework="weka",
    version=_version("python-weka-wrapper3"),
    form="java",
    file="weka.model",
    failures=(jpype.JException, TypeError),
    harm="Java's serialisation, which can run code",
)


def save(
    url: object,
    model: Any,  # noqa: ANN401 - weka is an extra
    *,
    header: Any = None,  # noqa: ANN401 - weka is an extra
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save a model as one atomic commit, as Weka's own ``.model`` file.

    Args:
        url: where to; see `embzarr.open`.
        model: a built `weka.classifiers.Classifier`, or a clusterer or associator.
        header: a `weka.core.dataset.Instances` with the attributes that the model was built for,
            of which no rows are kept: who loads the model makes its instances by that.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else, or a model that Java cannot serialise.

    Example:
        >>> from weka.classifiers import Classifier
        >>> from weka.core.dataset import create_instances_from_matrices
        >>> from embzarr.interop.weka import load, save
        >>> table = create_instances_from_matrices(np.eye(4), np.arange(4.0))
        >>> table.class_is_last()
        >>> model = Classifier("weka.classifiers.functions.LinearRegression")
        >>> model.build_classifier(table)
        >>> saved = save(folder, model, header=table)
        >>> again, header = load(folder, allow_unsafe=True)
        >>> row = table.get_instance(0)
        >>> again.classify_instance(row) == model.classify_instance(row), header.num_instances
        (True, 0)
    """
    if not isinstance(model, tuple(_KINDS.values())):
        raise arguments.wrong_type("model", f"a {' or '.join(_KINDS)} of weka", model)
    if header is not None and not isinstance(header, Instances):
        raise arguments.wrong_type("header", "Instances of weka", header)
    kept: list[Any] = [model] if header is None else [model, Instances.template_instances(header)]
    name = next(name for name, kind in _KINDS.items() if isinstance(model, kind))

    def write(path: str) -> None:
        serialization.write_all(path, kept)

    record = {"java_class": kept[0].classname, "weka": str(weka_version())}
    return _FORM.save(url, name, lambda: written(write, _FORM.file), how, record)


def load(source: Source, *, allow_unsafe: bool = False, **where: Unpack[Where]) -> tuple[Any, Any]:
    """Return a model as it was saved, and its header, or None where it was saved without.

    A file of a stranger could run code in this process: Java's serialisation makes objects of any
    class that it names.

    Args:
        source: an open checkpoint, or the place of a run.
        allow_unsafe: read it, because who wrote it is trusted.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: codes ``model-foreign``: one of another framework, or of a kind that is
            not known here; ``model-unsafe``: without `allow_unsafe`.
        DamagedError: code ``model-invalid``: Weka cannot read it.

    Example:
        >>> from weka.clusterers import Clusterer
        >>> from weka.core.dataset import create_instances_from_matrices
        >>> from embzarr.interop.weka import load, save
        >>> model = Clusterer("weka.clusterers.SimpleKMeans", options=["-N", "2"])
        >>> model.build_clusterer(create_instances_from_matrices(np.eye(4)))
        >>> again, header = load(save(folder, model), allow_unsafe=True)
        >>> again.number_of_clusters, header
        (2, None)
    """
    checkpoint, record = _FORM.open(source, where, allow_unsafe=allow_unsafe)
    _check_jvm()
    kind = _KINDS.get(str(record.get("class")))
    if kind is None:
        raise UnsupportedError(
            "model-foreign", f"{checkpoint.url}: no model of weka is a {record.get('class')!r:.80}"
        )
    with file_of(checkpoint, _FORM.file) as path, _FORM.reading(checkpoint, record):
        held = serialization.read_all(path)
        if len(held) not in {1, 2}:
            raise DamagedError(
                "model-invalid",
                f"{checkpoint.url}: expected a model and a header, found {len(held)} objects",
            )
        return kind(jobject=held[0]), Instances(jobject=held[1]) if held[1:] else None


def _check_jvm() -> None:
    if not jpype.isJVMStarted():
        raise InvalidInputError("input-argument", "expected a running JVM: weka.core.jvm.start()")
