"""What `loss` promises: figures of all numbers that were converted, in however many parts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._writing.layers.loss import LossMeter

SOURCE = np.array([[1.5, -2.0], [0.25, 4.0], [np.nan, np.inf]])
STORED = np.array([[1.0, -2.0], [0.5, 4.5], [np.nan, np.inf]], "f4")
"""Differences of 0.5, 0, 0.25 and 0.5, and two that are none."""


def test_nothing_loses_nothing() -> None:
    """No number, no error; zeros have no share of anything."""
    meter = LossMeter("float64")
    meter.add(np.zeros(3), np.zeros(3, "f4"))
    found = meter.lossy()

    assert found == LossMeter("float64").lossy()
    assert (found.source_dtype, found.max_abs_error) == ("float64", 0.0)
    assert (found.rms_error, found.relative_error) == (0.0, 0.0)


@pytest.mark.parametrize("parts", [[3], [1, 2], [1, 1, 1], [0, 3]])
def test_figures_are_those_of_all_rows(parts: list[int]) -> None:
    """In one part or in several; NaN and infinity count for nothing."""
    meter = LossMeter("float64")
    ends = np.cumsum(parts)
    for start, end in zip(ends - parts, ends, strict=True):
        meter.add(SOURCE[start:end], STORED[start:end])

    found = meter.lossy()
    assert found.max_abs_error == 0.5
    assert found.rms_error == float(f"{math.sqrt(0.5625 / 4):.6g}")
    assert found.relative_error == float(f"{math.sqrt(0.5625 / 22.3125):.6g}")


def test_what_several_have_added_up_is_one() -> None:
    """Sums go from process to process; whichever has the largest error."""
    first, second, both = (LossMeter("float64") for _ in range(3))
    first.add(SOURCE[:1], STORED[:1])
    second.add(SOURCE[1:], STORED[1:])
    both.add(SOURCE, STORED)
    sums = first.sums

    assert (sums.count, sums.squares, sums.source_squares) == (2, 0.25, 6.25)
    assert (sums.max_abs_error, sums.source_dtype) == (0.5, "float64")
    second.merge(sums)
    assert second.sums == both.sums
    first.merge(LossMeter("float64").sums)
    assert first.sums == sums


def test_an_error_beyond_all_numbers_is_none() -> None:
    """A number that float16 cannot hold became infinity, which is refused elsewhere."""
    meter = LossMeter("float64")
    meter.add(np.array([1e300, 1.0]), np.array([np.inf, 1.0], "f2"))

    assert (meter.sums.count, meter.sums.max_abs_error) == (1, 0.0)


def create(store: MemoryStore) -> embzarr.Checkpoint:
    """Rows of two columns, of which the first ones were refused for the second column."""
    with embzarr.create(store, 2, dtype="float16", columns={"n": "int32"}) as writer:
        with pytest.raises(embzarr.InvalidInputError, match="int32"):
            writer.append(["a"], [[1000.3, 0.1]], n=np.array([0.5]))
        writer.append(["a"], [[0.25, 0.1]], n=np.array([1]))
    return writer.checkpoint


def write_part(store: MemoryStore) -> embzarr.Checkpoint:
    """The same in parts, of which there is one."""
    columns = {"n": "int32"}
    plan = embzarr.plan_step(store, rows=1, dim=2, parts=1, dtype="float16", columns=columns)
    with embzarr.write_part(store, plan, 0) as part:
        with pytest.raises(embzarr.InvalidInputError, match="int32"):
            part.append([[1000.3, 0.1]], n=np.array([0.5]))
        part.append([[0.25, 0.1]], n=np.array([1]))
    return embzarr.publish(store, plan, ["a"])


@pytest.mark.parametrize("write", [create, write_part])
def test_rows_that_were_refused_cost_nothing(
    write: Callable[[MemoryStore], embzarr.Checkpoint],
) -> None:
    """Figures are of the rows that stand there."""
    lossy = write(MemoryStore())._commit.manifest.base.arrays["vectors"].lossy

    assert lossy is not None
    assert lossy.max_abs_error == abs(float(np.float16(0.1)) - 0.1)
