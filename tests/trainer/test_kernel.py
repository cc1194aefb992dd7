"""The compiled loops, against plain numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from embzarr_trainer._buffers import GROUP, Marks, Method, Scratch, Tables, Weights, new_scratch
from embzarr_trainer._loops import draws, kernel
from embzarr_trainer._loops.kernel_gate import Kernel, Worker
from embzarr_trainer._sampling import build_tables

WORDS = 50
WIDTH = 32


def make(*, seed: int = 1) -> tuple[Weights, Marks, Tables, Scratch]:
    draws = np.random.default_rng(seed)
    weights = Weights(
        inputs=draws.normal(0, 0.5, (WORDS, WIDTH)).astype(np.float32),
        outputs=draws.normal(0, 0.5, (WORDS, WIDTH)).astype(np.float32),
    )
    marks = Marks(inputs=np.zeros(WORDS, np.uint8), outputs=np.zeros(WORDS, np.uint8))
    scratch = new_scratch(WIDTH)
    scratch.state[0] = seed
    return weights, marks, build_tables(np.arange(WORDS, 0, -1), sample=0), scratch


def train_chunk(
    ids: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    alpha: float,
    method: Method,
    weights: Weights,
    marks: Marks,
    tables: Tables,
) -> tuple[float, int]:
    kernel = Kernel(method=method, weights=weights, marks=marks, tables=tables)
    return Worker(kernel).train(ids, starts, alpha=np.float32(alpha), seed=np.uint64(1))


def draw_targets(centre: int, negative: int, tables: Tables, scratch: Scratch) -> list[int]:
    scratch.targets[0] = centre
    count = draws.draw_targets(negative, tables, scratch)
    return list(map(int, scratch.targets[:count]))


def oracle(
    weights: Weights, context: list[int], targets: list[int], *, alpha: float, cbow: bool
) -> tuple[Weights, float]:
    """Stochastic gradient descent as the papers have it, in float64: one context after another,
    or the mean of them, whose gradient is shared out; six targets at a time.
    """
    inputs, outputs = weights.inputs.astype(float), weights.outputs.astype(float)
    means = [inputs[context].mean(axis=0)] if cbow else []
    label = np.zeros(len(targets))
    label[0] = 1
    loss = 0.0
    for group in range(0, len(targets), GROUP):
        chosen, wanted = targets[group:][:GROUP], label[group:][:GROUP]
        for number, vector in enumerate(means if cbow else [inputs[word] for word in context]):
            row = vector if cbow else inputs[context[number]]
            logits = np.clip(outputs[chosen] @ row, -6, 6)
            if number == 0:
                loss += float((np.log1p(np.exp(logits)) - wanted * logits).sum())
            slopes = alpha * (wanted - 1 / (1 + np.exp(-logits)))
            before = row.copy()
            row += slopes @ outputs[chosen]
            outputs[chosen] += np.outer(slopes, before)
    if cbow:
        moved = means[0] - weights.inputs[context].astype(float).mean(axis=0)
        np.add.at(inputs, context, moved / len(context))
    return Weights(inputs=inputs, outputs=outputs), loss


@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("negative", [1, 5, 6, 17])
@pytest.mark.slow
def test_window_is_gradient_descent(negative: int, *, cbow: bool) -> None:
    """A window moves the rows that the formula moves, by as much, and reports the same loss."""
    weights, marks, tables, scratch = make(seed=negative)
    context = [3, 8, 8, 41]
    before = Weights(inputs=weights.inputs.copy(), outputs=weights.outputs.copy())
    targets = draw_targets(20, negative, tables, scratch)
    scratch.context[: len(context)] = context
    loss = kernel._train_window(
        len(context),
        len(targets),
        np.float32(0.1),
        Method(window=2, negative=negative, cbow=cbow),
        weights,
        marks,
        tables,
        scratch,
    )

    after, expected = oracle(before, context, targets, alpha=0.1, cbow=cbow)
    np.testing.assert_allclose(loss, expected, rtol=1e-3)
    np.testing.assert_allclose(weights.inputs, after.inputs, atol=2e-4)
    np.testing.assert_allclose(weights.outputs, after.outputs, atol=2e-4)
    assert not np.array_equal(weights.inputs, before.inputs)
    assert np.flatnonzero(marks.outputs).tolist() == sorted(targets)


@pytest.mark.slow
def test_extreme_logits_are_clipped() -> None:
    """Logits beyond the table, infinity included, read its ends and no other memory."""
    weights, marks, tables, scratch = make()
    weights.inputs[1] = 1e3
    weights.outputs[:] = -1e3
    scratch.context[0] = 1
    method = Method(window=2, negative=5, cbow=False)
    alpha = np.float32(0.01)
    count = len(draw_targets(0, 5, tables, scratch))
    loss = kernel._train_window(1, count, alpha, method, weights, marks, tables, scratch)

    assert np.isfinite(loss)
    assert np.isfinite(weights.inputs).all()


def test_draws_follow_the_distribution() -> None:
    """Negatives come in proportion to counts^0.75, and never is one the centre word or twice."""
    _, _, tables, scratch = make()
    drawn = np.zeros(WORDS)
    for _ in range(20_000):
        targets = draw_targets(WORDS - 1, 2, tables, scratch)
        drawn[targets[1:]] += 1
        assert len(set(targets)) == len(targets)
    expected = np.arange(WORDS, 0, -1.0) ** 0.75
    expected[-1] = 0

    assert np.abs(drawn / drawn.sum() - expected / expected.sum()).max() < 0.004


@pytest.mark.parametrize("negative", [1, 5, 12])
@pytest.mark.parametrize("between", [0, 1])
def test_next_negatives_are_foreseen(between: int, negative: int) -> None:
    """What is drawn after some other numbers is known before, and no other by being foreseen."""
    _, _, tables, scratch = make()
    gamma = np.uint64(0x9E3779B97F4A7C15)
    for centre in range(20):
        state = scratch.state[0]
        draws.foresee(centre, between, negative, tables, scratch)
        assert scratch.state[0] == state

        with np.errstate(over="ignore"):
            scratch.state[0] += np.uint64(between) * gamma
        plain = new_scratch(WIDTH)
        plain.state[0] = scratch.state[0]
        expected = draw_targets(centre, negative, tables, plain)
        ahead = scratch.ahead[: min(negative + 1, GROUP)].tolist()
        assert list(dict.fromkeys(ahead)) == expected[: len(dict.fromkeys(ahead))]
        assert draw_targets(centre, negative, tables, scratch) == expected
        assert scratch.state[0] == plain.state[0]


def test_window_sizes() -> None:
    """A centre word takes 1 .. window words from each side, each width as often."""
    _, _, tables, scratch = make()
    scratch.kept[:50] = np.arange(50)
    method = Method(window=5, negative=1, cbow=False)
    sizes = [draws.choose_window(25, 50, method, tables, scratch) for _ in range(5000)]

    assert set(sizes) == {2, 4, 6, 8, 10}
    assert abs(np.mean(sizes) - 6) < 0.1
    count = draws.choose_window(0, 2, method, tables, scratch)
    assert scratch.context[:count].tolist() == [1]
    assert scratch.targets[0] == 0


def test_subsampling() -> None:
    """Of a chunk about as many words are kept as the thresholds say."""
    weights, marks, tables, _ = make()
    ids = np.random.default_rng(2).integers(0, WORDS, 10_000, np.int32)
    starts = np.array([0, 10_000])
    method = Method(window=5, negative=1, cbow=False)
    _, windows = train_chunk(ids, starts, 0, method, weights, marks, tables)
    thinned = tables._replace(keep=np.full(WORDS, 2**31, np.uint32))
    _, fewer = train_chunk(ids, starts, 0, method, weights, marks, thinned)

    assert windows == 10_000
    assert abs(fewer / 5_000 - 1) < 0.05


@pytest.mark.parametrize("cbow", [False, True])
def test_marks(*, cbow: bool) -> None:
    """Exactly the rows that training moved are marked."""
    weights, marks, tables, _ = make()
    before = Weights(inputs=weights.inputs.copy(), outputs=weights.outputs.copy())
    ids = np.array([3, 9, 3, 12, 40], np.int32)
    method = Method(window=1, negative=1, cbow=cbow)
    train_chunk(ids, np.array([0, 5]), 0.1, method, weights, marks, tables)

    for matrix, old, marked in zip(weights, before, marks, strict=True):
        assert np.array_equal((matrix != old).any(axis=1), marked == 1)


@pytest.mark.parametrize("cbow", [False, True])
def test_frozen_rows_stay(*, cbow: bool) -> None:
    """Rows of frozen words keep all their bits and are not marked; the others learn."""
    weights, marks, tables, _ = make()
    before = Weights(inputs=weights.inputs.copy(), outputs=weights.outputs.copy())
    tables.frozen[10:] = 1
    ids = np.random.default_rng(2).integers(0, WORDS, 1000, np.int32)
    method = Method(window=5, negative=5, cbow=cbow)
    starts = np.array([0, 1000])
    train_chunk(ids, starts, 0.1, method, weights, marks, tables)

    for matrix, old, marked in zip(weights, before, marks, strict=True):
        assert np.array_equal(matrix[10:], old[10:])
        assert (matrix[:10] != old[:10]).any(axis=1).all()
        assert marked.tolist() == [1] * 10 + [0] * (WORDS - 10)


def test_sentences_do_not_mix() -> None:
    """No window reaches over the end of a sentence: words alone in theirs have none."""
    weights, marks, tables, _ = make()
    ids = np.arange(20, dtype=np.int32)
    method = Method(window=5, negative=1, cbow=False)
    starts = np.array([0, 1, 2, 10, 11, 20])
    _, windows = train_chunk(ids, starts, 0, method, weights, marks, tables)

    assert windows == 8 + 9


def test_same_seed_same_weights() -> None:
    """The same state before gives the same bits after."""
    ids = np.random.default_rng(2).integers(0, WORDS, 5000, np.int32)
    method = Method(window=5, negative=5, cbow=False)
    results = []
    for _ in range(2):
        weights, marks, tables, _ = make()
        train_chunk(ids, np.array([0, 5000]), 0.1, method, weights, marks, tables)
        results.append(weights)

    assert np.array_equal(results[0].inputs, results[1].inputs)
    assert np.array_equal(results[0].outputs, results[1].outputs)
