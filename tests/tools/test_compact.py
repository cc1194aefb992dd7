"""``embzarr compact``: a chain becomes one layer, a full step stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import embzarr
from tools.asking import Ask


def test_a_chain_becomes_a_full_step(ask: Ask, tmp_path: Path) -> None:
    """The step and its numbers stay; the second time there is nothing to do."""
    words = [f"w{row}" for row in range(2000)]
    vectors = np.random.default_rng(0).standard_normal((2000, 32), np.float32)
    embzarr.save(tmp_path, words, vectors, step=3)
    run = embzarr.Run(tmp_path)
    vectors[5] = 1
    run.save_delta([5], vectors[5:6], step=4)
    assert len(run.open().info().layers) == 2

    done = ask("compact", str(tmp_path), "--chunk-bytes", 2048)

    assert done.code == 0
    assert done.out.startswith("step 4 (commit 3): 2 layers became one of ")
    np.testing.assert_array_equal(run.open(step=4).to_numpy(), vectors)
    assert len(run.open().info().layers) == 1
    assert run.open().info().columns[0].chunk_rows == 16
    assert "is a full step already" in ask("compact", str(tmp_path)).out
