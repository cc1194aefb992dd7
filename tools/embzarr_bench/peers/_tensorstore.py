"""tensorstore's ``zarr3`` driver over its own S3 client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embzarr_bench._cases import Case
from embzarr_bench.peers import _vocabulary
from embzarr_bench.peers._port import BY_WORD, Answer, Peer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr_bench._cases import Request
    from embzarr_bench._matrix import Matrix
    from embzarr_bench._place import Place

_SHARD_BYTES = 32 * 1024 * 1024
_CONTEXT = {
    "cache_pool": {"total_bytes_limit": 100_000_000},
    "s3_request_concurrency": {"limit": 64},
    "data_copy_concurrency": {"limit": os.cpu_count() or 1},
}
"""New for each piece of work; without a cache pool, shard indexes would be read again and again."""


class Tensorstore(Peer):
    """Vectors in shards, rows known."""

    name: ClassVar[str] = "tensorstore, by row"
    settings: ClassVar[str] = (
        "zarr3, chunks of at most 128 KiB in shards of 32 MiB, 64 requests at once, cache pool of "
        "100 MB; compressed: blosc lz4 bitshuffle"
    )
    packages: ClassVar[tuple[str, ...]] = ("tensorstore",)
    distributions: ClassVar[tuple[str, ...]] = ("tensorstore",)
    cases: ClassVar[frozenset[Case]] = frozenset(Case)

    def save(self, place: Place, matrix: Matrix, *, compressed: bool) -> None:
        """Write both arrays at the same time."""
        words = _vocabulary.encode(matrix.words)
        context = self.library["tensorstore"].Context(_CONTEXT)
        writes = [
            self._create(place.below(name), context, array, compressed=compressed).write(
                array, can_reference_source_data_indefinitely=True
            )
            for name, array in (("vectors", matrix.vectors), ("words", words[:, None]))
        ]
        for write in writes:
            write.result()

    def read(self, place: Place, request: Request) -> Answer:
        """Open the vectors alone and read rows."""
        context = self.library["tensorstore"].Context(_CONTEXT)
        vectors = self._opening(place.below("vectors"), context).result()
        return Answer(vectors=_rows(vectors, request))

    def _opening(self, place: Place, context: Any) -> Any:  # noqa: ANN401 - tensorstore's
        return self.library["tensorstore"].open(
            {"driver": "zarr3", "kvstore": _kvstore(place)}, open=True, read=True, context=context
        )

    def _create(
        self, place: Place, context: object, array: NDArray[Any], *, compressed: bool
    ) -> Any:  # noqa: ANN401 - tensorstore's
        vectors = array.shape[1] > 1
        row_bytes = array[0].nbytes
        chunk = _vocabulary.chunk_rows(row_bytes) if vectors else len(array)
        shard = (
            _vocabulary.shard_rows(len(array), row_bytes, target=_SHARD_BYTES)
            if vectors
            else len(array)
        )
        spec = {
            "driver": "zarr3",
            "kvstore": _kvstore(place),
            "metadata": {
                "shape": array.shape,
                "data_type": array.dtype.name,
                "chunk_grid": _regular((shard, array.shape[1])),
                "codecs": [_sharding((chunk, array.shape[1]), array.itemsize, compressed)],
            },
        }
        return self.library["tensorstore"].open(spec, create=True, context=context).result()


class TensorstoreByWord(Tensorstore):
    """The same with the words read whole."""

    name: ClassVar[str] = "tensorstore, by word"
    settings: ClassVar[str] = "the same; all words read into a dict"
    cases: ClassVar[frozenset[Case]] = BY_WORD

    def read(self, place: Place, request: Request) -> Answer:
        """Open both arrays at the same time, read all words, then the rows."""
        context = self.library["tensorstore"].Context(_CONTEXT)
        opening = self._opening(place.below("vectors"), context)
        text = self._opening(place.below("words"), context).result().read().result()
        listed = _vocabulary.decode(np.asarray(text).tobytes())
        rows, words = _vocabulary.find(listed, request)
        return Answer(vectors=opening.result()[rows].read().result(), words=words)


def _kvstore(place: Place) -> dict[str, object]:
    """Return where it is; the credentials stand in the environment."""
    return {
        "driver": "s3",
        "bucket": place.bucket,
        "path": f"{place.prefix}/",
        "endpoint": place.endpoint_url,
        "aws_region": place.region,
        "aws_credentials": {"type": "environment"},
    }


def _regular(shape: tuple[int, int]) -> dict[str, object]:
    return {"name": "regular", "configuration": {"chunk_shape": shape}}


def _sharding(chunk: tuple[int, int], itemsize: int, compressed: bool) -> dict[str, object]:  # noqa: FBT001
    lz4 = {
        "cname": "lz4",
        "clevel": 5,
        "shuffle": "bitshuffle",
        "typesize": itemsize,
        "blocksize": 0,
    }
    codecs: list[dict[str, object]] = [
        {"name": "bytes", **({"configuration": {"endian": "little"}} if itemsize > 1 else {})}
    ]
    if compressed:
        codecs.append({"name": "blosc", "configuration": lz4})
    return {
        "name": "sharding_indexed",
        "configuration": {"chunk_shape": chunk, "codecs": codecs},
    }


def _rows(vectors: Any, request: Request) -> Any:  # noqa: ANN401 - tensorstore's
    if request.case.whole:
        return vectors.read().result()
    if request.case.contiguous:
        return vectors[int(request.rows[0]) : int(request.rows[-1]) + 1].read().result()
    return vectors[request.rows].read().result()
