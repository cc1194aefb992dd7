"""The plan of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embzarr_trainer import TrainOptions
from embzarr_trainer._schedule import chunk_bounds, plan_schedule, save_points

if TYPE_CHECKING:
    import numpy.typing as npt


def starts(*lengths: int) -> npt.NDArray[np.int64]:
    return np.append(0, np.cumsum(lengths))


def test_chunks_are_whole_sentences() -> None:
    """Chunks cover all sentences once, in about 10,000 words each."""
    begins = starts(*np.random.default_rng(1).integers(1, 300, 20_000))
    bounds = chunk_bounds(begins)
    sizes = np.diff(begins[bounds])

    assert bounds[0] == 0
    assert bounds[-1] == 20_000
    assert (np.diff(bounds) > 0).all()
    assert sizes.max() <= 10_300


@pytest.mark.parametrize("lengths", [[1], [10_000, 10_000, 1], [1, 10_000], [2] * 400])
def test_odd_corpora(lengths: list[int]) -> None:
    """One word, the longest sentences and the shortest are covered all the same."""
    bounds = chunk_bounds(starts(*lengths))

    assert bounds[0] == 0
    assert bounds[-1] == len(lengths)
    assert (np.diff(bounds) > 0).all()


def test_every_epoch_takes_every_chunk_once(settings: dict[str, Any]) -> None:
    """The order differs between epochs and between seeds, and leaves nothing out."""
    begins = starts(*[100] * 1000)
    first = plan_schedule(begins, options=TrainOptions(**settings | {"epochs": 3}))
    other = plan_schedule(begins, options=TrainOptions(**settings | {"epochs": 3, "seed": 2}))
    epochs = first.order.reshape(3, -1)

    assert (np.sort(epochs, axis=1) == np.arange(first.chunks)).all()
    assert not (epochs[0] == epochs[1]).all()
    assert not (first.order == other.order).all()
    assert first.total_words == 300_000


def test_learning_rate_falls_linearly(settings: dict[str, Any]) -> None:
    """From alpha down to about min_alpha, in proportion to the words trained."""
    options = TrainOptions(**settings | {"alpha": 0.05, "min_alpha": 0.01})
    plan = plan_schedule(starts(*[100] * 10_000), options=options)

    assert plan.alpha[0] == np.float32(0.05)
    assert plan.alpha[-1] == pytest.approx(0.01, rel=0.05)
    np.testing.assert_allclose(plan.alpha, 0.05 - 0.04 * plan.done[:-1] / 1_000_000, rtol=1e-5)


@pytest.mark.parametrize(
    ("every", "number", "saves"),
    [
        (None, None, (5,)),
        (None, 1, (5,)),
        (None, 2, (3, 5)),
        (None, 5, (1, 2, 3, 4, 5)),
        (None, 50, (1, 2, 3, 4, 5)),
        (20, None, (2, 4, 5)),
        (25, None, (3, 5)),
        (50, None, (5,)),
        (1000, None, (5,)),
        (1, None, (1, 2, 3, 4, 5)),
    ],
)
def test_save_points(every: int | None, number: int | None, saves: tuple[int, ...]) -> None:
    """A save follows the turn that reaches the words due; there is always one at the end."""
    assert save_points(np.arange(0, 60, 10), every=every, number=number) == saves
