"""Writes one array: rows in, shards out, encoded and sent in the background."""

from __future__ import annotations

import contextlib
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import (
    Array,
    Cut,
    Grid,
    InlineIndex,
    Lossy,
    ObjectDigest,
    chunk_coding,
    chunk_index,
    digests,
    dtypes,
    grids,
    keys,
    rooms,
    spec,
)
from embzarr._storage import parts_of, pieces, size_of
from embzarr.errors import ConflictError, InvalidInputError, NotFoundError, StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._format import ChunkIndex, Codec
    from embzarr._storage import Body, Data, Put, Store
    from embzarr._writing.layers.jobs import Job, Jobs


_SPARE_ROOMS = 2
"""Of shards that were sent, kept for the next: a few, since a slow store has many under way."""
_ALIGNED = 64
"""Bytes at whose multiples rows begin that are laid into a room."""
_TRIES = 10
"""To create an object that collections take away meanwhile."""


class ObjectWriter:
    """Puts objects of one layer and remembers what the manifest must say of them."""

    def __init__(self, store: Put, path: str, jobs: Jobs) -> None:
        """Write below the folder `path`."""
        self._store = store
        self._path = path
        self._lock = threading.Lock()
        self.jobs = jobs
        self.digests: dict[str, ObjectDigest] = {}
        self.begun: set[str] = set()
        """Of what was sent, with an answer or without."""

    def put(self, name: str, data: Body) -> None:
        """Store an object under `name`, relative to the layer."""
        self.send(name, data, digest_of(data))

    def send(self, name: str, data: Body, digest: ObjectDigest) -> None:
        """Store an object whose digest is known."""
        with self._lock:
            self.begun.add(name)
        self._store.put(f"{self._path}/{name}", data)
        self._note(name, digest)

    def _note(self, name: str, digest: ObjectDigest) -> None:
        with self._lock:
            self.digests[name] = digest


class SharedObjectWriter(ObjectWriter):
    """Creates objects of a layer that other processes may be writing too, and replaces none.

    Two attempts at one part of a step, of which the first may have been taken for dead, write the
    same keys. Whatever stands there stays: an attempt that has the same bytes goes on, another
    one stops.
    """

    def __init__(self, store: Store, path: str, jobs: Jobs) -> None:
        """Write below the folder `path`."""
        super().__init__(store, path, jobs)
        self._shared = store

    def send(self, name: str, data: Body, digest: ObjectDigest) -> None:
        """Store an object under `name` unless it stands there already.

        Raises:
            ConflictError: code ``part-conflict``: other bytes stand there.
            StoreError: what takes the name is no object, such as a folder.
        """
        key = f"{self._path}/{name}"
        if not any(self._is_there(key, data, digest) for _ in range(_TRIES)):
            raise StoreError(
                "store-failed", f"cannot create {key}: its name is taken by what is no object"
            )
        self._note(name, digest)

    def _is_there(self, key: str, data: Body, digest: ObjectDigest) -> bool:
        """Create an object, or find it; False where a collection took it away just now."""
        try:
            self._shared.create(key, data)
        except ConflictError:
            with contextlib.suppress(NotFoundError):
                if self._stands(key, digest):
                    return True
                raise ConflictError(
                    "part-conflict",
                    f"{key}: another attempt, or another part that gives a tensor or file of this "
                    "name, has written other bytes there, and nothing is replaced; attempts must "
                    "give the same in the same order: plan the step anew",
                ) from None
            return False
        return True

    def _stands(self, key: str, digest: ObjectDigest) -> bool:
        if self._shared.head(key).size != digest.size:
            return False
        return digests.sha256_of(pieces(self._shared, key, 0, digest.size)) == digest.sha256


def digest_of(data: Body) -> ObjectDigest:
    """Return what the manifest says of an object."""
    return ObjectDigest(size=size_of(data), sha256=digests.sha256_of(parts_of(data)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenArray:
    """An array all of whose shards are stored."""

    rows: int
    row_shape: tuple[int, ...]
    dtype: str
    chunk: int
    shard: int
    codec: Codec
    index: ChunkIndex
    """Where the chunks lie."""
    only_chunk: bytes | None = None
    """As stored, where there is one and the manifest may hold a copy."""
    cut: Cut | None = None
    """How it is divided, where not the first dimension of rows is."""

    def member(
        self, *, table: str | None = None, lossy: Lossy | None = None, copied: bool = False
    ) -> Array:
        """Return what the manifest says of it.

        Args:
            table: name of the array that holds the index; None keeps the index in the manifest.
            lossy: what a conversion cost.
            copied: whether the manifest holds a copy of the only chunk.
        """
        return Array(
            shape=list(self.cut.shape) if self.cut else [self.rows, *self.row_shape],
            split=self.cut.split if self.cut else 0,
            dtype=self.dtype,
            chunk=self.chunk,
            shard=self.shard,
            codec=self.codec,
            index=table or InlineIndex(**self.index.lists()),
            lossy=lossy,
            data=self.only_chunk if copied else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """How an array is cut that several processes write, each some whole shards of it."""

    chunks: int
    """In one shard."""
    first: int
    """Number of the first that is written here."""


class ArrayWriter:
    """Cuts rows into shards. Memory: one shard being filled, and the jobs' budget."""

    def __init__(
        self,
        objects: ObjectWriter,
        name: str,
        *,
        dtype: str,
        row_shape: tuple[int, ...] = (),
        codec: Codec | None = None,
        chunk: int | None = None,
        chunk_bytes: int | None = None,
        shards: Shards | Cut | None = None,
    ) -> None:
        """Prepare to write.

        Args:
            objects: where shards go.
            name: the array's path below the layer.
            dtype: its stored data type.
            row_shape: shape of one row.
            codec: compression; None chooses by the first shard.
            chunk: rows in a chunk; None takes the most within `chunk_bytes`.
            chunk_bytes: the most that a chunk of several rows takes; None for 128 KiB.
            shards: how to cut, and where not the first dimension is divided, what becomes a row;
                None aims at 16 MiB.

        Raises:
            InvalidInputError: code ``input-shape``: a row larger than a chunk may be.
        """
        self._objects = objects
        self._name = name
        self._dtype = dtype
        self.row_shape = row_shape
        self._codec = codec
        bytes_per_row = _bytes_of_row(name, row_shape, dtype)
        self._cut = shards if isinstance(shards, Cut) else None
        if isinstance(shards, Cut):
            chunk, shards = shards.chunk, Shards(chunks=shards.shard, first=0)
        self._chunk = chunk or _chunk_of(bytes_per_row, chunk_bytes)
        self._fixed_chunk = chunk is not None
        self._fixed = shards is not None
        self._shard = shards.chunks if shards else grids.choose_shard(self._chunk * bytes_per_row)
        self._first_shard = shards.first if shards else 0
        self._row_bytes = bytes_per_row
        self._pending: list[NDArray[Any]] = []
        self._filled: NDArray[np.uint8] | None = None
        """Room for the shard that copies are laid into; it alone is pending then."""
        self._rooms: list[NDArray[np.uint8]] = []
        """Of shards that were sent: memory that is new takes as long as filling it."""
        self._spare_rooms = _SPARE_ROOMS
        self._pending_rows = 0
        self._rows = 0
        self._parts: dict[int, ChunkIndex] = {}
        self._first_chunk: bytes | None = None

    @property
    def shard_rows(self) -> int:
        """Rows of a shard: what to append at a time where there is a choice."""
        return self._chunk * self._shard

    def append(self, rows: NDArray[Any], *, copied: bool = False) -> None:
        """Take rows of the array's type.

        Args:
            rows: any number of them.
            copied: lay copies at once where their shard is made, so that the rows may change; all
                rows of an array, or none. Those that are not must not change until all is sent;
                the job that finds that they did fails with ``input-changed``.
        """
        while len(rows):
            taken = rows[: self.shard_rows - self._pending_rows]
            if copied:
                self._lay(taken)
            else:
                self._pending.append(taken)
            self._pending_rows += len(taken)
            rows = rows[len(taken) :]
            if self._pending_rows == self.shard_rows:
                self._flush()

    def _lay(self, rows: NDArray[Any]) -> None:
        if self._filled is None:
            self._filled = self._free_room()
        shape = (self.shard_rows, *rows.shape[1:])
        whole = _last_of(self._filled, shape, rows.dtype)
        stop = self._pending_rows + len(rows)
        whole[self._pending_rows : stop] = rows
        self._pending = [whole[:stop]]

    def finish(self) -> None:
        """Send what is left; the jobs may still be under way."""
        if not self._rows and not self._fixed:
            self._fit(self._pending_rows)
        if self._pending_rows:
            self._flush()
        self._spare_rooms = 0  # this writer stays until all arrays of the layer are told of
        self._rooms.clear()

    def written(self) -> WrittenArray:
        """Return what was written; everything must have been made, if not sent."""
        index = chunk_index.concatenate([self._parts[shard] for shard in sorted(self._parts)])
        return WrittenArray(
            rows=self._rows,
            row_shape=self.row_shape,
            dtype=self._dtype,
            chunk=self._chunk,
            shard=self._shard,
            codec=self._codec or chunk_coding.NONE,
            index=index,
            only_chunk=self._first_chunk if len(index) == 1 else None,
            cut=self._cut,
        )

    def _fit(self, rows: int) -> None:
        """Shrink the grid to an array that does not fill one shard."""
        if not self._fixed_chunk:
            self._chunk, self._shard = grids.fit(rows, self._chunk, self._shard)
        else:
            self._shard = max(min(self._shard, -(-rows // self._chunk)), 1)

    def _flush(self) -> None:
        blocks, nbytes, room = self._pending, self._pending_rows * self._row_bytes, self._filled
        shard = self._first_shard + self._rows // self.shard_rows
        self._rows += self._pending_rows
        self._pending, self._pending_rows, self._filled = [], 0, None
        if self._codec is None:
            blocks = [_joined(blocks)]
            self._codec = chunk_coding.choose(blocks[0], self._chunk)
        codec = self._codec
        is_made_there = room is not None or (codec.name == "none" and len(blocks) == 1)
        need = nbytes if is_made_there else 2 * nbytes
        self._objects.jobs.make(need, lambda: self._encode(shard, blocks, codec, room))

    def _encode(
        self, shard: int, blocks: list[NDArray[Any]], codec: Codec, room: NDArray[np.uint8] | None
    ) -> tuple[int, Job]:
        """Return what it takes to send a shard: bytes of memory, and the job.

        Copies are compressed into the very room that holds them, which takes half the memory.
        """
        rows = _joined(blocks)
        grid = self._grid(len(rows))
        is_packed = codec.name != "none"
        if is_packed and room is None:
            room = self._free_room()
        data, index = chunk_coding.encode_shard(rows, grid, codec, room if is_packed else None)
        self._parts[shard] = index
        if not shard and index.nbytes[0] <= spec.MAX_INLINE_BYTES:
            size = int(index.nbytes[0])
            self._first_chunk = b"".join(memoryview(piece)[:size] for piece in data[:2])[:size]
        place = self._cut.place(shard) if self._cut else (shard, *[0] * len(self.row_shape))
        name = keys.shard_at(self._name, place)
        digest = digest_of(data)
        if room is None:  # the pieces are rows that the caller has, too
            return rows.nbytes, lambda: self._send_given(name, data, digest, index)
        return digest.size, lambda: self._send(name, data, digest, room)

    def _grid(self, rows: int) -> Grid:
        return Grid(rows=rows, row_bytes=self._row_bytes, chunk=self._chunk, shard=self._shard)

    def _free_room(self) -> NDArray[np.uint8]:
        if self._rooms:
            with contextlib.suppress(IndexError):  # another thread took it
                return self._rooms.pop()
        nbytes = chunk_coding.shard_bound(self._grid(self.shard_rows)) + _ALIGNED
        return rooms.empty(nbytes, np.uint8)

    def _send(
        self, name: str, data: list[Data], digest: ObjectDigest, room: NDArray[np.uint8]
    ) -> None:
        self._objects.send(name, data, digest)
        if len(self._rooms) < self._spare_rooms:
            self._rooms.append(room)

    def _send_given(
        self, name: str, data: list[Data], digest: ObjectDigest, index: ChunkIndex
    ) -> None:
        try:
            self._objects.send(name, data, digest)
        finally:  # a store may itself refuse bytes that are not those that were signed
            if not chunk_coding.is_as_indexed(data, index):
                raise InvalidInputError(
                    "input-changed",
                    f"{name}: expected rows that stay as they are until they are saved, found that "
                    "something writes to them meanwhile; save a copy",
                )


def _bytes_of_row(name: str, row_shape: tuple[int, ...], dtype: str) -> int:
    found = grids.row_bytes((0, *row_shape), dtypes.itemsize(dtype))
    if found > spec.MAX_CHUNK_BYTES:
        raise InvalidInputError(
            "input-shape",
            f"{name}: expected rows of at most {spec.MAX_CHUNK_BYTES} bytes, found {found}",
        )
    return found


def _joined(blocks: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the rows of all blocks, and let go of the blocks."""
    if len(blocks) == 1:
        return blocks.pop()
    shape = (sum(map(len, blocks)), *blocks[0].shape[1:])
    rows = rooms.empty(shape, blocks[0].dtype)
    np.concatenate(blocks, out=rows)
    blocks.clear()
    return rows


def _last_of(room: NDArray[np.uint8], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the end of a room as rows: what is made of them, laid from its start, stays behind."""
    start = (len(room) - math.prod(shape) * dtype.itemsize) // _ALIGNED * _ALIGNED
    return np.ndarray(shape, dtype, room, start)


def _chunk_of(bytes_per_row: int, chunk_bytes: int | None) -> int:
    if chunk_bytes is None:
        return grids.choose_chunk(bytes_per_row)
    return grids.choose_chunk(bytes_per_row, target=chunk_bytes)
