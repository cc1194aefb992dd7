"""What `checks` promises: what may be saved, as it will be stored, or the wrong argument."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from embzarr._format import spec
from embzarr._writing.given import checks
from embzarr.errors import InvalidInputError


def test_counts_are_the_first_column_and_whole() -> None:
    """Also where they are given as floating point; other columns are as they were given."""
    found = checks.arrays_of({"color": ["red"]}, [1.0, 2.0])

    assert list(found) == ["counts", "color"]
    assert (found["counts"].dtype, found["counts"].tolist()) == (np.dtype("i8"), [1, 2])
    assert checks.arrays_of(None, np.array([3], "u1"))["counts"].dtype == np.uint8
    assert checks.arrays_of(None) == checks.arrays_of({}) == {}


@pytest.mark.parametrize(
    ("columns", "counts", "code"),
    [
        ([("color", ["red"])], None, "input-argument"),
        ({"counts": [1]}, [1], "input-argument"),
        ({"vectors": [1]}, None, "input-argument"),
        ({3: [1]}, None, "input-argument"),
        (None, [0.5], "input-dtype"),
        (None, [float("nan")], "input-dtype"),
        (None, [True], "input-dtype"),
        (None, ["1"], "input-dtype"),
    ],
)
def test_columns_that_cannot_be_are_refused(columns: Any, counts: Any, code: str) -> None:
    """No mapping, counts twice, a name that is taken, or counts that are not whole."""
    with pytest.raises(InvalidInputError) as caught:
        checks.arrays_of(columns, counts)
    assert caught.value.code == code


def test_words_are_taken_as_a_list() -> None:
    """The caller's own, where it is one."""
    words: list[str | bytes] = ["a", "b"]

    assert checks.taken(words) is words
    assert checks.taken(iter("ab")) == words
    with pytest.raises(InvalidInputError):
        checks.taken({"a", "b"})


@pytest.mark.parametrize(
    ("vectors", "dtype", "name"),
    [
        (np.zeros((2, 1), "f4"), None, "float32"),
        (np.zeros((0, 3), "f2"), None, "float16"),
        (np.zeros((2, 2), ml_dtypes.bfloat16), None, "bfloat16"),
        (np.zeros((2, 2), "f8"), "float32", "float32"),
        (np.zeros((2, 2), "i8"), "float32", "float32"),
    ],
)
def test_a_matrix_is_stored_as_it_is_or_as_is_said(vectors: Any, dtype: Any, name: str) -> None:
    """Whole numbers only where a type is said."""
    matrix, stored = checks.vectors_of(vectors, dtype)

    assert matrix is vectors
    assert stored == name


@pytest.mark.parametrize(
    ("vectors", "dtype", "code", "told"),
    [
        (np.zeros(3), None, "input-shape", r"of shape \(rows, dim\); found \(3,\)"),
        (np.zeros((1, 1, 1)), None, "input-shape", r"found \(1, 1, 1\)"),
        (np.zeros((3, 0)), None, "input-shape", r"found \(3, 0\)"),
        (np.zeros((2, 2), "i4"), None, "input-dtype", "expected floating point, found int32"),
        (np.zeros((2, 2), "u4"), None, "input-dtype", "expected floating point, found uint32"),
        (np.zeros((2, 2), bool), None, "input-dtype", "expected floating point, found bool"),
        (np.zeros((2, 2), "c8"), "f4", "input-dtype", "vectors"),
        (np.zeros((2, 2)), "i4", "input-dtype", "int32"),
    ],
)
def test_what_is_no_matrix_of_vectors_is_refused(
    vectors: Any, dtype: Any, code: str, told: str
) -> None:
    """By its shape or its type."""
    with pytest.raises(InvalidInputError, match=told) as caught:
        checks.vectors_of(vectors, dtype)
    assert caught.value.code == code


def test_a_column_has_a_type_and_the_shape_of_its_rows() -> None:
    """Of numbers alone, or of arrays of up to all dimensions but that of the rows."""
    deepest = (1,) * (spec.MAX_RANK - 1)

    assert checks.column_kind("c", "i4") == ("int32", ())
    assert checks.column_kind("c", (np.float32, (2, np.int64(3)))) == ("float32", (2, 3))
    assert checks.column_kind("c" * 64, ("i4", deepest)) == ("int32", deepest)
    assert checks.kinds_of({"c": np.zeros((5, 2), "f4")}) == {"c": ("float32", (2,))}


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("vectors", "i4", "input-argument"),
        ("a/b", "i4", "input-argument"),
        ("c" * 65, "i4", "input-argument"),
        (3, "i4", "input-argument"),
        ("c", ("i4", 3), "input-shape"),
        ("c", ("i4", (0,)), "input-shape"),
        ("c", ("i4", (1,) * spec.MAX_RANK), "input-shape"),
        ("c", ("i4", (1.5,)), "input-argument"),
        ("c", object, "input-dtype"),
    ],
)
def test_a_column_that_cannot_be_is_refused(name: Any, kind: Any, code: str) -> None:
    """By its name, the shape of its rows, or its type."""
    with pytest.raises(InvalidInputError) as caught:
        checks.column_kind(name, kind)
    assert caught.value.code == code


def test_a_column_has_a_row_for_each_word() -> None:
    """Neither fewer nor more, and no single number."""
    checks.check_lengths(2, {"c": np.zeros((2, 3)), "d": np.zeros(2)})
    for wrong, told in ((np.zeros(1), "found 1 rows"), (np.array(1), "found a single number")):
        with pytest.raises(InvalidInputError, match=told) as caught:
            checks.check_lengths(2, {"c": wrong})
        assert caught.value.code == "input-rows"


def test_metadata_take_up_to_their_bytes() -> None:
    """Of JSON as it is stored, a model's record as well; none is an empty one."""
    filling = {"a": "x" * (spec.MAX_METADATA_BYTES - 8)}

    assert checks.metadata_of(filling) == filling
    assert checks.metadata_of(None) == {}
    assert checks.model_of(None) is None
    with pytest.raises(InvalidInputError, match="model: expected at most"):
        checks.model_of({"a": filling["a"] + "x"})
