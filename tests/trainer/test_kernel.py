"""The compiled loops, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from embzarr_trainer import _kernel
from embzarr_trainer._buffers import Scratch, Tables, Weights
from embzarr_trainer._kernel import new_scratch, train_chunk
from embzarr_trainer._sampling import build_tables

WORDS = 50
WIDTH = 32


def make(*, seed: int = 1) -> tuple[Weights, Tables, Scratch]:
    draws = np.random.default_rng(seed)
    weights = Weights(
        inputs=draws.normal(0, 0.5, (WORDS, WIDTH)).astype(np.float32),
        outputs=draws.normal(0, 0.5, (WORDS, WIDTH)).astype(np.float32),
    )
    scratch = new_scratch()
    scratch.state[0] = seed
    return weights, build_tables(np.arange(WORDS, 0, -1), sample=0), scratch


def oracle(
    weights: Weights, context: list[int], targets: list[int], alpha: float
) -> tuple[Weights, float]:
    """Stochastic gradient descent as the papers have it: in float64, one context after another."""
    inputs, outputs = weights.inputs.astype(float), weights.outputs.astype(float)
    label = np.zeros(len(targets))
    label[0] = 1
    loss = 0.0
    for group in range(0, len(targets), _kernel.GROUP):
        chosen, wanted = targets[group:][: _kernel.GROUP], label[group:][: _kernel.GROUP]
        for word in context:
            logits = np.clip(outputs[chosen] @ inputs[word], -6, 6)
            loss += float((np.log1p(np.exp(logits)) - wanted * logits).sum())
            slopes = alpha * (wanted - 1 / (1 + np.exp(-logits)))
            before = inputs[word].copy()
            inputs[word] += slopes @ outputs[chosen]
            outputs[chosen] += np.outer(slopes, before)
    return Weights(inputs=inputs, outputs=outputs), loss


@pytest.mark.parametrize("negative", [1, 5, 6, 17])
def test_window_is_gradient_descent(negative: int) -> None:
    """A window moves the rows that the formula moves, by as much, and reports the same loss."""
    weights, tables, scratch = make(seed=negative)
    sentence = [3, 8, 20, 8, 41]
    scratch.kept[: len(sentence)] = sentence
    before = Weights(inputs=weights.inputs.copy(), outputs=weights.outputs.copy())
    alpha = np.float32(0.1)
    twin = new_scratch()
    twin.state[:] = scratch.state
    count = _kernel._draw_targets(20, negative, tables, twin)
    loss = _kernel._train_window(2, 0, 5, negative, alpha, weights, tables, scratch)

    targets = twin.targets[:count].tolist()
    after, expected = oracle(before, [3, 8, 8, 41], targets, 0.1)
    assert targets[0] == 20
    np.testing.assert_allclose(loss, expected, rtol=1e-3)
    np.testing.assert_allclose(weights.inputs, after.inputs, atol=2e-4)
    np.testing.assert_allclose(weights.outputs, after.outputs, atol=2e-4)


def test_extreme_logits_are_clipped() -> None:
    """Logits beyond the table, infinity included, read its ends and no other memory."""
    weights, tables, scratch = make()
    scratch.kept[:2] = [0, 1]
    weights.inputs[1] = 1e3
    weights.outputs[:] = -1e3
    loss = _kernel._train_window(0, 0, 2, 5, np.float32(0.01), weights, tables, scratch)

    assert np.isfinite(loss)
    assert np.isfinite(weights.inputs).all()


def test_draws_follow_the_distribution() -> None:
    """Negatives come in proportion to counts^0.75, and never is one the centre word or twice."""
    _, tables, scratch = make()
    drawn = np.zeros(WORDS)
    for _ in range(20_000):
        count = _kernel._draw_targets(WORDS - 1, 2, tables, scratch)
        targets = scratch.targets[:count]
        drawn[targets[1:]] += 1
        assert len(set(targets.tolist())) == count
    expected = np.arange(WORDS, 0, -1.0) ** 0.75
    expected[-1] = 0

    assert np.abs(drawn / drawn.sum() - expected / expected.sum()).max() < 0.004


def test_windows_and_subsampling() -> None:
    """A chunk pairs each centre with 1 .. window words on each side, on average half of them."""
    weights, tables, scratch = make()
    ids = np.random.default_rng(2).integers(0, WORDS, 10_000, np.int32)
    starts = np.array([0, 10_000])
    _, pairs = train_chunk(ids, starts, 5, 1, np.float32(0), weights, tables, scratch)
    thinned = tables._replace(keep=np.full(WORDS, 2**31, np.uint32))
    _, fewer = train_chunk(ids, starts, 5, 1, np.float32(0), weights, thinned, scratch)

    assert abs(pairs / 60_000 - 1) < 0.02
    assert abs(fewer / 30_000 - 1) < 0.05


def test_sentences_do_not_mix() -> None:
    """No window reaches over the end of a sentence."""
    weights, tables, scratch = make()
    ids = np.arange(20, dtype=np.int32)
    _, pairs = train_chunk(ids, np.arange(0, 21, 2), 5, 1, np.float32(0), weights, tables, scratch)

    assert pairs == 20


def test_same_seed_same_weights() -> None:
    """The same state before gives the same bits after."""
    ids = np.random.default_rng(2).integers(0, WORDS, 5000, np.int32)
    results = []
    for _ in range(2):
        weights, tables, scratch = make()
        train_chunk(ids, np.array([0, 5000]), 5, 5, np.float32(0.1), weights, tables, scratch)
        results.append(weights)

    assert np.array_equal(results[0].inputs, results[1].inputs)
    assert np.array_equal(results[0].outputs, results[1].outputs)
