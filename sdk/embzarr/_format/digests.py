"""The two digests of the format: SHA-256 names objects, CRC-32C guards chunks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import crc32c as _crc32c

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


def sha256(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 of `data` (FIPS 180-4) in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(pieces: Iterable[bytes | bytearray | memoryview]) -> str:
    """Return the SHA-256 of what the pieces make together; one is held at a time."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def crc32c(data: bytes | memoryview | NDArray[np.uint8]) -> int:
    """Return the CRC-32C of `data` (Castagnoli, RFC 3720 appendix B.4).

    From 32 KiB on other threads run meanwhile.
    """
    given: Any = data  # of numpy's arrays, mypy knows from Python 3.12 on that they are buffers
    return _crc32c.crc32c(given)
