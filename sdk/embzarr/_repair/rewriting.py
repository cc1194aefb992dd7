"""Writes layers anew whose values are all there, but not the bytes that their manifest records.

What another version of a library compressed comes out in other bytes: the same values, another
SHA-256. Such objects are written below a fresh folder, beside copies of all that is sound, and
nothing that stands is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embzarr._format import keys, numpy_dtype, pages
from embzarr._history import committing
from embzarr._reading import pages as reading
from embzarr._repair.layer import LayerRepair
from embzarr._verify import Findings, verifying
from embzarr._writing import LayerFiles, copying
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._format import Layer
    from embzarr._repair.sources import Sources
    from embzarr._repair.store import RepairStore
    from embzarr._storage import Readable, Store
    from embzarr._verify import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What is to become of one layer of a chain."""

    layer: Layer
    """As the manifest has it."""
    damaged: tuple[str, ...]
    """Keys of the objects whose bytes are not to be had; none where the layer is sound."""
    values: Mapping[str, NDArray[Any]]
    """The rows of each array to which one of them belongs."""


def plan(
    store: RepairStore, sources: Sources, layers: list[Layer], problems: Sequence[Problem]
) -> Rewrite | None:
    """Return how the last of `layers` can be written anew; None where a value of it is lost.

    Args:
        store: where it lies.
        sources: where else its bytes were looked for.
        layers: the layer, upon those below it.
        problems: what is wrong with it after all that can be restored was restored.
    """
    layer = layers[-1]
    damaged = tuple(dict.fromkeys(problem.key for problem in problems))
    names = [key.removeprefix(f"{layer.path}/") for key in damaged]
    values = LayerRepair(store, layers, sources).values(names)
    if values is None or keys.layer_name(layer.path) is None:
        return None
    return Rewrite(layer=layer, damaged=damaged, values=values)


def write(
    store: Readable, target: Store, rewrites: Sequence[Rewrite], write_id: str
) -> list[Layer]:
    """Write a chain's damaged layers anew, and those upon them, which name what lies below.

    Args:
        store: where from.
        target: where to.
        rewrites: one for each layer, the full one first.
        write_id: names the folder of the last one.

    Returns:
        The layers of the chain as they are now.

    Raises:
        DamagedError: something was damaged meanwhile, or did not arrive; no commit names it.
    """
    first = min(at for at, rewrite in enumerate(rewrites) if rewrite.damaged)
    layers = [rewrite.layer for rewrite in rewrites[:first]]
    for rewrite in rewrites[first:]:
        name = write_id if rewrite is rewrites[-1] else committing.new_id()
        layers.append(_write(store, target, rewrite, layers, name))
    return layers


def _write(
    store: Readable, target: Store, rewrite: Rewrite, below: Sequence[Layer], write_id: str
) -> Layer:
    layer, values = reading.whole_layer(store, rewrite.layer), rewrite.values
    step, _ = keys.layer_name(layer.path) or (0, "")
    files = LayerFiles(target, step=step, write_id=write_id)
    tables = {array.index for array in layer.arrays.values() if isinstance(array.index, str)}
    with files.withdrawn_on_error():
        for name, array in layer.arrays.items():
            if name in tables:
                continue  # they are made anew from where the chunks lie then
            if name in values:
                rows = values[name].astype(numpy_dtype(array.dtype), copy=False)
                files.put(name, rows, array.codec, chunk=array.chunk)
            else:
                copying.copy(store, files, layer, name, table=values.get(str(array.index)))
        written = files.finish(
            layer.columns,
            {name: array.lossy for name, array in layer.arrays.items() if array.lossy},
            rows=layer.rows,
            placement=layer.placement,
            fences=layer.fences,
            contents=layer.contents,
            below=below[-1] if below else None,
            room=layer.copied_bytes,
        )
        told = files.paged(written, room=pages.room_beside(below))
        _require_sound(target, [*below, told])
    return told


def _require_sound(store: Readable, layers: Sequence[Layer]) -> None:
    """Read the last of `layers` back: what is wrong with it must not be committed."""
    findings = Findings(0, None)
    verifying.check_layer(store, layers, findings)
    for problem in findings.problems():
        raise DamagedError(problem.code, f"{problem.key}: {problem.message}")
