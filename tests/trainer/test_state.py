"""What weights begin as, and how they lie."""

from __future__ import annotations

import numpy as np
import pytest

from embzarr_trainer import _state


@pytest.mark.parametrize(("size", "width"), [(15, 16), (16, 16), (17, 32)])
def test_weights_begin_even_around_zero(size: int, width: int) -> None:
    """Input rows within one over their length, as the generator of NumPy draws them; then zeros."""
    made = _state.start_weights(300, vector_size=size, seed=5)

    drawn = np.random.default_rng(5).random((300, size), np.float32)
    np.testing.assert_allclose(made.inputs[:, :size], (2 * drawn - 1) / size, atol=1e-7)
    assert made.inputs.shape == made.outputs.shape == (300, width)
    assert not made.inputs[:, size:].any()
    assert not made.outputs.any()


def test_rows_may_be_added_below() -> None:
    """Of zeros, as what is to the right."""
    matrix = np.ones((2, 3), np.float32)

    found = _state.padded(matrix, rows=4)

    assert found.shape == (4, 16)
    assert found.sum() == found[:2, :3].sum() == 6
    assert _state.padded(matrix).shape == (2, 16)
