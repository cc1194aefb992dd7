"""How good the vectors are, over seeds: word similarity and analogies of all trainers.

All train at the rates that gensim does with so many threads: see `_trainers.last_rate`.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import embzarr
import embzarr_eval
from embzarr_bench.training._fresh import in_fresh_process
from embzarr_bench.training._trainers import GENSIM, OURS, TRAINERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embzarr_bench.training._text import Text
    from embzarr_bench.training._trainers import Settings

RESTRICT_VOCAB: Final = 30_000
JUDGED: Final = (OURS, GENSIM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One trainer's scores on one file."""

    trainer: str
    file: str
    scores: tuple[float, ...]
    """One a seed: Spearman's correlation of pairs, 3CosAdd's share of right analogies."""

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.scores)

    @property
    def spread(self) -> float:
        """The largest score less the smallest."""
        return max(self.scores) - min(self.scores)

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {**asdict(self), "mean": self.mean, "spread": self.spread}


def quality(
    text: Text,
    settings: Settings,
    files: Sequence[Path],
    *,
    trainers: Sequence[str],
    seeds: Sequence[int],
    progress: Callable[[str], object],
) -> list[Quality]:
    """Train with each seed, in turns, and score every run on `files` among 30,000 words."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for seed in seeds:
        for trainer in trainers:
            progress(f"seed {seed}: {trainer}")
            scores = _scores(trainer, text.file, replace(settings, seed=seed), files)
            for file, score in scores.items():
                found[trainer, file].append(score)
    return [
        Quality(trainer=trainer, file=file, scores=tuple(scores))
        for (trainer, file), scores in found.items()
    ]


def _scores(
    trainer: str, text: Path, settings: Settings, files: Sequence[Path]
) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="embzarr-bench-") as folder:
        run = Path(folder) / "run"
        in_fresh_process(TRAINERS[trainer], text, run, settings)
        found = embzarr_eval.evaluate(embzarr.open(run), files, restrict_vocab=RESTRICT_VOCAB)
    scores = [(one.file, one.spearman) for one in found.similarity]
    scores += [(one.file, one.total.add) for one in found.analogies]
    return {Path(file).name: score for file, score in scores if score is not None}
