"""What the writer of a part leaves when all of the part is stored. Spec section "Receipt"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta, Struct

from embzarr._format import (
    Array,
    Codec,
    Count,
    FileMember,
    Hex256,
    InlineIndex,
    Layer,
    ObjectDigest,
    PlacementMember,
    Positive,
    TensorMember,
    chunk_index,
    json,
    keys,
    spec,
    validate_layers,
)
from embzarr._parts import plan as planning
from embzarr._storage import get_at_most, parallel
from embzarr._writing import LossSums, TensorPart, copying
from embzarr.errors import ConflictError, DamagedError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from embzarr._format import ChunkIndex
    from embzarr._parts.plan import Divided, StepPlan
    from embzarr._storage import Readable
    from embzarr._writing import WrittenArray

_Numbers: TypeAlias = list[Count]


class Places(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the chunks of an array, or of a part of it, lie."""

    offset: _Numbers
    nbytes: _Numbers
    crc32c: _Numbers

    @property
    def index(self) -> ChunkIndex:
        """The same as arrays."""
        return chunk_index.from_lists(self.offset, self.nbytes, self.crc32c)


class PartArray(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An array of tensors or files that one part has whole."""

    shape: Annotated[list[Count], Meta(min_length=1, max_length=spec.MAX_RANK)]
    dtype: str
    split: Annotated[int, Meta(ge=0, lt=spec.MAX_RANK)] = 0
    chunk: Positive
    shard: Positive
    codec: Codec
    index: Places

    @staticmethod
    def of(written: WrittenArray) -> PartArray:
        """Return what a receipt says of an array."""
        told = written.member()
        members = {name: getattr(told, name) for name in PartArray.__struct_fields__}
        return PartArray(**members | {"index": Places(**written.index.lists())})

    @property
    def array(self) -> Array:
        """The same as a manifest has it, but for the number of its chunks, which is not bounded."""
        members = {name: getattr(self, name) for name in self.__struct_fields__}
        return Array(**members | {"index": InlineIndex(**msgspec.structs.asdict(self.index))})


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One part of a step: everything that the manifest and the chunk tables say of it."""

    format: Literal["embzarr"]
    version: Literal[1]
    plan: Hex256
    """SHA-256 of the plan's canonical JSON."""
    part: Annotated[int, Meta(ge=0, lt=spec.MAX_PARTS)]
    objects: dict[str, ObjectDigest]
    """Every shard by its key below the layer."""
    places: dict[str, Places]
    """By array of the plan."""
    losses: dict[str, LossSums]
    """Of columns whose numbers were converted."""
    arrays: dict[str, PartArray] = {}
    """Those that the part has whole."""
    tensors: dict[str, TensorMember] = {}
    files: dict[str, FileMember] = {}

    def is_as(self, other: Receipt) -> bool:
        """Tell whether it stands for the same: losses may be added up in another order."""
        return (self.objects, self.tensors, self.files) == (
            other.objects,
            other.tensors,
            other.files,
        )

    @property
    def owned(self) -> set[tuple[str, str]]:
        """Kind and name of all that no other part may have."""
        held: dict[str, Iterable[str]] = {
            "tensor": self.tensors,
            "file": self.files,
            "array": self.arrays,
        }
        return {(kind, name) for kind, names in held.items() for name in names}

    @property
    def stored(self) -> TensorPart:
        """Its tensors and files, with their arrays and objects."""
        arrays = {
            name: copying.as_written(one.array, one.index.index)
            for name, one in self.arrays.items()
        }
        return TensorPart(
            tensors=self.tensors, files=self.files, arrays=arrays, objects=self.objects
        )


_to_receipt = json.parser(Receipt, "part-invalid")


def encode(receipt: Receipt) -> bytes:
    """Return the canonical bytes.

    Raises:
        InvalidInputError: code ``input-argument``: more than a receipt may have.
    """
    data = json.dumps(msgspec.to_builtins(receipt))
    if len(data) > spec.MAX_RECEIPT_BYTES:
        raise InvalidInputError(
            "input-argument",
            f"part {receipt.part}: expected tensors, files and chunks that a receipt of "
            f"{spec.MAX_RECEIPT_BYTES} bytes can tell of, found {len(data)}: plan more parts",
        )
    return data


def key_of(plan: StepPlan, part: int) -> str:
    """Return the key of a part's receipt, from the root."""
    return f"{plan.path}/{keys.receipt_name(part)}"


def read(store: Readable, plan: StepPlan, part: int) -> Receipt | None:
    """Return the receipt of a part; None where it has none yet.

    Raises:
        DamagedError: it breaks the rules.
    """
    try:
        data = get_at_most(store, key_of(plan, part), spec.MAX_RECEIPT_BYTES)
    except NotFoundError:
        return None
    return parse(data, plan, part)


def read_all(store: Readable, plan: StepPlan) -> list[Receipt | None]:
    """Return the receipt of each part, None where it has none yet; see `read`."""
    return parallel.each(lambda part: read(store, plan, part), list(range(plan.parts)))


def given_twice(plan: StepPlan, what: tuple[str, str], owners: Sequence[str]) -> ConflictError:
    """Return the error of what two have given: its kind and name, and who they are."""
    kind, name = what
    return ConflictError(
        "part-conflict",
        f"{plan.path}: {kind} {json.brief(name)} is given by {' and by '.join(owners)}: "
        "leave it to one of them (what parts have written stays: plan the step anew)",
    )


def parse(data: bytes | bytearray | memoryview, plan: StepPlan, part: int) -> Receipt:
    """Read a receipt that a stranger may have written.

    What passes names all shards of the part and no other objects, places within them, and tensors
    and files that a layer may have.

    Raises:
        DamagedError: codes ``part-invalid`` and ``chunk-range``, or that of the JSON.
        UnsupportedError: a data type or codec of a later version.
    """
    what = key_of(plan, part)
    receipt = _to_receipt(json.loads(data, what=what, max_bytes=spec.MAX_RECEIPT_BYTES), what)
    _require(receipt.plan == plan.identity, f"{what}: of another plan")
    _require(receipt.part == part, f"{what}: of part {receipt.part}")
    divided = planning.arrays_of(plan)
    _check_contents(receipt, plan, what)
    whole = _layer_of(receipt, plan)
    expected = {name for one in divided.values() for name in one.shards_of(part)} | {*whole.shards}
    _require(receipt.objects.keys() == expected, f"{what}: other objects than those of its arrays")
    _require(receipt.places.keys() == divided.keys(), f"{what}: places of other arrays")
    columns = planning.columns_of(plan).keys()
    _require(receipt.losses.keys() <= columns, f"{what}: losses of other columns")
    for name, one in divided.items():
        _check_places(receipt, one, f"{what}: {name}")
    return receipt


def _check_contents(receipt: Receipt, plan: StepPlan, what: str) -> None:
    """Check the tensors and files that the part has whole, and their arrays."""
    used = {tensor.array for tensor in receipt.tensors.values()}
    used |= {file.array for file in receipt.files.values()}
    _require(receipt.arrays.keys() == used, f"{what}: other arrays than its tensors and files have")
    _require(not used & planning.arrays_of(plan).keys(), f"{what}: an array of the plan as its own")
    planned = receipt.tensors.keys() & plan.tensors.keys()
    _require(not planned, f"{what}: a tensor of the plan as its own")
    end = keys.part_array("", receipt.part)
    own = all(name.endswith(end) for name in used if name.startswith(f"{spec.SMALL}/"))
    _require(own, f"{what}: an array of small tensors that is not the part's")
    try:
        validate_layers.check_layer(_layer_of(receipt, plan), what)
    except DamagedError as exc:
        code = "chunk-range" if exc.code == "chunk-range" else "part-invalid"
        raise DamagedError(code, exc.args[0]) from None


def _layer_of(receipt: Receipt, plan: StepPlan) -> Layer:
    """Return what would be a layer, had the step nothing else than what the part has whole."""
    return Layer(
        kind="full",
        path=plan.path,
        rows=0,
        placement=PlacementMember(kind="given"),
        columns=[],
        arrays={name: one.array for name, one in receipt.arrays.items()},
        fences=[],
        objects=receipt.objects,
        tensors=receipt.tensors,
        files=receipt.files,
    )


def _check_places(receipt: Receipt, one: Divided, what: str) -> None:
    grid, places = one.grid_of(receipt.part), receipt.places[one.name]
    counts = {len(places.offset), len(places.nbytes), len(places.crc32c)}
    _require(counts == {grid.chunks}, f"{what}: expected places of {grid.chunks} chunks")
    sizes = [receipt.objects[name].size for name in one.shards_of(receipt.part)]
    chunk_index.check(
        places.index,
        grid,
        chunks=np.arange(grid.chunks),
        sizes=np.array(sizes, np.int64),
        raw=one.codec.name == "none",
        what=what,
    )


def _require(sound: bool, message: str) -> None:  # noqa: FBT001 - a condition
    if not sound:
        raise DamagedError("part-invalid", message)
