"""Fetches parts of objects that a manifest lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr.errors import DamagedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embzarr._storage import GetRange


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Chunks of an array as they are stored, at hand together."""

    data: memoryview
    bounds: Sequence[tuple[int, int]]
    """Where in `data` each lies, half-open, its checksum included."""
    ats: NDArray[np.int64]
    """Which of the wanted chunks they are."""

    def parts(self, count: int) -> Iterator[Stored]:
        """Yield `count` of the chunks at a time."""
        for at in range(0, len(self.bounds), count):
            yield Stored(self.data, self.bounds[at : at + count], self.ats[at : at + count])


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
