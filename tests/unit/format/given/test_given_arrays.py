"""What `given_arrays` promises: an array of what a caller passed, or the argument's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embzarr._format import given_arrays
from embzarr.errors import InvalidInputError


class Elsewhere:
    """An array of another library, which lies where numpy cannot reach it."""

    def __array__(self, *_: object, **__: object) -> Any:
        """Refuse."""
        raise TypeError("copy it to the host first")


def test_an_array_is_taken_as_it_is() -> None:
    """Without a copy; a mask that hides nothing is none."""
    array = np.arange(3)

    assert given_arrays.array_of("counts", array) is array
    assert given_arrays.array_of("counts", np.ma.array([1, 2])).tolist() == [1, 2]
    assert given_arrays.array_of("counts", [[1, 2], [3, 4]]).shape == (2, 2)


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (np.array(["a", "abc"], object), "U3"),
        (np.array([b"a", b"abcd"], object), "S4"),
        (np.array(["a", b"b"], object), "O"),
        (np.array(["a", None], object), "O"),
        (np.array([], object), "O"),
    ],
)
def test_objects_that_are_all_text_are_texts(given: Any, dtype: str) -> None:
    """Of the longest one's length; others stay objects, which are refused elsewhere."""
    found = given_arrays.array_of("column", given)

    assert found.dtype == np.dtype(dtype)
    assert found.tolist() == given.tolist()


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ([[1, 2], [3]], "input-shape", "counts: expected an array"),
        (Elsewhere(), "input-argument", "counts: expected an array: copy it to the host first"),
        (object(), "input-argument", "counts: expected an array"),
        (np.ma.array([1, 2], mask=[False, True]), "input-argument", "counts: expected no masked"),
        ([np.ma.array([1, 2], mask=[False, True])], "input-argument", "fill them, as"),
    ],
)
def test_what_is_no_array_is_named(given: Any, code: str, told: str) -> None:
    """With what was wrong with it."""
    with pytest.raises(InvalidInputError, match=told) as caught:
        given_arrays.array_of("counts", given)
    assert caught.value.code == code


def test_arrays_are_taken_as_they_are() -> None:
    """Without a copy: whoever keeps them longer than a call copies them."""
    given = np.arange(2)
    found = given_arrays.arrays_of({"counts": given, "more": [1.5]})

    assert found["counts"] is given
    assert found["more"].tolist() == [1.5]
