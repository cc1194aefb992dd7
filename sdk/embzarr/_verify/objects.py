"""Checks the objects of one layer, each read once from end to end, several at once.

Memory is bounded: objects are read in stretches of a few megabytes that cut no chunk.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embzarr._format import chunk_coding, dtypes, json, keys, numpy_dtype, spec
from embzarr._storage import detached, parallel
from embzarr._verify.shards import pieces, shard_index_fault
from embzarr.errors import DamagedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from embzarr._format import Layer, ObjectDigest
    from embzarr._storage import Readable
    from embzarr._verify.report import Findings
    from embzarr._verify.shards import ShardPlace, Shards

IN_FLIGHT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCheck:
    """Compares every object of a layer with the manifest."""

    store: Readable
    layer: Layer
    shards: Shards
    documents: Mapping[str, bytes]
    """What the layer's ``zarr.json`` objects must say, by name."""
    findings: Findings
    budget: parallel.ByteBudget

    def run(self) -> None:
        """Read everything."""
        self.shards.prepare()
        # Large objects first, so that no long one is left for the end.
        items = sorted(self.layer.objects.items(), key=lambda item: -item[1].size)
        nbytes = sum(digest.size for digest in self.layer.objects.values())
        alone = parallel.is_quick(self.store, nbytes)
        parallel.each(lambda item: self._object(*item), items, alone=alone)
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
        except (DamagedError, NotFoundError) as exc:
            shard, is_link = check.shard, exc.code == "key-escapes-root"
            message = str(exc.args[0]) if is_link else "the manifest lists it, it is not there"
            code = exc.code if isinstance(exc, DamagedError) or is_link else "object-missing"
            lost = self.lost(shard, range(len(shard.chunks))) if shard else None
            self.findings.report(code, check.key, message, lost=lost)

    def lost(
        self, shard: ShardPlace | None, chunks: Sequence[int], *, copied: bool = True
    ) -> tuple[str, int, int] | None:
        """Return a column, and its places from the first to the last of some chunks of a shard.

        Where a copy in the manifest does for a chunk, as `copied` says, nothing is lost.
        """
        if shard is None or not chunks:
            return None
        if copied and self.layer.arrays[shard.array].data is not None:
            return None
        first, last = shard.rows(min(chunks), max(chunks))
        if shard.array in self.layer.columns:
            return shard.array, first, last
        for name in self.layer.columns:
            grid = self.layer.arrays[name].grid
            if shard.array == self.layer.arrays[name].index:  # its rows are the column's chunks
                return name, grid.rows_of_chunk(first)[0], grid.rows_of_chunk(last - 1)[1]
            if shard.array == keys.scales_array(name):
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
                data = self._fetch(start, stop) if read == start else tail[:0]
                sha256.update(data)
                read += len(data)
                bad |= {at: fault for at in chunks if (fault := self._fault(data, start, at))}
                tail = self._kept(data)
                del data  # else each thread would hold a piece that no claim stands for
            self.layer.findings.advance(stop - start, len(chunks))
            if read < stop and not chunks:
                break  # the size is a stranger's word: what is not there is not asked for again
        if read != self.digest.size:
            self._has_impossible_places()
            self._wrong_size(sorted(bad))
            # Of what is there a chunk may be damaged besides; what is not there was told.
            self._bad_chunks({at: bad[at] for at in bad if bad[at].code != "object-truncated"})
        elif bad:
            self._bad_chunks(bad)
            self._other_index(tail)
        elif not self._has_impossible_places() and not self._other_index(tail):
            self._whole(sha256.hexdigest(), tail)

    def _fetch(self, start: int, stop: int) -> memoryview:
        """Return a stretch; at the end one byte more, so that a longer object shows itself."""
        length = stop - start + (stop == self.digest.size)
        return memoryview(self.layer.store.get_range(self.key, start, length))

    def _kept(self, data: memoryview) -> memoryview:
        """Return what is looked at once a piece was read: a document, or the index of a shard."""
        if self.shard is None:
            return data if self.document is not None else memoryview(b"")
        return memoryview(bytes(data[-self.shard.grid.shard_index_bytes :]))

    def _pieces(self) -> Iterator[tuple[int, int, list[int]]]:
        if self.document is not None and self.digest.size <= spec.MAX_ZARR_JSON_BYTES:
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
        what = f"chunk {self.shard.chunks[at]}"
        try:
            chunk = chunk_coding.decode_chunk(
                stored,
                codec=self.shard.codec,
                crc32c=int(index.crc32c[at]),
                size=self.shard.grid.chunk_bytes,
                what=what,
            )
            dtype = self.layer.layer.arrays[self.shard.array].dtype
            if dtype[0] == "U":
                dtypes.check_values(chunk.view(numpy_dtype(dtype)), what)
        except DamagedError as exc:
            return detached(exc)
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
            # A copy in the manifest helps where the chunk is not as it was written.
            helps = fault.code != "chunk-decode"
            self.layer.findings.report(
                fault.code,
                self.key,
                str(fault.args[0]),
                chunk=self.shard.chunks[at] if self.shard else None,
                lost=self.layer.lost(self.shard, [at], copied=helps),
            )

    def _has_impossible_places(self) -> bool:
        """Report a chunk table that says of this shard what cannot be true."""
        if self.shard is None or self.shard.fault is None:
            return False
        fault = self.shard.fault
        self.layer.findings.report(fault.code, self.key, str(fault.args[0]), lost=self._all())
        return True

    def _other_index(self, tail: memoryview) -> bool:
        """Report a shard whose own index is damaged, or says something else."""
        if self.shard is None or self.shard.index is None:
            return False
        fault = shard_index_fault(tail, self.shard.grid, self.shard.index)
        if fault:
            self.layer.findings.report("shard-index", self.key, fault)
        return fault is not None

    def _all(self) -> tuple[str, int, int] | None:
        return self.layer.lost(self.shard, range(len(self.shard.chunks))) if self.shard else None

    def _whole(self, sha256: str, tail: memoryview) -> None:
        if sha256 != self.digest.sha256:
            lost = self._all() if self.shard and self.shard.index is None else None
            message = f"expected SHA-256 {self.digest.sha256}, found {sha256}"
            self.layer.findings.report("object-digest", self.key, message, lost=lost)
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


def _parsed(data: bytes | memoryview, key: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(data, what=key, max_bytes=spec.MAX_ZARR_JSON_BYTES)
