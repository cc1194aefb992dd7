"""Fetches parts of objects that a manifest lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr.errors import DamagedError, NotFoundError

if TYPE_CHECKING:
    from embzarr._storage import GetRange


def fetch(store: GetRange, key: str, start: int, length: int) -> memoryview:
    """Return a range of an object, of which the manifest says that it is there.

    Raises:
        DamagedError: code ``object-missing`` or ``object-truncated``.
        NotFoundError: code ``commit-expired``.
    """
    try:
        data = memoryview(store.get_range(key, start, length))
    except NotFoundError as exc:
        if exc.code == "commit-expired":
            raise
        raise DamagedError(
            "object-missing", f"{key}: the manifest lists this object, the store does not have it"
        ) from exc
    if data.nbytes < length:
        raise DamagedError(
            "object-truncated",
            f"{key}: expected {length} bytes from byte {start}, found {data.nbytes}",
        )
    return data
