"""Tensors of PyTorch as arrays, and nested state as JSON beside named tensors: no pickle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.errors import InvalidInputError, UnsupportedError
from embzarr.interop._door import needs
from embzarr.interop._models import storing

with needs("torch", extra="torch"):
    import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_BITS = {1: torch.uint8, 2: torch.uint16}


def to_array(name: str, tensor: Any) -> NDArray[Any]:  # noqa: ANN401 - torch is an extra
    """Return a tensor's numbers, without a copy where they are on the host.

    Raises:
        InvalidInputError: it is no dense tensor with numbers.
    """
    is_dense = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
    if not is_dense or tensor.is_quantized or tensor.is_meta:
        kind = f"{tensor.layout} on {tensor.device}" if isinstance(tensor, torch.Tensor) else ""
        raise _no_tensor(name, kind or type(tensor).__name__)
    host = tensor.detach().cpu().resolve_conj().resolve_neg()
    kind = str(host.dtype).removeprefix("torch.")
    try:
        return np.asarray(host.numpy())
    except TypeError:  # numpy has no such type, ml_dtypes may
        dtype = _ml_dtype(name, kind)
        return np.asarray(host.view(_BITS[host.element_size()]).numpy().view(dtype))


def _no_tensor(name: str, found: str) -> InvalidInputError:
    message = f"tensor {name!r}: expected a dense tensor, found {found}"
    return InvalidInputError("input-dtype", message)


def to_tensor(array: NDArray[Any]) -> Any:  # noqa: ANN401 - torch is an extra
    """Return numbers as a tensor, without a copy.

    Raises:
        UnsupportedError: code ``dtype-unsupported``: torch has no such type.
    """
    try:
        if array.dtype.isbuiltin == 1:
            return torch.from_numpy(np.require(array, requirements="W"))
        bits = torch.from_numpy(array.view(f"u{array.itemsize}"))
        return bits.view(getattr(torch, array.dtype.name))
    except (AttributeError, TypeError, ValueError) as exc:
        message = f"torch {torch.__version__} has no type for numbers of {array.dtype}"
        raise UnsupportedError("dtype-unsupported", message) from exc


def _ml_dtype(name: str, kind: str) -> np.dtype[Any]:
    with needs("ml_dtypes", extra="bfloat16"):
        import ml_dtypes  # noqa: PLC0415 - an extra of its own
    found = getattr(ml_dtypes, kind, None)
    if found is None or np.dtype(found).itemsize not in _BITS:
        raise InvalidInputError("input-dtype", f"tensor {name!r}: no type of ml_dtypes for {kind}")
    dtype: np.dtype[Any] = np.dtype(found)
    return dtype


def state_of(model: Any) -> dict[str, Any]:  # noqa: ANN401 - torch is an extra
    """Return the tensors of a module, or of a state dict, by name.

    Raises:
        InvalidInputError: something else, a module that holds more than tensors, or one whose
            shapes nobody knows before it was called.
    """
    if not isinstance(model, torch.nn.Module | dict):
        raise arguments.refusal("model", "a torch.nn.Module, or tensors by name", model)
    state: dict[str, Any] = model if isinstance(model, dict) else model.state_dict()
    for name, one in state.items():
        if not isinstance(one, torch.Tensor):
            apart = "save(url, net, optimizer=..., metadata={...}) has a place for each"
            raise _no_tensor(name, f"{type(one).__name__}: {apart}")
    lazy = [name for name, one in state.items() if torch.nn.parameter.is_lazy(one)]
    if lazy:
        raise InvalidInputError(
            "input-argument",
            f"model: expected one of known shapes, found {storing.some(lazy)} without: call it",
        )
    return state


def fillable(model: Any) -> dict[str, Any]:  # noqa: ANN401 - torch is an extra
    """Return what `state_of` does of a model in memory: torch would leave another as it is.

    Raises:
        InvalidInputError: as `state_of`, or tensors on the device meta.
    """
    state = state_of(model)
    without = [name for name, one in state.items() if one.is_meta]
    if without:
        raise InvalidInputError(
            "input-argument",
            f"into: expected tensors with memory, found {storing.some(without)} on the device "
            "meta: into.to_empty(device='cpu') gives them some",
        )
    return state


def in_place(tensor: Any) -> NDArray[Any] | None:  # noqa: ANN401 - torch is an extra
    """Return an array over a tensor's own memory, where it can be filled."""
    is_plain = tensor.is_contiguous() and not tensor.is_conj() and not tensor.is_neg()
    if tensor.device.type != "cpu" or not is_plain:
        return None
    return to_array("", tensor)


def distinct(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
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


def flat(value: Any, path: str = "") -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - any state
    """Return nested state as JSON that names its tensors, and the tensors by those names.

    Raises:
        InvalidInputError: something of it is neither a tensor nor what JSON holds.
    """
    if isinstance(value, torch.Tensor):
        return {"tensor": path}, {path: value}
    if isinstance(value, dict):
        pairs = [(key, *flat(one, _below(path, key))) for key, one in value.items()]
        told = [[storing.scalar(key, what=path), one] for key, one, _ in pairs]
        return {"dict": told}, {k: v for _, _, held in pairs for k, v in held.items()}
    if isinstance(value, list | tuple):
        items = [flat(one, _below(path, at)) for at, one in enumerate(value)]
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [one for one, _ in items]}, {k: v for _, h in items for k, v in h.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(float(value))}, {}
    return {"value": storing.scalar(value, what=path)}, {}


def _below(path: str, key: object) -> str:
    """Return the name of a member; texts that look like a number or a path are told apart."""
    is_odd = isinstance(key, str) and ("." in key or key.lstrip("-").isdigit())
    name = repr(key) if is_odd else str(key)
    return f"{path}.{name}" if path else name


def nested(told: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:  # noqa: ANN401 - as `_flat`
    """Return the state that `_flat` took apart."""
    ((kind, held),) = told.items()
    if kind == "tensor":
        return to_tensor(arrays[held])
    if kind == "dict":
        return {key: nested(one, arrays) for key, one in held}
    if kind in {"list", "tuple"}:
        items = [nested(one, arrays) for one in held]
        return tuple(items) if kind == "tuple" else items
    if kind == "float":
        return float(held)
    return held
