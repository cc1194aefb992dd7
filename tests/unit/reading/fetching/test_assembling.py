"""What `assembling` promises: rows of chunks as they are meant, of small numbers too."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import embzarr


@pytest.mark.parametrize("dims", [slice(None), slice(1, None, 2)])
def test_rows_stored_as_small_numbers_are_multiplied(tmp_path: Path, dims: slice) -> None:
    """Each row by its own scale, whichever rows and dimensions are asked for."""
    policy = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)
    run = embzarr.Run(tmp_path)
    run.save([f"w{row}" for row in range(40)], np.zeros((40, 6), "f4"))
    rows = np.arange(5, 35)
    values = (rows[:, None] * np.array([1, -2, 3, -4, 5, 127])).astype("f4")

    found = run.save_delta(rows, values, lossy="int8", policy=policy)

    assert found.info().kind == "delta"
    loaded = found.load([f"w{row}" for row in (7, 0, 34, 5)], dims=dims).vectors
    expected = np.stack([values[2], np.zeros(6), values[29], values[0]])[:, dims]
    np.testing.assert_allclose(loaded, expected, rtol=1e-5)


def test_what_another_thread_reads_leaves_warnings_as_they_are(tmp_path: Path) -> None:
    """numpy 1 counts all threads' ``errstate`` together: a default one ends the others'."""
    embzarr.save(tmp_path, ["a"], np.ones((1, 2), "f4"))
    reader = threading.Thread(target=lambda: embzarr.open(tmp_path).load_rows(0, 1))
    with np.errstate(over="ignore"):
        reader.start()
        reader.join()
        assert np.isinf(np.array([1e6], "f4").astype("f2")).all()
