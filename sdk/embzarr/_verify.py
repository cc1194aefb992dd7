"""Reads all that a commit names and says what is not as it was written.

Memory is bounded: objects are read in pieces of a few megabytes, several objects at once. Source of
the checks: spec section "Verification".
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr import _chunks, _history, _json, _keys, _parallel, _schema, _verify_words, _zarr_json
from embzarr._array_read import ArrayReader, fetch
from embzarr._link import link_to
from embzarr.errors import DamagedError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._chunk_index import ChunkIndex
    from embzarr._history import Commit
    from embzarr._layer_read import LayerReader
    from embzarr._manifest import Layer, ObjectDigest
    from embzarr.objects import Readable

_PIECE_BYTES = 8 * 1024 * 1024
_IN_FLIGHT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it was written."""

    code: str
    """From the specification's section "Error codes"."""
    key: str
    """The object, from the root."""
    message: str
    chunk: int | None = None
    """Number of the chunk in its array."""
    rows: tuple[int, int] | None = None
    """First and past-the-last row that the chunk holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was read, and what was wrong with it."""

    commit: int
    step: int
    objects: int
    chunks: int
    bytes: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems


def verify(
    store: Readable,
    commit: Commit,
    reader: LayerReader,
    *,
    progress: Callable[[int, int], None] | None,
) -> VerifyReport:
    """Compare every object and chunk of a commit with its manifest."""
    layer = commit.manifest.layer
    state = _State(sum(digest.size for digest in layer.objects.values()), progress)
    budget = _parallel.ByteBudget(_IN_FLIGHT_BYTES)
    shards = _shards(layer)

    def check(item: tuple[str, ObjectDigest]) -> None:
        name, digest = item
        _ObjectCheck(store, layer, name, digest, shards.get(name), budget, state).run()

    _check_manifests(store, commit, state)
    # Large objects first, so that no long one is left for the end.
    _parallel.each(check, sorted(layer.objects.items(), key=lambda item: -item[1].size))
    if not state.problems:
        _check_zarr_json(store, commit, state)
        _check_lookup(layer, reader, state)
    return VerifyReport(
        commit=commit.number,
        step=commit.manifest.step,
        objects=len(layer.objects),
        chunks=state.chunks,
        bytes=state.done,
        problems=tuple(sorted(state.problems, key=lambda p: (p.key, p.chunk or 0))),
    )


class _State:
    """What the threads of a verification share."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._lock = threading.Lock()
        self._total = total
        self._progress = progress
        self.done = 0
        self.chunks = 0
        self.problems: list[Problem] = []

    def advance(self, size: int, chunks: int = 0) -> None:
        with self._lock:
            self.done += size
            self.chunks += chunks
            if self._progress:
                self._progress(self.done, self._total)

    def report(
        self,
        code: str,
        key: str,
        message: str,
        *,
        chunk: int | None = None,
        rows: tuple[int, int] | None = None,
    ) -> None:
        with self._lock:
            self.problems.append(
                Problem(code=code, key=key, message=message, chunk=chunk, rows=rows)
            )


@dataclass(frozen=True, slots=True)
class _ObjectCheck:
    """One object, read once from end to end."""

    store: Readable
    layer: Layer
    name: str
    digest: ObjectDigest
    shard: tuple[str, int] | None
    budget: _parallel.ByteBudget
    state: _State

    @property
    def key(self) -> str:
        return f"{self.layer.path}/{self.name}"

    def run(self) -> None:
        try:
            size = self.store.head(self.key).size
        except NotFoundError:
            self.state.report("object-missing", self.key, "the manifest lists it, it is not there")
            return
        if size != self.digest.size:
            message = f"expected {self.digest.size} bytes, found {size}"
            self.state.report("object-size", self.key, message)
            return
        try:
            index = self._index()
            self._read(index)
        except DamagedError as exc:
            self.state.report(exc.code, self.key, str(exc.args[0]))

    def _index(self) -> ChunkIndex | None:
        if self.shard is None:
            return None
        array, number = self.shard
        chunks = self.layer.arrays[array].grid.chunks_of_shard(number)
        reader = ArrayReader(self.store, self.layer, array, link_to(""))
        return reader.index_of(chunks.start, chunks.stop)

    def _read(self, index: ChunkIndex | None) -> None:
        sha256 = hashlib.sha256()
        bad_chunks = 0
        for start, stop, chunks in _pieces(index, self.digest.size):
            with self.budget.claim(stop - start):
                data = fetch(self.store, self.key, start, stop - start)
                sha256.update(data)
                if index is not None:
                    bad_chunks += sum(not self._chunk(data, start, index, at) for at in chunks)
            self.state.advance(stop - start, len(chunks))
        if index is not None and not bad_chunks:
            self._shard_index(data, index)
        if sha256.hexdigest() != self.digest.sha256 and not bad_chunks:
            message = f"expected SHA-256 {self.digest.sha256}, found {sha256.hexdigest()}"
            self.state.report("object-digest", self.key, message)

    def _chunk(self, data: memoryview, start: int, index: ChunkIndex, at: int) -> bool:
        array_name, shard = self.shard or ("", 0)
        array = self.layer.arrays[array_name]
        chunk = shard * array.shard + at
        begin = int(index.offset[at]) - start
        try:
            _chunks.decode_chunk(
                data[begin : begin + int(index.nbytes[at])],
                codec=array.codec,
                crc32c=int(index.crc32c[at]),
                size=array.grid.chunk_bytes,
                what=f"chunk {chunk}",
            )
        except DamagedError as exc:
            rows = array.grid.rows_of_chunk(chunk)
            self.state.report(exc.code, self.key, str(exc.args[0]), chunk=chunk, rows=rows)
            return False
        return True

    def _shard_index(self, tail: memoryview, index: ChunkIndex) -> None:
        """Compare the shard's own index, which other Zarr readers use, with ours."""
        array, _ = self.shard or ("", 0)
        size = self.layer.arrays[array].grid.shard_index_bytes
        found = _chunks.shard_index(tail[-size:], what=self.key)
        expected = np.full_like(found, _schema.EMPTY_CHUNK)
        expected[: len(index), 0] = index.offset
        expected[: len(index), 1] = index.nbytes
        if not np.array_equal(found, expected):
            message = "the index at its end and the chunk table disagree"
            self.state.report("shard-index", self.key, message)


def _shards(layer: Layer) -> dict[str, tuple[str, int]]:
    """Return array and shard number by object name."""
    return {
        layer.shard_name(name, shard): (name, shard)
        for name, array in layer.arrays.items()
        for shard in range(array.grid.shards)
    }


def _pieces(index: ChunkIndex | None, size: int) -> Iterator[tuple[int, int, list[int]]]:
    """Divide an object into stretches that cut no chunk: start, stop, and the chunks inside.

    The last stretch holds the shard's index whole.
    """
    if index is None:
        for start in range(0, size, _PIECE_BYTES):
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


def _check_manifests(store: Readable, commit: Commit, state: _State) -> None:
    """Compare the stored manifest with the one in hand, perhaps from a hint, and its parent."""
    named = [(commit.number, commit.sha256, "is not the manifest that was opened")]
    if parent := commit.manifest.parent:
        named.append((parent.commit, parent.sha256, "is not the commit that this one followed"))
    for number, sha256, message in named:
        key = _keys.commit_key(number)
        try:
            found = _history.read(store, number)
        except NotFoundError:
            if number == commit.number:  # the parent may have expired; its name stays with us
                state.report("object-missing", key, "the manifest was opened from a hint alone")
        except (DamagedError, UnsupportedError) as exc:
            state.report(exc.code, key, str(exc.args[0]))
        else:
            if found.sha256 != sha256:
                state.report("manifest-mismatch", key, message)


def _check_zarr_json(store: Readable, commit: Commit, state: _State) -> None:
    """Compare the Zarr metadata, which other readers use, with the manifest."""
    manifest, layer = commit.manifest, commit.manifest.layer
    documents = _zarr_json.layer_documents(
        layer.arrays, step=manifest.step, write_id=manifest.write_id, columns=layer.columns
    )
    for name, expected in documents.items():
        key = f"{layer.path}/{name}"
        if name not in layer.objects:
            state.report("zarr-metadata", key, "the manifest does not list it")
            continue
        try:
            found = _parsed(store.get(key), key)
        except DamagedError as exc:
            state.report(exc.code, key, str(exc.args[0]))
            continue
        if found != _parsed(expected, key):
            state.report("zarr-metadata", key, "does not say what the manifest says")


def _parsed(data: bytes | bytearray | memoryview, key: str) -> Any:  # noqa: ANN401 - any JSON
    return _json.loads(data, what=key, max_bytes=_schema.MAX_ZARR_JSON_BYTES)


def _check_lookup(layer: Layer, reader: LayerReader, state: _State) -> None:
    key = f"{layer.path}/{_schema.LOOKUP_BLOCKS}"
    try:
        for block, fault in _verify_words.lookup_faults(reader):
            state.report("lookup-invalid", key, fault, chunk=block)
    except DamagedError as exc:
        state.report(exc.code, key, str(exc.args[0]))
