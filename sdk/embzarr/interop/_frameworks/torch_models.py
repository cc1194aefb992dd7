"""Saves modules and optimizers of PyTorch as named tensors, and fills them again in place.

Source of the forms: ``Module.state_dict`` and ``Optimizer.state_dict`` of PyTorch. No pickle: what
is no tensor is JSON, or refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from embzarr._format import arguments
from embzarr.errors import DamagedError, InvalidInputError, NotFoundError
from embzarr.interop._door import needs
from embzarr.interop._frameworks.torch_state import (
    distinct,
    fillable,
    flat,
    in_place,
    nested,
    state_of,
    to_array,
    to_tensor,
)
from embzarr.interop._models import storing
from embzarr.interop._models.by_names import by_names
from embzarr.interop._models.storing import HowToSave, HowToSaveLater, ModelParts, Where

with needs("torch", extra="torch"):
    import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._run import Run
    from embzarr.interop._door import Source
    from embzarr.interop._models.by_names import Names

_CLASS = "class"
"""Member of what is told of an optimizer."""
OPTIMIZER, TRAINER = "optimizer", "trainer"
"""Members of a record that tell of state beside the model's own."""


def save(
    url: object,
    model: Any,  # noqa: ANN401 - torch is an extra
    *,
    optimizer: Any = None,  # noqa: ANN401 - torch is an extra
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save a module, or a state dict, and on wish its optimizer as one atomic commit.

    Args:
        url: where to; see `embzarr.open`.
        model: a `torch.nn.Module`, or tensors by name. They must stay as they are until this
            returns; those on another device are copied to the host.
        optimizer: a `torch.optim.Optimizer`, whose state goes with it.
        vocabulary: words of an embedding layer, in the order of its rows: they and its vectors
            become the table, to be read by word.
        embedding: name of that layer's weight; by default the only matrix of as many rows.
        **how: ``step``, ``metadata``, ``compression``, ``storage_options`` and others, as
            `embzarr.save` takes them.

    Raises:
        InvalidInputError: something that is neither a dense tensor nor JSON, or a vocabulary that
            does not fit; nothing was committed.

    Example:
        >>> import torch
        >>> from embzarr.interop.torch import load, save
        >>> layer = torch.nn.Linear(2, 1)
        >>> saved = save(f"{folder}/layer", layer, step=10)
        >>> again = torch.nn.Linear(2, 1)
        >>> _ = load(saved, into=again)
        >>> bool((again.weight == layer.weight).all())
        True
    """
    parts = _parts_with(model, optimizer)
    return storing.save_model(url, parts, vocabulary=vocabulary, embedding=embedding, how=how)


def save_async(
    run: Run,
    model: Any,  # noqa: ANN401 - torch is an extra
    *,
    optimizer: Any = None,  # noqa: ANN401 - torch is an extra
    vocabulary: Iterable[str | bytes] | None = None,
    embedding: str | None = None,
    **how: Unpack[HowToSaveLater],
) -> Future[Checkpoint]:
    """Save a module, or a state dict, and its optimizer in the background.

    Training may go on as soon as this returns: all tensors are copied by then, and sent by a thread
    of the run, see `embzarr.Run.save_async`.

    Args:
        run: where to; it keeps the memory for copies, and saves in the order of the calls.
        model: as `save` takes it.
        optimizer: as `save` takes it.
        vocabulary: as `save` takes it.
        embedding: as `save` takes it.
        **how: ``step``, ``metadata``, ``changed``, ``base`` and others, as `Run.save_async` takes
            them: ``changed={}`` writes only tensors that differ from those of the save before.

    Raises:
        InvalidInputError: as `save`; nothing was begun.
        EmbzarrError: what the save before ended with; this one was not begun.

    Example:
        >>> import torch
        >>> from embzarr.interop.torch import load, save_async
        >>> layer = torch.nn.Linear(2, 1)
        >>> with embzarr.Run(f"{folder}/layer") as run:
        ...     saving = save_async(run, layer, step=10)
        >>> sorted(load(saving.result()))
        ['bias', 'weight']
    """
    parts = _parts_with(model, optimizer)
    return storing.save_later(run, parts, vocabulary=vocabulary, embedding=embedding, how=how)


def load(
    source: Source,
    *,
    into: Any = None,  # noqa: ANN401 - torch is an extra
    optimizer: Any = None,  # noqa: ANN401 - torch is an extra
    strict: bool = True,
    names: Names | None = None,
    **where: Unpack[Where],
) -> dict[str, Any]:
    """Fill a module and an optimizer with what was saved, or return the tensors by name.

    Args:
        source: an open checkpoint, or the place of a run.
        into: the module to fill, or a state dict, whose tensors have memory; those on the host are
            read in place.
        optimizer: the optimizer to fill, made for the parameters of `into`.
        strict: refuse names and shapes that the one has and the other has not; else what fits is
            taken, and the rest left.
        names: take tensors of whatever framework saved them: which of them each of the module's
            is, where names differ, such as ``{"fc.weight": "fc/W"}``, or with the order of its
            axes, ``{"fc.weight": ("dense/kernel", (1, 0))}``. No optimizer then.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Returns:
        The tensors by name, as the module's ``state_dict`` has them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: code ``model-foreign``: one of another framework, without `names`.
        InvalidInputError: code ``input-shape``: what does not fit, all of it at once; or, with
            `strict`, an optimizer of another class. ``input-argument``: tensors on the device
            ``meta``.

    Example:
        >>> import torch
        >>> from embzarr.interop.torch import load, save
        >>> saved = save(f"{folder}/w", {"w": torch.ones(2)})
        >>> load(saved)
        {'w': tensor([1., 1.])}
    """
    state = {} if into is None else fillable(into)
    _require_optimizer(optimizer)
    own = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if names is not None:
        _copy(state, by_names(source, names, into, own, strict=strict, where=where))
        return state
    checkpoint, record = storing.open_model(source, "torch", where, version=torch.__version__)
    shapes = storing.shapes_of(checkpoint)
    shared, told = _shared_of(checkpoint, record, shapes), _told(checkpoint, record, OPTIMIZER)
    if optimizer is not None and not told:
        raise NotFoundError("model-missing", f"{checkpoint.url}: saved without an optimizer")
    held = _own(checkpoint, record, shapes)
    held |= {name: shapes[other] for name, other in shared.items()}
    common = storing.check_fits(held, held if into is None else own, strict=strict)
    if optimizer is not None:  # before anything is filled
        _check_optimizer(told, optimizer, strict=strict)
    out = {
        name: array
        for name in common
        if name in state and name not in shared and (array := in_place(state[name])) is not None
    }
    out = {name: array for name, array in out.items() if array.dtype == _dtype(checkpoint, name)}
    arrays = storing.tensors_of(checkpoint, out)
    arrays |= {name: arrays[other] for name, other in shared.items()}
    _copy(state, {name: arrays[name] for name in common if name in state and name not in out})
    if optimizer is not None:
        _fill_optimizer(checkpoint, optimizer, _state_of(checkpoint, told, arrays))
    if into is not None:
        return state
    return {name: to_tensor(arrays[name]) for name in arrays if name in held}


def _copy(state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    with torch.no_grad():
        for name, array in arrays.items():
            state[name].copy_(to_tensor(array))


def _fill_optimizer(checkpoint: Checkpoint, optimizer: Any, state: Any) -> None:  # noqa: ANN401
    try:
        optimizer.load_state_dict(state)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as exc:
        message = f"{checkpoint.url}: {type(optimizer).__name__} cannot take its state: {exc!r}"
        raise DamagedError("model-invalid", message) from exc


def _parts_with(model: Any, optimizer: Any) -> ModelParts:  # noqa: ANN401 - torch is an extra
    if optimizer is None:
        return parts_of(model, {})
    _require_optimizer(optimizer)
    parts = parts_of(model, {OPTIMIZER: optimizer.state_dict()})
    told = parts.record[OPTIMIZER] | {_CLASS: type(optimizer).__name__}
    return replace(parts, record={**parts.record, OPTIMIZER: told})


def _require_optimizer(optimizer: object) -> None:
    if optimizer is not None and not hasattr(optimizer, "state_dict"):
        raise arguments.refusal("optimizer", "a torch.optim.Optimizer", optimizer)


def _check_optimizer(told: Mapping[str, Any], optimizer: Any, *, strict: bool) -> None:  # noqa: ANN401
    """Refuse an optimizer of another class, or for other parameters, than was saved."""
    name, own = told.get(_CLASS), [base.__name__ for base in type(optimizer).__mro__]
    if strict and name is not None and name not in own:
        raise InvalidInputError(
            "input-argument",
            f"optimizer: expected {name!r:.80}, of which the state was saved, found {own[0]}: "
            "strict=False takes it as it is",
        )
    found = [len(group["params"]) for group in optimizer.param_groups]
    saved = _groups_of(told.get("state"))
    if saved is not None and found != saved:
        raise InvalidInputError(
            "input-shape",
            f"optimizer: expected groups of {saved} parameters, as were saved, found {found}",
        )


def _groups_of(told: Any) -> list[int] | None:  # noqa: ANN401 - what anybody may have written
    """Return how many parameters each group of an optimizer's state has; None where none tells."""
    try:
        groups = dict(told["dict"])["param_groups"]["list"]
        return [len(dict(group["dict"])["params"]["list"]) for group in groups]
    except (KeyError, TypeError, ValueError):
        return None


def load_beside(
    source: Source, member: str, where: Where
) -> tuple[Checkpoint, dict[str, Any], Any]:
    """Return a checkpoint, its model's tensors by name, and state that was saved beside them.

    Args:
        source: an open checkpoint, or the place of a run.
        member: `TRAINER` or `OPTIMIZER`.
        where: as `load` takes it.

    Raises:
        NotFoundError: code ``model-missing``: there is no such state.
    """
    checkpoint, record = storing.open_model(source, "torch", where)
    shapes = storing.shapes_of(checkpoint)
    shared, told = _shared_of(checkpoint, record, shapes), _told(checkpoint, record, member)
    if not told:
        raise NotFoundError("model-missing", f"{checkpoint.url}: saved without its {member}")
    arrays = storing.tensors_of(checkpoint)
    state = _state_of(checkpoint, told, arrays)
    own = {name: to_tensor(arrays[name]) for name in _own(checkpoint, record, shapes)}
    return checkpoint, own | {name: own[other] for name, other in shared.items()}, state


def parts_of(model: Any, beside: Mapping[str, Any]) -> ModelParts:  # noqa: ANN401 - torch is an extra
    """Return a module, or a state dict, as a checkpoint holds it.

    Args:
        model: whose tensors have their own names.
        beside: nested state of `OPTIMIZER` or `TRAINER`.
    """
    state = state_of(model)
    kept, shared = distinct(state)
    tensors = {name: to_array(name, tensor) for name, tensor in kept.items()}
    record: dict[str, Any] = {"shared": shared} if shared else {}
    for member, nested_state in beside.items():
        prefix = f"{member}."
        while any(name.startswith(prefix) for name in tensors):
            prefix = f"{member}.{prefix}"
        told, further = flat(nested_state)
        record[member] = {"prefix": prefix, "state": told}
        tensors |= {f"{prefix}{name}": to_array(name, one) for name, one in further.items()}
    return ModelParts(
        framework="torch",
        version=torch.__version__,
        name=f"{type(model).__module__}.{type(model).__qualname__}",
        form="tensors",
        tensors=tensors,
        record=record,
    )


def _own(
    checkpoint: Checkpoint, record: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a model's own tensors, without those of state beside it."""
    found = [_told(checkpoint, record, member) for member in (OPTIMIZER, TRAINER)]
    prefixes = tuple(told["prefix"] for told in found if told)
    return {name: shape for name, shape in shapes.items() if not name.startswith(prefixes)}


def _shared_of(
    checkpoint: Checkpoint, record: Mapping[str, Any], shapes: Mapping[str, object]
) -> dict[str, str]:
    """Return the second names of tensors, as a record that anybody may have written tells them."""
    shared = record.get("shared", {})
    is_sound = isinstance(shared, dict) and all(
        isinstance(other, str) and other in shapes and name not in shapes
        for name, other in shared.items()
    )
    if not is_sound:
        raise DamagedError("model-invalid", f"{checkpoint.url}: second names of no tensors")
    return dict(shared)


def _told(checkpoint: Checkpoint, record: Mapping[str, Any], member: str) -> dict[str, Any]:
    """Return what a record tells of state beside the model; nothing where there was none."""
    told = record.get(member, {})
    is_sound = isinstance(told, dict) and (
        not told or (bool(told.get("prefix")) and isinstance(told["prefix"], str))
    )
    if not is_sound:
        raise DamagedError("model-invalid", f"{checkpoint.url}: {member} of another form")
    return dict(told)


def _state_of(
    checkpoint: Checkpoint, told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Any:  # noqa: ANN401 - as a framework has it
    prefix = told["prefix"]
    own = {name[len(prefix) :]: one for name, one in arrays.items() if name.startswith(prefix)}
    try:
        return nested(told.get("state"), own)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        message = f"{checkpoint.url}: state beside the model has another form: {exc!r}"
        raise DamagedError("model-invalid", message) from exc


def _dtype(checkpoint: Checkpoint, name: str) -> np.dtype[Any]:
    is_table = name == checkpoint.model.get("embedding")
    return checkpoint.dtype if is_table else checkpoint.tensors[name].dtype
