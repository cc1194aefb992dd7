"""What `chunk_coding` promises: plain Zarr reads its bytes; others are refused, not decoded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import zstd  # type: ignore[import-untyped]
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec
from zarr.core.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from embzarr._format import chunk_coding, digests
from embzarr._format.arrays.codecs import Codec
from embzarr._format.arrays.grids import Grid
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK, SHARD, DIM = 8, 4, 5
EMPTY = 2**64 - 1
COMPRESSIONS = [
    "none",
    "lz4",
    "zstd",
    "zstd:-7",
    "zstd:0",
    "zstd:22",
    "blosc:lz4hc:bitshuffle:9",
    "blosc:zlib:noshuffle:1",
    "blosc:blosclz:shuffle:0",
    "blosc:zstd:bitshuffle:5",
]


def codec_of(compression: str, itemsize: int = 4) -> Codec:
    codec = chunk_coding.parse(compression, itemsize)
    assert codec is not None
    return codec


def numbers(rows: int, dtype: str = "float32") -> NDArray[Any]:
    """Return rows that compress somewhat: half noise, half small numbers."""
    noise = np.random.default_rng(rows).standard_normal((rows, DIM)) * 100
    noise[:, :2] = 1
    return noise.astype(dtype)


def zarr_codecs(codec: Codec) -> list[Any]:
    """Return zarr-python's own codecs for an inner chunk."""
    if codec.name == "zstd":
        return [ZstdCodec(level=codec.level or 0), Crc32cCodec()]
    if codec.name == "blosc":
        options: dict[str, Any] = {"cname": codec.cname, "shuffle": codec.shuffle}
        compressor = BloscCodec(clevel=codec.clevel or 0, typesize=codec.typesize, **options)
        return [compressor, Crc32cCodec()]
    return [Crc32cCodec()]


def zarr_array(
    objects: dict[str, Any], shape: tuple[int, ...], dtype: Any, codec: Codec
) -> zarr.Array[Any]:
    """Create an array of the tests' grid with zarr-python alone."""
    return zarr.create_array(
        MemoryStore(objects),
        shape=shape,
        dtype=dtype,
        chunks=(CHUNK, *shape[1:]),
        shards=(CHUNK * SHARD, *shape[1:]),
        compressors=zarr_codecs(codec),
        fill_value=0,
        config={"write_empty_chunks": True},
    )


def grid_of(rows: NDArray[Any]) -> Grid:
    row_bytes = rows.itemsize * int(np.prod(rows.shape[1:]))
    return Grid(rows=len(rows), row_bytes=row_bytes, chunk=CHUNK, shard=SHARD)


def encode(rows: NDArray[Any], codec: Codec) -> dict[str, Any]:
    """Return the shards that embzarr makes of rows, by Zarr's keys."""
    grid = grid_of(rows)
    objects: dict[str, Any] = {}
    for number in range(grid.shards):
        part = rows[number * grid.shard_rows : (number + 1) * grid.shard_rows]
        key = "/".join(["c", str(number), *["0"] * (rows.ndim - 1)])
        objects[key] = Buffer.from_bytes(b"".join(chunk_coding.encode_shard(part, grid, codec)[0]))
    return objects


# Asking for a compression -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("none", "none"),
        ("lz4", "blosc:lz4:bitshuffle:5"),
        ("zstd", "zstd:3"),
        ("zstd:22", "zstd:22"),
        ("zstd:-131072", "zstd:-131072"),
        ("zstd:0", "zstd:0"),
        ("blosc", "blosc:lz4:bitshuffle:5"),
        ("blosc:zstd", "blosc:zstd:bitshuffle:5"),
        ("blosc:lz4hc:bitshuffle", "blosc:lz4hc:bitshuffle:5"),
        ("blosc:blosclz:noshuffle:0", "blosc:blosclz:noshuffle:0"),
        ("blosc:zlib:shuffle:9", "blosc:zlib:shuffle:9"),
    ],
)
def test_compressions_are_parsed_and_shown(text: str, shown: str) -> None:
    """What is left out has a default, and what is shown can be asked for again."""
    codec = codec_of(text)

    assert str(codec) == shown
    assert codec_of(shown) == codec


def test_auto_leaves_the_choice_open() -> None:
    """Only the data can tell what ``auto`` means."""
    assert chunk_coding.parse("auto", 4) is None


@pytest.mark.parametrize(
    ("itemsize", "typesize"), [(1, 1), (4, 4), (16, 16), (255, 255), (256, 255)]
)
def test_blosc_shuffles_by_the_size_of_a_number(itemsize: int, typesize: int) -> None:
    """The typesize is that of one number, as far as Blosc has a byte for it."""
    assert codec_of("lz4", itemsize).typesize == typesize


@pytest.mark.parametrize(
    "text",
    [
        *("", "gzip", "NONE", "none:1", "lz4:3", "auto:1", " zstd"),
        *("zstd:", "zstd:23", "zstd:-131073", "zstd:x", "zstd:--3", "zstd:+3", "zstd:3:4"),
        *("zstd:3.0", "zstd:-", "zstd: 3"),
        *("blosc:", "blosc:snappy", "blosc:lz4:", "blosc:lz4:sideways", "blosc:lz4:shuffle:"),
        *("blosc:lz4:shuffle:10", "blosc:lz4:shuffle:12", "blosc:lz4:shuffle:0123456789"),
        *("blosc:lz4:shuffle:-1", "blosc:lz4:shuffle:x", "blosc:lz4:shuffle:5:6"),
        pytest.param("zstd:" + "1" * 5000, id="zstd, many digits"),
        pytest.param("zstd:\u0663", id="zstd, a digit of another script"),
        pytest.param("blosc:lz4:shuffle:\u0663", id="blosc, a digit of another script"),
    ],
)
def test_other_compressions_are_refused(text: str) -> None:
    """Unknown names, levels beyond a codec's, and too many parts are refused with what would do."""
    with pytest.raises(InvalidInputError, match="compression is auto, none, lz4") as caught:
        chunk_coding.parse(text, 4)

    assert caught.value.code == "input-argument"


# Plain Zarr reads what we write -------------------------------------------------------------------
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 31, 32, 33, 70])
def test_zarr_reads_our_shards(compression: str, rows: int) -> None:
    """Around every edge of chunk and shard, zarr-python gets each bit from our objects."""
    codec, data = codec_of(compression), numbers(rows)
    array = zarr_array(encode(data, codec), data.shape, data.dtype, codec)

    np.testing.assert_array_equal(array[:], data, strict=True)


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
@pytest.mark.parametrize(
    "dtype",
    [
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float64", "complex64", "complex128"),
    ],
)
def test_zarr_reads_every_type(dtype: str, compression: str) -> None:
    """Numbers of every type that Zarr knows are the same there."""
    data = numbers(20, "int8").astype(dtype)
    codec = codec_of(compression, data.itemsize)
    array = zarr_array(encode(data, codec), data.shape, dtype, codec)

    np.testing.assert_array_equal(array[:], data, strict=True)


@pytest.mark.parametrize("shape", [(45,), (45, 2, 3), (45, 1, 1, 2)])
def test_zarr_reads_columns_of_any_rank(shape: tuple[int, ...]) -> None:
    """A row may be a number, or an array of its own."""
    data = np.arange(np.prod(shape), dtype="int32").reshape(shape)
    array = zarr_array(encode(data, codec_of("lz4")), shape, "int32", codec_of("lz4"))

    np.testing.assert_array_equal(array[:], data)


def test_zarr_finds_our_zeros_behind_the_last_row() -> None:
    """The last chunk is padded with zeros, which show where an array is opened as if longer."""
    objects = encode(numbers(9), codec_of("none"))
    array = zarr_array(objects, (16, DIM), "float32", codec_of("none"))

    np.testing.assert_array_equal(array[:9], numbers(9))
    np.testing.assert_array_equal(array[9:], np.zeros((7, DIM), "float32"))


def test_rows_need_not_be_contiguous() -> None:
    """A slice with steps, in the other memory order, is stored as its numbers read."""
    data = np.asfortranarray(numbers(80))[::2]
    array = zarr_array(encode(data, codec_of("none")), data.shape, "float32", codec_of("none"))

    np.testing.assert_array_equal(array[:], data)


# We read what plain Zarr writes -------------------------------------------------------------------
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("rows", [1, 8, 27, 32])
def test_we_read_shards_of_zarr(compression: str, rows: int) -> None:
    """Each chunk that zarr-python wrote decodes to its rows, at the places its index tells."""
    codec, data = codec_of(compression), numbers(rows)
    objects: dict[str, Any] = {}
    zarr_array(objects, data.shape, "float32", codec)[:] = data
    shard = memoryview(objects["c/0/0"].to_bytes())
    grid = grid_of(data)

    places = chunk_coding.shard_index(shard[-grid.shard_index_bytes :], what="x")

    assert places.shape == (SHARD, 2)
    for number in range(grid.chunks):
        offset, nbytes = (int(place) for place in places[number])
        stored = shard[offset : offset + nbytes]
        crc32c = int.from_bytes(stored[-4:], "little")
        raw = chunk_coding.decode_chunk(
            stored, codec=codec, crc32c=crc32c, size=grid.chunk_bytes, what="x"
        )
        start, stop = grid.rows_of_chunk(number)
        found = raw.view("float32").reshape(CHUNK, DIM)[: stop - start]
        np.testing.assert_array_equal(found, data[start:stop])


# The layout of a shard ----------------------------------------------------------------------------
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("rows", [1, 8, 9, 32])
def test_a_shard_says_where_its_chunks_lie(compression: str, rows: int) -> None:
    """Our index and the one at the shard's end agree, and each chunk has its checksum."""
    codec, data = codec_of(compression), numbers(rows)
    grid = grid_of(data)

    pieces, index = chunk_coding.encode_shard(data, grid, codec)
    whole = b"".join(pieces)

    places = chunk_coding.shard_index(memoryview(whole)[-grid.shard_index_bytes :], what="x")
    ours = np.stack((index.offset, index.nbytes), axis=1)
    assert len(index) == grid.chunks
    np.testing.assert_array_equal(places[: grid.chunks], ours)
    assert (places[grid.chunks :] == EMPTY).all()
    assert index.offset.tolist() == [0, *np.cumsum(index.nbytes)[:-1].tolist()]
    assert len(whole) == index.nbytes.sum() + grid.shard_index_bytes
    for offset, nbytes, crc32c in index.table().tolist():
        stored = whole[offset : offset + nbytes]
        assert stored[-4:] == crc32c.to_bytes(4, "little")
        assert digests.crc32c(stored[:-4]) == crc32c


@pytest.mark.parametrize("compression", ["lz4", "zstd:22", "zstd:-131072", "blosc:zlib:noshuffle"])
@pytest.mark.parametrize("nbytes", [1, 60, 4096])
def test_a_shard_fits_the_room_that_is_its_bound(compression: str, nbytes: int) -> None:
    """Noise does not shrink; laid into one piece of memory, the bytes are those of the pieces."""
    codec = codec_of(compression)
    noise = np.random.default_rng(nbytes).integers(0, 256, (SHARD * CHUNK, nbytes), np.uint8)
    grid = grid_of(noise)
    room = np.empty(chunk_coding.shard_bound(grid), np.uint8)

    pieces, index = chunk_coding.encode_shard(noise, grid, codec)
    (laid,), same = chunk_coding.encode_shard(noise, grid, codec, room)

    assert np.shares_memory(np.frombuffer(laid, np.uint8), room)
    assert bytes(laid) == b"".join(pieces)
    np.testing.assert_array_equal(same.table(), index.table())


@pytest.mark.parametrize("compression", ["lz4", "zstd:22", "zstd:-131072", "blosc:zlib:noshuffle"])
@pytest.mark.parametrize("rows", [SHARD * CHUNK, SHARD * CHUNK - CHUNK // 2, 1])
@pytest.mark.parametrize("is_noise", [True, False])
def test_a_shard_may_be_laid_over_its_own_rows(
    compression: str, rows: int, *, is_noise: bool
) -> None:
    """Rows that end a room are read before they are laid over, whether they shrink or not."""
    noise = np.random.default_rng(rows).integers(0, 256, (rows, 60), np.uint8)
    given = noise if is_noise else np.zeros_like(noise)
    grid, codec = grid_of(given), codec_of(compression)
    room = np.empty(chunk_coding.shard_bound(grid), np.uint8)
    end = SHARD * CHUNK * 60
    inside = room[len(room) - end :][: given.size].reshape(given.shape)
    inside[:] = given

    pieces, _ = chunk_coding.encode_shard(given, grid, codec)
    (laid,), _ = chunk_coding.encode_shard(inside, grid, codec, room)

    assert bytes(laid) == b"".join(pieces)


def test_an_uncompressed_shard_is_known_to_the_byte() -> None:
    """Rows, padding, checksum, then index, empty entries and its checksum, all by hand."""
    grid = Grid(rows=3, row_bytes=1, chunk=2, shard=3)
    chunks = b"\x01\x02", b"\x03\x00"
    body = b"".join(c + digests.crc32c(c).to_bytes(4, "little") for c in chunks)
    index = np.array([0, 6, 6, 6, EMPTY, EMPTY], "<u8").tobytes()

    shard, _ = chunk_coding.encode_shard(np.array([1, 2, 3], np.uint8), grid, chunk_coding.NONE)

    assert b"".join(shard) == body + index + digests.crc32c(index).to_bytes(4, "little")


@pytest.mark.parametrize("at", [0, 15, 63, 64, 67])
def test_a_changed_shard_index_is_refused(at: int) -> None:
    """A flipped bit anywhere in the index at a shard's end, checksum included, is found."""
    data = numbers(20)
    tail = bytearray(
        b"".join(chunk_coding.encode_shard(data, grid_of(data), chunk_coding.NONE)[0])[-68:]
    )
    tail[at] ^= 0x10

    with pytest.raises(DamagedError, match=r"^steps/1/c/0: .*CRC-32C") as caught:
        chunk_coding.shard_index(memoryview(tail), what="steps/1/c/0")

    assert caught.value.code == "shard-index"


# Hostile chunks -----------------------------------------------------------------------------------
RAW = numbers(64).tobytes()
SIZE = len(RAW)


def decode(body: bytes, compression: str = "none", *, size: int = SIZE) -> bytes:
    """Decode bytes whose checksum is right, whatever else is wrong with them."""
    crc32c = digests.crc32c(body)
    stored = memoryview(body + crc32c.to_bytes(4, "little"))
    codec = codec_of(compression)
    return chunk_coding.decode_chunk(
        stored, codec=codec, crc32c=crc32c, size=size, what="c/0 chunk 3"
    ).tobytes()


def refusal(body: bytes, compression: str = "none", *, size: int = SIZE) -> str:
    """Return the message of a refusal of bytes that are as they were written."""
    with pytest.raises(DamagedError, match=r"^c/0 chunk 3: ") as caught:
        decode(body, compression, size=size)
    assert caught.value.code == "chunk-decode"
    return str(caught.value)


def compressed(compression: str) -> bytes:
    return chunk_coding._compress(np.frombuffer(RAW, np.uint8), codec_of(compression))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("at", [0, 20, -5, -4, -1])
def test_a_flipped_bit_is_found(compression: str, at: int) -> None:
    """In the first byte, the last, or the checksum itself: nothing is decoded."""
    body = RAW if compression == "none" else compressed(compression)
    crc32c = digests.crc32c(body)
    stored = bytearray(body + crc32c.to_bytes(4, "little"))
    stored[at] ^= 1

    with pytest.raises(DamagedError, match=r"^c/0 chunk 3: expected CRC-32C") as caught:
        chunk_coding.decode_chunk(
            memoryview(stored),
            codec=codec_of(compression),
            crc32c=crc32c,
            size=SIZE,
            what="c/0 chunk 3",
        )

    assert caught.value.code == "chunk-checksum"


def test_sound_bytes_of_another_chunk_are_found() -> None:
    """A chunk whose own checksum is right, but not the one that the index names, is refused."""
    stored = memoryview(RAW + digests.crc32c(RAW).to_bytes(4, "little"))

    with pytest.raises(DamagedError, match="expected CRC-32C 00000007, found") as caught:
        chunk_coding.decode_chunk(stored, codec=chunk_coding.NONE, crc32c=7, size=SIZE, what="x")

    assert caught.value.code == "chunk-checksum"


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_sound_bytes_are_decoded(compression: str) -> None:
    """The helper of the tests below refuses nothing that is right."""
    assert decode(RAW if compression == "none" else compressed(compression), compression) == RAW


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [SIZE - 4, SIZE + 4, 1, 2**40])
def test_a_chunk_of_another_size_is_refused(compression: str, size: int) -> None:
    """A chunk holds just the rows of the grid; a size out of reach is refused, not allocated."""
    body = RAW if compression == "none" else compressed(compression)

    assert f"expected {size}" in refusal(body, compression, size=size)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "blosc:zstd"])
@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 8, 15, 16, 17, 100])
def test_a_cut_chunk_is_refused(compression: str, length: int) -> None:
    """However much of it is left."""
    assert refusal(compressed(compression)[:length], compression)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "blosc:zstd"])
def test_bytes_after_the_end_are_refused(compression: str) -> None:
    """A chunk ends where its frame does."""
    assert refusal(compressed(compression) + b"more", compression)


def with_number(body: bytes, at: int, number: int) -> bytes:
    return body[:at] + number.to_bytes(4, "little") + body[at + 4 :]


@pytest.mark.parametrize("compression", ["lz4", "blosc:zstd", "blosc:blosclz:shuffle:0"])
@pytest.mark.parametrize("lie", [0, 1, SIZE - 1, SIZE + 1, 2**31 - 1, 2**32 - 1])
def test_blosc_may_not_lie_about_its_content(compression: str, lie: int) -> None:
    """A header that claims more or fewer bytes than a chunk has is refused before decoding."""
    body = with_number(compressed(compression), 4, lie)

    assert f"its header claims {lie}" in refusal(body, compression)


@pytest.mark.parametrize("lie", [0, 16, 20, 2**31 - 1, 2**32 - 1])
def test_blosc_may_not_lie_about_its_own_length(lie: int) -> None:
    """The library would read as far as the header says: past the end."""
    assert "its header claims None" in refusal(with_number(compressed("lz4"), 12, lie), "lz4")


def test_blosc_may_not_claim_to_hold_a_copy_that_it_does_not_hold() -> None:
    """A short frame flagged as a plain copy of a full chunk reads no memory behind itself."""
    body = compressed("blosc:lz4:shuffle:0")[:40]

    assert refusal(with_number(body, 12, 40), "blosc:lz4:shuffle:0")


def frame(content: bytes, *, claimed: int | None, width: int = 4, window: bool = False) -> bytes:
    """Make a Zstandard frame of one raw block by RFC 8878, with a content size or none."""
    flag = {0: 0, 1: 0, 2: 1, 4: 2, 8: 3}[width]
    single = width == 1 or not (window or width == 0)
    number = (claimed or 0) - (256 if width == 2 else 0)
    header = bytes([flag << 6 | single << 5]) + (b"" if single else b"\x70")
    block = (len(content) << 3 | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd" + header + number.to_bytes(width, "little") + block + content


@pytest.mark.parametrize(
    ("width", "window", "size"),
    [(1, False, 200), (2, False, 300), (2, True, 300), (4, False, 9), (4, True, 9), (8, True, 9)],
)
def test_zstd_may_tell_its_size_in_every_way(width: int, window: bool, size: int) -> None:  # noqa: FBT001 - a flag of the frame
    """Sizes of one, two, four and eight bytes, with and without a window, are understood."""
    content = RAW[:size]
    body = frame(content, claimed=size, width=width, window=window)

    assert zstd.decompress(body) == content
    assert decode(body, "zstd", size=size) == content


def test_zstd_must_tell_its_size() -> None:
    """A frame without a content size, which others may write, is refused: it could grow forever."""
    body = frame(RAW[:200], claimed=None, width=0)

    assert zstd.decompress(body) == RAW[:200]
    assert "its header claims None" in refusal(body, "zstd", size=200)


@pytest.mark.parametrize(("holds", "claims"), [(200, 100), (100, 200), (200, 10**12), (0, 200)])
@pytest.mark.parametrize("size", [100, 200])
def test_zstd_may_not_lie_about_its_size(holds: int, claims: int, size: int) -> None:
    """Whether the header or the content is short, no chunk comes of it."""
    assert refusal(frame(RAW[:holds], claimed=claims, width=8), "zstd", size=size)


def test_zstd_may_not_hold_more_than_one_frame() -> None:
    """A second frame behind one of just the right size is refused, and so is a frame to skip."""
    body = bytes(zstd.compress(RAW, 3))
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"

    assert refusal(body + bytes(zstd.compress(b"more", 3)), "zstd")
    assert "its header claims None" in refusal(skipped + body, "zstd")


@pytest.mark.parametrize("body", [b"", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\xe0", b"x" * 40])
def test_what_is_no_frame_is_refused(body: bytes) -> None:
    """Neither codec takes an empty body, a header alone, or other bytes."""
    assert "its header claims" in refusal(body, "zstd")
    assert "its header claims" in refusal(body, "lz4")


@pytest.mark.parametrize(("written", "read"), [("lz4", "zstd"), ("zstd", "lz4"), ("none", "zstd")])
def test_a_chunk_of_another_codec_is_refused(written: str, read: str) -> None:
    """A manifest that names the wrong codec gives no rows."""
    assert refusal(RAW if written == "none" else compressed(written), read)


FRAMES = {text: compressed(text) for text in COMPRESSIONS if text != "none"}


@settings(max_examples=300)
@given(st.sampled_from(sorted(FRAMES)), st.data())
def test_any_frame_is_decoded_to_its_size_or_refused(text: str, data: st.DataObject) -> None:
    """Whatever is wrong behind a right checksum, a chunk of the right size comes of it, or none."""
    body = bytearray(FRAMES[text])
    for at in data.draw(st.lists(st.integers(0, len(body) - 1) | st.integers(0, 40), max_size=4)):
        body[at] = data.draw(st.integers(0, 255))
    try:
        size, code = len(decode(bytes(body), text)), "chunk-decode"
    except DamagedError as exc:
        size, code = SIZE, exc.code

    assert (size, code) == (SIZE, "chunk-decode")


# Choosing -----------------------------------------------------------------------------------------
def test_noise_is_not_compressed() -> None:
    """Vectors as they are trained, which hardly shrink, are stored as they are."""
    assert chunk_coding.choose(noise(), 64) == chunk_coding.NONE


def noise() -> NDArray[Any]:
    return np.random.default_rng(0).standard_normal((500, 50)).astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "uint64", "int8", "complex128"])
def test_what_shrinks_is_compressed(dtype: str) -> None:
    """Small counts and empty columns get the fast codec, shuffled by their own item size."""
    codec = chunk_coding.choose(np.zeros((500, 50), dtype), 64)

    assert str(codec) == "blosc:lz4:bitshuffle:5"
    assert codec.typesize == np.dtype(dtype).itemsize


def test_the_choice_looks_at_all_of_the_rows() -> None:
    """Noise at the beginning does not decide for the zeros behind it."""
    rows = np.zeros((500, 50), "float32")
    rows[:64] = noise()[:64]

    assert str(chunk_coding.choose(rows, 64)) == "blosc:lz4:bitshuffle:5"


@pytest.mark.parametrize("rows", [1, 63, 64, 65])
def test_few_rows_can_be_chosen_for(rows: int) -> None:
    """An array of less than a chunk, or just one, is sampled as it is."""
    assert str(chunk_coding.choose(np.zeros((rows, 50)), 64)) == "blosc:lz4:bitshuffle:5"
    assert chunk_coding.choose(noise()[:rows], 64) == chunk_coding.NONE


def test_bytes_are_seen_without_a_copy() -> None:
    """The bytes of an array share its memory."""
    rows = np.zeros((3, 4), "float32")

    chunk_coding.as_bytes(rows)[0] = 1

    assert rows.tobytes() == b"\x01" + b"\x00" * 47


def test_manifest_codecs_are_those_of_zarr() -> None:
    """The settings that a manifest names are those that zarr-python writes into its metadata."""
    for compression in ("zstd:7", "blosc:lz4hc:bitshuffle:9"):
        codec = codec_of(compression)
        objects: dict[str, Any] = {}
        zarr_array(objects, (9, DIM), "float32", codec)
        (sharding,) = json.loads(objects["zarr.json"].to_bytes())["codecs"]
        stored = sharding["configuration"]["codecs"][1]["configuration"]
        named = {n: v for n in codec.__struct_fields__ if (v := getattr(codec, n)) is not None}

        assert {n: stored[n] for n in named if n != "name"} == {
            n: v for n, v in named.items() if n != "name"
        }
