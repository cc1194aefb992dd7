"""The two digests of the format: SHA-256 names objects, CRC-32C guards chunks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import google_crc32c

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


def crc32c(data: bytes | NDArray[np.uint8]) -> int:
    """Return the CRC-32C of `data` (Castagnoli, RFC 3720 appendix B.4)."""
    checksum: Any = google_crc32c.value(data)
    return int(checksum)
