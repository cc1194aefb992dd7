"""Copies in buffers that are used again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from embzarr._snapshot import Snapshots
from oracle import make_vectors

LARGE = make_vectors(60_000, 10)
"""Large enough for several threads."""


@pytest.fixture
def snapshots() -> Iterator[Snapshots]:
    """Buffers that are let go at the end."""
    found = Snapshots()
    yield found
    found.close()


def test_a_copy_stays_when_its_source_changes(snapshots: Snapshots) -> None:
    """Whole arrays of any type and rank, the empty one too."""
    arrays = {
        "large": LARGE.copy(),
        "counts": np.arange(7),
        "empty": np.empty((0, 3), "f2"),
        "cube": np.arange(24, dtype="i2").reshape(4, 3, 2),
        "mask": np.array([True, False]),
        "columns": np.asfortranarray(LARGE[:1000]),
    }
    expected = {name: array.copy() for name, array in arrays.items()}

    copies = snapshots.whole(arrays)
    for array in arrays.values():
        array.fill(0)

    for name, copy in copies.items():
        np.testing.assert_array_equal(copy, expected[name])
        assert copy.dtype == expected[name].dtype


def test_rows_are_gathered(snapshots: Snapshots) -> None:
    """Some rows of each array, in the order of the numbers."""
    rows = {
        "large": np.sort(np.random.default_rng(0).choice(60_000, 40_000, replace=False)),
        "counts": np.array([6, 0]),
        "none": np.empty(0, np.int64),
    }
    rows["part"] = rows["large"][::2]
    part = LARGE[:, :7]
    arrays = {"large": LARGE, "counts": np.arange(7), "none": LARGE, "part": part, "more": LARGE}

    copies = snapshots.rows(arrays, rows)

    assert copies.keys() == rows.keys()
    np.testing.assert_array_equal(copies["large"], LARGE[rows["large"]])
    np.testing.assert_array_equal(copies["part"], part[rows["part"]])
    assert copies["counts"].tolist() == [6, 0]
    assert copies["none"].shape == (0, 10)


def test_memory_is_used_again(snapshots: Snapshots) -> None:
    """A later copy of a name takes the place of the one before, where it is no larger."""
    first = snapshots.whole({"x": LARGE})["x"]
    second = snapshots.rows({"x": LARGE}, {"x": np.arange(100)})["x"]
    third = snapshots.whole({"x": np.concatenate((LARGE, LARGE))})["x"]

    assert np.shares_memory(first, second)
    assert not np.shares_memory(first, third)


def test_reserved_memory_is_what_a_copy_goes_to(snapshots: Snapshots) -> None:
    """The first copy of a name takes the memory that was found for it."""
    snapshots.reserve({"x": LARGE})
    reserved = snapshots._buffers["x"]

    assert len(reserved) == LARGE.nbytes
    assert np.shares_memory(snapshots.whole({"x": LARGE})["x"], reserved)
