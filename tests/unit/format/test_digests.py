"""What `digests` promises: the two digests of the format, by published values."""

from __future__ import annotations

import numpy as np
import pytest

from embzarr._format import digests


def test_sha256_is_that_of_fips_180_4() -> None:
    """Published digests come out, in lower-case hexadecimal, from any buffer."""
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    assert digests.sha256(b"abc") == abc
    assert digests.sha256(bytearray(b"abc")) == abc
    assert digests.sha256(memoryview(b"abc")) == abc
    assert digests.sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (b"\x00" * 32, 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc32c_is_that_of_rfc_3720(data: bytes, checksum: int) -> None:
    """The Castagnoli examples of RFC 3720, appendix B.4, come out, from bytes and from arrays."""
    assert digests.crc32c(data) == checksum
    assert digests.crc32c(np.frombuffer(data, np.uint8)) == checksum


def test_crc32c_is_a_plain_int() -> None:
    """The checksum can be written as JSON."""
    assert type(digests.crc32c(b"abc")) is int
