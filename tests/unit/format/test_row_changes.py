"""What `row_changes` promises: changes in the order of rows, or what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._format import Change, Manifest, row_changes
from embzarr.errors import InvalidInputError


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Of four rows of vectors and counts."""
    path = tmp_path_factory.mktemp("run")
    saved = embzarr.save(path, list("abcd"), np.zeros((4, 2), "f4"), counts=np.arange(4))
    return saved._commit.manifest


def changes(manifest: Manifest, rows: Any, values: Any, new_words: int = 0) -> dict[str, Change]:
    """Return what was understood of a caller's rows and values."""
    return row_changes.changes(rows, values, manifest, new_words)


def test_rows_rise_and_know_where_they_were_given(manifest: Manifest) -> None:
    """Those of the vectors where no column is named."""
    values = np.arange(6.0).reshape(3, 2)
    found = changes(manifest, np.array([3, 0, 2], "u1"), values)

    (change,) = found.values()
    assert list(found) == ["vectors"]
    assert (change.rows.dtype, change.rows.tolist()) == (np.dtype("i8"), [0, 2, 3])
    assert change.values.tolist() == [[2, 3], [4, 5], [0, 1]]
    assert change.row_of(2) == "3 (the value at 0)"
    rising = changes(manifest, [0, 2, 3], values)["vectors"]
    assert rising.row_of(2) == "3 (the value at 2)"


def test_columns_come_in_the_checkpoints_order(manifest: Manifest) -> None:
    """With rows for all of them or for each; new words have a row in each."""
    values = {"counts": [7], "vectors": [[1.0, 2.0]]}
    found = changes(manifest, {"counts": [1], "vectors": [2]}, values)

    assert list(found) == ["vectors", "counts"]
    assert [change.rows.tolist() for change in found.values()] == [[2], [1]]
    assert list(changes(manifest, [1], {"counts": [7]})) == ["counts"]
    assert changes(manifest, [4], values, 1)["counts"].rows.tolist() == [4]
    assert len(changes(manifest, [], np.zeros((0, 2)))["vectors"].rows) == 0


@pytest.mark.parametrize(
    ("rows", "values", "new_words", "code", "told"),
    [
        ([1], {"color": [1]}, 0, "input-argument", "no column 'color'; this checkpoint has vec"),
        ([1], {}, 0, "input-argument", "some of vectors, counts; found none"),
        ([4], {"vectors": [[1.0, 2.0]]}, 1, "input-argument", "all of vectors, counts; found vec"),
        ({"counts": [1]}, {"vectors": [[1.0, 2.0]]}, 0, "input-argument", "rows of .'counts'."),
        ([[1]], [[1.0, 2.0]], 0, "input-shape", r"of shape \(k,\); found \(1, 1\)"),
        ([1.0], [[1.0, 2.0]], 0, "input-dtype", "row numbers must be whole; found float64"),
        ([True], [[1.0, 2.0]], 0, "input-dtype", "row numbers must be whole; found bool"),
        ([0, -1], np.zeros((2, 2)), 0, "input-rows", "from 0 to below 4; found -1"),
        ([0, 4], np.zeros((2, 2)), 0, "input-rows", "from 0 to below 4; found 4"),
        ([2, 1, 2], np.zeros((3, 2)), 0, "input-rows", "row 2 stands twice"),
        ([1, 2, 2], np.zeros((3, 2)), 0, "input-rows", "row 2 stands twice"),
        (
            [3, 4],
            {"vectors": np.zeros((2, 2)), "counts": [1, 2]},
            2,
            "input-rows",
            "each of 2 new words, from row 4 on; found 1",
        ),
        ([1], [[1.0]], 0, "input-shape", r"values of shape \(1, 2\); found \(1, 1\)"),
        ([1], {"counts": [0.5]}, 0, "input-dtype", "counts"),
    ],
)
def test_what_cannot_be_is_named(
    manifest: Manifest, rows: Any, values: Any, new_words: int, code: str, told: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidInputError, match=told) as caught:
        changes(manifest, rows, values, new_words)
    assert caught.value.code == code


def test_without_vectors_none_can_change(tmp_path: Path) -> None:
    """A checkpoint of tensors alone says what it takes."""
    saved = embzarr.save(tmp_path, tensors={"a": np.zeros(3)})

    with pytest.raises(InvalidInputError, match="no words and vectors that could change"):
        changes(saved._commit.manifest, [1], [[1.0]])
