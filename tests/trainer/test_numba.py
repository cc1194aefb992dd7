"""Compiling, where the disk may be read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import pytest

from embzarr_trainer import _numba

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

    monkeypatch.setattr(_numba, "njit", njit)

    assert _numba.compiled(double)(21) == 42
    assert tried == [True, False]


def test_without_numba_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numba the modules can still be imported: functions stay as they are."""
    monkeypatch.setattr(_numba, "_INSTALLED", False)

    assert _numba.compiled(double) is double
