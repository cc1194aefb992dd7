"""zarr-python over any of its stores: vectors in shards, words as one text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embzarr_bench._cases import Case
from embzarr_bench.peers import _vocabulary
from embzarr_bench.peers._port import BY_WORD, Answer, Peer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from embzarr_bench._cases import Request
    from embzarr_bench._matrix import Matrix
    from embzarr_bench._place import Place

SETTINGS = "chunks of at most 128 KiB (64 rows of 300 float32) in shards of 8 MiB"
_SHARD_BYTES = 8 * 1024 * 1024
"""zarr-python reads the chunks of a shard one after another, and shards at the same time: with
latency it is several times as fast with many small shards as with few large ones."""
_CONFIG = {
    "async.concurrency": 64,
    "threading.max_workers": None,
    "array.write_empty_chunks": True,
}
"""zarr's own tuning advice: more requests under way, and no look for chunks of zeros."""


class ZarrArrays(Peer):
    """A group with an array of vectors and one of words."""

    packages: ClassVar[tuple[str, ...]] = ("zarr", "zarr.codecs")
    cases: ClassVar[frozenset[Case]] = frozenset(Case)

    def __init__(self) -> None:
        """Import the packages and tune zarr."""
        super().__init__()
        self.library["zarr"].config.set(_CONFIG)

    def writable(self, place: Place) -> AbstractContextManager[Any]:
        """Lend a store to write to; what was written counts when the block has ended."""
        raise NotImplementedError

    def readable(self, place: Place) -> AbstractContextManager[Any]:
        """Lend a store to read from."""
        raise NotImplementedError

    def save(self, place: Place, matrix: Matrix, *, compressed: bool) -> None:
        """Write both arrays."""
        vectors, words = matrix.vectors, _vocabulary.encode(matrix.words)
        rows, row_bytes = len(vectors), vectors[0].nbytes
        with self.writable(place) as store:
            group = self.library["zarr"].create_group(store)
            array = group.create_array(
                "vectors",
                shape=vectors.shape,
                dtype=vectors.dtype,
                chunks=(_vocabulary.chunk_rows(row_bytes), vectors.shape[1]),
                shards=(
                    _vocabulary.shard_rows(rows, row_bytes, target=_SHARD_BYTES),
                    vectors.shape[1],
                ),
                compressors=[self._lz4(vectors.itemsize)] if compressed else None,
            )
            array[...] = vectors
            text = group.create_array(
                "words", shape=words.shape, dtype=words.dtype, chunks=words.shape
            )
            text[...] = words

    def read(self, place: Place, request: Request) -> Answer:
        """Open the vectors alone and read rows."""
        with self.readable(place) as store:
            vectors = self.library["zarr"].open_array(store, path="vectors", mode="r")
            return Answer(vectors=_rows(vectors, request))

    def _lz4(self, itemsize: int) -> Any:  # noqa: ANN401 - zarr has no protocol for codecs
        codecs = self.library["zarr.codecs"]
        return codecs.BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle", typesize=itemsize)


class ZarrWords(ZarrArrays):
    """The same, with words looked up in a dict of all."""

    cases: ClassVar[frozenset[Case]] = BY_WORD

    def read(self, place: Place, request: Request) -> Answer:
        """Read all words, then the rows."""
        with self.readable(place) as store:
            group = self.library["zarr"].open_group(store, mode="r")
            listed = _vocabulary.decode(np.asarray(group["words"][...]).tobytes())
            rows, words = _vocabulary.find(listed, request)
            return Answer(vectors=group["vectors"].oindex[rows], words=words)


def _rows(vectors: Any, request: Request) -> Any:  # noqa: ANN401 - zarr arrays
    if request.case.whole:
        return vectors[...]
    if request.case.contiguous:
        return vectors[int(request.rows[0]) : int(request.rows[-1]) + 1]
    return vectors.oindex[request.rows]
