"""What streams takes bounded memory, whatever the size of the checkpoint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embzarr

pytestmark = [pytest.mark.peers, pytest.mark.slow]

ROWS, DIM = 500_000, 200
AT_MOST = 160 * 2**20
"""Bytes that a query over 400 MB may take: batches on their way, and what libraries keep."""


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A large checkpoint and a small one."""
    folder = tmp_path_factory.mktemp("runs")
    chance = np.random.default_rng(0)
    for name, rows in (("large", ROWS), ("small", 10_000)):
        with embzarr.create(folder / name, DIM) as writer:
            for start in range(0, rows, 10_000):
                words = [f"w{row}" for row in range(start, start + 10_000)]
                writer.append(words, chance.standard_normal((10_000, DIM), np.float32))
    return [folder / "large", folder / "small"]


@pytest.mark.parametrize("library", ["reader", "duckdb", "polars", "gensim"])
def test_a_query_over_everything(urls: list[Path], library: str) -> None:
    """Every row is looked at, and the peak stays well below the size of the vectors."""
    program = Path(__file__).with_name("querying.py")
    command = [sys.executable, str(program), library, *map(str, urls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    rows, took = map(int, done.stdout.split())

    assert rows == ROWS
    assert took < AT_MOST < ROWS * DIM * 4 / 2
