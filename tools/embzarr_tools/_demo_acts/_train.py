"""The demo's first acts: text, training, and three checkpoints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import embzarr_trainer
from embzarr_tools._demo_acts._stage import claim, seconds, tell
from embzarr_tools._screen import progress, size

if TYPE_CHECKING:
    from pathlib import Path

    import embzarr
    from embzarr_tools._demo_acts._stage import Stage

_STEPS = 3
_MOST_EPOCHS = 10
_BYTES_TO_TRAIN = 60_000_000
"""Text times epochs: half a minute on two cores."""


def write_prose(stage: Stage) -> Path:
    """Gather the text that every machine with this project has."""
    stage.begin("Text")
    begin = time.perf_counter()
    path = stage.folder / "prose.txt"
    paragraphs = 0
    with path.open("w", encoding="utf-8") as file, progress("reading Python's libraries"):
        for paragraph in embzarr_trainer.library_prose():
            file.write(f"{paragraph}\n")
            paragraphs += 1
    tell(
        f"{size(path.stat().st_size)} of English, {paragraphs:,} paragraphs: what the Python "
        f"libraries of this machine say of themselves. {seconds(begin)}"
    )
    return path


def train(stage: Stage, corpus: Path) -> list[embzarr.CommitInfo]:
    """Train, and save three steps; return them, newest first."""
    stage.begin("Train and save")
    begin = time.perf_counter()
    run = stage.run
    before = len(run.commits())
    epochs = max(1, min(_MOST_EPOCHS, _BYTES_TO_TRAIN // max(corpus.stat().st_size, 1)))
    with progress("training") as advance:
        last = embzarr_trainer.train(
            corpus,
            stage.url,
            epochs=epochs,
            checkpoints=_STEPS,
            progress=lambda now: advance(now.words, now.total_words),
            storage_options=stage.storage_options,
            vector_size=100,
            alpha=0.05,
            min_count=10,
        )
    commits = run.commits()[:-before] if before else run.commits()
    claim(len(commits) == _STEPS, f"expected {_STEPS} new commits, found {len(commits)}")
    steps = ", ".join(f"{commit.step:,}" for commit in reversed(commits))
    trained = last.metadata["trainer"]["metrics"]
    tell(
        f"{trained['words']:,} words in {epochs} epochs, {trained['words_per_second']:,.0f} "
        f"a second, to {len(last):,} vectors of {last.dim} numbers. {seconds(begin)}"
    )
    tell(f"Saved {stage.place} as steps {steps}: {size(commits[0].bytes_stored)} each.")
    return commits
