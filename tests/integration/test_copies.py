"""Runs go from a folder to a real object store and back, and are found there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import embzarr
from servers.minio import Minio

pytestmark = pytest.mark.servers


def test_a_run_goes_to_minio_and_back(tmp_path: Path, minio: Minio, minio_bucket: str) -> None:
    """The same bytes come back; a bucket tells its runs by the names of its folders."""
    run = embzarr.Run(tmp_path / "run")
    words = [f"w{number}" for number in range(5000)]
    run.save(words, np.random.default_rng(1).standard_normal((5000, 64), np.float32), step=1)
    run.save_delta([5], np.ones((1, 64), np.float32), step=2)
    run.tag("best")
    url, options = minio.url(minio_bucket, "team/run"), minio.options

    there = embzarr.copy(run.url, url, storage_options=options)
    again = embzarr.copy(run.url, url, storage_options=options)
    back = embzarr.copy(url, tmp_path / "back", source_options=options)

    assert (there.commits, again.commits, back.commits) == ((1, 2), (), (1, 2))
    assert again.bytes == 0
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            copied = tmp_path / "back" / path.relative_to(tmp_path / "run")
            assert copied.read_bytes() == path.read_bytes()
    bucket = minio.url(minio_bucket, "")
    assert embzarr.find_runs(bucket, storage_options=options) == ["team/run"]
