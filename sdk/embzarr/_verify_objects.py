"""Checks the objects of one layer, each read once from end to end, several at once.

Memory is bounded: objects are read in stretches of a few megabytes that cut no chunk.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr import _chunks, _json, _keys, _parallel, _schema
from embzarr._array_read import ArrayReader
from embzarr.errors import DamagedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from embzarr._chunk_index import ChunkIndex
    from embzarr._grid import Grid
    from embzarr._link import Link
    from embzarr._manifest import Codec, Layer, ObjectDigest
    from embzarr._verify_report import Findings
    from embzarr.objects import Readable

_PIECE_BYTES = 4 * 1024 * 1024
IN_FLIGHT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlace:
    """An object that holds chunks, and where they lie."""

    array: str
    codec: Codec
    grid: Grid
    chunks: range
    """The numbers of its chunks."""
    index: ChunkIndex | None
    """None where the chunk table cannot be read: then only the object's digest tells."""

    def rows(self, first: int, last: int) -> tuple[int, int]:
        """Return the rows from chunk `first` to chunk `last` of this shard, both included."""
        begin, _ = self.grid.rows_of_chunk(self.chunks[first])
        _, end = self.grid.rows_of_chunk(self.chunks[last])
        return begin, end


class Shards:
    """The shards of a layer by the names of their objects."""

    def __init__(self, store: Readable, layer: Layer, link: Link) -> None:
        """Prepare to read chunk tables; nothing is fetched yet."""
        self._layer = layer
        self._is_quick = _parallel.is_quick(store)
        self._readers = {name: ArrayReader(store, layer, name, link) for name in layer.arrays}
        self._places = {
            layer.shard_name(name, shard): (name, shard)
            for name, array in layer.arrays.items()
            for shard in range(array.grid.shards)
        }

    def prepare(self) -> None:
        """Read the chunk tables that are small enough to be held whole, several at once."""
        _parallel.each(self._prepare, list(self._readers), alone=self._is_quick)

    def find(self, name: str) -> ShardPlace | None:
        """Return what the object of this name, below the layer, should hold; None for others."""
        if name not in self._places:
            return None
        array, number = self._places[name]
        entry = self._layer.arrays[array]
        grid = entry.grid
        chunks = grid.chunks_of_shard(number)
        index: ChunkIndex | None
        try:
            index = self._readers[array].index_of(chunks.start, chunks.stop)
        except DamagedError:
            index = None  # the table's own objects are checked, too, and named
        return ShardPlace(array=array, codec=entry.codec, grid=grid, chunks=chunks, index=index)

    def _prepare(self, name: str) -> None:
        try:
            self._readers[name].prepare()
        except DamagedError:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCheck:
    """Compares every object of a layer with the manifest."""

    store: Readable
    layer: Layer
    shards: Shards
    documents: Mapping[str, bytes]
    """What the layer's ``zarr.json`` objects must say, by name."""
    findings: Findings
    budget: _parallel.ByteBudget

    def run(self) -> None:
        """Read everything."""
        self.shards.prepare()
        # Large objects first, so that no long one is left for the end.
        items = sorted(self.layer.objects.items(), key=lambda item: -item[1].size)
        nbytes = sum(digest.size for digest in self.layer.objects.values())
        alone = _parallel.is_quick(self.store, nbytes)
        _parallel.each(lambda item: self._object(*item), items, alone=alone)
        for name in self.documents.keys() - self.layer.objects.keys():
            key = f"{self.layer.path}/{name}"
            self.findings.report("zarr-metadata", key, "the manifest does not list it")

    def _object(self, name: str, digest: ObjectDigest) -> None:
        check = _ObjectCheck(
            layer=self,
            key=f"{self.layer.path}/{name}",
            digest=digest,
            shard=self.shards.find(name),
            document=self.documents.get(name),
        )
        try:
            check.run()
        except NotFoundError:
            shard, message = check.shard, "the manifest lists it, it is not there"
            lost = self.lost(shard, range(len(shard.chunks))) if shard else None
            self.findings.report("object-missing", check.key, message, lost=lost)
        except DamagedError as exc:  # a link that leaves the store
            self.findings.report(exc.code, check.key, str(exc.args[0]))

    def lost(self, shard: ShardPlace | None, chunks: Sequence[int]) -> tuple[str, int, int] | None:
        """Return a column, and its places from the first to the last of some chunks of a shard."""
        if shard is None or not chunks or self.layer.arrays[shard.array].data is not None:
            return None
        first, last = shard.rows(min(chunks), max(chunks))
        if shard.array in self.layer.columns:
            return shard.array, first, last
        for name in self.layer.columns:
            grid = self.layer.arrays[name].grid
            if shard.array == self.layer.arrays[name].index:  # its rows are the column's chunks
                return name, grid.rows_of_chunk(first)[0], grid.rows_of_chunk(last - 1)[1]
            if shard.array == _keys.scales_array(name):
                # They are read whole, and no row of the delta without them.
                return name, 0, grid.rows
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ObjectCheck:
    layer: LayerCheck
    key: str
    digest: ObjectDigest
    shard: ShardPlace | None
    document: bytes | None

    def run(self) -> None:
        """Read the object.

        Raises:
            NotFoundError: it is not there.
        """
        sha256, read, tail = hashlib.sha256(), 0, memoryview(b"")
        bad: dict[int, DamagedError] = {}
        decoded = self.shard.grid.chunk_bytes if self.shard else 0
        for start, stop, chunks in self._pieces():
            with self.layer.budget.claim(stop - start + decoded):
                tail = self._fetch(start, stop) if read == start else tail[:0]
                sha256.update(tail)
                read += len(tail)
                bad |= {at: fault for at in chunks if (fault := self._fault(tail, start, at))}
            self.layer.findings.advance(stop - start, len(chunks))
            if read < stop and not chunks:
                break  # the size is a stranger's word: what is not there is not asked for again
        if read != self.digest.size:
            self._wrong_size(sorted(bad))
        elif bad:
            self._bad_chunks(bad)
        else:
            self._whole(sha256.hexdigest(), tail)

    def _fetch(self, start: int, stop: int) -> memoryview:
        """Return a stretch; at the end one byte more, so that a longer object shows itself."""
        length = stop - start + (stop == self.digest.size)
        return memoryview(self.layer.store.get_range(self.key, start, length))

    def _pieces(self) -> Iterator[tuple[int, int, list[int]]]:
        if self.document is not None and self.digest.size <= _schema.MAX_ZARR_JSON_BYTES:
            return iter([(0, self.digest.size, [])])
        return pieces(self.shard.index if self.shard else None, self.digest.size)

    def _fault(self, data: memoryview, start: int, at: int) -> DamagedError | None:
        if self.shard is None or self.shard.index is None:
            return None
        index = self.shard.index
        begin, nbytes = int(index.offset[at]) - start, int(index.nbytes[at])
        stored = data[begin : begin + nbytes]
        if len(stored) < nbytes:
            return DamagedError("object-truncated", "the object ends before this chunk")
        try:
            _chunks.decode_chunk(
                stored,
                codec=self.shard.codec,
                crc32c=int(index.crc32c[at]),
                size=self.shard.grid.chunk_bytes,
                what=f"chunk {self.shard.chunks[at]}",
            )
        except DamagedError as exc:
            return exc
        self._compare_copy(stored)
        return None

    def _compare_copy(self, stored: memoryview) -> None:
        """Report a copy in the manifest that is not the sound chunk that it is a copy of."""
        name, layer = self.shard.array if self.shard else "", self.layer.layer
        copy = layer.arrays[name].data
        if copy is not None and copy != stored:
            message = "the manifest's copy is not the chunk"
            self.layer.findings.report("manifest-invalid", f"{layer.path}/{name}", message)

    def _wrong_size(self, bad: list[int]) -> None:
        size = self.layer.store.head(self.key).size
        message = f"expected {self.digest.size} bytes, found {size}"
        if self.shard is not None and self.shard.index is None:
            bad = list(range(len(self.shard.chunks)))  # which of them is not known
        self.layer.findings.report(
            "object-size", self.key, message, lost=self.layer.lost(self.shard, bad)
        )

    def _bad_chunks(self, bad: dict[int, DamagedError]) -> None:
        for at, fault in bad.items():
            self.layer.findings.report(
                fault.code,
                self.key,
                str(fault.args[0]),
                chunk=self.shard.chunks[at] if self.shard else None,
                lost=self.layer.lost(self.shard, [at]),
            )

    def _whole(self, sha256: str, tail: memoryview) -> None:
        report, lost = self.layer.findings.report, None
        if self.shard and self.shard.index is not None:
            fault = shard_index_fault(tail, self.shard.grid, self.shard.index)
            if fault:
                report("shard-index", self.key, fault)
                return
        elif self.shard:
            lost = self.layer.lost(self.shard, range(len(self.shard.chunks)))
        if sha256 != self.digest.sha256:
            message = f"expected SHA-256 {self.digest.sha256}, found {sha256}"
            report("object-digest", self.key, message, lost=lost)
        elif self.document is not None:
            self._document(tail, self.document)

    def _document(self, found: memoryview, expected: bytes) -> None:
        if found == expected:
            return
        try:  # another library may write the same in other bytes
            same = _parsed(found, self.key) == _parsed(expected, self.key)
        except DamagedError as exc:
            self.layer.findings.report(exc.code, self.key, str(exc.args[0]))
            return
        if not same:
            message = "does not say what the manifest says"
            self.layer.findings.report("zarr-metadata", self.key, message)


def pieces(index: ChunkIndex | None, size: int) -> Iterator[tuple[int, int, list[int]]]:
    """Divide an object into stretches that cut no chunk: start, stop, and the chunks inside.

    The last stretch holds the shard's index whole.
    """
    if index is None:
        for start in range(0, max(size, 1), _PIECE_BYTES):
            yield start, min(start + _PIECE_BYTES, size), []
        return
    start = 0
    inside: list[int] = []
    for at in np.argsort(index.offset).tolist():
        end = int(index.offset[at] + index.nbytes[at])
        if inside and end - start > _PIECE_BYTES:
            begin = int(index.offset[at])
            yield start, begin, inside
            start, inside = begin, []
        inside.append(at)
    yield start, size, inside


def shard_index_fault(tail: memoryview, grid: Grid, index: ChunkIndex) -> str | None:
    """Compare a shard's own index, which other Zarr readers use, with ours; None where it is so."""
    try:
        found = _chunks.shard_index(tail[-grid.shard_index_bytes :], what="the index")
    except DamagedError:
        return "the index at its end has a wrong CRC-32C"
    expected = np.full((grid.shard, 2), _schema.EMPTY_CHUNK, np.uint64)
    expected[: len(index), 0] = index.offset
    expected[: len(index), 1] = index.nbytes
    same = np.array_equal(found, expected)
    return None if same else "the index at its end and the chunk table disagree"


def _parsed(data: bytes | memoryview, key: str) -> Any:  # noqa: ANN401 - any JSON
    return _json.loads(data, what=key, max_bytes=_schema.MAX_ZARR_JSON_BYTES)
