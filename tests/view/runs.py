"""The run that the page's tests look at: twenty steps, deltas, and what a stranger may write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import embzarr

SCRIPT = "<script>document.title='caught'</script>"
HOSTILE = [
    SCRIPT,
    "<img src=x onerror=\"document.title='caught'\">",
    "<b>bold</b> <a href='javascript:document.title=1'>x</a>",
    "\x1b[31mred\x1b[0m",
    "abc\u202edef",
    "%{x}$y^2$&lt;i&gt;",
    "x" * 2**20,
    "",
]
CHINESE = ["猫", "猫咪", "狗", "国王", "王后"]
KINGS = ["king", "kingdom", "kin", "queen"]
WORDS = [*KINGS, *CHINESE, *HOSTILE, *(f"w{number}" for number in range(300))]
DIM = 24
STEPS = 20


def save_run(url: object, options: dict[str, Any] | None = None, *, steps: int = STEPS) -> None:
    """Save a full step and deltas upon it, each with a trainer's metrics, the last with new words.

    Args:
        url: where to.
        options: of the store.
        steps: how many.
    """
    random = np.random.default_rng(5)
    vectors = random.standard_normal((len(WORDS), DIM), np.float32)
    vectors[3] = vectors[0] * 1.5 + 0.01
    run = embzarr.Run(url, storage_options=options)
    counts = np.arange(len(WORDS), 0, -1) ** 2
    run.save(WORDS, vectors, step=100, counts=counts, metadata=_metadata(1), **_model())
    for number in range(2, steps + 1):
        rows = np.arange(number, len(WORDS), 40)
        vectors[rows] += random.standard_normal((len(rows), DIM), np.float32) * np.float32(0.4)
        run.save_delta(rows, vectors[rows], step=number * 100, metadata=_metadata(number))
    run.tag("best", step=300)


def _metadata(number: int) -> dict[str, Any]:
    metrics = {
        "loss": 3 / number,
        "alpha": 0.025 / number,
        "words_per_second": 9e5 + number,
        "step": number * 100,
    }
    return {"trainer": {"metrics": metrics}, SCRIPT: number + 0.5, "note": SCRIPT}


def _model() -> dict[str, Any]:
    return {
        "tensors": {"layer.weight": np.arange(600, dtype="f4").reshape(20, 30), SCRIPT: np.ones(3)},
        "files": {"config.json": b'{"a": "<b>"}', f"{SCRIPT}.bin": b"\x00\x01"},
        "model": {"name": SCRIPT},
    }


def save_elsewhere(folder: Path) -> Path:
    """Save a run to a folder, and return that."""
    save_run(folder)
    return folder
