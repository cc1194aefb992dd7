"""A checkpoint small enough to score by hand, and files written by a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

import embzarr

WriteFile: TypeAlias = Callable[[str], Path]


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Write a text and return its path."""

    def write(text: str) -> Path:
        path = tmp_path / "task.txt"
        path.write_bytes(text.encode())
        return path

    return write


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    """Words h0 .. h11 whose vectors stand like the hours of a clock, and Nought at the middle."""
    angles = np.arange(12) * np.pi / 6
    vectors = np.stack((np.sin(angles), np.cos(angles)), axis=1).astype(np.float32)
    words = [*(f"h{hour}" for hour in range(12)), "Nought"]
    lengths = np.linspace(0.5, 3, 12, dtype=np.float32)[:, None]
    return embzarr.save(
        tmp_path_factory.mktemp("clock"), words, np.vstack((vectors * lengths, [[0, 0]])), step=1
    )
