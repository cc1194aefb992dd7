"""Saves modules and optimizers of PyTorch as named tensors, and fills them again in place.

Source of the forms: ``Module.state_dict`` and ``Optimizer.state_dict`` of PyTorch. No pickle: what
is no tensor is JSON, or refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from embzarr.errors import DamagedError, InvalidInputError, NotFoundError
from embzarr.interop import _models
from embzarr.interop._by_names import by_names
from embzarr.interop._door import needs
from embzarr.interop._models import HowToSave, ModelParts, Where

with needs("torch", extra="torch"):
    import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._by_names import Names
    from embzarr.interop._door import Source

_OPTIMIZER = "optimizer."
_OPTIMIZER_MEMBER = "optimizer"
_BITS = {1: torch.uint8, 2: torch.uint16}


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
    state = model if isinstance(model, dict) else model.state_dict()
    kept, shared = _distinct(state)
    tensors = {name: to_array(name, tensor) for name, tensor in kept.items()}
    record: dict[str, Any] = {"shared": shared} if shared else {}
    if optimizer is not None:
        prefix = _OPTIMIZER
        while any(name.startswith(prefix) for name in tensors):
            prefix = f"{_OPTIMIZER}{prefix}"
        told, further = _flat(optimizer.state_dict())
        record[_OPTIMIZER_MEMBER] = {"prefix": prefix, "state": told}
        tensors |= {f"{prefix}{name}": to_array(name, one) for name, one in further.items()}
    parts = ModelParts(
        framework="torch",
        version=torch.__version__,
        name=f"{type(model).__module__}.{type(model).__qualname__}",
        form="tensors",
        tensors=tensors,
        record=record,
    )
    return _models.save_model(url, parts, vocabulary=vocabulary, embedding=embedding, how=how)


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
        into: the module to fill; parameters on the host are read in place.
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
        InvalidInputError: code ``input-shape``: what does not fit, all of it at once.

    Example:
        >>> import torch
        >>> from embzarr.interop.torch import load, save
        >>> saved = save(f"{folder}/w", {"w": torch.ones(2)})
        >>> load(saved)
        {'w': tensor([1., 1.])}
    """
    state = {} if into is None else into.state_dict()
    if names is not None:
        own = {name: tuple(tensor.shape) for name, tensor in state.items()}
        _copy(state, by_names(source, names, into, own, strict=strict, where=where))
        return state
    checkpoint, record = _models.open_model(source, "torch", where, version=torch.__version__)
    shapes = _models.shapes_of(checkpoint)
    shared, told = _shared_of(checkpoint, record, shapes), _optimizer_of(checkpoint, record)
    if optimizer is not None and not told:
        raise NotFoundError("model-missing", f"{checkpoint.url}: saved without an optimizer")
    prefix = told.get("prefix")
    held = {name: at for name, at in shapes.items() if not prefix or not name.startswith(prefix)}
    held |= {name: shapes[other] for name, other in shared.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in state.items()} if into else held
    common = _models.check_fits(held, wanted, strict=strict)
    out = {
        name: array
        for name in common
        if name in state and name not in shared and (array := _in_place(state[name])) is not None
    }
    out = {name: array for name, array in out.items() if array.dtype == _dtype(checkpoint, name)}
    arrays = _models.tensors_of(checkpoint, out)
    arrays |= {name: arrays[other] for name, other in shared.items()}
    _copy(state, {name: arrays[name] for name in common if name in state and name not in out})
    if optimizer is not None:
        optimizer.load_state_dict(_state_of(checkpoint, told, arrays))
    return state or {name: to_tensor(arrays[name]) for name in arrays if name in held}


def _copy(state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    with torch.no_grad():
        for name, array in arrays.items():
            state[name].copy_(to_tensor(array))


def to_array(name: str, tensor: Any) -> NDArray[Any]:  # noqa: ANN401 - torch is an extra
    """Return a tensor's numbers, without a copy where they are on the host.

    Raises:
        InvalidInputError: it is no dense tensor with numbers.
    """
    is_dense = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
    if not is_dense or tensor.is_quantized or tensor.is_meta:
        kind = f"{tensor.layout} on {tensor.device}" if isinstance(tensor, torch.Tensor) else ""
        raise InvalidInputError(
            "input-dtype",
            f"tensor {name!r}: expected a dense tensor, found {kind or type(tensor).__name__}",
        )
    host = tensor.detach().cpu().resolve_conj().resolve_neg()
    kind = str(host.dtype).removeprefix("torch.")
    try:
        return np.asarray(host.numpy())
    except TypeError:  # numpy has no such type, ml_dtypes may
        return np.asarray(host.view(_BITS[host.element_size()]).numpy().view(_ml_dtype(name, kind)))


def to_tensor(array: NDArray[Any]) -> Any:  # noqa: ANN401 - torch is an extra
    """Return numbers as a tensor, without a copy."""
    if array.dtype.isbuiltin == 1:
        return torch.from_numpy(np.require(array, requirements="W"))
    bits = torch.from_numpy(array.view(f"u{array.itemsize}"))
    return bits.view(getattr(torch, array.dtype.name))


def _ml_dtype(name: str, kind: str) -> np.dtype[Any]:
    with needs("ml_dtypes", extra="bfloat16"):
        import ml_dtypes  # noqa: PLC0415 - an extra of its own
    found = getattr(ml_dtypes, kind, None)
    if found is None:
        raise InvalidInputError("input-dtype", f"tensor {name!r}: no type of ml_dtypes for {kind}")
    dtype: np.dtype[Any] = np.dtype(found)
    return dtype


def _in_place(tensor: Any) -> NDArray[Any] | None:  # noqa: ANN401 - torch is an extra
    """Return an array over a tensor's own memory, where it can be filled."""
    is_plain = tensor.is_contiguous() and not tensor.is_conj() and not tensor.is_neg()
    if tensor.device.type != "cpu" or not is_plain:
        return None
    return to_array("", tensor)


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


def _optimizer_of(checkpoint: Checkpoint, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record tells of an optimizer; nothing where there was none."""
    told = record.get(_OPTIMIZER_MEMBER, {})
    is_sound = isinstance(told, dict) and (
        not told or (bool(told.get("prefix")) and isinstance(told["prefix"], str))
    )
    if not is_sound:
        raise DamagedError("model-invalid", f"{checkpoint.url}: an optimizer of another form")
    return dict(told)


def _state_of(
    checkpoint: Checkpoint, told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Any:  # noqa: ANN401 - as a framework has it
    prefix = told["prefix"]
    own = {name[len(prefix) :]: one for name, one in arrays.items() if name.startswith(prefix)}
    try:
        return _nested(told.get("state"), own)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        message = f"{checkpoint.url}: the state of its optimizer has another form: {exc!r}"
        raise DamagedError("model-invalid", message) from exc


def _dtype(checkpoint: Checkpoint, name: str) -> np.dtype[Any]:
    is_table = name == checkpoint.model.get("embedding")
    return checkpoint.dtype if is_table else checkpoint.tensors[name].dtype


def _distinct(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return tensors without those that are others under a second name, and those names."""
    kept: dict[str, Any] = {}
    shared: dict[str, str] = {}
    seen: dict[tuple[Any, ...], str] = {}
    for name, tensor in state.items():
        has_place = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
        if has_place and tensor.numel() and not tensor.is_meta:
            place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride(), tensor.device)
            first = seen.setdefault(place, name)
            if first != name:
                shared[name] = first
                continue
        kept[name] = tensor
    return kept, shared


def _flat(value: Any, path: str = "") -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - any state
    """Return nested state as JSON that names its tensors, and the tensors by those names."""
    if isinstance(value, torch.Tensor):
        return {"tensor": path}, {path: value}
    if isinstance(value, dict):
        pairs = [(key, *_flat(one, _below(path, key))) for key, one in value.items()]
        told = [[_models.scalar(key), one] for key, one, _ in pairs]
        return {"dict": told}, {k: v for _, _, held in pairs for k, v in held.items()}
    if isinstance(value, list | tuple):
        items = [_flat(one, _below(path, at)) for at, one in enumerate(value)]
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [one for one, _ in items]}, {k: v for _, h in items for k, v in h.items()}
    return {"value": _models.scalar(value)}, {}


def _below(path: str, key: object) -> str:
    """Return the name of a member; texts that look like a number or a path are told apart."""
    is_odd = isinstance(key, str) and ("." in key or key.lstrip("-").isdigit())
    name = repr(key) if is_odd else str(key)
    return f"{path}.{name}" if path else name


def _nested(told: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:  # noqa: ANN401 - as `_flat`
    """Return the state that `_flat` took apart."""
    ((kind, held),) = told.items()
    if kind == "tensor":
        return to_tensor(arrays[held])
    if kind == "dict":
        return {key: _nested(one, arrays) for key, one in held}
    if kind in {"list", "tuple"}:
        items = [_nested(one, arrays) for one in held]
        return tuple(items) if kind == "tuple" else items
    return held
