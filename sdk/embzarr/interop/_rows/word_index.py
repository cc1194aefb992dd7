"""An index of neighbours over a checkpoint's rows, asked by word, whatever library holds it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr._storage import parallel
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint

METRICS = ("cosine", "ip", "l2")
_BATCH_BYTES = 8 * 1024 * 1024


class WordIndex(ABC):
    """Finds the nearest words of a checkpoint; `build_index` makes one."""

    def __init__(self, checkpoint: Checkpoint, index: Any, metric: str) -> None:  # noqa: ANN401 - a library's own
        """Ask an index whose entries are the checkpoint's rows, by their numbers."""
        self.checkpoint = checkpoint
        self.index = index
        """The library's own."""
        self.metric = arguments.choice("metric", metric, METRICS)

    def search(self, query: str | bytes | NDArray[Any], topn: int = 10) -> list[tuple[str, float]]:
        """Return the words whose vectors are nearest, and how near, the nearest first.

        Args:
            query: a word, which is left out of the answer, or a vector of shape (dim,).
            topn: how many words, or fewer where an approximate index finds no more.

        Returns:
            Words with their cosine, their inner product, or the square of their distance.

        Raises:
            WordNotFoundError: code ``word-missing``.
            InvalidInputError: a vector of another shape, or a negative `topn`.
        """
        count = arguments.whole("topn", topn, least=0)
        vector, own = self._asked(query)
        wanted = min(count + (own >= 0), len(self.checkpoint))
        if not count or not wanted:
            return []
        rows, scores = self._nearest(vector, wanted)
        found = [
            (row, score) for row, score in zip(rows, scores, strict=True) if row not in (own, -1)
        ]
        words = parallel.each(self._word, [row for row, _ in found[:count]])
        return [(word, score) for word, (_, score) in zip(words, found, strict=False)]

    @abstractmethod
    def _nearest(self, vector: NDArray[np.float32], count: int) -> tuple[list[int], list[float]]:
        """Return rows and scores, the nearest first; row -1 where there is none."""

    def _asked(self, query: Any) -> tuple[NDArray[np.float32], int]:  # noqa: ANN401 - checked here
        if isinstance(query, np.ndarray):
            if query.shape != (self.checkpoint.dim,):
                expected = f"a vector of shape ({self.checkpoint.dim},)"
                raise InvalidInputError(
                    "input-shape", f"query: expected {expected}, found {query.shape}"
                )
            return query.astype(np.float32), -1
        loaded = self.checkpoint.load(arguments.word("query", query), dtype=np.float32)
        return loaded.vectors[0], int(loaded.rows[0])

    def _word(self, row: int) -> str:
        return self.checkpoint.load_rows(row, row + 1, columns=()).words[0]


def batches(checkpoint: Checkpoint) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield row numbers and vectors, batch by batch.

    Raises:
        InvalidInputError: code ``input-nonfinite``: a NaN or infinity, which is near to nothing.
    """
    for batch in checkpoint.stream(dtype=np.float32, batch_bytes=_BATCH_BYTES):
        check_finite(batch.rows, batch.vectors)
        yield batch.rows, np.ascontiguousarray(batch.vectors)


def check_finite(rows: NDArray[np.int64], vectors: NDArray[Any]) -> None:
    """Refuse vectors that are near to nothing.

    Raises:
        InvalidInputError: code ``input-nonfinite``.
    """
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        message = f"the vector of row {rows[bad[0]]} holds a NaN or an infinity: no index takes it"
        raise InvalidInputError("input-nonfinite", message)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors at length 1, shape (k, dim); zeros as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32, copy=False)
