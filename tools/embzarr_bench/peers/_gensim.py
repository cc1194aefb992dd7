"""gensim's ``.kv`` files over boto3: fetched whole to a folder and mapped into memory."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embzarr_bench.peers._port import ONE_WAY, Answer, Peer
from embzarr_bench.peers._safetensors import client

if TYPE_CHECKING:
    from embzarr_bench._cases import Case, Request
    from embzarr_bench._matrix import Matrix
    from embzarr_bench._place import Place

_FILE = "model.kv"


class Gensim(Peer):
    """`KeyedVectors.save`, and `load` with ``mmap="r"``."""

    name: ClassVar[str] = "gensim .kv + boto3"
    settings: ClassVar[str] = "its files, fetched whole by boto3's parallel download; mmap"
    packages: ClassVar[tuple[str, ...]] = ("gensim.models",)
    distributions: ClassVar[tuple[str, ...]] = ("gensim", "boto3")
    cases: ClassVar[frozenset[Case]] = ONE_WAY

    def save(self, place: Place, matrix: Matrix, *, compressed: bool) -> None:
        """Save to a folder and upload its files."""
        del compressed
        vectors = self.library["gensim.models"].KeyedVectors(matrix.vectors.shape[1])
        vectors.key_to_index = {word: row for row, word in enumerate(matrix.words)}
        vectors.index_to_key = matrix.words
        vectors.vectors = matrix.vectors
        with tempfile.TemporaryDirectory() as folder:
            vectors.save(str(Path(folder) / _FILE))
            s3 = client(place)
            for file in Path(folder).iterdir():
                s3.upload_file(str(file), place.bucket, f"{place.prefix}/{file.name}")

    def read(self, place: Place, request: Request) -> Answer:
        """Download all files, map them and take rows."""
        with tempfile.TemporaryDirectory() as folder:
            s3 = client(place)
            found = s3.list_objects_v2(Bucket=place.bucket, Prefix=f"{place.prefix}/")["Contents"]
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda item: _download(s3, place, item["Key"], folder), found))
            file = str(Path(folder) / _FILE)
            model = self.library["gensim.models"].KeyedVectors.load(file, mmap="r")
            return _take(model, request)


def _download(s3: Any, place: Place, key: str, folder: str) -> None:  # noqa: ANN401
    s3.download_file(place.bucket, key, str(Path(folder) / key.rpartition("/")[2]))


def _take(model: Any, request: Request) -> Answer:  # noqa: ANN401 - gensim is untyped
    if request.words:
        return Answer(vectors=model[list(request.words)])
    if not request.case.by_name:
        start, stop = int(request.rows[0]), int(request.rows[-1]) + 1
        return Answer(vectors=model.vectors[start:stop])
    first, last = request.first, request.last
    words = [word for word in model.index_to_key if first <= word < last]
    rows = np.array([model.key_to_index[word] for word in words])
    return Answer(vectors=model.vectors[rows], words=words)
