"""The rights that README asks for, no more and no less, as MinIO grants them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import numpy as np
import pytest

import embzarr
from servers.minio import Minio

pytestmark = pytest.mark.servers

POLICIES = Path(__file__).parents[2] / "tools" / "examples" / "policies"
WORDS = [f"w{i}" for i in range(3000)]
LARGE = np.random.default_rng(0).random((3000, 64), np.float32)


@pytest.fixture
def acting(minio: Minio, minio_bucket: str) -> Callable[[str], dict[str, Any]]:
    """Options by which one reaches the bucket's folder ``runs/one`` with the rights of a policy."""
    sts = boto3.client(
        "sts",
        endpoint_url=minio.endpoint_url,
        aws_access_key_id=minio.access_key,
        aws_secret_access_key=minio.secret_key,
        region_name="us-east-1",
    )

    def options(name: str) -> dict[str, Any]:
        policy = (POLICIES / f"{name}.json").read_text()
        given = sts.assume_role(
            RoleArn="arn:aws:iam::123456789012:role/any",
            RoleSessionName=name,
            Policy=policy.replace("BUCKET", minio_bucket).replace("PREFIX", "runs/one"),
        )["Credentials"]
        return {
            "endpoint_url": minio.endpoint_url,
            "key": given["AccessKeyId"],
            "secret": given["SecretAccessKey"],
            "token": given["SessionToken"],
        }

    return options


@pytest.fixture
def run(minio: Minio, minio_bucket_url: str) -> str:
    """A run of two checkpoints."""
    for step in (1, 2):
        embzarr.save(
            minio_bucket_url, WORDS, LARGE + step, step=step, storage_options=minio.options
        )
    return minio_bucket_url


def denied(call: Callable[[], object]) -> bool:
    try:
        call()
    except embzarr.AccessDeniedError:
        return True
    return False


@pytest.mark.parametrize("name", ["reader", "reader-who-lists"])
def test_a_reader_reads_and_writes_nothing(
    run: str, acting: Callable[[str], dict[str, Any]], name: str
) -> None:
    """The newest, each step, all of the history; not beside the folder, and no save."""
    options = acting(name)
    assert embzarr.open(run, storage_options=options)["w7"].tolist() == (LARGE + 2)[7].tolist()
    assert embzarr.open(run, step=1, storage_options=options).commit == 1
    assert embzarr.open(run, storage_options=options).verify().ok
    assert len(embzarr.Run(run, storage_options=options).commits()) == 2
    assert denied(lambda: embzarr.save(run, WORDS, LARGE, storage_options=options))
    assert denied(lambda: embzarr.open(f"{run}-other", storage_options=options))


def test_a_writer_saves_and_deletes_nothing(
    run: str, acting: Callable[[str], dict[str, Any]]
) -> None:
    """Large objects, deltas and tags too; a collection is refused before it gives anything up."""
    options = acting("writer")
    embzarr.save(run, WORDS, LARGE, step=3, storage_options=options)
    history = embzarr.Run(run, storage_options=options)
    history.save_delta([0], LARGE[:1] + 9, step=4)
    history.tag("best", step=3)
    assert denied(lambda: history.gc(keep_last=1))
    assert [one.step for one in history.commits()] == [4, 3, 2, 1]


def test_a_collector_gives_up_what_is_old(
    run: str, acting: Callable[[str], dict[str, Any]]
) -> None:
    """And may write, since a collection is a commit."""
    history = embzarr.Run(run, storage_options=acting("collector"))
    assert history.gc(keep_last=1).expired == (1,)
    assert [one.step for one in history.commits()] == [2]
