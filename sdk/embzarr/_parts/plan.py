"""What those who write one step together agree on before any of them begins.

A value that goes to every worker as text. Spec section "Plan".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from embzarr._format import (
    Codec,
    Count,
    Grid,
    Hex128,
    LayerSettings,
    Parent,
    Positive,
    arguments,
    chunk_coding,
    digests,
    dtypes,
    grids,
    json,
    keys,
    pages,
    require,
    spec,
    validate_layers,
)
from embzarr.errors import DamagedError, InvalidInputError, UnsupportedError


class PlannedColumn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column that the writers of parts share."""

    name: str
    dtype: str
    row_shape: Annotated[list[Positive], Meta(max_length=spec.MAX_RANK - 1)]
    """Shape of one row."""
    chunk: Positive
    """Rows in a chunk."""
    shard: Positive
    """Chunks in a shard."""
    codec: Codec

    def grid(self, rows: int) -> Grid:
        """Return how so many rows, from the first of a shard on, are cut."""
        return Grid(
            rows=rows,
            row_bytes=grids.row_bytes((0, *self.row_shape), dtypes.itemsize(self.dtype)),
            chunk=self.chunk,
            shard=self.shard,
        )


class StepPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step that several processes write, each a range of its rows; see `embzarr.plan_step`."""

    format: Literal["embzarr"]
    version: Literal[1]
    kind: Literal["plan"]
    store: Hex128
    """Identity of the store."""
    base: Parent | None
    """The newest commit when the step was planned: collections after it are heeded."""
    write_id: Hex128
    step: Count
    rows: Count
    """Of the whole step."""
    parts: Annotated[int, Meta(ge=1, le=spec.MAX_PARTS)]
    """How many writers."""
    part_rows: Positive
    """Rows of each part but the last ones: whole shards of every column."""
    columns: Annotated[list[PlannedColumn], Meta(min_length=1, max_length=spec.MAX_COLUMNS)]
    """What the parts hold, ``vectors`` first."""
    allow_nonfinite: bool
    """Whether vectors may hold NaN and infinity."""

    def rows_of(self, index: int) -> tuple[int, int]:
        """Return first and past-the-last row of part `index`, from 0; equal if it has none.

        Raises:
            InvalidInputError: there is no such part.

        Example:
            >>> embzarr.plan_step(folder, rows=4, dim=2, parts=1).rows_of(0)
            (0, 4)
        """
        index = arguments.whole("part", index, least=0, most=self.parts - 1)
        start = min(index * self.part_rows, self.rows)
        return start, min(start + self.part_rows, self.rows)

    @property
    def path(self) -> str:
        """Folder of the step, from the root of the store."""
        return keys.layer_path(self.step, self.write_id)

    def to_json(self) -> str:
        """Return the plan as a JSON text of some hundred bytes for each column.

        Example:
            >>> plan = embzarr.plan_step(folder, rows=4, dim=2, parts=1)
            >>> embzarr.StepPlan.from_json(plan.to_json()) == plan
            True
        """
        return json.dumps(msgspec.to_builtins(self)).decode()

    @property
    def identity(self) -> str:
        """SHA-256 of the JSON text, by which receipts name the plan."""
        return digests.sha256(self.to_json().encode())

    @staticmethod
    def from_json(text: str | bytes) -> StepPlan:
        """Return the plan of a JSON text.

        Raises:
            InvalidInputError: it is not the text of a plan.
            UnsupportedError: a data type or codec of a later version.

        Example:
            >>> text = embzarr.plan_step(folder, rows=4, dim=2, parts=1).to_json()
            >>> embzarr.StepPlan.from_json(text).rows_of(0)
            (0, 4)
        """
        data = text.encode() if isinstance(text, str) else text
        try:
            document = json.loads(data, what="plan", max_bytes=spec.MAX_PLAN_BYTES)
            plan = _to_plan(document)
            _check(plan)
        except (DamagedError, msgspec.ValidationError) as exc:
            raise InvalidInputError("input-argument", f"not a plan: {exc.args[0]}") from None
        return plan


_to_plan = json.converter(StepPlan)


def _check(plan: StepPlan) -> None:
    names = [column.name for column in plan.columns]
    require(names[0] == spec.VECTORS, "plan", "the first column must be 'vectors'")
    require(len(set(names)) == len(names), "plan", "a column stands twice")
    enough = plan.part_rows * plan.parts >= plan.rows
    require(enough, "plan", f"{plan.parts} parts do not hold {plan.rows} rows")
    for column in plan.columns:
        _check_column(column, plan.part_rows)
    pages.require_objects(sum(column.grid(plan.rows).shards for column in plan.columns))
    first = plan.columns[0]
    is_matrix = len(first.row_shape) == 1 and first.dtype in spec.VECTOR_DTYPES
    require(is_matrix, "plan", "vectors must be a matrix of floating point")


def _check_column(column: PlannedColumn, part_rows: int) -> None:
    what = f"plan: column {json.brief(column.name)}"
    require(keys.is_column_name(column.name), what, "not a column's name")
    if not dtypes.is_column_dtype(column.dtype):
        raise UnsupportedError("dtype-unsupported", f"{what}: data type {json.brief(column.dtype)}")
    validate_layers.check_codec(column.codec, what)
    grid = column.grid(part_rows)
    require(column.chunk & (column.chunk - 1) == 0, what, "rows of a chunk must be a power of two")
    sound = grid.chunk_bytes <= spec.MAX_CHUNK_BYTES
    require(sound, what, f"{grid.chunk_bytes} byte chunks")
    require(grid.shard <= spec.MAX_SHARD_CHUNKS, what, f"{grid.shard} chunks in a shard")
    whole = part_rows % grid.shard_rows == 0
    require(whole, what, f"a part of {part_rows} rows is not whole shards of {grid.shard_rows}")


def planned(
    *,
    store: str,
    base: Parent | None,
    write_id: str,
    step: int,
    rows: int,
    parts: int,
    settings: LayerSettings,
) -> StepPlan:
    """Return the plan of a step.

    Raises:
        InvalidInputError: it would not be a plan that its readers accept.
    """
    kinds = settings.kinds
    sizes = [grids.row_bytes((0, *shape), dtypes.itemsize(kind)) for kind, shape in kinds.values()]
    target = settings.chunk_bytes or spec.CHUNK_BYTES
    part_rows, cuts = grids.divide(rows, parts, sizes, target=target)
    columns = [
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
    }
    return StepPlan.from_json(StepPlan(**told).to_json())


def _codec(compression: str, dtype: str) -> Codec:
    """Return the compression of a column, whose numbers nobody has seen yet."""
    itemsize = dtypes.itemsize(dtype)
    codec = chunk_coding.parse(compression, itemsize)
    if codec is not None:
        return codec
    lz4 = chunk_coding.parse("lz4", itemsize)
    return chunk_coding.NONE if "float" in dtype or lz4 is None else lz4
