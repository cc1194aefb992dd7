from __future__ import annotations

import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from servers.minio import find_minio, running_minio

if TYPE_CHECKING:
    from pathlib import Path

    from servers.minio import Minio
    from servers.moto import Moto
    from servers.s3 import S3Server


def _write_and_list(server: S3Server, bucket: str) -> list[str]:
    server.client.put_object(Bucket=bucket, Key="runs/one/zarr.json", Body=b"{}")
    return server.keys(bucket, "runs/")


def test_moto_keeps_objects(moto_s3: Moto, moto_bucket: str) -> None:
    """What is written to a bucket of moto is listed there."""
    assert _write_and_list(moto_s3, moto_bucket) == ["runs/one/zarr.json"]


def test_no_account_of_the_tester_is_visible(moto_s3: Moto) -> None:
    """A test finds no credentials but those that it was given."""
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    assert moto_s3.options["access_key_id"] not in os.environ.values()


def test_a_lent_bucket_is_removed(moto_s3: Moto) -> None:
    """After the block neither the objects nor the bucket are left."""
    with moto_s3.bucket() as name:
        _write_and_list(moto_s3, name)

    buckets = [bucket["Name"] for bucket in moto_s3.client.list_buckets()["Buckets"]]

    assert name not in buckets


@pytest.mark.servers
def test_minio_keeps_objects(minio: Minio, minio_bucket: str) -> None:
    """What is written to a bucket of MinIO is listed there."""
    assert _write_and_list(minio, minio_bucket) == ["runs/one/zarr.json"]


@pytest.mark.servers
def test_everyone_reads_only_a_public_bucket(minio: Minio, minio_bucket: str) -> None:
    """An anonymous reader is refused until the bucket is opened to all."""
    _write_and_list(minio, minio_bucket)
    url = minio.http_url(minio_bucket, "runs/one/zarr.json")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(url, timeout=10)  # noqa: S310 - loopback
    refusal.value.close()

    minio.let_everyone_read(minio_bucket)
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
        body = answer.read()

    assert refusal.value.code == 403
    assert body == b"{}"


def _fail_with(program: Path, seen: list[str]) -> None:
    with running_minio(program) as own:
        seen.append(own.endpoint_url)
        raise ZeroDivisionError


@pytest.mark.servers
def test_a_failing_block_ends_its_minio(minio: Minio) -> None:
    """A server started for a block answers no more after it, whatever ended the block."""
    program = find_minio()
    assert program is not None
    seen: list[str] = []
    with pytest.raises(ZeroDivisionError):
        _fail_with(program, seen)

    assert seen != [minio.endpoint_url]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(seen[0], timeout=2)  # noqa: S310 - loopback
