"""What `nearest` promises: the nearest rows by brute force, in one pass of bounded memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._reading import nearest as nearest_module
from embzarr._reading.nearest import Lengths
from oracle import make_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

VECTORS = make_vectors(200, 8)


def blocks_of(
    vectors: NDArray[Any], size: int = 7
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    rows = np.arange(len(vectors))
    for start in range(0, len(vectors), size):
        yield rows[start : start + size], vectors[start : start + size]


def nearest(
    query: NDArray[Any], vectors: NDArray[Any], *, count: int = 5, without: set[int] | None = None
) -> list[tuple[int, float]]:
    excluded = frozenset(without or ())
    lengths = Lengths(len(vectors))
    return nearest_module.nearest(query, blocks_of(vectors), lengths, count=count, without=excluded)


def brute_force(query: NDArray[Any], vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Return all cosines in double precision."""
    wide, target = vectors.astype(np.float64), query.astype(np.float64)
    dots = wide @ target
    return np.asarray(dots / (np.linalg.norm(wide, axis=1) * np.linalg.norm(target)))


def rows_of(found: list[tuple[int, float]]) -> list[int]:
    return [row for row, _ in found]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("row", [0, 6, 7, 199])
def test_the_nearest_are_those_of_brute_force(row: int, dtype: str) -> None:
    """Rows and cosines are those of all numbers in double precision, nearest first."""
    vectors = VECTORS.astype(dtype)
    cosines = brute_force(vectors[row], vectors)
    expected = np.argsort(-cosines)[:10]

    found = nearest(vectors[row], vectors, count=10)

    assert rows_of(found) == expected.tolist()
    np.testing.assert_allclose([score for _, score in found], cosines[expected], atol=1e-6)
    assert found[0][0] == row


@given(st.integers(1, 250))
def test_batches_do_not_change_the_answer(size: int) -> None:
    """However rows are cut into stretches, the same ones come out."""
    lengths = Lengths(len(VECTORS))
    blocks = [(np.arange(200), VECTORS)]
    whole = nearest_module.nearest(VECTORS[3], blocks, lengths, count=9, without=frozenset())

    parts = blocks_of(VECTORS, size)
    cut = nearest_module.nearest(VECTORS[3], parts, lengths, count=9, without=frozenset())

    assert rows_of(cut) == rows_of(whole)


def test_rows_are_left_out() -> None:
    """Rows that are not wanted leave their places to the next ones, in whatever block they lie."""
    all_rows = rows_of(nearest(VECTORS[3], VECTORS, count=8))
    without = {all_rows[0], all_rows[2], 10**9, -1}

    found = nearest(VECTORS[3], VECTORS, count=6, without=without)

    assert rows_of(found) == [all_rows[1], *all_rows[3:]]


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (200, 200), (201, 200)])
def test_no_more_rows_come_than_there_are(count: int, expected: int) -> None:
    """As many as asked for, or all."""
    assert len(nearest(VECTORS[0], VECTORS, count=count)) == expected


def test_no_rows_are_near_to_nothing() -> None:
    """An empty checkpoint, or one whose only row is left out, gives no answer."""
    assert nearest(VECTORS[0], VECTORS[:0]) == []
    assert nearest(VECTORS[0], VECTORS[:1], without={0}) == []


def test_equal_rows_come_in_their_order() -> None:
    """Ties are broken by row number, over all blocks."""
    vectors = np.ones((30, 4), np.float32)

    assert rows_of(nearest(vectors[0], vectors, count=10)) == list(range(10))


def test_zero_vectors_are_near_to_nothing() -> None:
    """A zero row has the cosine 0 with all, and a zero query with every row."""
    vectors = np.array([[0, 0], [1, 0], [-1, 0]], np.float32)

    assert nearest(np.array([2.0, 0]), vectors) == [(1, 1.0), (0, 0.0), (2, -1.0)]
    assert nearest(np.zeros(2), vectors) == [(0, 0.0), (1, 0.0), (2, 0.0)]


def test_rows_that_are_not_finite_are_never_near() -> None:
    """NaN and infinity, which may be stored on request, have no cosine; other rows keep theirs."""
    nan, inf = math.nan, math.inf
    vectors = np.array([[nan, 1], [1, 0], [inf, 1], [1, nan], [0, 1], [-inf, inf]], np.float32)

    assert nearest(np.array([1.0, 0]), vectors, count=6) == [(1, 1.0), (4, 0.0)]


@pytest.mark.parametrize("scale", [1e-100, 1e-30, 1e-3, 1.0, 1e30, 1e100])
def test_the_length_of_a_query_does_not_matter(scale: float) -> None:
    """A query far beyond the range of single precision is a direction still."""
    vectors = np.array([[3, 4], [4, 3]], np.float32)

    found = nearest(np.array([3.0, 4.0]) * scale, vectors)

    assert rows_of(found) == [0, 1]
    np.testing.assert_allclose([score for _, score in found], [1, 0.96], rtol=1e-6)


def test_answers_are_plain_numbers() -> None:
    """Rows and cosines print, and are written as JSON, as int and float."""
    ((row, score),) = nearest(VECTORS[5], VECTORS, count=1)

    assert (type(row), type(score)) == (int, float)


def test_very_short_and_long_rows_have_their_cosines() -> None:
    """Rows whose squares leave float32's range are as near as their directions are."""
    directions = np.array([[3, 4], [4, 3], [-3, 4], [0, 1]], np.float32)
    scales = np.array([1e-30, 1e30, 1e-40, 1], np.float32)

    found = nearest(np.array([3.0, 4.0]), directions * scales[:, None])

    expected = {0: 1.0, 1: 0.96, 2: 7 / 25, 3: 0.8}
    assert rows_of(found) == [0, 1, 3, 2]
    assert dict(found) == pytest.approx(expected, rel=1e-4)


def test_whole_numbers_may_ask() -> None:
    """A query of integers is a direction as any other."""
    assert rows_of(nearest(np.array([1, 0]), np.eye(2, dtype=np.float32))) == [0, 1]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 0], [5, 0], 1.0),
        ([1, 0], [-2, 0], -1.0),
        ([1, 0], [0, 3], 0.0),
        ([3, 4], [4, 3], 0.96),
        ([0, 0], [1, 2], 0.0),
        ([0, 0], [0, 0], 0.0),
        ([60000, 60000], [1, 1], 1.0),
    ],
)
def test_a_cosine_is_known(a: list[float], b: list[float], expected: float) -> None:
    """The angle alone counts, in half precision too, and zero vectors have none."""
    left, right = np.array(a, np.float16), np.array(b, np.float16)

    assert nearest_module.cosine(left, right) == pytest.approx(expected, abs=1e-12)


def test_a_unit_vector_has_length_one() -> None:
    """A vector is scaled to length 1; a zero vector stays."""
    np.testing.assert_allclose(nearest_module.unit(np.array([3.0, 4.0])), [0.6, 0.8])
    np.testing.assert_array_equal(nearest_module.unit(np.zeros(3)), np.zeros(3))


@given(st.integers(0, 200), st.integers(0, 40), st.integers(0, 300))
def test_batches_cover_all_rows_within_their_bytes(rows: int, row: int, limit: int) -> None:
    """Each row is in one batch, and a batch of several rows is not larger than allowed."""
    found = list(nearest_module.batches(rows, row, limit))

    assert [r for start, stop in found for r in range(start, stop)] == list(range(rows))
    assert all((b - a) * row <= limit or b - a == 1 for a, b in found)


def test_batches_are_as_large_as_they_may_be() -> None:
    """Ten rows of four bytes in batches of twelve are three, three, three and one."""
    assert list(nearest_module.batches(10, 4, 12)) == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert list(nearest_module.batches(2, 4, 3)) == [(0, 1), (1, 2)]
    assert list(nearest_module.batches(5, 1, 3)) == [(0, 3), (3, 5)]
    assert list(nearest_module.batches(5, 0, 3)) == [(0, 3), (3, 5)]


def test_lengths_are_computed_once() -> None:
    """What a row's length was stays; rows may come in any order and part."""
    lengths = Lengths(200)
    some = np.array([7, 3, 150])
    expected = np.linalg.norm(VECTORS[some], axis=1)

    np.testing.assert_allclose(lengths.of(some, VECTORS[some]), expected, rtol=1e-6)

    np.testing.assert_allclose(lengths.of(some, np.zeros((3, 8), np.float32)), expected, rtol=1e-6)
    others = np.arange(200)
    np.testing.assert_allclose(
        lengths.of(others, VECTORS), np.linalg.norm(VECTORS, axis=1), rtol=1e-6
    )
