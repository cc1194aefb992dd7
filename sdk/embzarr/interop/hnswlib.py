"""hnswlib: a graph of neighbours, built batch by batch from a checkpoint (extra ``hnswlib``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr._format import arguments
from embzarr.interop._door import Source, needs, opened
from embzarr.interop._rows.word_index import METRICS, WordIndex, batches

with needs("hnswlib", extra="hnswlib"):
    import hnswlib

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HnswIndex", "build_index"]

_LEAST_EF = 64


def build_index(
    checkpoint: Source,
    *,
    metric: str = "cosine",
    links: int = 16,
    ef_construction: int = 200,
    threads: int = -1,
) -> HnswIndex:
    """Return an hnswlib index over all vectors of a checkpoint, to be searched by word.

    Memory: what the index itself takes, and three batches of 8 MiB. Vectors become float32.

    Args:
        checkpoint: one that is open, or the place of a run.
        metric: ``cosine``, ``ip`` (inner product) or ``l2``.
        links: of each entry, which hnswlib calls M.
        ef_construction: how many candidates are looked at for them.
        threads: that build it; -1 for all. With one the same graph comes out each time.

    Raises:
        InvalidInputError: a setting that cannot be used; code ``input-nonfinite``: a vector that is
            near to nothing.

    Example:
        >>> from embzarr.interop.hnswlib import build_index
        >>> index = build_index(checkpoint, metric="ip")
        >>> index.search(np.array([0, 3, 4, 0]), topn=2)
        [('man', 4.0), ('queen', 3.0)]
    """
    found = opened(checkpoint)
    index = hnswlib.Index(arguments.choice("metric", metric, METRICS), found.dim)
    index.init_index(
        max_elements=max(len(found), 1),
        M=arguments.whole("links", links, least=2),
        ef_construction=arguments.whole("ef_construction", ef_construction, least=1),
    )
    workers = arguments.whole("threads", threads, least=-1)
    for rows, vectors in batches(found):
        index.add_items(vectors, rows, num_threads=workers)
    return HnswIndex(found, index, metric)


class HnswIndex(WordIndex):
    """An hnswlib index whose entries are a checkpoint's rows. Made by `build_index`.

    ``index`` is hnswlib's own, kept by its ``save_index``. One that was kept is asked by
    ``HnswIndex(checkpoint, index, metric)``, after its ``load_index``.

    Example:
        >>> from embzarr.interop.hnswlib import build_index
        >>> build_index(checkpoint).search("king", topn=1)[0][1]
        0.0
    """

    def _nearest(self, vector: NDArray[np.float32], count: int) -> tuple[list[int], list[float]]:
        self.index.set_ef(max(_LEAST_EF, 2 * count))
        rows, distances = self.index.knn_query(vector, k=count)
        scores = distances[0] if self.metric == "l2" else 1 - distances[0]
        return rows[0].astype("i8").tolist(), scores.tolist()
