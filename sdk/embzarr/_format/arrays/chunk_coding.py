"""Rows to chunk and shard bytes, and back.

Source: Zarr v3 codecs ``sharding_indexed``, ``bytes`` and ``crc32c``; compressors are in `codecs`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from embzarr._format import digests, spec
from embzarr._format.arrays import checksums, chunk_index, codecs
from embzarr._format.arrays.codecs import COMPRESSORS, Codec
from embzarr._format.given import arguments
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from embzarr._format.arrays.chunk_index import ChunkIndex
    from embzarr._format.arrays.grids import Grid

Piece: TypeAlias = bytes | bytearray | memoryview

NONE, ZSTD = codecs.NONE, codecs.ZSTD
_RUN = 4
"""Chunks in a row from which on one checksum for all of them is sooner worked out than theirs."""
_SAMPLES = 4
_WORTHWHILE = 0.9
"""`choose` compresses only what shrinks below this: less does not pay for its decoding."""


def parse(compression: str, itemsize: int) -> Codec | None:
    """Read what a caller asked for; None means ``auto``, to be chosen by `choose`.

    Args:
        compression: ``auto``, ``none``, ``lz4``, ``zstd``, ``zstd:LEVEL`` or
            ``blosc:CNAME[:SHUFFLE[:LEVEL]]``, by default shuffled by bits, at level 5.
        itemsize: bytes of one number, by which blosc shuffles.

    Raises:
        InvalidInputError: another text.
    """
    arguments.text("compression", compression)
    if compression == "auto":
        return None
    if compression == "none":
        return NONE
    name, *rest = ["blosc", "lz4"] if compression == "lz4" else compression.split(":")
    known = COMPRESSORS.get(name)
    codec = known.parse(rest, itemsize) if known else None
    if codec is None:
        raise InvalidInputError(
            "input-argument",
            "compression is auto, none, lz4, zstd[:LEVEL] or blosc:CNAME[:SHUFFLE[:LEVEL]] with "
            f"CNAME of {', '.join(spec.BLOSC_CNAMES)} and SHUFFLE of "
            f"{', '.join(spec.BLOSC_SHUFFLES)}; found {compression!r}",
        )
    return codec


def choose(rows: NDArray[Any], chunk: int) -> Codec:
    """Choose lz4 with bit shuffling where it shrinks a sample of `rows` by a tenth, else none.

    Trained float32 vectors shrink by an eighth, counts and sparse columns by far more. Shuffled by
    bytes they shrink by a fourteenth, and take longer to compress.
    """
    fast = Codec(
        name="blosc", cname="lz4", clevel=5, shuffle="bitshuffle", typesize=min(rows.itemsize, 255)
    )
    starts = np.linspace(0, max(len(rows) - chunk, 0), _SAMPLES).astype(int)
    samples = [np.ascontiguousarray(rows[start : start + chunk]) for start in sorted({*starts})]
    raw = sum(sample.nbytes for sample in samples)
    stored = sum(len(_compress(as_bytes(sample), fast)) for sample in samples)
    return fast if stored < _WORTHWHILE * raw else NONE


def encode_shard(
    rows: NDArray[Any], grid: Grid, codec: Codec, room: NDArray[np.uint8] | None = None
) -> tuple[list[Piece], ChunkIndex]:
    """Return a shard in pieces, its last chunk padded with zeros, and where its chunks lie.

    Uncompressed, the pieces are the very memory of contiguous `rows`: see `is_as_indexed`.

    Args:
        rows: at most ``grid.shard_rows`` rows, little-endian.
        grid: the array's grid.
        codec: its compression.
        room: memory of `shard_bound` bytes; the shard is laid there, and is one piece. `rows` may
            end where it ends: no chunk is laid over one that is still to be read.
    """
    pieces: list[Piece] = []
    put = pieces.append if room is None else _laying(room, pieces)
    nbytes, crcs = [], []
    for chunk in _cut(as_bytes(np.ascontiguousarray(rows)), grid.chunk_bytes):
        body: Any = chunk if codec.name == "none" else _compress(chunk, codec)
        crcs.append(digests.crc32c(body))
        nbytes.append(len(body) + spec.CRC_BYTES)
        put(memoryview(body))
        put(crcs[-1].to_bytes(spec.CRC_BYTES, "little"))
    sizes = np.array(nbytes, np.int64)
    index = chunk_index.ChunkIndex(np.cumsum(sizes) - sizes, sizes, np.array(crcs, np.int64))
    put(index_bytes(index, grid))
    return pieces, index


def shard_bound(grid: Grid) -> int:
    """Return the most bytes that a shard can take, whatever compresses it.

    Of what does not shrink, Zstandard makes a part in 256 and 64 bytes more, Blosc 16 bytes.
    """
    chunk = grid.chunk_bytes + grid.chunk_bytes // 256 + 64 + spec.CRC_BYTES
    return grid.shard * (chunk + spec.INDEX_ENTRY_BYTES) + spec.CRC_BYTES


def _laying(room: NDArray[np.uint8], pieces: list[Piece]) -> Callable[[Piece], None]:
    """Return what lays a piece behind those before it, so that `pieces` has all of them as one."""
    whole, end = room.data, 0

    def put(piece: Piece) -> None:
        nonlocal end
        begin, end = end, end + len(piece)
        whole[begin:end] = piece
        pieces[:] = [whole[:end]]

    return put


def is_as_indexed(shard: list[Piece], index: ChunkIndex) -> bool:
    """Tell whether the pieces of a shard still have the checksums that they had.

    Somebody may write to the memory that they are.
    """
    bodies = [np.frombuffer(piece, np.uint8) for piece in shard[:-1:2]]
    return np.array_equal([digests.crc32c(body) for body in bodies], index.crc32c)


def decode_chunk(
    stored: memoryview, *, codec: Codec, crc32c: int, size: int, what: str
) -> NDArray[np.uint8]:
    """Check one chunk and return its uncompressed bytes.

    Args:
        stored: the bytes of the chunk, checksum included.
        codec: the array's compression.
        crc32c: the checksum that the chunk index names.
        size: uncompressed bytes that the chunk must have; no more are ever allocated.
        what: the chunk, for messages.

    Raises:
        DamagedError: codes ``chunk-checksum`` and ``chunk-decode``.
    """
    chunks = Chunks(stored, np.array([0]), np.array([len(stored)]), lambda _: what)
    chunks.check(np.array([crc32c]))
    found, _ = chunks.decoded(codec, size)
    return found.reshape(size)


@dataclass(frozen=True, slots=True, eq=False)
class Chunks:
    """Chunks as they are stored, at hand together; checked, and then decoded."""

    data: memoryview
    starts: NDArray[np.int64]
    """Where in `data` each begins."""
    stops: NDArray[np.int64]
    """Where each ends, its checksum included."""
    what: Callable[[int], str]
    """Names one of them, for messages."""

    def take(self, which: slice | NDArray[np.bool_]) -> Chunks:
        """Return some of them."""
        at = np.arange(len(self.starts))[which]
        return Chunks(
            self.data, self.starts[at], self.stops[at], lambda one: self.what(int(at[one]))
        )

    def check(
        self, crc32c: NDArray[np.int64], marks: Callable[[], NDArray[np.uint64]] | None = None
    ) -> None:
        """Compare with the checksums that the chunk index names.

        Args:
            crc32c: one a chunk.
            marks: gives those of the chunks' ends, where runs may be checked by one call each.

        Raises:
            DamagedError: code ``chunk-checksum``: the first that is not as it was written.
        """
        whole = np.frombuffer(self.data, np.uint8)
        if not self._end_with(whole, crc32c):
            self._refuse(whole, crc32c)
        apart = np.flatnonzero(self.starts[1:] != self.stops[:-1]) + 1
        for first, last in itertools.pairwise([0, *apart.tolist(), len(self.starts)]):
            of = marks()[first:last] if marks and last - first >= _RUN else None
            if not self._is_sound(whole, first, last, of):
                self._refuse(whole, crc32c)

    def decoded(self, codec: Codec, size: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return uncompressed bytes of chunks that were checked.

        Args:
            codec: the array's compression.
            size: uncompressed bytes that each must have; no more are ever allocated.

        Returns:
            Bytes of shape (slots, size), and the slot of each chunk. Uncompressed chunks are not
            copied: what lies between them has slots, too.

        Raises:
            DamagedError: code ``chunk-decode``: the bytes are as they were written, but cannot be
                decoded to `size` bytes.
        """
        self._require_sizes(codec, size)
        if codec.name == "none":
            return _in_place(np.frombuffer(self.data, np.uint8), self.starts, size)
        slots = np.arange(len(self.starts))
        out = np.empty(len(slots) * size, np.uint8)
        self._decompress(out, slots * size, codec, size)
        return out.reshape(len(slots), size), slots

    def decode_to(
        self, out: NDArray[np.uint8], places: NDArray[np.int64], codec: Codec, size: int
    ) -> None:
        """Decode compressed chunks that were checked to their places in `out`.

        Args:
            out: bytes, of one dimension.
            places: where in it each goes.
            codec: the array's compression.
            size: uncompressed bytes that each must have.

        Raises:
            DamagedError: as of `decoded`.
        """
        self._require_sizes(codec, size)
        self._decompress(out, places, codec, size)

    def _end_with(self, whole: NDArray[np.uint8], crc32c: NDArray[np.int64]) -> bool:
        """Tell whether each chunk is followed by its checksum."""
        if (self.stops - self.starts < spec.CRC_BYTES).any():
            return False
        ends = whole[(self.stops - spec.CRC_BYTES)[:, None] + np.arange(spec.CRC_BYTES)]
        return np.array_equal(ends.view("<u4")[:, 0], crc32c)

    def _is_sound(
        self, whole: NDArray[np.uint8], first: int, last: int, marks: NDArray[np.uint64] | None
    ) -> bool:
        """Tell whether chunks that lie one behind the other are what their checksums say."""
        starts, stops = self.starts[first:last].tolist(), self.stops[first:last].tolist()
        if marks is not None:
            return checksums.is_run(digests.crc32c(whole[starts[0] : stops[-1]]), marks)
        sums = (
            digests.crc32c(whole[start:stop]) for start, stop in zip(starts, stops, strict=True)
        )
        return all(found == checksums.RESIDUE for found in sums)

    def _refuse(self, whole: NDArray[np.uint8], crc32c: NDArray[np.int64]) -> None:
        """Refuse the first chunk that is not as it was written, if there is one.

        Raises:
            DamagedError: code ``chunk-checksum``.
        """
        bounds = zip(self.starts.tolist(), self.stops.tolist(), crc32c.tolist(), strict=True)
        for at, (start, stop, known) in enumerate(bounds):
            end = max(stop - spec.CRC_BYTES, start)
            ours, suffix = digests.crc32c(whole[start:end]), _number(whole[end:stop])
            if not ours == suffix == known:
                raise DamagedError(
                    "chunk-checksum",
                    f"{self.what(at)}: expected CRC-32C {known:08x}, found {ours:08x} "
                    f"(stored {suffix:08x})",
                )

    def _require_sizes(self, codec: Codec, size: int) -> None:
        """Refuse what would not decode to `size` bytes each, before anything is decoded.

        Raises:
            DamagedError: code ``chunk-decode``: one is or claims to be of another size.
        """
        ends = self.stops - spec.CRC_BYTES
        if codec.name == "none":
            claimed, found = ends - self.starts, f"expected {size} bytes, found"
        else:
            whole = np.frombuffer(self.data, np.uint8)
            claimed = COMPRESSORS[codec.name].claimed(whole, self.starts, ends)
            found = f"expected {size} uncompressed bytes, its header claims"
        if (claimed != size).any():
            at = int((claimed != size).argmax())
            told = int(claimed[at]) if claimed[at] >= 0 else None
            raise DamagedError("chunk-decode", f"{self.what(at)}: {found} {told}")

    def _decompress(
        self, out: NDArray[np.uint8], places: NDArray[np.int64], codec: Codec, size: int
    ) -> None:
        whole, decompress = np.frombuffer(self.data, np.uint8), COMPRESSORS[codec.name].decompress
        ends = (self.stops - spec.CRC_BYTES).tolist()
        at = 0
        try:
            for at, (start, end, place) in enumerate(  # noqa: B007 - told where it fails
                zip(self.starts.tolist(), ends, places.tolist(), strict=True)
            ):
                decompress(whole[start:end], out[place : place + size])
        except (ValueError, RuntimeError) as exc:
            raise DamagedError("chunk-decode", f"{self.what(at)}: {exc}") from exc


def shard_index(tail: memoryview, *, what: str) -> NDArray[np.uint64]:
    """Check and return the index at the end of a shard, shape (chunks, 2): offset and length.

    Raises:
        DamagedError: code ``shard-index``.
    """
    body = bytes(tail[: -spec.CRC_BYTES])
    if digests.crc32c(body) != int.from_bytes(tail[-spec.CRC_BYTES :], "little"):
        raise DamagedError("shard-index", f"{what}: the index at its end has a wrong CRC-32C")
    if len(body) % spec.INDEX_ENTRY_BYTES:
        raise DamagedError("shard-index", f"{what}: the index at its end has {len(body)} bytes")
    return np.frombuffer(body, "<u8").reshape(-1, 2)


def index_bytes(index: ChunkIndex, grid: Grid) -> bytes:
    """Return the index that ends a shard whose chunks are `index`."""
    entries = np.full((grid.shard, 2), spec.EMPTY_CHUNK, "<u8")
    entries[: len(index), 0] = index.offset
    entries[: len(index), 1] = index.nbytes
    body = entries.tobytes()
    return body + digests.crc32c(body).to_bytes(spec.CRC_BYTES, "little")


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of a contiguous array without a copy."""
    return array.reshape(-1).view(np.uint8)


def _cut(whole: NDArray[np.uint8], size: int) -> Iterator[NDArray[np.uint8]]:
    """Yield chunks of `size` bytes; zeros fill the last one."""
    for start in range(0, len(whole), size):
        chunk = whole[start : start + size]
        lacking = size - len(chunk)
        yield np.concatenate((chunk, np.zeros(lacking, np.uint8))) if lacking else chunk


def _compress(chunk: NDArray[np.uint8], codec: Codec) -> bytes:
    return COMPRESSORS[codec.name].compress(chunk, codec)


def _number(ending: NDArray[np.uint8]) -> int:
    return int.from_bytes(ending.tobytes(), "little")


def _in_place(
    whole: NDArray[np.uint8], starts: NDArray[np.int64], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return uncompressed chunks where they lie, and what lies between them, as slots."""
    stride = size + spec.CRC_BYTES
    slots, off = np.divmod(starts - starts[0], stride)
    if off.any():
        return np.stack([whole[start : start + size] for start in starts]), np.arange(len(starts))
    count = int(slots[-1]) + 1
    return np.ndarray((count, size), np.uint8, whole, int(starts[0]), (stride, 1)), slots
