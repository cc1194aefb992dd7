"""Copies in buffers that are used again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from embzarr._writing.snapshot import Snapshots
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

    copies = snapshots.whole(arrays).columns
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

    copies = snapshots.rows(arrays, rows).columns

    assert copies.keys() == rows.keys()
    np.testing.assert_array_equal(copies["large"], LARGE[rows["large"]])
    np.testing.assert_array_equal(copies["part"], part[rows["part"]])
    assert copies["counts"].tolist() == [6, 0]
    assert copies["none"].shape == (0, 10)


def test_memory_is_used_again_once_it_is_given_back(snapshots: Snapshots) -> None:
    """A later copy of a name takes the place of the one before, where it is no larger."""
    first = snapshots.whole({"x": LARGE})
    snapshots.give(first)
    second = snapshots.rows({"x": LARGE}, {"x": np.arange(100)})
    snapshots.give(second)
    third = snapshots.whole({"x": np.concatenate([LARGE, LARGE])})

    assert np.shares_memory(first.columns["x"], second.columns["x"])
    assert not np.shares_memory(first.columns["x"], third.columns["x"])


def test_memory_in_use_is_never_used_again(snapshots: Snapshots) -> None:
    """A copy that nobody has given back stays as it is, whatever is copied after it."""
    first = snapshots.whole({"x": LARGE})
    later = [snapshots.whole({"x": LARGE + 1}) for _ in range(3)]
    snapshots.reserve({"x": LARGE})

    np.testing.assert_array_equal(first.columns["x"], LARGE)
    for copy in later:
        assert not np.shares_memory(first.columns["x"], copy.columns["x"])
        np.testing.assert_array_equal(copy.columns["x"], LARGE + 1)


def test_reserved_memory_is_what_a_copy_goes_to(snapshots: Snapshots) -> None:
    """The first copy of a name takes the memory that was found for it."""
    snapshots.reserve({"x": LARGE})
    reserved = snapshots._free["x"]

    assert len(reserved) == LARGE.nbytes
    assert np.shares_memory(snapshots.whole({"x": LARGE}).columns["x"], reserved)
