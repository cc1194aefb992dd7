"""safetensors over boto3: one file, fetched whole."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from embzarr_bench.peers import _vocabulary
from embzarr_bench.peers._port import ONE_WAY, Answer, Peer

if TYPE_CHECKING:
    from embzarr_bench._cases import Case, Request
    from embzarr_bench._matrix import Matrix
    from embzarr_bench._place import Place

_FILE = "model.safetensors"


class Safetensors(Peer):
    """Vectors and words as two tensors of one file."""

    name: ClassVar[str] = "safetensors + boto3"
    settings: ClassVar[str] = "one file, fetched whole by boto3's parallel download"
    packages: ClassVar[tuple[str, ...]] = ("safetensors.numpy",)
    distributions: ClassVar[tuple[str, ...]] = ("safetensors", "boto3")
    cases: ClassVar[frozenset[Case]] = ONE_WAY

    def save(self, place: Place, matrix: Matrix, *, compressed: bool) -> None:
        """Write the file in memory and upload it."""
        del compressed
        tensors = {"vectors": matrix.vectors, "words": _vocabulary.encode(matrix.words)}
        data = io.BytesIO(self.library["safetensors.numpy"].save(tensors))
        client(place).upload_fileobj(data, place.bucket, f"{place.prefix}/{_FILE}")

    def read(self, place: Place, request: Request) -> Answer:
        """Download the file and take rows."""
        data = io.BytesIO()
        client(place).download_fileobj(place.bucket, f"{place.prefix}/{_FILE}", data)
        tensors = self.library["safetensors.numpy"].load(data.getvalue())
        vectors = tensors["vectors"]
        if not request.case.by_name:
            whole = len(request.rows) == len(vectors)
            return Answer(vectors=vectors if whole else vectors[request.rows])
        listed = _vocabulary.decode(tensors["words"].tobytes())
        rows, words = _vocabulary.find(listed, request)
        return Answer(vectors=vectors[rows], words=words)


def client(place: Place) -> Any:  # noqa: ANN401 - boto3 is untyped
    """Return a client of a new session."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=place.endpoint_url,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        region_name=place.region,
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=32),
    )
