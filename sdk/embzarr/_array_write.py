"""Writes one array: rows in, shards out, encoded and sent in the background."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr import _chunk_index, _chunks, _digest, _dtypes, _grid, _keys, _schema
from embzarr._grid import Grid
from embzarr._manifest import Array, InlineIndex, Lossy, ObjectDigest
from embzarr.errors import InvalidInputError
from embzarr.objects import put_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from embzarr._chunk_index import ChunkIndex
    from embzarr._manifest import Codec
    from embzarr._parallel import Jobs
    from embzarr.objects import Put


_SENDING_BYTES = 40 * 1024 * 1024
"""Of one object, at most: encoded and not yet stored."""


class ObjectWriter:
    """Puts objects of one layer and remembers what the manifest must say of them."""

    def __init__(self, store: Put, path: str, jobs: Jobs) -> None:
        """Write below the folder `path`."""
        self._store = store
        self._path = path
        self._lock = threading.Lock()
        self.jobs = jobs
        self.digests: dict[str, ObjectDigest] = {}

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Store an object under `name`, relative to the layer."""
        self._store.put(f"{self._path}/{name}", data)
        digest = ObjectDigest(size=len(data), sha256=_digest.sha256(data))
        with self._lock:
            self.digests[name] = digest

    def put_pieces(self, name: str, pieces: Iterable[memoryview]) -> None:
        """Store an object under `name` while it is made: digests are computed on the way."""
        sha256, size = hashlib.sha256(), 0

        def passing() -> Iterator[memoryview]:
            nonlocal size
            for piece in pieces:
                sha256.update(piece)
                size += piece.nbytes
                yield piece

        put_pieces(self._store, f"{self._path}/{name}", passing())
        with self._lock:
            self.digests[name] = ObjectDigest(size=size, sha256=sha256.hexdigest())


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
    ) -> None:
        """Prepare to write.

        Args:
            objects: where shards go.
            name: the array's path below the layer.
            dtype: its stored data type.
            row_shape: shape of one row.
            codec: compression; None chooses by the first shard.
            chunk: rows in a chunk; None aims at 64 to 128 KiB.

        Raises:
            InvalidInputError: code ``input-shape``: a row larger than a chunk may be.
        """
        self._objects = objects
        self._name = name
        self._dtype = dtype
        self.row_shape = row_shape
        self._codec = codec
        bytes_per_row = _grid.row_bytes((0, *row_shape), _dtypes.itemsize(dtype))
        if bytes_per_row > _schema.MAX_CHUNK_BYTES:
            raise InvalidInputError(
                "input-shape",
                f"{name}: expected rows of at most {_schema.MAX_CHUNK_BYTES} bytes, "
                f"found {bytes_per_row}",
            )
        self._chunk = chunk or _grid.choose_chunk(bytes_per_row)
        self._fixed_chunk = chunk is not None
        self._shard = _grid.choose_shard(self._chunk * bytes_per_row)
        self._row_bytes = bytes_per_row
        self._pending: list[NDArray[Any]] = []
        self._pending_rows = 0
        self._rows = 0
        self._parts: dict[int, ChunkIndex] = {}

    @property
    def shard_rows(self) -> int:
        """Rows of a shard: what to append at a time where there is a choice."""
        return self._chunk * self._shard

    def append(self, rows: NDArray[Any]) -> None:
        """Take rows of the array's type; they must not change until `array` has returned."""
        while len(rows):
            taken = rows[: self.shard_rows - self._pending_rows]
            self._pending.append(taken)
            self._pending_rows += len(taken)
            rows = rows[len(taken) :]
            if self._pending_rows == self.shard_rows:
                self._flush()

    def finish(self) -> None:
        """Send what is left; the jobs may still be under way."""
        if not self._rows and not self._fixed_chunk:
            self._chunk, self._shard = _grid.fit(self._pending_rows, self._chunk, self._shard)
        elif not self._rows:
            self._shard = max(min(self._shard, -(-self._pending_rows // self._chunk)), 1)
        if self._pending_rows:
            self._flush()

    def index(self) -> ChunkIndex:
        """Return where the chunks lie; all jobs must have ended."""
        return _chunk_index.concatenate([self._parts[shard] for shard in sorted(self._parts)])

    def array(self, *, table: str | None = None, lossy: Lossy | None = None) -> Array:
        """Return what the manifest says of the array; all jobs must have ended.

        Args:
            table: name of the array that holds the index; None keeps the index in the manifest.
            lossy: what a conversion cost.
        """
        index = self.index()
        inline = InlineIndex(
            offset=index.offset.tolist(),
            nbytes=index.nbytes.tolist(),
            crc32c=index.crc32c.tolist(),
        )
        return Array(
            shape=[self._rows, *self.row_shape],
            dtype=self._dtype,
            chunk=self._chunk,
            shard=self._shard,
            codec=self._codec or _chunks.NONE,
            index=table or inline,
            lossy=lossy,
        )

    def _flush(self) -> None:
        rows = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        shard = self._rows // self.shard_rows
        self._rows += len(rows)
        self._pending, self._pending_rows = [], 0
        if self._codec is None:
            self._codec = _chunks.choose(rows, self._chunk)
        codec = self._codec
        # The rows wait in memory beside what is being sent of them.
        held = rows.nbytes + min(rows.nbytes, _SENDING_BYTES)
        self._objects.jobs.submit(held, lambda: self._encode(shard, rows, codec))

    def _encode(self, shard: int, rows: NDArray[Any], codec: Codec) -> None:
        grid = Grid(rows=len(rows), row_bytes=self._row_bytes, chunk=self._chunk, shard=self._shard)
        encoded = _chunks.Shard(rows, grid, codec)
        name = _keys.shard_key(self._name, shard, 1 + len(self.row_shape))
        self._objects.put_pieces(name, encoded)
        self._parts[shard] = encoded.index
