"""What the tensors and files of a layer must be. A part of `validate_layers`."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from embzarr._format import json, keys, spec
from embzarr._format.documents.validate_deltas import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._format.documents.manifests import FileMember, Layer, TensorMember

_FOLDERS = (spec.TENSORS, spec.FILES)


def check(layer: Layer, what: str) -> None:
    """Refuse tensors and files that are not there, have another shape, or share numbers.

    Args:
        layer: whose arrays were checked.
        what: the manifest's key, for messages.

    Raises:
        DamagedError: code ``manifest-invalid``.
    """
    for name, array in layer.arrays.items():
        is_free = name.split("/")[0] in _FOLDERS
        require(is_free or not array.split, what, f"array {json.brief(name)} divided further in")
        require(not array.split or 0 not in array.shape, what, f"array {json.brief(name)} is empty")
    for name in (*layer.tensors, *layer.files):
        require(keys.is_tensor_name(name), what, f"a tensor or file named {json.brief(name)}")
    for name, tensor in layer.tensors.items():
        _check_place(tensor, tensor.shape, layer, f"{what}: tensor {json.brief(name)}")
        is_sound = tensor.type is None or layer.arrays[tensor.array].dtype == "uint8"
        require(is_sound, what, f"tensor {json.brief(name)} of a type of its own, not in bytes")
    for name, file in layer.files.items():
        _check_place(file, [file.size], layer, f"{what}: file {json.brief(name)}")
        is_bytes = layer.arrays[file.array].dtype == "uint8"
        require(is_bytes, what, f"file {json.brief(name)} is not of bytes")
    _check_apart(layer, what)


def _check_place(
    member: TensorMember | FileMember, shape: list[int], layer: Layer, what: str
) -> None:
    """Check that an array has what a tensor or file is said to have there."""
    span = math.prod(max(size, 1) for size in shape)
    require(span <= spec.MAX_INTEGER, what, "its dimensions are too large for an array")
    array = layer.arrays.get(member.array)
    folder = member.array.split("/")[0]
    require(array is not None and "/" in member.array, what, "its array is missing")
    if array is None:
        return
    if member.start is None:
        require(folder in _FOLDERS and array.shape == shape, what, "its array has another shape")
        return
    is_small = folder == spec.SMALL and len(array.shape) == 1
    require(is_small, what, "its array is not one for small tensors")
    require(member.start + math.prod(shape) <= array.shape[0], what, "ends beyond its array")


def _check_apart(layer: Layer, what: str) -> None:
    """Refuse two that share a number: what all of them take is then bounded by what is stored."""
    # One of no number shares none, wherever it begins.
    taken = sorted(one for one in _stretches(layer) if one[1] < one[2])
    for (array, _, end), (other, start, _) in itertools.pairwise(taken):
        require(array != other or end <= start, what, f"array {json.brief(array)} is used twice")


def _stretches(layer: Layer) -> Iterator[tuple[str, int, int]]:
    for tensor in layer.tensors.values():
        yield _stretch(tensor, math.prod(tensor.shape))
    for file in layer.files.values():
        yield _stretch(file, file.size)


def _stretch(member: TensorMember | FileMember, size: int) -> tuple[str, int, int]:
    """Return an array and its numbers from one to past another; an array of its own whole."""
    if member.start is None:
        return member.array, 0, spec.MAX_INTEGER + 1
    return member.array, member.start, member.start + size
