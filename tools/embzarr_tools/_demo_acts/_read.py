"""The demo's acts on reading: one word from a cold start, then parts, against the whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from embzarr_tools._demo_acts._stage import claim, cost_of, tell
from embzarr_tools._screen import size

if TYPE_CHECKING:
    from collections.abc import Callable

    import embzarr
    from embzarr_tools._demo_acts._stage import Stage

_SHOWN = 4


def open_cold(stage: Stage) -> embzarr.Loaded:
    """Read one word as a program does that knows the URL; return the whole matrix."""
    stage.begin("Open from the URL, and read one word")
    full = stage.open().load_rows(0, len(stage.open()))
    word = full.words[len(full) // 2]
    begin = time.perf_counter()
    checkpoint = stage.open()
    vector = checkpoint[word]
    cost = cost_of(checkpoint, begin)
    claim(np.array_equal(vector, full.vectors[len(full) // 2]), "the word has another vector")
    start = ", ".join(f"{number:.3f}" for number in vector[:4])
    tell(f"{word}: [{start}, …]. {cost}")
    return full


def load_parts(stage: Stage, full: embzarr.Loaded) -> None:
    """Read scattered words, a range and a prefix, and compare them with the whole."""
    stage.begin("Read parts")
    scattered = [*full.words[:: max(len(full) // 4, 1)]]
    _load_part(stage, full, "Scattered words", lambda c: c.load(scattered), scattered)
    ordered = sorted(full.words)
    first, last = ordered[len(ordered) // 2], ordered[min(len(ordered) // 2 + 12, len(ordered) - 1)]
    inside = [word for word in ordered if first <= word < last]
    what = f"Words from {first} up to {last}"
    _load_part(stage, full, what, lambda c: c.load_range(first, last), inside)
    prefix = max(full.words, key=len)[:4]
    beginning = [word for word in ordered if word.startswith(prefix)]
    what = f"Words that begin with {prefix}"
    _load_part(stage, full, what, lambda c: c.load_prefix(prefix), beginning)
    tell(f"Bit for bit the rows of the whole matrix, which is {size(full.vectors.nbytes)}.")


def _load_part(
    stage: Stage,
    full: embzarr.Loaded,
    what: str,
    load: Callable[[embzarr.Checkpoint], embzarr.Loaded],
    expected: list[str],
) -> None:
    begin = time.perf_counter()
    checkpoint = stage.open()
    loaded = load(checkpoint)
    cost = cost_of(checkpoint, begin)
    rows = {word: row for row, word in enumerate(full.words)}
    same = np.array_equal(loaded.vectors, full.vectors[[rows[word] for word in expected]])
    claim(
        [*loaded] == expected and same, f"{what}: other words or vectors than in the whole matrix"
    )
    shown = ", ".join(expected[:_SHOWN])
    more = ", …" if len(expected) > _SHOWN else "."
    tell(f"{what} ({len(expected)}): {shown}{more} {cost}")
