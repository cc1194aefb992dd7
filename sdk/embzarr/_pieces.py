"""Cuts stretches out of bytes of an object, which come in piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr import objects
from embzarr.errors import DamagedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from embzarr.objects import Data, GetRange


class EndedEarlyError(Exception):
    """The pieces ended before the last stretch did."""

    def __init__(self, nbytes: int) -> None:
        """Say how many bytes there were in all."""
        super().__init__(nbytes)
        self.nbytes = nbytes


def fetch(
    store: GetRange, key: str, start: int, length: int, wanted: Sequence[tuple[int, int]]
) -> Iterator[memoryview]:
    """Yield stretches of a range of an object that the manifest lists, each as it comes in.

    Args:
        store: holds the object.
        key: its name.
        start: first byte of the range.
        length: its bytes.
        wanted: half-open, ascending, none over another, counted from `start`.

    Raises:
        DamagedError: code ``object-missing`` or ``object-truncated``.
        NotFoundError: code ``commit-expired``.
    """
    try:
        yield from stretches(objects.pieces(store, key, start, length), wanted)
    except NotFoundError as exc:
        if exc.code == "commit-expired":
            raise
        raise DamagedError(
            "object-missing", f"{key}: the manifest lists this object, the store does not have it"
        ) from exc
    except EndedEarlyError as exc:
        raise DamagedError(
            "object-truncated",
            f"{key}: expected {length} bytes from byte {start}, found {exc.nbytes}",
        ) from exc


def stretches(pieces: Iterable[Data], wanted: Iterable[tuple[int, int]]) -> Iterator[memoryview]:
    """Yield the bytes of each wanted stretch as soon as they are there.

    Nothing is copied but what lies in more than one piece.

    Args:
        pieces: consecutive bytes, the first of them at 0.
        wanted: half-open, ascending, none over another.

    Raises:
        EndedEarlyError: the pieces end within a stretch or before it.
    """
    coming = (memoryview(data) for data in pieces)
    piece, begin = memoryview(b""), 0
    for start, stop in wanted:
        parts: list[memoryview] = []
        while begin + len(piece) < stop:
            parts.append(piece[max(start - begin, 0) :])
            begin += len(piece)
            following = next(coming, None)
            if following is None:
                raise EndedEarlyError(begin)
            piece = following
        parts.append(piece[max(start - begin, 0) : stop - begin])
        yield _joined([part for part in parts if part])


def _joined(parts: list[memoryview]) -> memoryview:
    return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
