"""Puts an object together again from offers of its bytes, until its SHA-256 is the recorded one.

An offer may be whole, or have only some sound chunks: those are taken where their CRC-32C is the
recorded one, and the index at the end of the shard is written anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from embzarr._format import chunk_coding, digests, spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embzarr._format import ChunkIndex, ObjectDigest
    from embzarr._verify import ShardPlace

Offer: TypeAlias = tuple[str, memoryview]
"""Where bytes come from, in words, and the bytes."""
_SPARE_BYTES = 1024 * 1024


def assemble(
    digest: ObjectDigest, shard: ShardPlace | None, offers: Iterable[Offer]
) -> tuple[str, memoryview] | None:
    """Return the object's bytes and where they come from; None where the offers do not suffice.

    Args:
        digest: the size and the SHA-256 that it must have.
        shard: where its chunks lie, for an object that holds chunks.
        offers: bytes that may be the object's, in part or whole; taken one at a time.
    """
    index = shard.index if shard else None
    patch = _Patch(digest.size, index, shard) if shard and index is not None else None
    for origin, data in offers:
        if _is(data, digest):
            return origin, data
        if patch and (used := patch.take(origin, data)) and _is(used, digest):
            return patch.origins, used
    return None


class _Patch:
    """An object that is being filled chunk by chunk."""

    def __init__(self, size: int, index: ChunkIndex, shard: ShardPlace) -> None:
        self._size = size
        self._index = index
        self._shard = shard
        self._data: bytearray | None = None
        self._missing = set(range(len(index)))
        self._from: list[str] = []

    @property
    def origins(self) -> str:
        """Where its chunks come from."""
        return " and ".join(self._from)

    def take(self, origin: str, data: memoryview) -> memoryview | None:
        """Take sound chunks from an offer; return the object once it has all."""
        if self._data is None:
            # The size is a stranger's word: no more is allocated than the bytes at hand explain.
            if self._size > 2 * len(data) + _SPARE_BYTES:
                return None
            self._data = bytearray(self._size)
            self._data[: min(self._size, len(data))] = data[: self._size]
        found = [at for at in sorted(self._missing) if self._take_chunk(at, data, self._data)]
        self._missing.difference_update(found)
        if found or not self._from:
            self._from.append(origin)
        if self._missing:
            return None
        tail = chunk_coding.index_bytes(self._index, self._shard.grid)
        self._data[self._size - len(tail) :] = tail
        return memoryview(self._data)

    def _take_chunk(self, at: int, data: memoryview, out: bytearray) -> bool:
        begin, crc32c = int(self._index.offset[at]), int(self._index.crc32c[at])
        end = begin + int(self._index.nbytes[at]) - spec.CRC_BYTES
        if end > len(data) or digests.crc32c(np.frombuffer(data[begin:end], np.uint8)) != crc32c:
            return False
        out[begin:end] = data[begin:end]
        out[end : end + spec.CRC_BYTES] = crc32c.to_bytes(spec.CRC_BYTES, "little")
        return True


def _is(data: memoryview, digest: ObjectDigest) -> bool:
    return len(data) == digest.size and digests.sha256(data) == digest.sha256
