from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from embzarr_tools._figures import PERCENTILES, figures_of


def table() -> NDArray[np.float32]:
    """Rows of all kinds: zero, doubled, not finite, tiny and huge."""
    rows = np.random.default_rng(3).standard_normal((500, 6)).astype(np.float32) + np.float32(0.5)
    rows[10] = rows[499] = rows[20] = rows[3]
    rows[30] = rows[31] = 0
    rows[40, 2] = np.nan
    rows[41, 5] = np.inf
    rows[50] *= np.float32(1e-30)
    rows[51] *= np.float32(1e30)
    return rows


@pytest.mark.parametrize("batch", [1, 7, 500, 10_000])
def test_figures_are_those_of_the_whole_matrix(batch: int) -> None:
    """However rows come in batches, each figure is what plain numpy says of all of them."""
    whole = table()
    found = figures_of((whole[at : at + batch] for at in range(0, len(whole), batch)), 6)

    kept = whole[np.isfinite(whole).all(axis=1)].astype(np.float64)
    lengths = np.sqrt((kept**2).sum(axis=1))
    units = kept[lengths > 0] / lengths[lengths > 0, None]
    cosines = [a @ b for a, b in itertools.combinations(units, 2)]
    assert (found.rows, found.zero_rows, found.nonfinite_rows) == (500, 2, 2)
    assert found.duplicate_rows == 3
    assert found.norms is not None
    assert found.norms.min == 0
    assert found.norms.max == pytest.approx(lengths.max(), rel=1e-6)
    assert found.norms.mean == pytest.approx(lengths.mean(), rel=1e-6)
    expected = np.percentile(lengths, PERCENTILES)
    assert list(found.norms.percentiles.values()) == pytest.approx(expected.tolist(), rel=1e-6)
    assert found.mean_cosine == pytest.approx(np.mean(cosines), rel=1e-9)


def test_figures_of_hardly_anything() -> None:
    """No rows have no lengths, and one row has no pair."""
    nothing = figures_of([], 3)
    assert (nothing.rows, nothing.norms, nothing.mean_cosine) == (0, None, None)
    one = figures_of([np.array([[3, 0, 4]], np.float16)], 3)
    assert one.norms is not None
    assert (one.rows, one.norms.mean, one.mean_cosine) == (1, 5, None)


def test_mean_cosine_tells_a_cone_from_a_ball() -> None:
    """It is near 0 of directions that are spread evenly, and near 1 of those that are not."""
    ball = np.random.default_rng(1).standard_normal((2000, 50))
    assert figures_of([ball], 50).mean_cosine == pytest.approx(0, abs=0.01)
    assert figures_of([ball + 10], 50).mean_cosine == pytest.approx(0.99, abs=0.01)
