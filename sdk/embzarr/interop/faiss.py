"""FAISS: an index of neighbours, built batch by batch from a checkpoint (extra ``faiss``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.errors import InvalidInputError
from embzarr.interop._door import Source, needs, opened
from embzarr.interop._rows.word_index import METRICS, WordIndex, batches, check_finite, unit

with needs("faiss-cpu", extra="faiss"):
    import faiss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint

__all__ = ["FaissIndex", "build_index"]

_TRAIN_ROWS = 100_000
_STRETCHES = 32
"""Places of a checkpoint that training looks at."""
_POINTS_A_LIST = 39
"""Which FAISS wants at least to find the middle of a list."""


def build_index(
    checkpoint: Source,
    *,
    kind: str = "flat",
    metric: str = "cosine",
    train_rows: int = _TRAIN_ROWS,
) -> FaissIndex:
    """Return a FAISS index over all vectors of a checkpoint, to be searched by word.

    Memory: what the index itself takes, three batches of 8 MiB, and the rows that it is trained
    with. Vectors become float32.

    Args:
        checkpoint: one that is open, or the place of a run.
        kind: ``flat``, exact; ``hnsw``, a graph; ``ivf``, lists; or what `faiss.index_factory`
            takes, such as ``IVF4096,PQ50``.
        metric: ``cosine``, ``ip`` (inner product) or ``l2``.
        train_rows: how many rows an index that is trained sees, from all over the checkpoint.

    Raises:
        InvalidInputError: no such kind or metric; code ``input-nonfinite``: a vector that is near
            to nothing.

    Example:
        >>> from embzarr.interop.faiss import build_index
        >>> index = build_index(checkpoint)
        >>> index.search(np.array([0, 3, 4, 0]), topn=2)
        [('man', 0.800000011920929), ('queen', 0.6000000238418579)]
        >>> index.index.ntotal
        4
    """
    found = opened(checkpoint)
    arguments.choice("metric", metric, METRICS)
    rows = arguments.whole("train_rows", train_rows, least=1)
    index = _empty(found, arguments.text("kind", kind), metric)
    made = FaissIndex(found, index, metric)
    if not index.is_trained:
        index.train(made.prepared(_sample(found, rows)))
    for _, vectors in batches(found):
        index.add(made.prepared(vectors))
    return made


class FaissIndex(WordIndex):
    """A FAISS index whose entries are a checkpoint's rows. Made by `build_index`.

    ``index`` is FAISS's own: its parameters, such as ``index.nprobe``, are set there, and
    `faiss.write_index` keeps it. One that was kept is asked by
    ``FaissIndex(checkpoint, faiss.read_index(path), metric)``.

    Example:
        >>> import faiss
        >>> from embzarr.interop.faiss import FaissIndex, build_index
        >>> kept = faiss.serialize_index(build_index(checkpoint, metric="l2").index)
        >>> FaissIndex(checkpoint, faiss.deserialize_index(kept), "l2").search("king", topn=1)
        [('queen', 2.0)]
    """

    def prepared(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors as they stand in the index: for a cosine, at length 1."""
        return unit(vectors) if self.metric == "cosine" else vectors

    def _nearest(self, vector: NDArray[np.float32], count: int) -> tuple[list[int], list[float]]:
        scores, rows = self.index.search(self.prepared(vector[np.newaxis]), count)
        return rows[0].tolist(), scores[0].tolist()


def _empty(checkpoint: Checkpoint, kind: str, metric: str) -> Any:  # noqa: ANN401 - FAISS has no types
    lists = max(min(int(4 * math.sqrt(len(checkpoint))), len(checkpoint) // _POINTS_A_LIST), 1)
    short = {"flat": "Flat", "hnsw": "HNSW32,Flat", "ivf": f"IVF{lists},Flat"}
    by = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
    try:
        return faiss.index_factory(checkpoint.dim, short.get(kind, kind), by)
    except RuntimeError as exc:
        expected = f"{', '.join(short)} or what faiss.index_factory takes"
        raise arguments.refusal("kind", expected, kind) from exc


def _sample(checkpoint: Checkpoint, rows: int) -> NDArray[np.float32]:
    """Return so many rows, in stretches from all over the checkpoint: rows may go by frequency."""
    if rows >= len(checkpoint):
        stretches = [(0, len(checkpoint))]
    else:
        length = max(rows // _STRETCHES, 1)
        starts = np.linspace(0, len(checkpoint) - length, max(rows // length, 1), dtype=int)
        stretches = [(start, start + length) for start in starts.tolist()]
    if not len(checkpoint):
        raise InvalidInputError("input-argument", "kind: an index that is trained needs rows")
    parts = [checkpoint.load_rows(*stretch, dtype=np.float32) for stretch in stretches]
    for part in parts:
        check_finite(part.rows, part.vectors)
    return np.concatenate([part.vectors for part in parts])
