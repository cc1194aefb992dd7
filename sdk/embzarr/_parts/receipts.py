"""What the writer of a part leaves when all of the part is stored. Spec section "Receipt"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta, Struct

from embzarr._format import Count, Hex256, ObjectDigest, chunk_index, json, keys, spec
from embzarr._storage import get_at_most
from embzarr._writing import LossSums
from embzarr.errors import DamagedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._format import ChunkIndex
    from embzarr._parts.plan import PlannedColumn, StepPlan
    from embzarr._storage import Readable

_Numbers: TypeAlias = list[Count]

# What JSON may take, white space and all.
_OBJECT_BYTES = 2048
"""The key of an object and its digest."""
_CHUNK_BYTES = 256
"""The place of a chunk: three numbers of at most 16 digits."""
_COLUMN_BYTES = 4096


class Places(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the chunks of a part of a column lie."""

    offset: _Numbers
    nbytes: _Numbers
    crc32c: _Numbers

    @property
    def index(self) -> ChunkIndex:
        """The same as arrays."""
        return chunk_index.from_lists(self.offset, self.nbytes, self.crc32c)


class Receipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of a step: everything that the manifest and the chunk tables say of it."""

    format: Literal["embzarr"]
    version: Literal[1]
    plan: Hex256
    """SHA-256 of the plan's canonical JSON."""
    part: Annotated[int, Meta(ge=0, lt=spec.MAX_PARTS)]
    objects: dict[str, ObjectDigest]
    """Every shard by its key below the layer."""
    places: dict[str, Places]
    """By column."""
    losses: dict[str, LossSums]
    """Of columns whose numbers were converted."""


_to_receipt = json.converter(Receipt)


def encode(receipt: Receipt) -> bytes:
    """Return the canonical bytes."""
    return json.dumps(msgspec.to_builtins(receipt))


def key_of(plan: StepPlan, part: int) -> str:
    """Return the key of a part's receipt, from the root."""
    return f"{plan.path}/{keys.receipt_name(part)}"


def read(store: Readable, plan: StepPlan, part: int) -> Receipt | None:
    """Return the receipt of a part; None where it has none yet.

    Raises:
        DamagedError: it breaks the rules.
    """
    try:
        data = get_at_most(store, key_of(plan, part), _limit(plan, part))
    except NotFoundError:
        return None
    return parse(data, plan, part)


def parse(data: bytes | bytearray | memoryview, plan: StepPlan, part: int) -> Receipt:
    """Read a receipt that a stranger may have written.

    What passes names all shards of the part and no other objects, and places within them.

    Raises:
        DamagedError: codes ``part-invalid`` and ``chunk-range``, or that of the JSON.
    """
    what = key_of(plan, part)
    document = json.loads(data, what=what, max_bytes=_limit(plan, part))
    try:
        receipt = _to_receipt(document)
    except msgspec.ValidationError as exc:
        raise DamagedError("part-invalid", f"{what}: {exc}") from None  # its text is raw
    _require(receipt.plan == plan.identity, f"{what}: of another plan")
    _require(receipt.part == part, f"{what}: of part {receipt.part}")
    _require(
        receipt.objects.keys() == {*_shards(plan, part)}, f"{what}: other objects than planned"
    )
    names = {column.name for column in plan.columns}
    _require(receipt.places.keys() == names, f"{what}: places of other columns")
    _require(receipt.losses.keys() <= names, f"{what}: losses of other columns")
    for column in plan.columns:
        _check_places(receipt, plan, column, f"{what}: {column.name}")
    return receipt


def shards_of(plan: StepPlan, column: PlannedColumn, part: int) -> Iterator[str]:
    """Yield the names of the shards of a column that a part holds, in order."""
    start, stop = plan.rows_of(part)
    grid = column.grid(stop - start)
    for shard in range(grid.shards):
        number = start // grid.shard_rows + shard
        yield keys.shard_key(column.name, number, 1 + len(column.row_shape))


def _shards(plan: StepPlan, part: int) -> Iterator[str]:
    for column in plan.columns:
        yield from shards_of(plan, column, part)


def _check_places(receipt: Receipt, plan: StepPlan, column: PlannedColumn, what: str) -> None:
    start, stop = plan.rows_of(receipt.part)
    grid, places = column.grid(stop - start), receipt.places[column.name]
    counts = {len(places.offset), len(places.nbytes), len(places.crc32c)}
    _require(counts == {grid.chunks}, f"{what}: expected places of {grid.chunks} chunks")
    sizes = [receipt.objects[name].size for name in shards_of(plan, column, receipt.part)]
    chunk_index.check(
        places.index,
        grid,
        chunks=np.arange(grid.chunks),
        sizes=np.array(sizes, np.int64),
        raw=column.codec.name == "none",
        what=what,
    )


def _limit(plan: StepPlan, part: int) -> int:
    """Return the bytes that the receipt of a part may have."""
    start, stop = plan.rows_of(part)
    grids = [column.grid(stop - start) for column in plan.columns]
    counts = sum(grid.shards * _OBJECT_BYTES + grid.chunks * _CHUNK_BYTES for grid in grids)
    return min(4096 + counts + len(grids) * _COLUMN_BYTES, spec.MAX_RECEIPT_BYTES)


def _require(sound: bool, message: str) -> None:  # noqa: FBT001 - a condition
    if not sound:
        raise DamagedError("part-invalid", message)
