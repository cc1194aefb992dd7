"""A codec is its functions and its row in one file, and its name in the specification's list."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from embzarr._format import chunk_coding, digests, spec, validate_layers, zarr_json
from embzarr._format.arrays.codecs import COMPRESSORS, Codec, Compressor
from embzarr.errors import UnsupportedError


def test_every_name_of_the_specification_has_its_row() -> None:
    """None is the one codec that compresses nothing."""
    assert {"none", *COMPRESSORS} == set(spec.CODECS)


def test_one_more_codec_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing, checking, zarr.json, encoding and decoding all ask the row."""
    codec = Codec(name="deflate", level=1)

    def decompress(body: Any, out: Any) -> None:
        out[:] = np.frombuffer(zlib.decompress(body), np.uint8)

    row = Compressor(
        name="deflate",
        parse=lambda _, __: codec,
        is_whole=lambda found: found == codec,
        configuration=lambda found: {"level": found.level},
        compress=lambda chunk, found: zlib.compress(chunk.tobytes(), found.level or 0),
        decompress=decompress,
        claimed=lambda whole, starts, ends: np.array(
            [
                len(zlib.decompress(whole[start:end].tobytes()))
                for start, end in zip(starts, ends, strict=True)
            ]
        ),
    )
    monkeypatch.setitem(COMPRESSORS, "deflate", row)

    assert chunk_coding.parse("deflate", 4) == codec
    validate_layers.check_codec(codec, "x")
    with pytest.raises(UnsupportedError):
        validate_layers.check_codec(Codec(name="deflate"), "x")
    chain = zarr_json.codec_chain(codec, "float32")
    assert chain[1] == {"name": "deflate", "configuration": {"level": 1}}
    rows = np.arange(64, dtype="f4").reshape(8, 8)
    stored = zlib.compress(rows.tobytes(), 1)
    assert chunk_coding._compress(chunk_coding.as_bytes(rows), codec) == stored
    crc32c = digests.crc32c(stored)
    decoded = chunk_coding.decode_chunk(
        memoryview(stored + crc32c.to_bytes(4, "little")),
        codec=codec,
        crc32c=crc32c,
        size=rows.nbytes,
        what="chunk",
    )
    np.testing.assert_array_equal(decoded, chunk_coding.as_bytes(rows))


def claimed(name: str, *bodies: bytes) -> list[int]:
    """Return what stored chunks claim to hold, which lie end to end behind a byte."""
    ends = 1 + np.cumsum([len(body) for body in bodies])
    whole = np.frombuffer(b"\0" + b"".join(bodies), np.uint8)
    starts = ends - [len(body) for body in bodies]
    return [int(size) for size in COMPRESSORS[name].claimed(whole, starts, ends)]


def block(content: bytes, size: int, kind: int = 0, *, is_last: bool = True) -> bytes:
    """Return a block of a Zstandard frame: 0 is raw, 1 a byte to repeat, 2 compressed."""
    return (is_last | kind << 1 | size << 3).to_bytes(3, "little") + content


def frame(flags: int, size: bytes, *blocks: bytes) -> bytes:
    """Return a Zstandard frame of a descriptor, a window where it needs one, and a content size."""
    window = b"" if flags & 0x20 else b"\x58"
    return b"\x28\xb5\x2f\xfd" + bytes([flags]) + window + size + b"".join(blocks)


RAW = block(b"abcd", 4)


@pytest.mark.parametrize(
    ("body", "size"),
    [
        (frame(0x20, b"\x04", RAW), 4),
        (frame(0x40, b"\x04\x01", RAW), 256 + 260),
        (frame(0x60, b"\x04\x01", RAW), 256 + 260),
        (frame(0x80, b"\x04\0\0\1", RAW), 4 + 2**24),
        (frame(0xA0, b"\x04\0\0\1", RAW), 4 + 2**24),
        (frame(0xC0, b"\x04\0\0\0\0\0\1\0", RAW), 4 + 2**48),
        (frame(0xE0, b"\xff" * 8, RAW), 2**62),
        (frame(0x20, b"\x04", block(b"a", 4, 1)), 4),
        (frame(0x20, b"\x05", block(b"a", 4, 1, is_last=False), block(b"b", 1)), 5),
        (frame(0x20, b"\x04", block(b"abcd", 4, is_last=False), block(b"", 0)), 4),
        (frame(0x20, b"\0", block(b"", 0)), 0),
        (frame(0x24, b"\x04", RAW, b"sum!"), 4),
        (frame(0x00, b"", RAW), -1),
        (frame(0x21, b"\x07\x04", RAW), -1),
        (frame(0x22, b"\x07\0\x04", RAW), -1),
        (frame(0x20, b"\x04", RAW, b"x"), -1),
        (frame(0x20, b"\x04", RAW)[:-1], -1),
        (frame(0x24, b"\x04", RAW), -1),
        (frame(0x20, b"\x04", block(b"abcd", 4, is_last=False)), -1),
        (frame(0x20, b"\x04", RAW, frame(0x20, b"\x04", RAW)), -1),
        (b"\x28\xb5\x2f\xfe" + frame(0x20, b"\x04", RAW)[4:], -1),
        (frame(0x20, b"\x04")[:5], -1),
        (b"", -1),
    ],
    ids=str,
)
def test_a_zstandard_frame_tells_its_size(body: bytes, size: int) -> None:
    """In each of its spellings, where it is the only one and ends where the bytes do."""
    assert claimed("zstd", RAW, body, RAW) == [-1, size, -1]


@pytest.mark.parametrize("level", [-5, 1, 19])
@pytest.mark.parametrize("rows", [np.zeros(300_000, "u1"), np.arange(100_000, dtype="u4")])
def test_what_the_library_wrote_claims_its_size(rows: Any, level: int) -> None:
    """Of rows that are all the same, and of others."""
    data, codec = rows.view("u1"), Codec(name="zstd", level=level)

    assert claimed("zstd", COMPRESSORS["zstd"].compress(data, codec)) == [len(data)]


def test_a_blosc_header_tells_its_size() -> None:
    """Where it is as long as it says itself; what has no header tells nothing."""
    codec = Codec(name="blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=4)
    body = COMPRESSORS["blosc"].compress(np.arange(1000, dtype="u4").view("u1"), codec)

    assert claimed("blosc", body, b"short", body + b"x", body[:16], b"") == [4000, -1, -1, -1, -1]
