"""What those who write one step together agree on before any of them begins.

A value that goes to every worker as text. Spec section "Plan".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from embzarr._format import (
    Codec,
    Count,
    Grid,
    Hex128,
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ChunkBytes: TypeAlias = Annotated[int, Meta(ge=spec.LEAST_CHUNK_BYTES, le=spec.MAX_CHUNK_BYTES)]
AUTO = "auto"
"""How whole tensors and files are compressed where a plan does not say."""
_SHOWN = 5


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


class PlannedTensor(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A tensor whose first dimension the writers of parts share."""

    array: str
    """Its path below the layer."""
    shape: Annotated[list[Positive], Meta(min_length=1, max_length=spec.MAX_RANK)]
    dtype: str
    part_rows: Positive
    """Rows of each part but the last ones: whole shards."""
    chunk: Positive
    """Rows in a chunk."""
    shard: Positive
    """Chunks in a shard."""
    codec: Codec
    type: Annotated[str, Meta(min_length=1, max_length=spec.MAX_TYPE_CHARS)] | None = None
    """What its maker calls numbers of one byte that have no data type here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """An array of which each part holds a range of rows: a planned column, or a planned tensor."""

    name: str
    """Its path below the layer."""
    rows: int
    part_rows: int
    """Rows of each part but the last ones."""
    row_shape: tuple[int, ...]
    dtype: str
    chunk: int
    shard: int
    codec: Codec

    def rows_of(self, part: int) -> tuple[int, int]:
        """Return first and past-the-last row of a part."""
        return _range_of(part, self.part_rows, self.rows)

    def grid_of(self, part: int) -> Grid:
        """Return how the rows of a part are cut."""
        start, stop = self.rows_of(part)
        return self.grid(stop - start)

    def grid(self, rows: int) -> Grid:
        """Return how so many rows, from the first of a shard on, are cut."""
        return Grid(
            rows=rows,
            row_bytes=grids.row_bytes((0, *self.row_shape), dtypes.itemsize(self.dtype)),
            chunk=self.chunk,
            shard=self.shard,
        )

    def first_shard(self, part: int) -> int:
        """Return the number of the first shard of a part."""
        return part * self.part_rows // (self.chunk * self.shard)

    def shards_of(self, part: int) -> Iterator[str]:
        """Yield the keys of the shards of a part, below the layer, in order."""
        first = self.first_shard(part)
        for shard in range(self.grid_of(part).shards):
            yield keys.shard_name(self.name, first + shard, 1 + len(self.row_shape))


class StepPlan(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A step that several processes write, each a part of it; see `embzarr.plan_step`."""

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
    """Of the whole step's table."""
    parts: Annotated[int, Meta(ge=1, le=spec.MAX_PARTS)]
    """How many writers."""
    part_rows: Positive
    """Rows of each part but the last ones: whole shards of every column."""
    columns: Annotated[list[PlannedColumn], Meta(max_length=spec.MAX_COLUMNS)]
    """What the parts hold of the table, ``vectors`` first; none where the step has no table."""
    allow_nonfinite: bool
    """Whether vectors may hold NaN and infinity."""
    tensors: dict[str, PlannedTensor] = {}
    """Those of which each part holds a range; whole ones are not planned."""
    # None, and not "auto": of a text that was pickled, msgspec does not see that it is the default.
    compression: str | None = None
    """Of whole tensors, and of files, as `embzarr.save` takes it; None for ``auto``."""
    chunk_bytes: _ChunkBytes | None = None
    """The most that a chunk of several rows of a whole tensor takes; None for a MiB."""

    def rows_of(self, index: int, *, tensor: str | None = None) -> tuple[int, int]:
        """Return first and past-the-last row of part `index`, from 0; equal if it has none.

        Args:
            index: of the part.
            tensor: the name of a planned tensor, whose rows are its first dimension; by default the
                rows of the table.

        Raises:
            InvalidInputError: there is no such part, or no such tensor in the plan.

        Example:
            >>> plan = embzarr.plan_step(folder, parts=2, tensors={"w": ("float32", (64, 8))})
            >>> plan.rows_of(1, tensor="w")
            (32, 64)
        """
        index = arguments.whole("part", index, least=0, most=self.parts - 1)
        if tensor is not None:
            return tensor_of(self, tensor).rows_of(index)
        return _range_of(index, self.part_rows, self.rows)

    @property
    def path(self) -> str:
        """Folder of the step, from the root of the store."""
        return keys.layer_path(self.step, self.write_id)

    def to_json(self) -> str:
        """Return the plan as a JSON text of some hundred bytes for each array that it has.

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


def tensor_of(plan: StepPlan, name: str) -> Divided:
    """Return how a planned tensor is divided.

    Raises:
        InvalidInputError: code ``input-argument``: there is none of that name.
    """
    tensor = plan.tensors.get(name) if isinstance(name, str) else None
    if tensor is None:
        shown = ", ".join(map(json.brief, [*plan.tensors][:_SHOWN])) or "none"
        raise InvalidInputError(
            "input-argument", f"expected a tensor of the plan, {shown}; found {name!r:.100}"
        )
    first, *rest = tensor.shape
    return _divided(tensor, tensor.array, first, tensor.part_rows, rest)


def columns_of(plan: StepPlan) -> dict[str, Divided]:
    """Return how each column is divided."""
    return {
        column.name: _divided(column, column.name, plan.rows, plan.part_rows, column.row_shape)
        for column in plan.columns
    }


def _divided(
    one: PlannedColumn | PlannedTensor,
    name: str,
    rows: int,
    part_rows: int,
    row_shape: Sequence[int],
) -> Divided:
    return Divided(
        name=name,
        rows=rows,
        part_rows=part_rows,
        row_shape=tuple(row_shape),
        dtype=one.dtype,
        chunk=one.chunk,
        shard=one.shard,
        codec=one.codec,
    )


def _range_of(part: int, part_rows: int, rows: int) -> tuple[int, int]:
    """Return first and past-the-last row of a part, of which the last ones may have none."""
    start = min(part * part_rows, rows)
    return start, min(start + part_rows, rows)


def compression_of(plan: StepPlan) -> str:
    """Return how whole tensors and files are compressed, as `embzarr.save` takes it."""
    return plan.compression or AUTO


def arrays_of(plan: StepPlan) -> dict[str, Divided]:
    """Return all that the parts share, columns and tensors, by the path below the layer."""
    tensors = [tensor_of(plan, name) for name in plan.tensors]
    return columns_of(plan) | {tensor.name: tensor for tensor in tensors}


_to_plan = json.converter(StepPlan)


def _check(plan: StepPlan) -> None:
    names = [column.name for column in plan.columns]
    require(len(set(names)) == len(names), "plan", "a column stands twice")
    require(bool(names) or not plan.rows, "plan", "rows without columns")
    for name in names:
        require(
            keys.is_column_name(name), f"plan: column {json.brief(name)}", "not a column's name"
        )
    _check_tensors(plan)
    shared = arrays_of(plan).values()
    for one in shared:
        _check_divided(one, plan.parts)
    pages.require_objects(sum(one.grid(one.rows).shards for one in shared))
    chunk_coding.parse(compression_of(plan), 1)
    if names:
        require(names[0] == spec.VECTORS, "plan", "the first column must be 'vectors'")
        first = plan.columns[0]
        is_matrix = len(first.row_shape) == 1 and first.dtype in spec.VECTOR_DTYPES
        require(is_matrix, "plan", "vectors must be a matrix of floating point")


def _check_tensors(plan: StepPlan) -> None:
    folders = sorted(f"{tensor.array}/" for tensor in plan.tensors.values())
    for folder, after in pairwise(folders):  # what lies in a folder is sorted right behind it
        where = f"the array {after[:-1]}"
        require(not after.startswith(folder), "plan", f"{where} is, or is in, {folder[:-1]}")
    for name, tensor in plan.tensors.items():
        what = f"plan: tensor {json.brief(name)}"
        require(keys.is_tensor_name(name), what, "not a tensor's name")
        keys.check_key(tensor.array)
        require(tensor.array.startswith(f"{spec.TENSORS}/"), what, "its array lies elsewhere")
        require(math.prod(tensor.shape) <= spec.MAX_INTEGER, what, "too large for an array")
        is_sound = tensor.type is None or tensor.dtype == "uint8"
        require(is_sound, what, "of a type of its own, not in bytes")


def _check_divided(one: Divided, parts: int) -> None:
    what = f"plan: {one.name}"
    enough = one.part_rows * parts >= one.rows
    require(enough, what, f"{parts} parts do not hold {one.rows} rows")
    if not dtypes.is_column_dtype(one.dtype):
        raise UnsupportedError("dtype-unsupported", f"{what}: data type {json.brief(one.dtype)}")
    validate_layers.check_codec(one.codec, what)
    grid = one.grid(one.part_rows)
    require(one.chunk & (one.chunk - 1) == 0, what, "rows of a chunk must be a power of two")
    sound = grid.chunk_bytes <= spec.MAX_CHUNK_BYTES
    require(sound, what, f"{grid.chunk_bytes} byte chunks")
    require(grid.shard <= spec.MAX_SHARD_CHUNKS, what, f"{grid.shard} chunks in a shard")
    whole = one.part_rows % grid.shard_rows == 0
    require(whole, what, f"a part of {one.part_rows} rows is not whole shards of {grid.shard_rows}")
