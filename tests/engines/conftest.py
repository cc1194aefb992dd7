"""Engines of other languages, which read and write stores by programs in Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embzarr
from servers import hdfs as hadoop
from servers import yarn as cluster
from servers.hdfs import Hdfs
from servers.yarn import Yarn

ROWS = 30_000


@pytest.fixture(scope="module")
def yarn(hdfs: Hdfs) -> Iterator[Yarn]:
    program = hadoop.find_hdfs()
    assert program is not None
    if not any(program.jars.glob("hadoop-streaming-*.jar")):
        pytest.skip(hadoop.MISSING)
    with cluster.running_yarn(program, hdfs.url) as server:
        yield server


def save(url: str, *, rows: int = ROWS, dim: int = 8) -> embzarr.Checkpoint:
    """Save random vectors of words w0, w1, ..."""
    vectors = np.random.default_rng(0).normal(size=(rows, dim)).astype(np.float32)
    return embzarr.save(url, [f"w{row}" for row in range(rows)], vectors)


def put(hdfs: Hdfs, path: str, data: bytes) -> None:
    """Store a file on HDFS."""
    from hdfs_native import Client  # noqa: PLC0415 - an extra

    client = Client(hdfs.url)
    client.mkdirs(str(Path(path).parent), create_parent=True)
    with client.create(path) as file:
        file.write(data)
