"""MXNet: Gluon blocks as named tensors and a symbol, and embedding layers (extra ``mxnet``).

MXNet 1.9 needs numpy below 2. It asks numpy for ``bool`` besides, which numpy 1.26 lacks and
numpy 2 has: importing this module gives that name to numpy 1.26, with numpy 2's meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import InvalidInputError, NotFoundError, UnsupportedError
from embzarr.interop._door import needs
from embzarr.interop._frameworks.mxnet_symbols import block_of, set_parameter, symbol_of
from embzarr.interop._models import storing
from embzarr.interop._models.by_names import by_names
from embzarr.interop._models.embeddings import rows_of, save_rows
from embzarr.interop._models.own_form import file_of, written
from embzarr.interop._models.storing import HowToSave, ModelParts, Where

with needs("mxnet", extra="mxnet"):
    import mxnet as mx
    from mxnet import gluon

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.by_names import Names

__all__ = ["embedding", "load", "save", "save_embedding"]

_STATES = "trainer.states"
_NOT_THERE = (RuntimeError, gluon.parameter.DeferredInitializationError)


def save(
    url: object,
    model: Any,  # noqa: ANN401 - mxnet is an extra
    *,
    trainer: Any = None,  # noqa: ANN401 - mxnet is an extra
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save a block, and on wish the states of its trainer, as one atomic commit.

    Of a block that is hybridized and was called, the symbol is kept, which builds it again.

    Args:
        url: where to; see `embzarr.open`.
        model: a `mxnet.gluon.Block` whose parameters are initialized and have their shapes. Its
            names are those of ``save_parameters``, such as ``0.weight``.
        trainer: a `mxnet.gluon.Trainer`, whose states MXNet writes as a pickle, which is kept as a
            file and read only by who allows it.
        vocabulary: words of an embedding, in the order of its rows: they and its vectors become
            the table, to be read by word.
        embedding: name of that parameter; by default the only matrix of as many rows.
        **how: ``step``, ``metadata``, ``compression``, ``storage_options`` and others, as
            `embzarr.save` takes them.

    Raises:
        InvalidInputError: no block, parameters that are not initialized, or a vocabulary that does
            not fit.

    Example:
        >>> from mxnet import gluon
        >>> from embzarr.interop.mxnet import load, save
        >>> block = gluon.nn.Dense(1, in_units=2)
        >>> block.initialize()
        >>> sorted(save(folder, block).tensors)
        ['bias', 'weight']
        >>> again = load(folder, into=gluon.nn.Dense(1))
        >>> bool((again.weight.data() == block.weight.data()).asnumpy().all())
        True
    """
    _check_kind("model", model, gluon.Block)
    tensors = {name: _array(name, one) for name, one in _parameters(model).items()}
    text, record = symbol_of(model)
    files = {} if text is None else {"symbol.json": text}
    if trainer is not None:
        _check_kind("trainer", trainer, gluon.Trainer)
        files[_STATES] = written(trainer.save_states, _STATES)
    parts = ModelParts(
        framework="mxnet",
        version=mx.__version__,
        name=f"{type(model).__module__}.{type(model).__qualname__}",
        form="tensors",
        tensors=tensors,
        files=files,
        record=record,
    )
    return storing.save_model(url, parts, vocabulary=vocabulary, embedding=embedding, how=how)


def load(
    source: Source,
    *,
    into: Any = None,  # noqa: ANN401 - mxnet is an extra
    trainer: Any = None,  # noqa: ANN401 - mxnet is an extra
    strict: bool = True,
    names: Names | None = None,
    allow_unsafe: bool = False,
    **where: Unpack[Where],
) -> Any:  # noqa: ANN401 - mxnet is an extra
    """Fill a block with what was saved, or build one from its symbol, and return it.

    Args:
        source: an open checkpoint, or the place of a run.
        into: the block to fill; parameters that are not initialized are, with the shapes of what
            was saved. By default a `mxnet.gluon.SymbolBlock` is built.
        trainer: the trainer of `into`, whose states are read from a pickle: `allow_unsafe`.
        strict: refuse names and shapes that the one has and the other has not; else what fits is
            taken, and the rest left.
        names: take tensors of whatever framework saved them: which of them each parameter is,
            where names differ, such as ``{"0.weight": "dense.weight"}``, or with the order of its
            axes, ``{"0.weight": ("dense/kernel", (1, 0))}``. No trainer then.
        allow_unsafe: read a pickle, because who wrote it is trusted.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: codes ``model-foreign``: one of another framework, without `names`;
            ``model-unsafe``: states of a trainer without `allow_unsafe`, or a symbol that names
            memory, files or code.
        InvalidInputError: code ``input-shape``: what does not fit, all of it at once.

    Example:
        >>> import mxnet
        >>> from embzarr.interop.mxnet import load, save
        >>> block = mxnet.gluon.nn.Dense(1)
        >>> block.initialize(), block.hybridize()
        (None, None)
        >>> numbers = mxnet.nd.array([[1, 2]])
        >>> answer = block(numbers)
        >>> bool((load(save(folder, block))(numbers) == answer).asnumpy().all())
        True
    """
    arguments.check_flags(strict=strict, allow_unsafe=allow_unsafe)
    if into is not None:
        _check_kind("into", into, gluon.Block)
    if names is not None:
        _check_kind("into", into, gluon.Block)
        shapes = {name: tuple(one.shape or ()) for name, one in _parameters(into).items()}
        _fill(into, by_names(source, names, into, shapes, strict=strict, where=where))
        return into
    checkpoint, record = storing.open_model(source, "mxnet", where, version=mx.__version__)
    _check_states(checkpoint, trainer, allow_unsafe=allow_unsafe)
    if into is None:
        return block_of(checkpoint, record, storing.tensors_of(checkpoint))
    held = storing.shapes_of(checkpoint)
    wanted = {name: _shape(one, held.get(name)) for name, one in _parameters(into).items()}
    common = storing.check_fits(held, wanted, strict=strict)
    _fill(into, storing.tensors_of(checkpoint, only=common))
    if trainer is not None:
        with file_of(checkpoint, _STATES) as path:
            trainer.load_states(path)
    return into


def save_embedding(
    url: object,
    layer: Any,  # noqa: ANN401 - mxnet is an extra
    words: Iterable[str | bytes] | Mapping[str, int],
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save the vectors of a layer with its words, as a table to be read by word.

    Args:
        url: where to; see `embzarr.open`.
        layer: a `mxnet.gluon.nn.Embedding` that is initialized.
        words: of all rows, in their order; or the row of each word, where some rows have none.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: no such layer, or another number of words than of rows.

    Example:
        >>> from embzarr.interop.mxnet import embedding, save_embedding
        >>> layer, rows = embedding(checkpoint, ["queen", "king"])
        >>> save_embedding(folder, layer, rows)["king"]
        array([1., 0., 0., 0.], dtype=float32)
    """
    _check_kind("layer", layer, gluon.nn.Embedding)
    return save_rows(url, words, _array("weight", layer.weight), how)


def embedding(
    checkpoint: Source, words: Iterable[str | bytes] | None = None, *, missing: str = "raise"
) -> tuple[Any, dict[str, int]]:
    """Return a `mxnet.gluon.nn.Embedding` with the vectors of words, and the row of each word.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        missing: what to do about words that the checkpoint does not hold: ``raise``, ``skip`` them,
            or give them rows of ``zeros``.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice.

    Example:
        >>> import mxnet
        >>> from embzarr.interop.mxnet import embedding
        >>> layer, rows = embedding(checkpoint, ["queen", "king"])
        >>> layer(mxnet.nd.array([rows["king"]])).asnumpy()
        array([[1., 0., 0., 0.]], dtype=float32)
    """
    vectors, rows = rows_of(checkpoint, words, missing)
    layer = gluon.nn.Embedding(*vectors.shape, dtype=vectors.dtype.name)
    set_parameter(layer.weight, vectors)
    return layer, rows


def _check_kind(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise arguments.wrong_type(name, f"{kind.__name__} of mxnet.gluon", value)


def _parameters(block: Any) -> dict[str, Any]:  # noqa: ANN401 - mxnet is an extra
    """Return parameters by their names inside a block, as MXNet's own ``save_parameters`` does.

    The other names that it has, such as ``dense0_weight``, count blocks within the process.
    """
    found: dict[str, Any] = block._collect_params_with_prefix()  # noqa: SLF001 - see above
    return found


def _array(name: str, parameter: Any) -> NDArray[Any]:  # noqa: ANN401 - mxnet is an extra
    try:
        numbers: NDArray[Any] = parameter.data(parameter.list_ctx()[0]).asnumpy()
    except _NOT_THERE as exc:
        raise InvalidInputError(
            "input-argument",
            f"parameter {name!r}: expected one with numbers; initialize the block and call it once",
        ) from exc
    return numbers


def _shape(parameter: Any, held: tuple[int, ...] | None) -> tuple[int, ...]:  # noqa: ANN401 - mxnet is an extra
    """Return a parameter's shape, where it is not known yet that of what was saved."""
    own = tuple(parameter.shape or ())
    if held is None or (parameter.shape is not None and len(own) != len(held)):
        return own
    fits = all(mine in {0, -1, other} for mine, other in zip(own, held, strict=False))
    return held if fits else own


def _fill(block: Any, arrays: Mapping[str, NDArray[Any]]) -> None:  # noqa: ANN401 - mxnet is an extra
    parameters = _parameters(block)
    for name, array in arrays.items():
        set_parameter(parameters[name], array)


def _check_states(checkpoint: Checkpoint, trainer: Any, *, allow_unsafe: bool) -> None:  # noqa: ANN401 - mxnet is an extra
    if trainer is None:
        return
    _check_kind("trainer", trainer, gluon.Trainer)
    if _STATES not in checkpoint.files:
        raise NotFoundError("model-missing", f"{checkpoint.url}: saved without a trainer")
    if not allow_unsafe:
        raise UnsupportedError(
            "model-unsafe",
            f"{checkpoint.url}: {_STATES} is a pickle, which can run code: where you trust who "
            "wrote it, load(..., allow_unsafe=True)",
        )
