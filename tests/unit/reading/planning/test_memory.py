"""What `memory` promises: results in small pages, which come at once where they are asked for."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embzarr._reading.planning import memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pages are Linux's")

_MIB = 2**20


def mapping_of(array: Any) -> dict[str, str]:
    """Return what Linux tells of the mapping in which an array begins."""
    found: dict[str, str] = {}
    for line in Path("/proc/self/smaps").read_text(encoding="ascii").splitlines():
        bounds = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        if bounds:
            if found:
                return found
            first, last = (int(end, 16) for end in bounds.groups())
            here = first <= array.ctypes.data < last
        elif here:
            name, _, told = line.partition(":")
            found[name] = told
    return found


@pytest.mark.parametrize("dtype", ["float32", "uint8", "U3", "datetime64[s]"])
def test_no_huge_pages_are_asked_for(dtype: str) -> None:
    """The system gives what it gives to all; the array is as any other."""
    made = memory.empty((3, 2 * _MIB), np.dtype(dtype), at_once=32 * _MIB)
    made[...] = np.zeros((), dtype)

    assert (made.shape, made.dtype) == ((3, 2 * _MIB), np.dtype(dtype))
    assert made.flags.writeable
    assert made.flags.c_contiguous
    assert "hg" not in mapping_of(made)["VmFlags"].split()


def test_what_may_be_at_hand_is_taken() -> None:
    """Of what is not much, and of tables, which are read again and again."""
    size, kind = 8 * _MIB, np.dtype("u1")

    assert memory.empty((size,), kind, at_once=32 * _MIB - 1).base is None
    assert memory.empty((16 * size,), kind).base is None


def test_more_than_there_is_is_told_as_numpy_tells_it() -> None:
    """However it was asked for."""
    with pytest.raises(MemoryError):
        memory.empty((2**50,), np.dtype("uint8"), at_once=2**50)


def test_pages_come_at_once() -> None:
    """Those that lie within the part, and no others; where there are some, they stay."""
    if tuple(map(int, platform.release().split(".")[:2])) < (5, 14):
        pytest.skip("Linux before 5.14 gives pages one by one")
    made = memory.empty((64 * _MIB,), np.dtype("uint8"), at_once=64 * _MIB)

    def resident() -> int:
        return int(mapping_of(made)["Rss"].split()[0]) * 1024

    before = resident()
    memory.populate(made[5 : 32 * _MIB + 7])
    assert 31 * _MIB < resident() - before <= 33 * _MIB
    made[: 16 * _MIB] = 7
    memory.populate(made[: 32 * _MIB])
    assert (made[: 16 * _MIB] == 7).all()


def test_little_is_left_to_come_one_by_one() -> None:
    """Not even a page is there to ask for."""
    made = memory.empty((64 * _MIB,), np.dtype("uint8"), at_once=64 * _MIB)
    for few in (0, 3):
        memory.populate(made[:few])
