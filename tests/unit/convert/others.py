"""What another library wrote, and what of it is imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from embzarr.convert import Imported

WORDS = ["the", "of", "émigré", "in", "x y", 'q"uote', "a,b"]
MATRIX = np.random.default_rng(5).standard_normal((len(WORDS), 6), np.float32)


Test = TypeVar("Test", bound=Callable[..., None])


def needs(package: str) -> Callable[[Test], Test]:
    """Mark a test that has another library write its file."""
    is_there = importlib.util.find_spec(package) is not None
    skip = pytest.mark.skipif(not is_there, reason=f"needs {package}")

    def mark(test: Test) -> Test:
        marked: Test = pytest.mark.peers(skip(test))
        return marked

    return mark


def check(found: Imported, form: str, words: list[str] | None = None) -> None:
    """Compare what was imported with what was written, to the bit."""
    assert found.format == form
    assert list(found.checkpoint.words) == (WORDS if words is None else words)
    assert found.checkpoint.to_numpy().tobytes() == MATRIX[: len(found.checkpoint)].tobytes()


def words_file(folder: Path) -> Path:
    (folder / "words.txt").write_text("\n".join(WORDS))
    return folder / "words.txt"
