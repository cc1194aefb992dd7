"""What the adapters of models share: the record of a model, its tensors, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from embzarr._format import arguments
from embzarr._open import open_checkpoint
from embzarr._run import Run
from embzarr._writing import save
from embzarr.errors import InvalidInputError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import ArrayLike, NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._writing import DeltaPolicy
    from embzarr.interop._door import Source

OPTIMIZERS = ("optimizer.", "optimizer/")
"""What the names of an optimizer's tensors begin with."""
_SHOWN = 8


class HowToSave(TypedDict, total=False):
    """Keywords of every ``save`` of a model, as `embzarr.save` has them."""

    step: int | None
    metadata: Mapping[str, Any] | None
    compression: str
    allow_new_dim: bool
    single_writer: bool
    storage_options: Mapping[str, Any] | None


class HowToSaveLater(TypedDict, total=False):
    """Keywords of every ``save_async`` of a model, as `embzarr.Run.save_async` has them."""

    step: int | None
    metadata: Mapping[str, Any] | None
    compression: str
    allow_new_dim: bool
    changed: ArrayLike | Mapping[str, ArrayLike] | None
    base: Checkpoint | None
    policy: DeltaPolicy


class Where(TypedDict, total=False):
    """Keywords of every ``load`` of a model, as `embzarr.open` has them."""

    step: int | None
    tag: str | None
    commit: int | None
    storage_options: Mapping[str, Any] | None


class _Beside(TypedDict):
    """What goes beside a table."""

    tensors: Mapping[str, NDArray[Any]]
    files: Mapping[str, bytes | Path]
    model: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelParts:
    """A model as a checkpoint holds it."""

    framework: str
    version: str
    """Of the framework."""
    name: str
    """Of its class."""
    form: str
    """How it is stored: ``tensors``, or the framework's own form."""
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    files: Mapping[str, bytes | Path] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    """What else is needed to make the model again, as JSON."""


def save_model(
    url: object,
    parts: ModelParts,
    *,
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    how: HowToSave,
) -> Checkpoint:
    """Save a model as one commit, of an embedding with its vocabulary the table of it.

    Args:
        url: where to.
        parts: the model.
        vocabulary: words of an embedding, in the order of its rows.
        embedding: which tensor that is; by default the only matrix of as many rows.
        how: as `embzarr.save` takes it.

    Raises:
        InvalidInputError: a vocabulary of another length than the embedding, or none to be found.
    """
    words, vectors, given = _arranged(parts, vocabulary, embedding)
    return save(url, words, vectors, **given, **how)


def save_later(
    run: Run,
    parts: ModelParts,
    *,
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    how: HowToSaveLater,
) -> Future[Checkpoint]:
    """Save a model in the background, as `save_model` does."""
    if not isinstance(run, Run):
        raise arguments.refusal("run", "an embzarr.Run, which saves in the background", run)
    words, vectors, given = _arranged(parts, vocabulary, embedding)
    return run.save_async(words, vectors, **given, **how)


def _arranged(
    parts: ModelParts, vocabulary: Iterable[str | bytes] | None, embedding: str | None
) -> tuple[list[str] | None, NDArray[Any] | None, _Beside]:
    """Return the table of a model, if it has one, and what goes beside it."""
    tensors = dict(parts.tensors)
    record = {
        "framework": parts.framework,
        "version": parts.version,
        "class": parts.name,
        "form": parts.form,
        **parts.record,
    }
    words = vectors = None
    if vocabulary is not None:
        words = arguments.words("vocabulary", vocabulary)
        record["embedding"] = name = _embedding(tensors, len(words), embedding)
        vectors = tensors.pop(name)
    elif embedding is not None:
        raise InvalidInputError("input-argument", "embedding: expected its vocabulary beside it")
    return words, vectors, {"tensors": tensors, "files": parts.files, "model": record}


def _embedding(tensors: Mapping[str, NDArray[Any]], rows: int, name: str | None) -> str:
    """Return the matrix whose rows a vocabulary names."""
    if name is not None:
        shape = tensors[name].shape if name in tensors else None
        if shape is None or len(shape) != 2 or shape[0] != rows:  # noqa: PLR2004 - a matrix
            raise InvalidInputError(
                "input-shape",
                f"embedding: expected a matrix of {rows} rows, one for each word of the "
                f"vocabulary, found {name!r} {'missing' if shape is None else shape}",
            )
        return name
    own = {key: one for key, one in tensors.items() if not key.startswith(OPTIMIZERS)}
    matrices = {key: one.shape for key, one in own.items() if one.ndim == 2}  # noqa: PLR2004
    found = [key for key, shape in matrices.items() if shape[0] == rows]
    if len(found) != 1:
        told = some(found or [f"{key} {shape}" for key, shape in matrices.items()])
        raise InvalidInputError(
            "input-argument",
            f"embedding: expected the name of the matrix whose {rows} rows the vocabulary names, "
            f"found {'' if found else 'none among '}{told or 'no matrix'}",
        )
    return found[0]


def open_model(
    source: Source, framework: str, where: Where, *, version: str = ""
) -> tuple[Checkpoint, dict[str, Any]]:
    """Open a checkpoint of a model, and return its record.

    Raises:
        NotFoundError: code ``model-missing``: it holds no model.
        UnsupportedError: code ``model-foreign``: one of another framework.
    """
    checkpoint = opened_at(source, where)
    record = checkpoint.model
    found = record.get("framework")
    if found is None:
        raise NotFoundError("model-missing", f"{checkpoint.url}: expected a model, found none")
    if found != framework:
        expected = f"{framework} {version}".rstrip()
        raise UnsupportedError(
            "model-foreign",
            f"{checkpoint.url}: expected a model of {expected}, found one of "
            f"{found!s:.40} {record.get('version')!s:.40}: embzarr.interop.{found!s:.40} reads it",
        )
    return checkpoint, record


def opened_at(source: Source, where: Where) -> Checkpoint:
    """Return a checkpoint that is open, or open the one of a place that is asked for."""
    from embzarr._checkpoint import Checkpoint  # noqa: PLC0415 - a type that is asked for

    return source if isinstance(source, Checkpoint) else open_checkpoint(source, **where)


def class_of(library: ModuleType, record: Mapping[str, Any], kinds: tuple[type, ...]) -> type:
    """Return a class that a library itself offers, of one of a few kinds: a store says no more.

    Raises:
        UnsupportedError: code ``model-foreign``.
    """
    name = record.get("class")
    found = getattr(library, name, None) if isinstance(name, str) else None
    if isinstance(found, type) and issubclass(found, kinds):
        return found
    raise UnsupportedError(
        "model-foreign",
        f"{library.__name__} {getattr(library, '__version__', '')} has no class {name!r:.80} of a "
        f"model; it was saved by {record.get('version')!r:.40}",
    )


def tensors_of(
    checkpoint: Checkpoint,
    out: Mapping[str, NDArray[Any]] | None = None,
    *,
    only: Iterable[str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return tensors of a model, its embedding among them, some read into given arrays.

    Args:
        checkpoint: of the model.
        out: arrays to fill, by name.
        only: those of these names; by default all.
    """
    given = {} if out is None else dict(out)
    name = checkpoint.model.get("embedding")
    asked = None if only is None else set(only)
    vectors = given.pop(name, None) if isinstance(name, str) else None
    wanted = [one for one in checkpoint.tensors if asked is None or one in asked]
    found = checkpoint.tensors.load(wanted, out={k: v for k, v in given.items() if k in wanted})
    if isinstance(name, str) and (asked is None or name in asked):
        how = {} if vectors is None else {"out": vectors}
        found[name] = checkpoint.load_rows(None, None, **how).vectors  # type: ignore[arg-type]
    return found


def shapes_of(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of a model, its embedding among them."""
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    name = checkpoint.model.get("embedding")
    return shapes | ({name: checkpoint.shape} if isinstance(name, str) else {})


def check_fits(
    held: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]], *, strict: bool
) -> list[str]:
    """Return the names that both have with one shape.

    Raises:
        InvalidInputError: with `strict`, code ``input-shape``: all that differs, at once.
    """
    common = [name for name in wanted if held.get(name) == wanted[name]]
    missing = sorted(wanted.keys() - held.keys())
    extra = sorted(held.keys() - wanted.keys())
    other = [name for name in wanted if name in held and held[name] != wanted[name]]
    told = [f"not in the checkpoint: {some(missing)}"] if missing else []
    told += [f"not in the model: {some(extra)}"] if extra else []
    shapes = [f"{name} {held[name]} for {wanted[name]}" for name in other]
    told += [f"of another shape: {some(shapes)}"] if shapes else []
    if told and strict:
        raise InvalidInputError(
            "input-shape", f"{'; '.join(told)}: strict=False takes what fits and leaves the rest"
        )
    return common


def some(names: Sequence[str]) -> str:
    """Return the first of names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def scalar(value: object, *, what: str = "") -> Any:  # noqa: ANN401 - JSON
    """Return a number, text or None of a framework as JSON has it; numpy's among them.

    Args:
        value: of a framework.
        what: where it stands, for messages.

    Raises:
        InvalidInputError: code ``input-argument``: anything else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise arguments.wrong_type(what or "state", "a number, a text or None", value)
