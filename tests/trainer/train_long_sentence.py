"""Trains on one sentence of many words; a program, so that its memory can be told.

Reads ``{folder, words}`` from standard input and prints what it found as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import embzarr_trainer
from embzarr_trainer import Progress, _train
from embzarr_trainer._corpus import reading

DIFFERENT = 5000
_BLOCK = 100_000


def write(path: Path, words: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Write one line of words that are numbers, and return them."""
    numbers = np.random.default_rng(0).zipf(1.3, words) % DIFFERENT
    with path.open("w") as out:
        for first in range(0, words, _BLOCK):
            out.write("".join(f"w{number} " for number in numbers[first : first + _BLOCK].tolist()))
    return numbers


def peak() -> int:
    """Return the largest resident memory of this program so far, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main(folder: Path, words: int) -> dict[str, Any]:
    """Train, and tell what of it was wrong."""
    text = folder / "one-line.txt"
    numbers = write(text, words)
    encoded: list[reading.Corpus] = []

    def watched(*args: Any, **kwargs: Any) -> reading.Corpus:
        encoded.append(reading.read_corpus(*args, **kwargs))
        return encoded[0]

    reports: list[Progress] = []
    before = peak()
    with mock.patch.object(_train, "read_corpus", watched):
        end = embzarr_trainer.train(
            text,
            folder / "run",
            vector_size=32,
            epochs=1,
            min_count=1,
            workers=2,
            progress=reports.append,
        )
    after = peak()
    (corpus,) = encoded
    ids = np.array([int(word[1:]) for word in corpus.words])[corpus.ids]
    return {
        "before": before,
        "peak": after,
        "misplaced": int((ids != numbers).sum()),
        "starts": corpus.starts.tolist(),
        "step": end.step,
        "miscounted": int((np.bincount(numbers)[ids] != corpus.counts[corpus.ids]).sum()),
        "metrics": end.metadata["trainer"]["metrics"],
        "last": dataclasses.asdict(reports[-1]),
    }


if __name__ == "__main__":
    task = json.load(sys.stdin)
    sys.stdout.write(json.dumps(main(Path(task["folder"]), task["words"])))
