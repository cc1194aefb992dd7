"""Compiling, where the disk may be read-only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import pytest

from embzarr_trainer._loops import compiling

if TYPE_CHECKING:
    from collections.abc import Callable


def double(number: int) -> int:
    return 2 * number


def test_read_only_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numba finds no folder for its cache, functions are compiled all the same."""
    tried: list[bool] = []

    def njit(*, cache: bool, **options: Any) -> Callable[..., object]:
        tried.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        compiler: Callable[..., object] = numba.njit(**options)
        return compiler

    monkeypatch.setattr(compiling, "njit", njit)

    assert compiling.compiled(double)(21) == 42
    assert tried == [True, False]


def test_without_numba_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numba the modules can still be imported: functions stay as they are."""
    monkeypatch.setattr(compiling, "INSTALLED", False)

    assert compiling.compiled(double) is double


OUTER = """
import sys
from embzarr_trainer._loops.compiling import compiled, stamp_of
import inner

def outer(stamp):
    @compiled
    def twice(number):
        return inner.grown(inner.grown(number)) + (stamp & 0)
    return twice

twice = outer(stamp_of(inner))
print(twice(1), sum(twice.stats.cache_hits.values()))
"""
INNER = """
from embzarr_trainer._loops.compiling import inlined

@inlined
def grown(number):
    return number + {}
"""


@pytest.mark.slow
def test_what_is_cached_follows_all_sources(tmp_path: Path) -> None:
    """A function that was compiled is found again, unless one that it calls is another one."""
    (tmp_path / "outer.py").write_text(OUTER)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    printed = []
    for step in (1, 1, 5, 1):
        (tmp_path / "inner.py").write_text(INNER.format(step))
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, str(tmp_path / "outer.py")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        printed.append(done.stdout.split() or done.stderr)

    assert printed == [["3", "0"], ["3", "1"], ["11", "0"], ["3", "1"]]
