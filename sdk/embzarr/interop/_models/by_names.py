"""Tensors of one framework for a model of another: by their names, and the order of their axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.errors import InvalidInputError
from embzarr.interop._models.storing import (
    OPTIMIZERS,
    check_fits,
    opened_at,
    shapes_of,
    some,
    tensors_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import Where

    Names: TypeAlias = "Mapping[str, str | tuple[str, Sequence[int]]]"


def by_names(
    source: Source,
    names: object,
    into: object,
    wanted: Mapping[str, tuple[int, ...]],
    *,
    strict: bool,
    where: Where,
) -> dict[str, NDArray[Any]]:
    """Return tensors for a model from a checkpoint that names them otherwise, of any framework.

    Args:
        source: an open checkpoint, or the place of a run.
        names: of tensors of the model, and which tensor of the checkpoint each is: its name, or
            that and the order of its axes. What is not named has the same name in both.
        into: the model.
        wanted: the shapes of its tensors.
        strict: refuse what differs, all of it at once.
        where: which checkpoint, as `embzarr.open` takes it.

    Raises:
        InvalidInputError: no such mapping; with `strict`, code ``input-shape``.
    """
    if into is None:
        raise arguments.refusal("into", "the model to fill, beside names", None)
    checkpoint = opened_at(source, where)
    stored = shapes_of(checkpoint)
    taken = _taken(names, wanted, stored, _second_names(checkpoint, stored))
    used = {at.name for at in taken.values()}
    held = {name: at.shape(stored[at.name]) for name, at in taken.items() if at.name in stored}
    rest = (name for name in stored.keys() - used if not name.startswith(OPTIMIZERS))
    held |= {f"{name} of the checkpoint" if name in held else name: stored[name] for name in rest}
    common = check_fits(held, wanted, strict=strict)
    arrays = tensors_of(checkpoint, only={taken[name].name for name in common})
    return {name: taken[name].turned(arrays[taken[name].name]) for name in common}


def _second_names(checkpoint: Checkpoint, stored: Mapping[str, object]) -> dict[str, str]:
    """Return the names that PyTorch's tied tensors have beside those of what is stored."""
    shared = checkpoint.model.get("shared")
    pairs = shared.items() if isinstance(shared, dict) else ()
    return {name: one for name, one in pairs if isinstance(one, str) and one in stored}


@dataclass(frozen=True, slots=True)
class _Taken:
    """Which tensor of a checkpoint a tensor of a model is."""

    name: str
    axes: tuple[int, ...] | None

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that a stored one has in the model."""
        fits = self.axes is not None and len(self.axes) == len(stored)
        return tuple(stored[axis] for axis in self.axes or ()) if fits else stored

    def turned(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return numbers with their axes in the model's order."""
        return array if self.axes is None else np.ascontiguousarray(array.transpose(self.axes))


def _taken(
    names: object,
    wanted: Mapping[str, object],
    stored: Mapping[str, tuple[int, ...]],
    second: Mapping[str, str],
) -> dict[str, _Taken]:
    if not isinstance(names, dict):
        raise arguments.refusal("names", "a dict from the model's names to the checkpoint's", names)
    unknown = sorted(map(str, names.keys() - wanted.keys()))
    if unknown:
        raise InvalidInputError(
            "input-argument", f"names: expected names of the model, found {some(unknown)}"
        )
    taken = {}
    for name in wanted:
        given = names.get(name, name)
        other, axes = (given, None) if isinstance(given, str) else _name_and_axes(name, given)
        other = other if other in stored else second.get(other, other)
        if axes is not None and len(stored.get(other, axes)) != len(axes):
            raise InvalidInputError(
                "input-shape",
                f"names[{name!r}]: expected the order of {len(stored[other])} axes, found {axes}",
            )
        taken[name] = _Taken(other, axes)
    return taken


def _name_and_axes(name: str, given: Any) -> tuple[str, tuple[int, ...]]:  # noqa: ANN401 - whatever a caller gives
    match given:
        case (str(other), [*axes]) if sorted(axes, key=str) == list(range(len(axes))):
            return other, tuple(axes)
    raise arguments.refusal(f"names[{name!r}]", "a name, or a name and the order of axes", given)
