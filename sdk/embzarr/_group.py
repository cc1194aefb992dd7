"""A step as a plain Zarr group: the only module that imports zarr.

Zarr reads it by a store of ours, which knows of nothing but what the manifest lists: what is not
there is then an error, where Zarr's own stores would make zeros of it, and links and pipes are
refused by the port underneath.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import zarr
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)

from embzarr._format import chunk_coding, digests, spec, zarr_json
from embzarr._history import LivingStore
from embzarr._reading import fetch, link_of, pages
from embzarr._storage import identity_of, parallel
from embzarr._verify import Shards
from embzarr.errors import DamagedError

Group = zarr.Group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from zarr.core.buffer import Buffer, BufferPrototype

    from embzarr._format import ChunkIndex
    from embzarr._history import Commit
    from embzarr._storage import Data, Readable
    from embzarr._verify import ShardPlace


def open_group(store: Readable, commit: Commit) -> Group:
    """Open the newest layer of a commit, read-only."""
    path = commit.manifest.top.path
    listed = ListedStore(store, commit)
    return zarr.open_group(listed, path=path, mode="r", zarr_format=3, use_consolidated=False)


class ListedStore(Store):
    """The objects of one layer, as its manifest lists them; nothing of it can be written."""

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, store: Readable, commit: Commit) -> None:
        """Read nothing yet."""
        super().__init__(read_only=True)
        layer = pages.whole_layer(store, commit.manifest.top)
        made = zarr_json.documents_of(commit.manifest.layers, whole=layer)
        self._store = store
        self._commit = commit
        self._below = f"{layer.path}/"
        self._shards = Shards(store, layer, link_of(store))
        self._tables = parallel.Later(self._shards.prepare)
        self._places: dict[str, ShardPlace | None] = {}
        self._objects = LivingStore(store, commit.number)
        self._digests = {f"{layer.path}/{name}": found for name, found in layer.objects.items()}
        self._documents = {f"{layer.path}/{name}": data for name, data in made.items()}

    def __reduce__(self) -> tuple[type[ListedStore], tuple[Readable, Commit]]:
        """Pickle the store underneath and the commit."""
        return type(self), (self._store, self._commit)

    def __repr__(self) -> str:
        """Name the layer."""
        return f"<embzarr layer {self._commit.manifest.top.path}>"

    def __eq__(self, other: object) -> bool:
        """Tell whether another store reads the same commit of the same store."""
        return isinstance(other, ListedStore) and self._name == other._name

    def __hash__(self) -> int:
        """Be hashed as it is compared."""
        return hash(self._name)

    @property
    def _name(self) -> tuple[str, str]:
        # Another store may have the same manifest, and other bytes.
        return identity_of(self._store).text, self._commit.sha256

    async def get(
        self,
        key: str,
        prototype: BufferPrototype,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return an object or a part of it; None only of what the manifest does not list.

        Raises:
            DamagedError: it is listed, and missing or cut, or its checksums are not as recorded.
            NotFoundError: code ``commit-expired``.
        """
        if not await self.exists(key):
            return None
        start, stop = _span(byte_range, self._size(key))
        data = await asyncio.to_thread(partial(self._read, key, start, stop))
        return prototype.buffer.from_bytes(data)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return several parts, in the order of `key_ranges`."""
        parts = (self.get(key, prototype, byte_range) for key, byte_range in key_ranges)
        return await asyncio.gather(*parts)

    async def exists(self, key: str) -> bool:
        """Tell whether the manifest lists an object."""
        return key in self._documents or key in self._digests

    async def getsize(self, key: str) -> int:
        """Return the size of an object."""
        if not await self.exists(key):
            raise FileNotFoundError(key)
        return self._size(key)

    async def list(self) -> AsyncIterator[str]:
        """Yield every key."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys that begin with `prefix`."""
        for key in sorted(self._documents.keys() | self._digests.keys()):
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names, of objects and folders, that lie in the folder `prefix`."""
        folder = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        names = [key[len(folder) :].split("/")[0] async for key in self.list_prefix(folder)]
        for name in sorted(set(names)):
            yield name

    async def set(self, key: str, value: Buffer) -> NoReturn:
        """Refuse."""
        del key, value
        self._refuse()

    async def delete(self, key: str) -> NoReturn:
        """Refuse."""
        del key
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ValueError("store was opened in read-only mode and does not support writing")

    def _size(self, key: str) -> int:
        made = self._documents.get(key)
        return self._digests[key].size if made is None else len(made)

    def _read(self, key: str, start: int, stop: int) -> Data:
        made = self._documents.get(key)
        if made is not None:
            return made[start:stop]
        data = fetch(self._objects, key, start, stop - start)
        digest, place = self._digests[key], self._place(key)
        if place is not None:
            index = place.index or self._shards.index_of(key.removeprefix(self._below))
            _check_shard(key, data, start, place, index, size=digest.size)
        elif stop - start == digest.size and digests.sha256(data) != digest.sha256:
            message = f"{key}: its SHA-256 is not the one that the manifest lists"
            raise DamagedError("object-digest", message)
        return data

    def _place(self, key: str) -> ShardPlace | None:
        self._tables()
        if key not in self._places:
            self._places[key] = self._shards.find(key.removeprefix(self._below))
        return self._places[key]


def _check_shard(
    key: str, data: memoryview, start: int, place: ShardPlace, index: ChunkIndex, *, size: int
) -> None:
    """Compare the checksums of chunks, and the index of the shard, with the chunk table.

    Zarr compares the chunks themselves with their checksums.

    Raises:
        DamagedError: codes ``chunk-checksum`` or ``shard-index``.
    """
    stop = start + len(data)
    ends = index.offset + index.nbytes
    for at in np.flatnonzero((index.offset >= start) & (ends <= stop)).tolist():
        end = int(ends[at]) - start
        found = int.from_bytes(data[end - spec.CRC_BYTES : end], "little")
        if found != index.crc32c[at]:
            message = f"{key}: chunk {place.chunks[at]} has another CRC-32C than was recorded"
            raise DamagedError("chunk-checksum", message)
    expected = chunk_coding.index_bytes(index, place.grid)
    if stop == size and len(data) >= len(expected) and data[-len(expected) :] != expected:
        message = f"{key}: the index at its end and the chunk table disagree"
        raise DamagedError("shard-index", message)


def _span(byte_range: ByteRequest | None, size: int) -> tuple[int, int]:
    """Return the first byte that is wanted and the one past the last, of an object of `size`."""
    if isinstance(byte_range, RangeByteRequest):
        return min(byte_range.start, size), min(byte_range.end, size)
    if isinstance(byte_range, OffsetByteRequest):
        return min(byte_range.offset, size), size
    if isinstance(byte_range, SuffixByteRequest):
        return max(size - byte_range.suffix, 0), size
    return 0, size
