"""One checkpoint, read by embzarr through each kind of store that users have."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
import numpy as np
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]

import embzarr
import oracle
from servers.http_folder import running_http_folder

if TYPE_CHECKING:
    from pathlib import Path

    from servers.hdfs import Hdfs
    from servers.minio import Minio
    from servers.moto import Moto
    from servers.versitygw import Versitygw

ROWS, DIM = 3_001, 40
WORDS = oracle.make_words(ROWS)
VECTORS = oracle.make_vectors(ROWS, DIM)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the local disk, which the tests serve in different ways."""
    path = tmp_path_factory.mktemp("backends") / "run"
    embzarr.save(path, WORDS, VECTORS, compression="zstd", step=7)
    return path


def _assert_reads(url: Any, **options: Any) -> None:
    """Read all, some by word, and check every digest."""
    picked = [WORDS[ROWS - 1], WORDS[0], WORDS[1_500]]
    checkpoint = embzarr.open(url, **options)

    assert list(checkpoint.words) == WORDS
    assert "no such word" not in checkpoint
    np.testing.assert_array_equal(checkpoint.to_numpy(), VECTORS, strict=True)
    np.testing.assert_array_equal(checkpoint[picked], VECTORS[[ROWS - 1, 0, 1_500]])
    assert checkpoint.step == 7
    assert checkpoint.verify().ok
    vectors: Any = checkpoint.group()["vectors"]
    np.testing.assert_array_equal(vectors[:], VECTORS, strict=True)
    np.testing.assert_array_equal(vectors[1_500], VECTORS[1_500])


def test_a_local_path_is_read(folder: Path) -> None:
    """The path itself, as text, and as a file URL are the same checkpoint."""
    _assert_reads(folder)
    _assert_reads(str(folder))
    _assert_reads(folder.as_uri())


def test_fsspec_file_is_read(folder: Path) -> None:
    """fsspec's local filesystem may be handed in."""
    _assert_reads(DirFileSystem(str(folder), fsspec.filesystem("file")))


def test_fsspec_memory_is_read(folder: Path) -> None:
    """fsspec's memory filesystem may be handed in."""
    memory = fsspec.filesystem("memory", skip_instance_cache=True)
    root = f"/{folder.parent.name}"
    memory.put(str(folder), root, recursive=True)
    try:
        _assert_reads(DirFileSystem(root, memory))
    finally:
        memory.rm(root, recursive=True)


def test_a_zip_archive_is_read(folder: Path, tmp_path: Path) -> None:
    """A chained URL reads a run inside an archive."""
    archive = shutil.make_archive(str(tmp_path / "runs"), "zip", folder.parent, "run")
    _assert_reads(f"zip://run::file://{archive}")


def test_a_folder_over_http_is_read(folder: Path) -> None:
    """Any web server that knows byte ranges will do."""
    with running_http_folder(folder.parent) as url:
        _assert_reads(f"{url}/run")


def test_fsspec_http_is_read(folder: Path) -> None:
    """fsspec's HTTP filesystem may be handed in."""
    with running_http_folder(folder.parent) as url:
        http = fsspec.filesystem("http", skip_instance_cache=True)
        _assert_reads(DirFileSystem(f"{url}/run", http))


def test_moto_is_written_and_read(moto_s3: Moto, moto_bucket_url: str) -> None:
    """The embedded S3 server takes and gives a whole checkpoint."""
    options = moto_s3.options
    embzarr.save(moto_bucket_url, WORDS, VECTORS, step=7, storage_options=options)

    _assert_reads(moto_bucket_url, storage_options=options)


@pytest.mark.servers
def test_minio_is_written_and_read(minio: Minio, minio_bucket_url: str) -> None:
    """A real S3 server takes and gives a whole checkpoint."""
    options = minio.options
    embzarr.save(minio_bucket_url, WORDS, VECTORS, step=7, storage_options=options)

    _assert_reads(minio_bucket_url, storage_options=options)


@pytest.mark.servers
def test_versitygw_is_written_and_read(versitygw: Versitygw) -> None:
    """Another real S3 server takes and gives a whole checkpoint."""
    with versitygw.bucket() as bucket:
        url, options = versitygw.url(bucket, "runs/one"), versitygw.options
        embzarr.save(url, WORDS, VECTORS, step=7, storage_options=options)

        _assert_reads(url, storage_options=options)


@pytest.mark.servers
def test_hdfs_is_written_and_read(hdfs: Hdfs) -> None:
    """A real HDFS takes and gives a whole checkpoint, and plain Zarr reads the same."""
    url = f"{hdfs.url}/users/tester/run"
    embzarr.save(url, WORDS, VECTORS, step=7)

    _assert_reads(url)


@pytest.mark.servers
def test_a_cached_s3_url_is_read(minio: Minio, minio_bucket_url: str, tmp_path: Path) -> None:
    """``simplecache::s3://`` keeps what it read on the local disk."""
    pytest.importorskip("s3fs")
    embzarr.save(minio_bucket_url, WORDS, VECTORS, step=7, storage_options=minio.options)
    s3 = {
        "endpoint_url": minio.endpoint_url,
        "key": minio.access_key,
        "secret": minio.secret_key,
        "skip_instance_cache": True,
    }
    cache = tmp_path / "cache"
    options = {"simplecache": {"cache_storage": str(cache)}, "s3": s3}

    _assert_reads(f"simplecache::{minio_bucket_url}", storage_options=options)

    assert any(cache.iterdir())
