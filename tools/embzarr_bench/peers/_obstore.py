"""The client under embzarr, told beforehand where every byte lies: the limit of this machine."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import obstore
import obstore.store

import embzarr
from embzarr_bench._cases import Case
from embzarr_bench.peers._port import Answer, Peer, Reading, Saving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embzarr_bench._cases import Request
    from embzarr_bench._matrix import Matrix
    from embzarr_bench._place import Place

_THREADS = 16
_PIECE = 8 * 1024 * 1024
_CRC_BYTES = 4
"""embzarr's checksum behind each chunk."""


class RawObstore(Peer):
    """Moves the very bytes that embzarr needs, and does nothing with them."""

    name: ClassVar[str] = "raw obstore"
    settings: ClassVar[str] = (
        "embzarr's own objects: parts as the known ranges of their chunks by get_ranges, all in "
        "ranges of 8 MiB, 16 at once; save: whole objects, 16 at once"
    )
    distributions: ClassVar[tuple[str, ...]] = ("obstore",)
    cases: ClassVar[frozenset[Case]] = frozenset(Case)

    def setup(self, place: Place, matrix: Matrix, *, compressed: bool) -> None:
        """Store with embzarr."""
        _save(place.url, matrix, compressed=compressed, storage_options=place.options)

    def saving(self, place: Place, matrix: Matrix, *, compressed: bool) -> Saving:
        """Return work that puts the objects of a save, which are at hand in memory."""
        # In a forked worker this makes obstore's modules show a copy of its own.
        embzarr.Run(place.url, storage_options=place.options)
        memory = obstore.store.MemoryStore()
        _save(memory, matrix, compressed=compressed)
        keys = [item["path"] for page in obstore.list(memory) for item in page]
        objects = {key: memoryview(memory.get(key).bytes()) for key in keys}
        return partial(put, place, objects)

    def reading(self, place: Place, request: Request) -> Reading:
        """Return work that gets the bytes of the chunks that are asked for."""
        if request.case.whole:
            return partial(get_shards, place, _shards(place))
        chunks = _Chunks(place, request.rows)
        return lambda: chunks.get(place)


def client(place: Place) -> obstore.store.S3Store:
    """Return a new client for a folder, by obstore's own defaults."""
    return obstore.store.S3Store(
        place.bucket,
        prefix=place.prefix,
        endpoint=place.endpoint_url,
        access_key_id=place.access_key,
        secret_access_key=place.secret_key,
        region=place.region,
        client_options={"allow_http": True},
    )


def _save(url: object, matrix: Matrix, *, compressed: bool, **options: Any) -> None:  # noqa: ANN401
    compression = "lz4" if compressed else "none"
    embzarr.save(url, matrix.words, matrix.vectors, compression=compression, **options)


def put(place: Place, objects: Mapping[str, memoryview]) -> None:
    """Put whole objects, 16 at once."""
    store = client(place)
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda key: obstore.put(store, key, objects[key]), objects))


def _shards(place: Place) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of each shard of the vectors, by its key."""
    manifest = json.loads(bytes(obstore.get(client(place), "latest.json").bytes()))
    (layer,) = manifest["layers"]
    return {
        f"{layer['path']}/{name}": (found["size"], found["sha256"])
        for name, found in layer["objects"].items()
        if name.startswith("vectors/c/")
    }


def get_shards(place: Place, shards: Mapping[str, tuple[int, str]]) -> Answer:
    """Get objects of known size and SHA-256 in ranges of 8 MiB, 16 at once."""
    store = client(place)
    pieces = [
        (key, start, min(start + _PIECE, size))
        for key, (size, _) in shards.items()
        for start in range(0, size, _PIECE)
    ]

    def get(piece: tuple[str, int, int]) -> memoryview:
        key, start, end = piece
        return memoryview(obstore.get_range(store, key, start=start, end=end))

    with ThreadPoolExecutor(_THREADS) as pool:
        got = list(pool.map(get, pieces))

    def check(_: NDArray[Any]) -> bool:
        digests = {key: hashlib.sha256() for key in shards}
        for (key, _start, _end), data in zip(pieces, got, strict=True):
            digests[key].update(data)
        return all(digest.hexdigest() == shards[key][1] for key, digest in digests.items())

    return _answer(check, got)


def _answer(check: Callable[[NDArray[Any]], bool], parts: list[memoryview]) -> Answer:
    size = sum(part.nbytes for part in parts)
    return Answer(check=check, nbytes=size, notes={"needed": size})


class _Chunks:
    """The chunks that hold some rows of an uncompressed matrix."""

    def __init__(self, place: Place, rows: NDArray[np.int64]) -> None:
        """Ask embzarr where they are."""
        info = embzarr.open(place.url, storage_options=place.options).info()
        (self._vectors,) = [column for column in info.columns if column.name == "vectors"]
        self._rows = rows
        self._chunks = np.unique(rows // self._vectors.chunk_rows)
        self._row_bytes = np.dtype(info.dtype).itemsize * info.dim
        self._folder = f"{info.layers[0].path}/vectors/c"

    def get(self, place: Place) -> Answer:
        """Get their bytes, shard by shard at the same time."""
        store = client(place)
        bytes_each = self._vectors.chunk_rows * self._row_bytes + _CRC_BYTES
        shard = self._chunks // self._vectors.shard_chunks
        starts = self._chunks % self._vectors.shard_chunks * bytes_each

        def get(number: int) -> list[memoryview]:
            some = starts[shard == number].tolist()
            key = f"{self._folder}/{number}/0"
            found = obstore.get_ranges(store, key, starts=some, lengths=[bytes_each] * len(some))
            return [memoryview(part) for part in found]

        with ThreadPoolExecutor(_THREADS) as pool:
            parts = [part for found in pool.map(get, np.unique(shard).tolist()) for part in found]
        return _answer(partial(self._check, parts), parts)

    def _check(self, parts: list[memoryview], truth: NDArray[Any]) -> bool:
        stored = np.stack([np.frombuffer(part, np.uint8)[:-_CRC_BYTES] for part in parts])
        blocks = stored.view(truth.dtype).reshape(len(parts), self._vectors.chunk_rows, -1)
        at = np.searchsorted(self._chunks, self._rows // self._vectors.chunk_rows)
        return np.array_equal(blocks[at, self._rows % self._vectors.chunk_rows], truth)
