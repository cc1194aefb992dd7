"""The manifest: one JSON object for each commit. The commit *is* this object.

Member by member this is spec section "Manifest". Outside bytes become one of these only through
`embzarr._format.documents.validate.parse`; what stands here is frozen and sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta, Struct

from embzarr._format import digests, json, keys, spec
from embzarr._format.arrays import chunk_index
from embzarr._format.arrays.codecs import Codec
from embzarr._format.arrays.dtypes import itemsize
from embzarr._format.arrays.grids import Cut, Grid, row_bytes
from embzarr._format.words.placements import Placement

if TYPE_CHECKING:
    from collections.abc import Mapping

Count: TypeAlias = Annotated[int, Meta(ge=0, le=spec.MAX_INTEGER)]
Positive: TypeAlias = Annotated[int, Meta(ge=1, le=spec.MAX_INTEGER)]
Hex128: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Hex256: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Instant: TypeAlias = Annotated[
    str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")
]
InlineBytes: TypeAlias = Annotated[bytes, Meta(max_length=spec.MAX_INLINE_BYTES)]
InlineList: TypeAlias = Annotated[list[Count], Meta(max_length=spec.MAX_INLINE_INDEX)]


class Parent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The commit that this one follows."""

    commit: Positive
    sha256: Hex256


class ObjectDigest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Size and SHA-256 of one object."""

    size: Count
    sha256: Hex256


class InlineIndex(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The places of all chunks of a small array."""

    offset: InlineList
    nbytes: InlineList
    crc32c: InlineList


class Lossy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a conversion at save cost, over all finite numbers of the array."""

    source_dtype: str
    max_abs_error: float
    """The largest difference."""
    rms_error: float
    """Square root of the mean squared difference."""
    relative_error: float
    """Square root of the summed squared differences over the summed squares of the source."""


class Array(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One Zarr array of a layer: all that is needed to read it without its ``zarr.json``."""

    shape: Annotated[list[Count], Meta(min_length=1, max_length=spec.MAX_RANK)]
    dtype: str
    split: Annotated[int, Meta(ge=0, lt=spec.MAX_RANK)] = 0
    """The dimension that is divided into chunks."""
    chunk: Positive
    shard: Positive
    codec: Codec
    index: InlineIndex | str
    """Places of the chunks, or the array that holds them as a table."""
    lossy: Lossy | None = None
    data: InlineBytes | None = None
    """The stored bytes of its only chunk: a copy, so that no object need be read for them."""

    @property
    def cut(self) -> Cut:
        """How it becomes rows."""
        return Cut(shape=tuple(self.shape), split=self.split, chunk=self.chunk, shard=self.shard)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return tuple(self.shape[self.split + 1 :])

    @property
    def grid(self) -> Grid:
        """The chunks and shards."""
        return Grid(
            rows=self.cut.rows if self.split else self.shape[0],
            row_bytes=row_bytes(tuple(self.shape[self.split :]), itemsize(self.dtype)),
            chunk=self.chunk,
            shard=self.shard,
        )

    @property
    def inline_index(self) -> chunk_index.ChunkIndex | None:
        """The places of the chunks where the manifest holds them."""
        if isinstance(self.index, str):
            return None
        return chunk_index.from_lists(self.index.offset, self.index.nbytes, self.index.crc32c)


class PlacementMember(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Order of the rows, as stored."""

    kind: Literal["given", "lexical", "hash", "family"]
    groups: Annotated[int, Meta(ge=0, le=spec.MAX_GROUPS)] = 0
    starts: Annotated[list[Count], Meta(max_length=spec.MAX_GROUPS + 1)] = []


class TensorMember(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A named tensor: an array of its own, or a stretch of one that holds many."""

    array: str
    shape: Annotated[list[Count], Meta(max_length=spec.MAX_RANK)]
    start: Count | None = None
    """Where it begins in an array that holds many; None where it has one of its own."""
    type: Annotated[str, Meta(min_length=1, max_length=spec.MAX_TYPE_CHARS)] | None = None
    """What its maker calls numbers of one byte that have no data type here."""


class FileMember(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A named file: bytes of no meaning to the format, stored as a tensor of bytes is."""

    array: str
    size: Count
    sha256: Hex256
    start: Count | None = None
    media_type: Annotated[str, Meta(max_length=spec.MAX_MEDIA_TYPE_CHARS)] = ""


class Page(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An object below the layer that holds a part of what the manifest says of it."""

    kind: Literal["objects", "contents"]
    size: Annotated[int, Meta(ge=1, le=spec.MAX_PAGE_BYTES)]
    sha256: Hex256
    count: Annotated[int, Meta(ge=1, le=spec.MAX_OBJECTS)]
    """Objects that it lists, or tensors and files."""
    bytes: Count = 0
    """Of all objects that it lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The tensors and files of a layer."""

    tensors: Mapping[str, TensorMember]
    files: Mapping[str, FileMember]

    def told(self) -> dict[str, Any]:
        """Return what a layer's own ``zarr.json`` says of them: the members of the manifest."""
        told = {spec.TENSORS: self.tensors, spec.FILES: self.files}
        return {name: msgspec.to_builtins(members) for name, members in told.items() if members}


EMPTY = Contents(tensors={}, files={})


class Layer(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one write stored: a Zarr group with all rows, or with those that changed."""

    kind: Literal["full", "delta"]
    path: str
    rows: Count
    """Rows of the checkpoint, from this layer down."""
    placement: PlacementMember
    columns: Annotated[list[str], Meta(max_length=spec.MAX_COLUMNS)]
    """None where the checkpoint has no table, or a delta leaves it as it was."""
    arrays: dict[str, Array]
    fences: Annotated[list[str], Meta(max_length=spec.MAX_FENCES)]
    objects: dict[str, ObjectDigest]
    tensors: dict[str, TensorMember] = {}
    files: dict[str, FileMember] = {}
    pages: Annotated[list[Page], Meta(max_length=spec.MAX_PAGES)] = []
    """What stands in objects of their own: of each kind, all that the members above lack."""

    @property
    def order(self) -> Placement:
        """The placement as the planner uses it."""
        p = self.placement
        return Placement(kind=p.kind, groups=p.groups, starts=tuple(p.starts))

    @property
    def contents(self) -> Contents:
        """Its tensors and files."""
        return Contents(tensors=self.tensors, files=self.files)

    @property
    def has_words(self) -> bool:
        """Whether it holds words, if only of no rows."""
        return spec.WORDS_OFFSETS in self.arrays

    @property
    def new_words(self) -> int:
        """Number of words that the layer holds: the last of its rows."""
        offsets = self.arrays.get(spec.WORDS_OFFSETS)
        return offsets.shape[0] - 1 if offsets else 0

    @property
    def first_new_row(self) -> int:
        """Row of the first word that the layer holds."""
        return self.rows - self.new_words

    @property
    def copied_bytes(self) -> int:
        """Stored bytes of chunks of which the manifest holds a copy."""
        return sum(len(array.data or b"") for array in self.arrays.values())

    @property
    def bytes_stored(self) -> int:
        """Bytes of all its objects, pages included."""
        listed = sum(digest.size for digest in self.objects.values())
        return listed + sum(page.size + page.bytes for page in self.pages)

    @property
    def object_count(self) -> int:
        """Number of its objects, pages included."""
        listed = len(self.objects) + sum(page.count for page in self.pages_of(spec.OBJECTS))
        return listed + len(self.pages)

    @property
    def page_objects(self) -> dict[str, ObjectDigest]:
        """Size and SHA-256 of each page, by its key below the layer."""
        return {
            keys.page_name(at): ObjectDigest(size=page.size, sha256=page.sha256)
            for at, page in enumerate(self.pages)
        }

    def pages_of(self, *kinds: str) -> list[Page]:
        """Return the pages of some kinds."""
        return [page for page in self.pages if page.kind in kinds]

    def shard_key(self, array: str, shard: int) -> str:
        """Return the key of a shard, from the root."""
        return f"{self.path}/{self.shard_name(array, shard)}"

    def shard(self, array: str, shard: int) -> tuple[str, str]:
        """Return the key of a shard, from the root, and what tells it from another of that key.

        It is the SHA-256 of its bytes, or where a page lists them, that of the first such page.
        """
        name = self.shard_name(array, shard)
        listed = self.objects.get(name) or self.pages_of(spec.OBJECTS)[0]
        return f"{self.path}/{name}", listed.sha256

    def shard_name(self, array: str, shard: int) -> str:
        """Return the key of a shard below the layer, as `objects` names it."""
        entry = self.arrays[array]
        if entry.split:
            return keys.shard_at(array, entry.cut.place(shard))
        return keys.shard_name(array, shard, len(entry.shape))

    @property
    def shards(self) -> dict[str, tuple[str, int]]:
        """The array and the number of each shard, by its key below the layer."""
        return {
            self.shard_name(name, shard): (name, shard)
            for name, array in self.arrays.items()
            for shard in range(array.grid.shards)
        }

    def shard_sizes(self, array: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the bytes of each shard object of an array; the most where pages list them."""
        grid = self.arrays[array].grid
        if self.pages and self.pages_of(spec.OBJECTS):
            raw = self.arrays[array].codec.name == "none"
            return chunk_index.largest_shards(grid, raw=raw)
        shards = range(grid.shards)
        return np.array([self.objects[self.shard_name(array, s)].size for s in shards], np.int64)


class Manifest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One commit."""

    format: Literal["embzarr"]
    version: Literal[1]
    store: Hex128
    commit: Positive
    write_id: Hex128
    parent: Parent | None
    step: Count
    kind: Literal["full", "delta"]
    created: Instant
    writer: Annotated[str, Meta(max_length=256)]
    layers: Annotated[list[Layer], Meta(min_length=1, max_length=spec.MAX_LAYERS)]
    """The full layer, then deltas, each above the one before."""
    metadata: dict[str, Any]
    model: dict[str, Any] | None = None
    """What a framework needs to make a model of tensors and files; the caller's JSON."""

    @property
    def base(self) -> Layer:
        """The full layer at the bottom."""
        return self.layers[0]

    @property
    def top(self) -> Layer:
        """The newest layer, which the commit itself wrote."""
        return self.layers[-1]

    @property
    def rows(self) -> int:
        """Number of rows of the checkpoint."""
        return self.top.rows

    @property
    def has_table(self) -> bool:
        """Whether there are words and vectors."""
        return bool(self.base.columns)

    @property
    def tensors(self) -> dict[str, tuple[Layer, TensorMember]]:
        """Each tensor, in the newest layer that holds it."""
        return {name: (x, member) for x in self.layers for name, member in x.tensors.items()}

    @property
    def files(self) -> dict[str, tuple[Layer, FileMember]]:
        """Each file, in the newest layer that holds it."""
        return {name: (x, member) for x in self.layers for name, member in x.files.items()}

    @property
    def order(self) -> Placement:
        """The placement of all rows: that of the base, unless words came after them."""
        return self.base.order if self.rows == self.base.rows else Placement(kind="given")


def encode(manifest: Manifest) -> bytes:
    """Return the canonical bytes, whose SHA-256 is the commit's identity."""
    return json.dumps(msgspec.to_builtins(manifest))


def identity(data: bytes | bytearray | memoryview) -> str:
    """Return the identity of the commit whose manifest these bytes are."""
    return digests.sha256(data)
