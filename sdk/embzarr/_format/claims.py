"""What the header of a compressed chunk claims to hold, which is asked before it is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def blosc(body: NDArray[np.uint8]) -> int | None:
    """Return what a Blosc 1 header claims, None where it lies about its own length.

    The library trusts both lengths, so they are compared with the truth first.
    """
    header = body[:16].tobytes()
    own = int.from_bytes(header[12:16], "little")
    return int.from_bytes(header[4:8], "little") if len(body) >= 16 and own == len(body) else None  # noqa: PLR2004 - header's length


def zstd(body: NDArray[np.uint8]) -> int | None:
    """Return the content size in a Zstandard frame header (RFC 8878, 3.1.1.1), None if absent.

    The library fills a buffer that is too large only in part, and says nothing.
    """
    header = body[:18].tobytes()
    if len(header) < 6 or header[:4] != b"\x28\xb5\x2f\xfd":  # noqa: PLR2004 - least header
        return None
    flag, single = header[4] >> 6, header[4] >> 5 & 1
    width = (single, 2, 4, 8)[flag]
    start = 5 + (1 - single) + (0, 1, 2, 4)[header[4] & 3]
    size = int.from_bytes(header[start : start + width], "little")
    return size + 256 * (flag == 1) if width else None
