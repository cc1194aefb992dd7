"""What `settings` promises: how a layer is stored, or the setting that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embzarr._format import LayerSettings, spec
from embzarr.errors import InvalidInputError

USUAL: dict[str, Any] = {
    "dim": 4,
    "dtype": "float32",
    "columns": {"counts": ("int64", ())},
    "compression": "auto",
    "chunk_bytes": None,
    "allow_nonfinite": False,
}
MOST = {f"c{at}": ("int8", ()) for at in range(spec.MAX_COLUMNS - 1)}


def test_vectors_are_the_first_column() -> None:
    """Where there are any."""
    with_vectors = LayerSettings(**USUAL)
    without = LayerSettings(**{**USUAL, "dim": None})

    assert list(with_vectors.kinds.items()) == [
        ("vectors", ("float32", (4,))),
        ("counts", ("int64", ())),
    ]
    assert without.kinds == {"counts": ("int64", ())}


@pytest.mark.parametrize(
    "members",
    [{"dim": 1}, {"columns": MOST}, {"chunk_bytes": 2**20}, {"compression": "zstd:3"}],
)
def test_a_setting_up_to_its_bounds_is_taken(members: dict[str, Any]) -> None:
    """As it was given."""
    found = LayerSettings(**{**USUAL, **members})

    assert {name: getattr(found, name) for name in members} == members


def test_whole_numbers_of_numpy_become_pythons_own() -> None:
    """What encodes a manifest knows no others."""
    found = LayerSettings(**{**USUAL, "dim": np.int64(4), "chunk_bytes": np.int32(4096)})

    assert (type(found.dim), type(found.chunk_bytes)) == (int, int)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"dim": 0}, "vectors must have a dimension; found 0"),
        ({"dim": 1.5}, "dim"),
        (
            {"columns": {**MOST, "one": ("int8", ())}},
            f"at most {spec.MAX_COLUMNS} columns, vectors included; found {spec.MAX_COLUMNS + 1}",
        ),
        ({"compression": "best"}, "compression"),
        ({"chunk_bytes": 0}, "chunk_bytes"),
        ({"allow_nonfinite": 1}, "allow_nonfinite"),
    ],
)
def test_a_setting_that_cannot_be_is_named(members: dict[str, Any], told: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidInputError, match=told):
        LayerSettings(**{**USUAL, **members})
