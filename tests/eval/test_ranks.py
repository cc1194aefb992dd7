from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr_eval._ranks import ranks, spearman


def test_equal_values_share_their_mean_rank() -> None:
    """Two values in second place have rank 2.5 each, and the next has rank 4."""
    assert ranks([10, 20, 20, 30]).tolist() == [1, 2.5, 2.5, 4]
    assert ranks([5, 5, 5]).tolist() == [2, 2, 2]


def test_by_hand() -> None:
    """Without ties: 1 - 6 sum d^2 / (n (n^2 - 1)), here with d = 1, -1, 0, 0; and with ties."""
    assert spearman([1, 2, 3, 4], [20, 10, 30, 40]) == pytest.approx(1 - 6 * 2 / 60)
    # Ranks 1 2.5 2.5 4 and 1 2 3 4: covariance 4.5, squared lengths 4.5 and 5.
    assert spearman([1, 7, 7, 9], [1, 2, 3, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


@pytest.mark.parametrize("values", [[], [1.0], [3.0, 3.0, 3.0]])
def test_no_order_no_correlation(values: list[float]) -> None:
    """Values that are all equal, or fewer than two, have no correlation."""
    assert spearman(values, [float(place) for place in range(len(values))]) is None


_values = st.integers(-4, 4)


@given(st.lists(st.tuples(_values, _values), min_size=2, max_size=40))
def test_as_scipy(pairs: list[tuple[int, int]]) -> None:
    """scipy finds the same, ties and all."""
    first, second = ([float(value) for value in column] for column in zip(*pairs, strict=True))
    ours = spearman(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert ours is None
        return
    stats = pytest.importorskip("scipy.stats")
    assert ours == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)
