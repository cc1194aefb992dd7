"""Whole objects whose size is not known beforehand, without ever holding an absurd one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from embzarr.objects._port import Data, GetRange

_FIRST_BYTES = 2**20


def get_at_most(store: GetRange, key: str, max_bytes: int) -> Data:
    """Return all bytes of an object of at most `max_bytes`.

    One request for anything up to 1 MiB, which is given up soon where it stalls; the rest of what
    is longer comes by a second.

    Raises:
        DamagedError: code ``json-too-large``: it is larger.
    """
    asked = min(max_bytes + 1, _FIRST_BYTES)
    data = store.get_range(key, 0, asked)
    if memoryview(data).nbytes == asked <= max_bytes:
        data = b"".join([data, store.get_range(key, asked, max_bytes + 1 - asked)])
    if memoryview(data).nbytes > max_bytes:
        raise DamagedError(
            "json-too-large", f"{key}: expected at most {max_bytes} bytes, found more"
        )
    return data
