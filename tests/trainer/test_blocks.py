"""The compiled loops on two matrices of different words: their gate, and what they compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr_trainer import Blocks, Method, Weights, Windows, build_tables
from embzarr_trainer._buffers import MAX_WINDOW, new_scratch
from trainer.test_kernel import draw_targets, oracle

IN, OUT, WIDTH = 9, 5, 16


def weights() -> Weights:
    draws = np.random.default_rng(5)
    matrices = (draws.normal(0, 0.5, (rows, WIDTH)).astype(np.float32) for rows in (IN, OUT))
    return Weights(*matrices)


def blocks(**changes: Any) -> Blocks:
    given: dict[str, Any] = {
        "method": Method(window=5, negative=3, cbow=False),
        "weights": weights(),
        "tables": build_tables(np.arange(OUT, 0, -1), sample=0),
    }
    return Blocks(**{**given, **changes})


def windows(**changes: Any) -> Windows:
    given = {
        "centres": np.array([4, 0, 4], np.int32),
        "sizes": np.array([2, 1, 3], np.uint16),
        "contexts": np.array([8, 0, 3, 3, 8, 8], np.int32),
    }
    return Windows(**{**given, **changes})


def train(one: Blocks, other: Windows, *, alpha: Any = np.float32(0.1)) -> float:  # noqa: B008 - no state
    return one.train(other, alpha=alpha, seed=np.uint64(11))


def test_windows_are_gradient_descent() -> None:
    """One window after another, each with negatives of the output matrix's own words."""
    trained, given = blocks(), windows()
    loss = train(trained, given)
    expected, scratch = weights(), new_scratch(WIDTH)
    scratch.state[0] = np.uint64(11)
    total, at = 0.0, 0
    for centre, size in zip(given.centres.tolist(), given.sizes.tolist(), strict=True):
        context = given.contexts[at : at + size].tolist()
        targets = draw_targets(centre, 3, trained.tables, scratch)
        expected, one = oracle(expected, context, targets, alpha=0.1, cbow=False)
        total, at = total + one, at + size

    assert loss == pytest.approx(total, abs=0.02)
    np.testing.assert_allclose(trained.weights.inputs, expected.inputs, atol=2e-3)
    np.testing.assert_allclose(trained.weights.outputs, expected.outputs, atol=2e-3)
    assert (trained.weights.inputs[1] == weights().inputs[1]).all()


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a mean": (lambda: blocks(method=Method(5, 5, True)), "method.cbow"),  # noqa: FBT003 - a value
    "no negative": (lambda: blocks(method=Method(5, 0, False)), "method.negative"),  # noqa: FBT003
    "widths that differ": (
        lambda: blocks(weights=Weights(weights().inputs, np.zeros((OUT, 32), np.float32))),
        "weights.outputs",
    ),
    "no output row": (
        lambda: blocks(weights=Weights(weights().inputs, np.zeros((0, WIDTH), np.float32))),
        "weights.outputs",
    ),
    "doubles": (
        lambda: blocks(weights=Weights(weights().inputs, np.zeros((OUT, WIDTH)))),  # type: ignore[arg-type]
        "weights.outputs",
    ),
    "tables of the input's words": (
        lambda: blocks(tables=build_tables(np.arange(IN, 0, -1), sample=0)),
        "tables.keep",
    ),
    "a centre too large": (
        lambda: train(blocks(), windows(centres=np.array([OUT, 0, 0], np.int32))),
        "windows.centres",
    ),
    "a negative centre": (
        lambda: train(blocks(), windows(centres=np.array([0, -1, 0], np.int32))),
        "windows.centres",
    ),
    "a context too large": (
        lambda: train(blocks(), windows(contexts=np.array([0, 1, 2, 3, 4, IN], np.int32))),
        "windows.contexts",
    ),
    "fewer contexts than told": (
        lambda: train(blocks(), windows(contexts=np.zeros(5, np.int32))),
        "windows.contexts",
    ),
    "a size of none": (
        lambda: train(blocks(), windows(sizes=np.array([2, 0, 4], np.uint16))),
        "windows.sizes",
    ),
    "sizes of other windows": (
        lambda: train(blocks(), windows(sizes=np.array([2, 4], np.uint16))),
        "windows.sizes",
    ),
    "a window too wide": (
        lambda: train(
            blocks(),
            Windows(
                np.zeros(1, np.int32),
                np.array([2 * MAX_WINDOW + 1], np.uint16),
                np.zeros(2 * MAX_WINDOW + 1, np.int32),
            ),
        ),
        "windows.sizes",
    ),
    "another type of number": (
        lambda: train(blocks(), windows(contexts=np.zeros(6, np.int64))),
        "windows.contexts",
    ),
    "a plain tuple": (lambda: train(blocks(), tuple(windows())), "windows"),  # type: ignore[arg-type]
    "no learning rate": (lambda: train(blocks(), windows(), alpha=np.float32("nan")), "alpha"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str) -> None:
    """No index is looked at behind the gate."""
    call, name = REFUSED[case]
    with pytest.raises(embzarr.InvalidInputError) as caught:
        call()

    assert caught.value.code == "input-argument"
    assert str(caught.value).startswith(f"{name}: expected"), str(caught.value)
