"""What every S3 server of tests and benchmarks offers, whichever program answers."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"


class S3Server:
    """A running server: where it is, who may enter, and buckets to write to."""

    def __init__(self, *, endpoint_url: str, access_key: str, secret_key: str) -> None:
        """Describe a server that already answers."""
        self.endpoint_url = endpoint_url
        self.access_key = access_key
        self.secret_key = secret_key

    @property
    def options(self) -> dict[str, str]:
        """The ``storage_options`` with which embzarr reaches this server."""
        return {
            "endpoint_url": self.endpoint_url,
            "access_key_id": self.access_key,
            "secret_access_key": self.secret_key,
            "region": REGION,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The variables that tell any S3 program the same."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - boto3 is untyped
        """A boto3 client: our own hand on the server, independent of embzarr."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
        )

    def url(self, bucket: str, path: str = "") -> str:
        """Return ``s3://bucket/path``."""
        return f"s3://{bucket}/{path}".rstrip("/")

    def http_url(self, bucket: str, path: str = "") -> str:
        """Return the plain HTTP address of the same, for a bucket that everyone may read."""
        return f"{self.endpoint_url}/{bucket}/{path}".rstrip("/")

    def new_bucket(self) -> str:
        """Create a bucket under a name never used before, and return the name."""
        name = f"test-{secrets.token_hex(8)}"
        self.client.create_bucket(Bucket=name)
        return name

    def remove_bucket(self, name: str) -> None:
        """Delete the bucket with all that it holds."""
        self.remove_objects(name)
        self.client.delete_bucket(Bucket=name)

    def remove_objects(self, bucket: str, prefix: str = "") -> None:
        """Delete all objects whose key begins with `prefix`."""
        for batch in _batches(self.keys(bucket, prefix)):
            objects = [{"Key": key} for key in batch]
            self.client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """Lend an empty bucket and remove it afterwards."""
        name = self.new_bucket()
        try:
            yield name
        finally:
            self.remove_bucket(name)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the keys of all objects whose key begins with `prefix`, sorted."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))

    def let_everyone_read(self, bucket: str) -> None:
        """Allow anonymous reading of every object of the bucket, and nothing else."""
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": ["*"]},
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{bucket}/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def _batches(keys: list[str], size: int = 1000) -> list[list[str]]:
    """Cut the keys into as many as one delete request may name."""
    return [keys[at : at + size] for at in range(0, len(keys), size)]
