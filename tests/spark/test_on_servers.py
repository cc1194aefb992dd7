"""Training in blocks on the stores that it is for: the same bits on each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import embzarr_spark
from embzarr_spark import LocalEngine
from servers.hdfs import Hdfs
from servers.minio import Minio

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SETTINGS: dict[str, Any] = {
    "vector_size": 10,
    "groups": 2,
    "segments": 1,
    "epochs": 1,
    "min_count": 1,
}


def train(corpus: Path, url: str, **where: Any) -> embzarr.Checkpoint:
    with LocalEngine(corpus) as engine:
        return embzarr_spark.train(engine, url, **SETTINGS, **where)


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return train(corpus, str(tmp_path_factory.mktemp("local") / "run"))


def assert_same(made: embzarr.Checkpoint, expected: embzarr.Checkpoint) -> None:
    assert list(made) == list(expected)
    np.testing.assert_array_equal(made.to_numpy(), expected.to_numpy(), strict=True)
    assert made.verify().problems == ()


def test_on_minio(
    corpus: Path, minio: Minio, minio_bucket_url: str, expected: embzarr.Checkpoint
) -> None:
    """With credentials as options, which tasks are given and no commit tells."""
    made = train(corpus, minio_bucket_url, storage_options=minio.options)

    assert_same(made, expected)
    with embzarr.open(f"{minio_bucket_url}.state/rows", storage_options=minio.options) as state:
        secrets = [value for value in minio.options.values() if isinstance(value, str)]
        assert not [one for one in secrets if one in str(state.metadata)]


def test_on_hdfs(corpus: Path, hdfs: Hdfs, expected: embzarr.Checkpoint) -> None:
    """Rounds that one process after another writes and reads."""
    assert_same(train(corpus, f"{hdfs.url}/blocks/run"), expected)
