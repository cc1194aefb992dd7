"""How a step is divided between those who write it: rows and shards that each part takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embzarr._format import chunk_coding, dtypes, grids, keys, spec
from embzarr._parts.plan import AUTO, PlannedColumn, PlannedTensor, StepPlan
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr._format import Codec, LayerSettings, Parent


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorKind:
    """What a planner says of a tensor whose first dimension is divided."""

    dtype: str
    """Stored data type."""
    shape: tuple[int, ...]
    type: str | None = None
    """Its maker's name for numbers of one byte that have no data type here."""


def planned(
    *,
    store: str,
    base: Parent | None,
    write_id: str,
    step: int,
    rows: int,
    parts: int,
    settings: LayerSettings,
    tensors: Mapping[str, TensorKind],
) -> StepPlan:
    """Return the plan of a step.

    Raises:
        InvalidInputError: it would not be a plan that its readers accept.
    """
    part_rows, columns = _columns(rows, parts, settings)
    told: dict[str, Any] = {
        "format": spec.FORMAT,
        "version": spec.VERSION,
        "kind": "plan",
        "store": store,
        "base": base,
        "write_id": write_id,
        "step": step,
        "rows": rows,
        "parts": parts,
        "part_rows": part_rows,
        "columns": columns,
        "allow_nonfinite": settings.allow_nonfinite,
        "tensors": {name: _tensor(name, kind, parts, settings) for name, kind in tensors.items()},
        "compression": None if settings.compression == AUTO else settings.compression,
        "chunk_bytes": settings.chunk_bytes,
    }
    text = StepPlan(**told).to_json()
    if len(text) > spec.MAX_PLAN_BYTES:
        raise InvalidInputError(
            "input-argument",
            f"expected tensors and columns that a plan of {spec.MAX_PLAN_BYTES} bytes can tell of, "
            f"found {len(text)}: plan only tensors that no part has whole",
        )
    return StepPlan.from_json(text)


def _columns(rows: int, parts: int, settings: LayerSettings) -> tuple[int, list[PlannedColumn]]:
    """Return the rows of a part, and the columns; 1 and none where there is no table."""
    kinds = settings.kinds
    if not kinds:
        return 1, []
    sizes = [grids.row_bytes((0, *shape), dtypes.itemsize(kind)) for kind, shape in kinds.values()]
    target = settings.chunk_bytes or spec.CHUNK_BYTES
    part_rows, cuts = grids.divide(rows, parts, sizes, target=target)
    return part_rows, [
        PlannedColumn(
            name=name,
            dtype=kind,
            row_shape=list(shape),
            chunk=chunk,
            shard=shard,
            codec=_codec(settings.compression, kind),
        )
        for (name, (kind, shape)), (chunk, shard) in zip(kinds.items(), cuts, strict=True)
    ]


def _tensor(name: str, kind: TensorKind, parts: int, settings: LayerSettings) -> PlannedTensor:
    nbytes = grids.row_bytes(kind.shape, dtypes.itemsize(kind.dtype))
    target = settings.chunk_bytes or spec.TENSOR_CHUNK_BYTES
    part_rows, [(chunk, shard)] = grids.divide(kind.shape[0], parts, [nbytes], target=target)
    return PlannedTensor(
        array=keys.tensor_array(spec.TENSORS, name),
        shape=list(kind.shape),
        dtype=kind.dtype,
        part_rows=part_rows,
        chunk=chunk,
        shard=shard,
        codec=_codec(settings.compression, kind.dtype),
        type=kind.type,
    )


def _codec(compression: str, dtype: str) -> Codec:
    """Return the compression of an array whose numbers nobody has seen yet."""
    itemsize = dtypes.itemsize(dtype)
    codec = chunk_coding.parse(compression, itemsize)
    if codec is not None:
        return codec
    lz4 = chunk_coding.parse("lz4", itemsize)
    return chunk_coding.NONE if "float" in dtype or lz4 is None else lz4
