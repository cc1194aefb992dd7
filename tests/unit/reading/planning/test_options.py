"""What `options` promises: what a caller wants of each column, or the keyword that is wrong."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from embzarr._reading.planning.options import MEMORY_BYTES, WHOLE, View, views
from embzarr._reading.planning.selecting import Blocks
from embzarr.errors import InvalidInputError


def wanted(**how: Any) -> dict[str, View]:
    """Return the views that keywords ask for."""
    return views(how)  # type: ignore[arg-type]


def test_the_vectors_are_read_whole_by_default() -> None:
    """And nothing else; a text is the name of one column."""
    assert wanted() == {"vectors": WHOLE}
    assert wanted(columns="counts") == {"counts": WHOLE}
    assert wanted(columns=()) == {}
    assert list(wanted(columns=iter(["counts", "vectors"]))) == ["counts", "vectors"]


def test_type_dimensions_and_place_are_the_vectors() -> None:
    """What may be under way holds for every column."""
    out = np.empty((2, 2), "f4")
    how = {"dtype": "f4", "dims": slice(None, np.int64(4), 2), "out": out, "memory_limit": 7}
    found = wanted(columns=["vectors", "counts"], **how)

    assert found["counts"] == View(memory_limit=7)
    vectors = found["vectors"]
    assert (vectors.dtype, vectors.dims) == (np.dtype("f4"), slice(None, 4, 2))
    assert vectors.out is out
    assert vectors.memory_limit == 7
    assert wanted(dtype=ml_dtypes.bfloat16)["vectors"].dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [
        ({"column": "vectors"}, "input-argument", "no keyword 'column'"),
        ({"memory_limit": "much"}, "input-argument", "memory_limit"),
        ({"dims": 3}, "input-argument", "dims: expected a slice"),
        ({"dims": slice(0, 4, 0)}, "input-argument", "whose step is not 0"),
        ({"dims": slice(0.5, 4)}, "input-argument", "dims"),
        ({"columns": 3}, "input-argument", "columns: expected names"),
        ({"columns": ["vectors", 3]}, "input-argument", r"columns\[1\]"),
        ({"out": [1.0]}, "input-argument", "out: expected a numpy array"),
        ({"out": np.ma.zeros(3)}, "input-argument", "without a mask"),
        ({"dtype": "int8"}, "input-dtype", "as floating point, not as int8"),
        ({"dtype": "V2"}, "input-dtype", "as floating point"),
        ({"dtype": "number"}, "input-dtype", "dtype: expected a data type"),
    ],
)
def test_a_keyword_that_cannot_be_used_is_named(how: dict[str, Any], code: str, told: str) -> None:
    """Before anything is read."""
    with pytest.raises(InvalidInputError, match=told) as caught:
        wanted(**how)
    assert caught.value.code == code


def test_room_is_what_was_said_or_holds_any_chunk() -> None:
    """64 MiB, unless a chunk takes more, or the caller named a limit."""
    assert WHOLE.room(1) == MEMORY_BYTES == 64 * 1024 * 1024
    assert WHOLE.room(MEMORY_BYTES + 1) == MEMORY_BYTES + 1
    assert View(memory_limit=5).room(100) == 5
    assert View(memory_limit=0).room(100) == 0
    assert WHOLE.within(MEMORY_BYTES + 1) == View(memory_limit=MEMORY_BYTES + 1)
    assert View(memory_limit=5).within(100) == View(memory_limit=5)


def test_rows_go_into_a_new_array_or_into_the_callers() -> None:
    """Of the type that was asked for, or as stored; of the dimensions that are kept."""
    stored = np.dtype("<f4")
    halves = View(dtype=np.dtype("f2"), dims=slice(1, None))

    assert WHOLE.target(2, (5,), stored).shape == (2, 5)
    assert WHOLE.target(2, (5,), stored).dtype == stored
    assert halves.target(2, (5, 3), stored).shape == (2, 4, 3)
    assert halves.target(2, (5,), stored).dtype == np.float16
    out = np.empty((2, 5), "f4")
    assert View(out=out).target(2, (5,), stored) is out


@pytest.mark.parametrize(
    ("shape", "dtype", "told"),
    [
        ((3, 5), "f4", r"expected shape \(2, 5\), found \(3, 5\)"),
        ((2, 5), "f8", r"expected float32, found float64 \["),
        ((2, 5), "read-only", "expected float32, found float32, read-only"),
    ],
)
def test_an_array_that_is_not_as_the_result_is_refused(
    shape: tuple[int, ...], dtype: str, told: str
) -> None:
    """By what was expected of it."""
    out = np.empty(shape, "f4" if dtype == "read-only" else dtype)
    out.flags.writeable = dtype != "read-only"
    with pytest.raises(InvalidInputError, match=told):
        View(out=out).target(2, (5,), np.dtype("<f4"))


def test_more_than_there_is_memory_for_is_an_argument() -> None:
    """A stranger's manifest may claim it."""
    with pytest.raises(InvalidInputError, match="load fewer rows"):
        WHOLE.target(2**40, (2**20,), np.dtype("f4"))


def test_dimensions_are_cut_without_a_copy() -> None:
    """Of decoded rows; all of them are what they were."""
    blocks = Blocks(np.arange(1), np.arange(12.0).reshape(1, 3, 4), np.arange(1))
    cut = View(dims=slice(1, 3)).cut(blocks)

    assert WHOLE.cut(blocks) is blocks
    assert cut.rows.tolist() == [[[1, 2], [5, 6], [9, 10]]]
    assert np.shares_memory(cut.rows, blocks.rows)
