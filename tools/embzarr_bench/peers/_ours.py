"""embzarr itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import embzarr
from embzarr_bench._cases import Case
from embzarr_bench.peers._port import Answer, Peer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr_bench._cases import Request
    from embzarr_bench._matrix import Matrix
    from embzarr_bench._place import Place


class Ours(Peer):
    """embzarr by word, every chunk's CRC-32C checked."""

    name: ClassVar[str] = "embzarr"
    settings: ClassVar[str] = "compression none; compressed: lz4"
    distributions: ClassVar[tuple[str, ...]] = ("embzarr",)
    cases: ClassVar[frozenset[Case]] = frozenset(Case)

    def save(self, place: Place, matrix: Matrix, *, compressed: bool) -> Mapping[str, int]:
        """Save one commit."""
        checkpoint = embzarr.save(
            place.url,
            matrix.words,
            matrix.vectors,
            compression="lz4" if compressed else "none",
            storage_options=place.options,
        )
        return notes_of(checkpoint)

    def read(self, place: Place, request: Request) -> Answer:
        """Open from the address and read."""
        checkpoint = embzarr.open(place.url, storage_options=place.options)
        words = None
        if request.words:
            vectors = checkpoint[list(request.words)]
        elif request.case in {Case.RANGE, Case.PREFIX}:
            loaded = (
                checkpoint.load_prefix(request.prefix)
                if request.prefix
                else checkpoint.load_range(request.first, request.last)
            )
            words, vectors = loaded.words, loaded.vectors
        elif request.case is Case.ROWS:
            first, last = (int(request.rows[end]) for end in (0, -1))
            vectors = checkpoint.load_rows(first, last + 1).vectors
        else:
            vectors = checkpoint.to_numpy()
        return Answer(vectors=vectors, words=words, notes=notes_of(checkpoint))


def notes_of(checkpoint: embzarr.Checkpoint) -> dict[str, int]:
    """Return what a checkpoint has asked of its store."""
    traffic = checkpoint.traffic
    return {
        "requests": traffic.requests,
        "round_trips": traffic.round_trips,
        "bytes_read": traffic.bytes_read,
        "bytes_written": traffic.bytes_written,
    }
