"""How much the packages of the SDK talk to each other: calls across their borders, counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import TypeVar

import numpy as np

import embzarr
from oracle import make_vectors, make_words

SDK = Path(embzarr.__file__).parent
WORDS = make_words(5000)
VECTORS = make_vectors(5000, 50)

R = TypeVar("R")
Crossings = Counter[tuple[str, str]]


def crossings(call: Callable[[], R]) -> tuple[R, Crossings]:
    """Return what a call gives, and the calls from one package to another that it made.

    Python's own threads are watched from their beginning. The SDK makes the calls of the main
    thread in one that is not, so this does not begin in the main thread.
    """
    counted: Crossings = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_back is not None:
            ends = package_of(frame.f_back), package_of(frame)
            if all(ends) and ends[0] != ends[1]:
                counted[ends] += 1

    threading.setprofile(profile)
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(call).result(), counted
    finally:
        threading.setprofile(None)


def package_of(frame: FrameType) -> str:
    """Return the package, or the module of the face, that some code is of; "" for others' code."""
    path = Path(frame.f_code.co_filename)
    return path.relative_to(SDK).parts[0] if path.is_relative_to(SDK) else ""


def test_three_words_are_loaded_with_few_calls_across_borders(tmp_path: Path) -> None:
    """At most 60 as a checkpoint is opened, and 140 as three words of it are loaded."""
    embzarr.save(tmp_path / "run", WORDS, VECTORS)
    checkpoint, opening = crossings(lambda: embzarr.open(tmp_path / "run"))
    found, loading = crossings(lambda: checkpoint.load([WORDS[5], WORDS[3000], WORDS[4999]]))

    np.testing.assert_array_equal(found.vectors, VECTORS[[5, 3000, 4999]])
    assert 10 < opening.total() <= 60, opening
    assert 10 < loading.total() <= 140, loading
