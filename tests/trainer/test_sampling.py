"""The tables of the kernel, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from embzarr_trainer._buffers import LOGIT_LIMIT, TABLE_SIZE
from embzarr_trainer._sampling import alias_table, build_tables, keep_thresholds


def test_alias_table_holds_the_distribution() -> None:
    """Adding up what each cell gives to its own index and to its alias gives the weights back."""
    weights = np.random.default_rng(3).pareto(1, 1000) + 1e-6
    cut, alias = alias_table(weights)
    own = cut / 2**32
    share = np.bincount(np.arange(1000), own, 1000) + np.bincount(alias, 1 - own, 1000)

    np.testing.assert_allclose(share / 1000, weights / weights.sum(), atol=1e-8)


def test_keep_thresholds() -> None:
    """Rare words stay; a word of share 1 under sample 0.01 stays with (10 + 1) / 100."""
    assert keep_thresholds(np.array([100]), sample=0.01)[0] / 2**32 == pytest.approx(0.11)
    assert keep_thresholds(np.array([1, 10**6]), sample=0.001)[0] == 2**32 - 1


def test_sample_zero_keeps_everything() -> None:
    """A sample of 0 turns subsampling off."""
    assert (keep_thresholds(np.array([9, 1]), sample=0) == 2**32 - 1).all()


def test_logistic_tables() -> None:
    """Each cell holds the value at its middle."""
    tables = build_tables(np.array([2, 1]), sample=0)
    middle = (np.arange(TABLE_SIZE) + 0.5) / TABLE_SIZE * 2 * LOGIT_LIMIT - LOGIT_LIMIT

    np.testing.assert_allclose(tables.sigmoid, 1 / (1 + np.exp(-middle)), rtol=1e-5)
    assert (np.diff(tables.softplus) > 0).all()
    np.testing.assert_allclose(tables.softplus - middle, tables.softplus[::-1], atol=1e-5)
