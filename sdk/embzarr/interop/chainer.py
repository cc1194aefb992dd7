"""Chainer: links with their optimizers as named tensors, and embedding layers (extra ``chainer``).

Chainer 7.8 needs numpy below 2, and to be built by setuptools below 66::

    pip install 'setuptools<66' wheel 'numpy<2' && pip install --no-build-isolation chainer

Names are those of ``chainer.serializers.save_npz``, such as ``embed/W``. No pickle: what is no
number, text or array is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import DamagedError, InvalidInputError, NotFoundError
from embzarr.interop._door import needs
from embzarr.interop._models import storing
from embzarr.interop._models.by_names import by_names
from embzarr.interop._models.embeddings import rows_of, save_rows
from embzarr.interop._models.storing import HowToSave, ModelParts, Where

with needs("chainer", extra="chainer"):
    import chainer
    from chainer.serializers import DictionarySerializer, NpzDeserializer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.by_names import Names

__all__ = ["embedding", "load", "save", "save_embedding"]

_OPTIMIZER = "optimizer/"


def save(
    url: object,
    model: Any,  # noqa: ANN401 - chainer is an extra
    *,
    optimizer: Any = None,  # noqa: ANN401 - chainer is an extra
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save a link, and on wish its optimizer, as one atomic commit.

    Args:
        url: where to; see `embzarr.open`.
        model: a `chainer.Link`, such as a chain, whose parameters all have their shapes.
        optimizer: a `chainer.Optimizer` that is set up with it, whose state goes along.
        vocabulary: words of an embedding, in the order of its rows: they and its vectors become
            the table, to be read by word.
        embedding: name of that array, such as ``embed/W``; by default the only matrix of as many
            rows.
        **how: ``step``, ``metadata``, ``compression``, ``storage_options`` and others, as
            `embzarr.save` takes them.

    Raises:
        InvalidInputError: no link; a parameter without a shape yet; something that is no array,
            number or text; or a vocabulary that does not fit.

    Example:
        >>> import chainer
        >>> from embzarr.interop.chainer import load, save
        >>> link = chainer.links.Linear(2, 1)
        >>> sorted(save(folder, link).tensors)
        ['W', 'b']
        >>> again = chainer.links.Linear(2, 1)
        >>> bool((load(folder, into=again).W.array == link.W.array).all())
        True
    """
    _check_kind("model", model, chainer.Link)
    tensors = _arrays_of(model)
    if optimizer is not None:
        _check_kind("optimizer", optimizer, chainer.Optimizer)
        tensors |= {f"{_OPTIMIZER}{name}": one for name, one in _arrays_of(optimizer).items()}
    parts = ModelParts(
        framework="chainer",
        version=chainer.__version__,
        name=f"{type(model).__module__}.{type(model).__qualname__}",
        form="tensors",
        tensors=tensors,
        record={} if optimizer is None else {"optimizer": type(optimizer).__name__},
    )
    return storing.save_model(url, parts, vocabulary=vocabulary, embedding=embedding, how=how)


def load(
    source: Source,
    *,
    into: Any,  # noqa: ANN401 - chainer is an extra
    optimizer: Any = None,  # noqa: ANN401 - chainer is an extra
    strict: bool = True,
    names: Names | None = None,
    **where: Unpack[Where],
) -> Any:  # noqa: ANN401 - chainer is an extra
    """Fill a link, and on wish its optimizer, with what was saved, and return the link.

    Args:
        source: an open checkpoint, or the place of a run.
        into: the link to fill; parameters without a shape yet take that of what was saved.
        optimizer: the optimizer to fill, set up with `into`.
        strict: refuse names and shapes that the one has and the other has not; else what fits is
            taken, and the rest left.
        names: take tensors of whatever framework saved them: which of them each array of the link
            is, where names differ, such as ``{"fc/W": "dense.weight"}``, or with the order of its
            axes, ``{"fc/W": ("dense/kernel", (1, 0))}``. No optimizer then.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model, or no optimizer.
        UnsupportedError: code ``model-foreign``: one of another framework, without `names`.
        InvalidInputError: code ``input-shape``: what does not fit, all of it at once.

    Example:
        >>> import chainer
        >>> from embzarr.interop.chainer import load, save
        >>> saved = embzarr.save(folder, tensors={"fc/kernel": np.array([[1.0], [2.0]], "f4")})
        >>> link = chainer.links.Linear(2, 1, nobias=True)
        >>> load(saved, into=link, names={"W": ("fc/kernel", (1, 0))}).W.array
        array([[1., 2.]], dtype=float32)
    """
    _check_kind("into", into, chainer.Link)
    shapes = {name: one.shape for name, one in _arrays_of(into, unshaped=True).items()}
    if names is not None:
        found = by_names(source, names, into, shapes, strict=strict, where=where)
        _fill(into, found, strict=False)
        return into
    checkpoint, record = storing.open_model(source, "chainer", where, version=chainer.__version__)
    held = storing.shapes_of(checkpoint)
    own = {name: at for name, at in held.items() if not name.startswith(_OPTIMIZER)}
    unshaped = {name for name, one in _arrays_of(into, unshaped=True).items() if one.dtype == "O"}
    wanted = {name: own.get(name, at) if name in unshaped else at for name, at in shapes.items()}
    common = storing.check_fits(own, wanted, strict=strict)
    if optimizer is not None:
        _check_optimizer(checkpoint, record, optimizer)
    arrays = storing.tensors_of(checkpoint)
    _fill(into, {name: arrays[name] for name in common}, strict=False)
    if optimizer is not None:
        parts = ((name.partition(_OPTIMIZER), one) for name, one in arrays.items())
        _fill(optimizer, {end: one for (start, at, end), one in parts if at and not start})
    return into


def save_embedding(
    url: object,
    layer: Any,  # noqa: ANN401 - chainer is an extra
    words: Iterable[str | bytes] | Mapping[str, int],
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save the vectors of a layer with its words, as a table to be read by word.

    Args:
        url: where to; see `embzarr.open`.
        layer: a `chainer.links.EmbedID`.
        words: of all rows, in their order; or the row of each word, where some rows have none.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: no such layer, or another number of words than of rows.

    Example:
        >>> from embzarr.interop.chainer import embedding, save_embedding
        >>> layer, rows = embedding(checkpoint, ["queen", "king"])
        >>> save_embedding(folder, layer, rows)["king"]
        array([1., 0., 0., 0.], dtype=float32)
    """
    _check_kind("layer", layer, chainer.links.EmbedID)
    return save_rows(url, words, chainer.backend.CpuDevice().send(layer.W.array), how)


def embedding(
    checkpoint: Source, words: Iterable[str | bytes] | None = None, *, missing: str = "raise"
) -> tuple[Any, dict[str, int]]:
    """Return a `chainer.links.EmbedID` with the vectors of words, and the row of each word.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        missing: what to do about words that the checkpoint does not hold: ``raise``, ``skip`` them,
            or give them rows of ``zeros``.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice.

    Example:
        >>> from embzarr.interop.chainer import embedding
        >>> layer, rows = embedding(checkpoint, ["queen", "king"])
        >>> layer(np.array([rows["king"], -1], "i4")).array
        array([[1., 0., 0., 0.],
               [0., 0., 0., 0.]], dtype=float32)
    """
    vectors, rows = rows_of(checkpoint, words, missing)
    with chainer.using_config("dtype", vectors.dtype.type):
        layer = chainer.links.EmbedID(*vectors.shape, initialW=vectors, ignore_label=-1)
    return layer, rows


def _check_kind(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise arguments.wrong_type(name, f"a chainer {kind.__name__}", value)


def _check_optimizer(checkpoint: Checkpoint, record: Mapping[str, Any], optimizer: object) -> None:
    _check_kind("optimizer", optimizer, chainer.Optimizer)
    saved = record.get("optimizer")
    if saved is None:
        raise NotFoundError("model-missing", f"{checkpoint.url}: saved without an optimizer")
    if saved != type(optimizer).__name__:
        raise arguments.wrong_type("optimizer", f"a {saved!r:.40} as was saved", optimizer)


def _arrays_of(model: Any, *, unshaped: bool = False) -> dict[str, NDArray[Any]]:  # noqa: ANN401 - chainer is an extra
    """Return the arrays of a link or an optimizer as Chainer itself would save them.

    Raises:
        InvalidInputError: something else than numbers, texts and arrays; with `unshaped`,
            parameters without a shape are empty objects.
    """
    serializer = DictionarySerializer()
    try:
        serializer.save(model)
    except TypeError as exc:
        raise InvalidInputError("input-dtype", f"model: chainer cannot save it: {exc}") from exc
    odd = [name for name, one in serializer.target.items() if one.dtype == object]
    if odd and not unshaped:
        raise InvalidInputError(
            "input-dtype",
            f"expected arrays, numbers and texts, found none in {storing.some(odd)}: parameters "
            "without a shape have one after a first call",
        )
    return dict(serializer.target)


def _fill(model: Any, arrays: Mapping[str, NDArray[Any]], *, strict: bool = True) -> None:  # noqa: ANN401 - chainer is an extra
    try:
        NpzDeserializer(arrays, strict=strict).load(model)
    except (KeyError, TypeError, ValueError) as exc:
        raise DamagedError(
            "model-invalid", f"chainer {chainer.__version__} cannot take what was saved: {exc!r}"
        ) from exc
