"""Whole objects whose size is not known beforehand, without ever holding an absurd one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from typing import Protocol

    from embzarr._storage.port import Data, GetRange, Head

    class Measured(GetRange, Head, Protocol):
        """A store that tells sizes, and gives parts."""


_FIRST_BYTES = 2**20


def get_at_most(store: Measured, key: str, max_bytes: int) -> Data:
    """Return all bytes of an object of at most `max_bytes`.

    One request for anything up to 1 MiB, which is given up soon where it stalls; what is longer is
    asked for its size before the rest, so that of what is too large no more than that is held.

    Raises:
        DamagedError: code ``json-too-large``: it is larger.
    """
    asked = min(max_bytes + 1, _FIRST_BYTES)
    data = store.get_range(key, 0, asked)
    if memoryview(data).nbytes < asked:
        return data
    size = store.head(key).size
    if size > max_bytes or asked > max_bytes:
        raise DamagedError(
            "json-too-large",
            f"{key}: expected at most {max_bytes} bytes, found {max(size, asked)} or more",
        )
    return data if size <= asked else b"".join([data, store.get_range(key, asked, size - asked)])
