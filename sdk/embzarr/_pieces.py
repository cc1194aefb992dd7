"""Cuts stretches out of bytes that come in piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from embzarr.objects import Data


class EndedEarlyError(Exception):
    """The pieces ended before the last stretch did."""

    def __init__(self, nbytes: int) -> None:
        """Say how many bytes there were in all."""
        super().__init__(nbytes)
        self.nbytes = nbytes


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
