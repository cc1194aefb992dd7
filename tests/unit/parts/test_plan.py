"""What `plan` promises: ranges that hold all rows, and no plan of a stranger that cannot be one."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import embzarr
from embzarr._parts.plan import StepPlan, arrays_of
from embzarr.errors import InvalidInputError, UnsupportedError

VECTORS = {
    "name": "vectors",
    "dtype": "float32",
    "row_shape": [4],
    "chunk": 8,
    "shard": 2,
    "codec": {"name": "none"},
}
COUNTS = {**VECTORS, "name": "counts", "dtype": "int64", "row_shape": []}
PLAN = {
    "format": "embzarr",
    "version": 1,
    "kind": "plan",
    "store": "0" * 32,
    "base": None,
    "write_id": "1" * 32,
    "step": 3,
    "rows": 100,
    "parts": 4,
    "part_rows": 32,
    "columns": [VECTORS, COUNTS],
    "allow_nonfinite": False,
}


def plan_of(**members: Any) -> StepPlan:
    """Return the plan of a text that differs from a sound one in some members."""
    return StepPlan.from_json(json.dumps({**PLAN, **members}))


def with_vectors(**members: Any) -> dict[str, Any]:
    """Return members of a plan whose vectors differ."""
    return {"columns": [{**VECTORS, **members}]}


def test_parts_hold_all_rows_once() -> None:
    """Whole ranges, then a shorter one, then none."""
    assert [plan_of().rows_of(index) for index in range(4)] == [
        (0, 32),
        (32, 64),
        (64, 96),
        (96, 100),
    ]
    assert [plan_of(rows=33).rows_of(index) for index in range(4)] == [
        (0, 32),
        (32, 33),
        (33, 33),
        (33, 33),
    ]
    for wrong in (-1, 4):
        with pytest.raises(InvalidInputError, match="part"):
            plan_of().rows_of(wrong)


def test_a_plan_is_its_text() -> None:
    """Read again it is the same, and so is its name; another one has another."""
    plan = plan_of()

    assert json.loads(plan.to_json()) == PLAN
    assert StepPlan.from_json(plan.to_json().encode()) == plan
    assert plan.identity == plan_of().identity != plan_of(step=4).identity
    assert plan.path == f"steps/3-{'1' * 32}"


@pytest.mark.parametrize("settings", [{}, {"compression": "zstd", "chunk_bytes": 4096}])
@pytest.mark.parametrize("tensors", [None, {"w": ("f4", (9, 2)), "q": ("u1", (5,))}])
def test_a_plan_that_goes_to_another_process_has_the_same_name(
    tmp_path: Path, tensors: Any, settings: dict[str, Any]
) -> None:
    """Pickled, or as text: receipts tell plans apart by it."""
    plan = embzarr.plan_step(tmp_path, 24, 10, 2, tensors=tensors, **settings)

    pickled = pickle.loads(pickle.dumps(plan))  # noqa: S301 - our own
    for again in (pickled, StepPlan.from_json(plan.to_json())):
        assert again == plan
        assert (again.to_json(), again.identity) == (plan.to_json(), plan.identity)


def test_a_column_is_cut_as_it_says() -> None:
    """Rows of a part, or of the whole step."""
    vectors = arrays_of(plan_of())["vectors"]
    whole, last = vectors.grid(vectors.rows), vectors.grid_of(3)

    assert (whole.rows, whole.row_bytes, whole.chunk, whole.shard) == (100, 16, 8, 2)
    assert (last.rows, last.row_bytes, last.chunk, last.shard) == (4, 16, 8, 2)
    assert [*vectors.shards_of(2)] == ["vectors/c/4/0", "vectors/c/5/0"]
    assert [*vectors.shards_of(3)] == ["vectors/c/6/0"]


def test_a_tensor_has_ranges_of_its_own() -> None:
    """By its own first dimension, whatever rows the table has, or without one."""
    tensor = {
        "array": "tensors/w",
        "shape": [50, 3, 2],
        "dtype": "float32",
        "part_rows": 16,
        "chunk": 4,
        "shard": 2,
        "codec": {"name": "none"},
    }
    plan = plan_of(tensors={"w": tensor}, columns=[], rows=0)

    assert [plan.rows_of(index, tensor="w") for index in range(4)] == [
        (0, 16),
        (16, 32),
        (32, 48),
        (48, 50),
    ]
    assert plan.rows_of(2) == (0, 0)
    assert [*arrays_of(plan)] == ["tensors/w"]
    assert arrays_of(plan)["tensors/w"].grid_of(3).row_bytes == 24
    assert [*arrays_of(plan)["tensors/w"].shards_of(3)] == ["tensors/w/c/6/0/0"]
    for wrong in ("v", ""):
        with pytest.raises(InvalidInputError, match="expected a tensor of the plan, 'w'"):
            plan.rows_of(0, tensor=wrong)


@pytest.mark.parametrize(
    "members",
    [
        {"rows": 128},
        {"rows": 0},
        with_vectors(row_shape=[2**26], chunk=1, shard=1),
        {"part_rows": 2**20, **with_vectors(chunk=1, shard=2**20)},
        with_vectors(dtype="float16"),
    ],
)
def test_what_can_be_is_a_plan(members: dict[str, Any]) -> None:
    """Up to the bounds."""
    assert plan_of(**members).step == 3


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"rows": 129}, "4 parts do not hold 129 rows"),
        ({"parts": 0}, "not a plan"),
        ({"columns": []}, "not a plan"),
        ({"columns": [COUNTS, VECTORS]}, "the first column must be 'vectors'"),
        ({"columns": [VECTORS, VECTORS]}, "a column stands twice"),
        ({"columns": [VECTORS, {**COUNTS, "name": "a/b"}]}, "not a column's name"),
        (with_vectors(dtype="int32"), "a matrix of floating point"),
        (with_vectors(row_shape=[2, 2]), "a matrix of floating point"),
        (with_vectors(row_shape=[]), "a matrix of floating point"),
        (with_vectors(chunk=12, shard=1), "a power of two"),
        (with_vectors(row_shape=[2**26 + 1], chunk=1), "byte chunks"),
        ({"part_rows": 2**21, **with_vectors(chunk=1, shard=2**21)}, "chunks in a shard"),
        (with_vectors(shard=3), "a part of 32 rows is not whole shards of 24"),
        ({"part_rows": 2**52, "rows": 2**53 - 1}, "objects"),
        ({"more": 1}, "not a plan"),
    ],
)
def test_what_cannot_be_is_no_plan(members: dict[str, Any], told: str) -> None:
    """A stranger's text is told apart before anything is made of it."""
    with pytest.raises(InvalidInputError, match=told) as caught:
        plan_of(**members)
    assert caught.value.code == "input-argument"


@pytest.mark.parametrize(
    "members", [with_vectors(dtype="float128"), with_vectors(codec={"name": "lzma"})]
)
def test_what_a_later_version_may_have_is_not_supported(members: dict[str, Any]) -> None:
    """Data types and codecs."""
    with pytest.raises(UnsupportedError):
        plan_of(**members)
