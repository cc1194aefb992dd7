"""Whole objects whose size is not known beforehand, without ever holding an absurd one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from embzarr.objects._port import Data, Readable

_FIRST_BYTES = 8 * 1024 * 1024


def get_at_most(store: Readable, key: str, max_bytes: int) -> Data:
    """Return all bytes of an object of at most `max_bytes`.

    One request for anything up to 8 MiB; what is longer is asked for its size before the rest.

    Raises:
        DamagedError: code ``json-too-large``: it is larger.
    """
    asked = min(max_bytes + 1, _FIRST_BYTES)
    data = store.get_range(key, 0, asked)
    if memoryview(data).nbytes < asked:
        return data
    size = store.head(key).size
    if size > max_bytes:
        raise DamagedError(
            "json-too-large", f"{key}: expected at most {max_bytes} bytes, found {size}"
        )
    return store.get_range(key, 0, size)
