"""Vectors that stay in the store are indexed, multiplied and measured as an array is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr.interop._rows.stored_matrix import StoredLengths, StoredMatrix, StoredWords
from oracle import make_vectors

ROWS, DIM = 500, 6
WORDS = [f"w{row}" for row in range(ROWS)]
VECTORS = make_vectors(ROWS, DIM)
KEYS: list[Any] = [
    3,
    np.int64(-1),
    slice(None),
    slice(0, 40),
    slice(100, 130),
    slice(30, 400),
    slice(400, 30, -7),
    slice(5, 5),
    [3, 3, 499],
    np.array([7, 0]),
    np.arange(ROWS) % 100 == 1,
    (slice(2, 9), slice(0, 3)),
    [],
    [-1, 0],
    np.array([[1, 2], [3, -4]]),
    ...,
    None,
    (..., 2),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, VECTORS, chunk_bytes=1024)


@pytest.fixture(params=[2**20, 1500, 0], ids=["kept", "streamed", "nothing kept"])
def matrix(checkpoint: embzarr.Checkpoint, request: pytest.FixtureRequest) -> StoredMatrix:
    return StoredMatrix(checkpoint, request.param)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_it_is_indexed_as_numpy_does(matrix: StoredMatrix, key: Any) -> None:
    """Rows, slices, lists and masks, also of a slice that is not read."""
    expected = VECTORS[key]
    found = matrix[key]
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert np.asarray(found).tobytes() == expected.tobytes()
    if isinstance(key, slice) and len(expected) > 9:
        assert np.asarray(found[3:9]).tobytes() == expected[3:9].tobytes()
        assert np.asarray(found[9:3:-2]).tobytes() == expected[9:3:-2].tobytes()
        assert np.asarray(found[-2]).tobytes() == expected[-2].tobytes()


def test_a_place_that_is_not_there_is_an_error_as_numpys(matrix: StoredMatrix) -> None:
    """A mask of another length is one, too."""
    for key in (ROWS, [0, ROWS], np.ones(3, bool), [0.5]):
        with pytest.raises(IndexError):
            matrix[key]


def test_it_does_what_an_array_does(matrix: StoredMatrix) -> None:
    """Arithmetic, methods, and functions that take arrays in a list or by name."""
    assert (matrix.size, matrix.nbytes) == (VECTORS.size, VECTORS.nbytes)
    pairs = [
        (1 - matrix * 2, 1 - VECTORS * 2),
        (matrix == VECTORS, np.ones((ROWS, DIM), bool)),
        (np.abs(matrix), np.abs(VECTORS)),
        (matrix @ VECTORS[0], VECTORS @ VECTORS[0]),
        (matrix.T, VECTORS.T),
        (matrix.mean(axis=0), VECTORS.mean(axis=0)),
        (np.vstack([matrix, VECTORS]), np.vstack([VECTORS, VECTORS])),
        (np.sum(a=matrix), np.sum(VECTORS)),
        (np.add.reduce(matrix), np.add.reduce(VECTORS)),
        (StoredLengths(matrix) > 1, np.linalg.norm(VECTORS, axis=1) > 1),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(TypeError):
        matrix += 1
    with pytest.raises(AttributeError):
        matrix.nothing  # noqa: B018 - asked for


def test_it_is_multiplied_and_measured(matrix: StoredMatrix) -> None:
    """By a vector, and along rows; whatever else numpy does reads all of it."""
    part, expected = matrix[100:480], VECTORS[100:480]
    for ours, theirs in ((matrix, VECTORS), (part, expected)):
        np.testing.assert_allclose(np.dot(ours, VECTORS[0]), np.dot(theirs, VECTORS[0]), atol=1e-5)
        lengths = np.linalg.norm(theirs, axis=1)
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), lengths, atol=1e-6)
        np.testing.assert_allclose(np.mean(ours, axis=0), np.mean(theirs, axis=0), atol=1e-6)
    known = StoredLengths(matrix)
    lengths = np.linalg.norm(VECTORS, axis=1)
    for key in (7, slice(3, 90), [5, 6], (slice(None), np.newaxis)):
        np.testing.assert_allclose(known[key], lengths[key], atol=1e-6)
    np.testing.assert_allclose(np.asarray(known), lengths, atol=1e-6)


def test_words_are_looked_up_once(checkpoint: embzarr.Checkpoint) -> None:
    """As in a dict; what was asked before, and what is no word, takes no request."""
    words = StoredWords(embzarr.open(checkpoint.url))
    assert (words["w7"], words.get("w8"), words.get("none", -1)) == (7, 8, -1)
    before = words._checkpoint.traffic.requests
    assert "w7" in words
    assert "none" not in words
    assert words.get(7) is None
    assert "\ud800" not in words
    assert words._checkpoint.traffic.requests == before
    assert len(words) == ROWS
    assert list(words)[:2] == WORDS[:2]
    with pytest.raises(KeyError, match="none"):
        words["none"]
