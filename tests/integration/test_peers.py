"""A step that embzarr wrote to MinIO, read bit-exactly by other implementations of Zarr."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
import oracle
from integration import peers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from servers.minio import Minio

pytestmark = pytest.mark.servers

IMPLEMENTATIONS = [peers.zarr_over_s3fs, peers.zarr_over_obstore, peers.tensorstore]
COMPRESSIONS = [
    "none",
    "zstd",
    "zstd:19",
    "lz4",
    "blosc:zstd:bitshuffle",
    "blosc:blosclz:shuffle:9",
]
RUN = "runs/one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was saved, and where its step group lies."""

    words: list[str]
    vectors: npt.NDArray[Any]
    place: peers.Place


def _save(minio: Minio, bucket: str, rows: int, dim: int, **choices: Any) -> Saved:
    words, vectors = oracle.make_words(rows), oracle.make_vectors(rows, dim)
    embzarr.save(minio.url(bucket, RUN), words, vectors, storage_options=minio.options, **choices)
    return Saved(words=words, vectors=vectors, place=_newest_step(minio, bucket))


def _newest_step(minio: Minio, bucket: str) -> peers.Place:
    manifest = minio.client.get_object(Bucket=bucket, Key=f"{RUN}/latest.json")["Body"].read()
    path = f"{RUN}/{oracle.step_path(manifest)}"
    return peers.Place(server=minio, bucket=bucket, path=path)


def _sha256(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


@pytest.fixture(scope="module", params=COMPRESSIONS)
def saved(request: pytest.FixtureRequest, minio: Minio) -> Iterator[Saved]:
    """20,001 x 100 float32, once for each compression."""
    with minio.bucket() as bucket:
        yield _save(minio, bucket, 20_001, 100, compression=request.param)


@pytest.fixture(scope="module")
def large(minio: Minio) -> Iterator[Saved]:
    """200,000 x 300 float32, as embzarr stores it when nothing is asked for."""
    with minio.bucket() as bucket:
        yield _save(minio, bucket, 200_000, 300)


@pytest.mark.parametrize("peer", IMPLEMENTATIONS)
def test_each_compression_is_read_bit_exactly(saved: Saved, peer: Any) -> None:
    """Words and vectors come out of another implementation as they were saved."""
    words, vectors = peers.read_step(peer, saved.place)

    assert words == saved.words
    np.testing.assert_array_equal(vectors.view("uint32"), saved.vectors.view("uint32"))


def test_zarrita_reads_each_compression_bit_exactly(saved: Saved, tmp_path: Path) -> None:
    """zarrita.js under Node gets the same bytes over plain HTTP, words included."""
    _assert_zarrita_reads(saved, tmp_path)


@pytest.mark.parametrize("peer", IMPLEMENTATIONS)
def test_a_large_step_is_read_bit_exactly(large: Saved, peer: Any) -> None:
    """200,000 words and 200,000 x 300 float32 come out whole, compared in full."""
    words, vectors = peers.read_step(peer, large.place)

    assert words == large.words
    np.testing.assert_array_equal(vectors.view("uint32"), large.vectors.view("uint32"))


def test_zarrita_reads_a_large_step_bit_exactly(large: Saved, tmp_path: Path) -> None:
    """zarrita.js gets every byte of a 200,000 x 300 step."""
    _assert_zarrita_reads(large, tmp_path)


def _assert_zarrita_reads(saved: Saved, folder: Path) -> None:
    place = saved.place
    place.server.let_everyone_read(place.bucket)
    encoded = [word.encode() for word in saved.words]
    expected = {
        "vectors": saved.vectors,
        "words/data": np.frombuffer(b"".join(encoded), "uint8"),
        "words/offsets": np.cumsum([0, *map(len, encoded)], dtype="uint64"),
    }

    found = peers.ask_zarrita(place, *expected, folder=folder)

    assert {name: answer["sha256"] for name, answer in found.items()} == {
        name: _sha256(array) for name, array in expected.items()
    }
    assert found["vectors"]["shape"] == list(saved.vectors.shape)
    assert found["vectors"]["dtype"] == "float32"


@pytest.mark.parametrize("peer", IMPLEMENTATIONS)
def test_columns_of_other_dtypes_are_read(minio: Minio, minio_bucket: str, peer: Any) -> None:
    """Row-aligned columns of each kind of number reach other implementations unchanged."""
    numbers = np.arange(1_000)
    columns = {
        "frequent": numbers % 3 == 0,
        "rank": numbers.astype("int16"),
        "context": oracle.make_vectors(1_000, 20, seed=2, dtype="float16"),
        "spectrum": (numbers * (1 + 2j)).astype("complex64"),
    }
    counts = (numbers * 10**15).astype("uint64")
    saved = _save(minio, minio_bucket, 1_000, 20, counts=counts, columns=columns)

    with peer(saved.place) as read:
        found = {name: read(name) for name in (*columns, "counts")}

    for name, expected in {**columns, "counts": counts}.items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)


def test_tensorstore_reads_bfloat16(minio: Minio, minio_bucket: str) -> None:
    """bfloat16, which zarr-python has not, is read by tensorstore bit for bit."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    words = oracle.make_words(1_000)
    vectors = oracle.make_vectors(1_000, 50, dtype=ml_dtypes.bfloat16)
    url = minio.url(minio_bucket, RUN)
    embzarr.save(url, words, vectors, storage_options=minio.options)

    found = peers.read_step(peers.tensorstore, _newest_step(minio, minio_bucket))

    assert found[0] == words
    np.testing.assert_array_equal(found[1].view("uint16"), vectors.view("uint16"))
