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
