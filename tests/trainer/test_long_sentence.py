"""A line of ten million words, as text8 is: read, cut and trained like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MIB = 1024 * 1024
SENTENCE = 10_000


@pytest.mark.parametrize(
    "words", [250_003, pytest.param(10_000_000, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_a_long_sentence(
    words: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every word keeps its place, pieces are of 10,000, and memory does not grow with the line."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(Path(__file__).with_name("train_long_sentence.py"))],
        input=json.dumps({"folder": str(tmp_path), "words": words}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    metrics, last = found["metrics"], found["last"]
    record_property("peak MiB", found["peak"] // MIB)
    record_property("words per second", metrics["words_per_second"])

    assert found["misplaced"] == found["miscounted"] == 0
    assert found["starts"] == [*range(0, words, SENTENCE), words]
    assert found["step"] == last["words"] == last["total_words"] == words
    assert metrics["words_per_second"] == pytest.approx(words / metrics["seconds"], rel=1e-3)
    assert last["words_per_second"] == pytest.approx(words / metrics["seconds"], rel=0.2)
    # What was there before, the compiler, the mapped file of ids, and blocks of a fixed size.
    assert found["peak"] - found["before"] < 200 * MIB + 4 * words
