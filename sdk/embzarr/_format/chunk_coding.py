"""Rows to chunk and shard bytes, and back.

Source: Zarr v3 codecs ``sharding_indexed``, ``bytes`` and ``crc32c``; compressors are in `codecs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from embzarr._format import arguments, chunk_index, codecs, digests, spec
from embzarr._format.codecs import COMPRESSORS
from embzarr._format.manifests import Codec
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._format.chunk_index import ChunkIndex
    from embzarr._format.grids import Grid

Piece: TypeAlias = bytes | bytearray | memoryview

NONE, ZSTD = codecs.NONE, codecs.ZSTD
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


def encode_shard(rows: NDArray[Any], grid: Grid, codec: Codec) -> tuple[list[Piece], ChunkIndex]:
    """Return a shard in pieces, its last chunk padded with zeros, and where its chunks lie.

    Uncompressed, the pieces are the very memory of contiguous `rows`: see `is_as_indexed`.

    Args:
        rows: at most ``grid.shard_rows`` rows, little-endian.
        grid: the array's grid.
        codec: its compression.
    """
    pieces: list[Piece] = []
    nbytes, crcs = [], []
    for chunk in _cut(as_bytes(np.ascontiguousarray(rows)), grid.chunk_bytes):
        body: Any = chunk if codec.name == "none" else _compress(chunk, codec)
        crcs.append(digests.crc32c(body))
        nbytes.append(len(body) + spec.CRC_BYTES)
        pieces += (memoryview(body), crcs[-1].to_bytes(spec.CRC_BYTES, "little"))
    sizes = np.array(nbytes, np.int64)
    index = chunk_index.ChunkIndex(np.cumsum(sizes) - sizes, sizes, np.array(crcs, np.int64))
    pieces.append(index_bytes(index, grid))
    return pieces, index


def is_as_indexed(shard: list[Piece], index: ChunkIndex) -> bool:
    """Tell whether the pieces of a shard still have the checksums that they had.

    Somebody may write to the memory that they are.
    """
    bodies = [np.frombuffer(piece, np.uint8) for piece in shard[:-1:2]]
    return np.array_equal([digests.crc32c(body) for body in bodies], index.crc32c)


def decode_chunk(
    stored: memoryview, *, codec: Codec, crc32c: int, size: int, what: str
) -> NDArray[np.uint8]:
    """Check one chunk and return its uncompressed bytes, as `decode_chunks` does.

    Args:
        stored: the bytes of the chunk, checksum included.
        codec: the array's compression.
        crc32c: the checksum that the chunk index names.
        size: uncompressed bytes that the chunk must have; no more are ever allocated.
        what: the chunk, for messages.

    Raises:
        DamagedError: codes ``chunk-checksum`` and ``chunk-decode``.
    """
    bounds = [(0, len(stored))]
    found, _ = decode_chunks(
        stored, bounds, codec=codec, crc32c=[crc32c], size=size, what=lambda _: what
    )
    return found.reshape(size)


def decode_chunks(
    data: memoryview,
    bounds: Sequence[tuple[int, int]],
    *,
    codec: Codec,
    crc32c: Sequence[int],
    size: int,
    what: Callable[[int], str],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Check chunks, and return their uncompressed bytes.

    Args:
        data: holds the chunks.
        bounds: where they lie in it, half-open, checksums included.
        codec: the array's compression.
        crc32c: the checksums that the chunk index names.
        size: uncompressed bytes that each chunk must have; no more are ever allocated.
        what: names one of them, for messages.

    Returns:
        Bytes of shape (slots, size), and the slot of each chunk. Uncompressed chunks are not
        copied: what lies between them has slots, too.

    Raises:
        DamagedError: code ``chunk-checksum``, or ``chunk-decode`` where the bytes are as they were
            written but cannot be decoded to `size` bytes.
    """
    whole = np.frombuffer(data, np.uint8)
    bodies = [whole[start : max(stop - spec.CRC_BYTES, start)] for start, stop in bounds]
    found = [digests.crc32c(body) for body in bodies]
    ends = [data[max(stop - spec.CRC_BYTES, start) : stop] for start, stop in bounds]
    suffixes = [int.from_bytes(end, "little") for end in ends]
    if not found == suffixes == list(crc32c):
        _refuse_sums(found, suffixes, crc32c, what)
    if codec.name == "none" and all(len(body) == size for body in bodies):
        return _in_place(whole, bounds, size)
    return _decoded(bodies, codec, size, what), np.arange(len(bodies))


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


def _refuse_sums(
    found: Sequence[int],
    suffixes: Sequence[int],
    expected: Sequence[int],
    what: Callable[[int], str],
) -> None:
    """Tell the first of the chunks whose checksums are not those expected.

    Raises:
        DamagedError: code ``chunk-checksum``.
    """
    for at, (ours, suffix, known) in enumerate(zip(found, suffixes, expected, strict=True)):
        if not ours == suffix == known:
            raise DamagedError(
                "chunk-checksum",
                f"{what(at)}: expected CRC-32C {known:08x}, found {ours:08x} (stored {suffix:08x})",
            )


def _decoded(
    bodies: Sequence[NDArray[np.uint8]], codec: Codec, size: int, what: Callable[[int], str]
) -> NDArray[np.uint8]:
    """Return chunks decoded; none is before all are known to have the right size."""
    at = 0
    try:
        for at, body in enumerate(bodies):  # noqa: B007 - told where it fails
            _check_size(body, codec, size)
        out = np.empty((len(bodies), size), np.uint8)
        decompress = COMPRESSORS[codec.name].decompress
        for at, body in enumerate(bodies):
            decompress(body, out[at])
    except (ValueError, RuntimeError) as exc:
        raise DamagedError("chunk-decode", f"{what(at)}: {exc}") from exc
    return out


def _in_place(
    whole: NDArray[np.uint8], bounds: Sequence[tuple[int, int]], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return uncompressed chunks where they lie, and what lies between them, as slots."""
    starts = np.array([start for start, _ in bounds])
    stride = size + spec.CRC_BYTES
    slots, off = np.divmod(starts - starts[0], stride)
    if off.any():
        return np.stack([whole[start : start + size] for start in starts]), np.arange(len(starts))
    count = int(slots[-1]) + 1
    return np.ndarray((count, size), np.uint8, whole, int(starts[0]), (stride, 1)), slots


def _check_size(body: NDArray[np.uint8], codec: Codec, size: int) -> None:
    """Refuse what would not decode to `size` bytes, before anything is decoded.

    Raises:
        ValueError: it is or claims to be of another size.
    """
    if codec.name == "none":
        if len(body) != size:
            raise ValueError(f"expected {size} bytes, found {len(body)}")
        return
    claimed = COMPRESSORS[codec.name].claimed(body)
    if claimed != size:
        raise ValueError(f"expected {size} uncompressed bytes, its header claims {claimed}")
