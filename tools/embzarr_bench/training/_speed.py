"""Words per second: raw words of the corpus, times epochs, per second on the clock."""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embzarr_bench.training._fresh import in_fresh_process
from embzarr_bench.training._trainers import OURS, TRAINERS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embzarr_bench.training._text import Text
    from embzarr_bench.training._trainers import Trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One trainer at one number of dimensions: medians over all rounds."""

    trainer: str
    vector_size: int
    whole: float
    """Words per second from the text to vectors."""
    training: float | None
    """Words per second of training alone; None where that cannot be told."""
    slowest: float
    """Of `whole`, the slowest round."""
    fastest: float
    rounds: int

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return asdict(self)


def speed(
    text: Text,
    settings: Sequence[Settings],
    trainers: Sequence[str],
    *,
    repeats: int,
    progress: Callable[[str], object],
) -> tuple[list[Speed], dict[str, str]]:
    """Train at all settings `repeats` times; each time, the trainers in a new random order.

    Returns:
        The speeds, and of each trainer that failed, and was left out from then on, the reason.
    """
    failures: dict[str, str] = {}
    chance = np.random.default_rng(0)
    rounds: dict[tuple[str, Settings], list[Trained]] = defaultdict(list)
    _warm_up(text, settings, progress)
    for number in range(repeats):
        for setting in settings:
            for trainer in chance.permutation(list(trainers)).tolist():
                if trainer in failures:
                    continue
                progress(f"{number + 1} of {repeats}: {trainer}, {setting.vector_size} dims")
                try:
                    rounds[trainer, setting].append(once(trainer, text.file, setting))
                except Exception as exc:
                    if trainer == OURS:
                        raise
                    failures[trainer] = f"{type(exc).__name__}: {exc}"
    speeds = [
        _speed(trainer, setting, rounds[trainer, setting], text.words * setting.epochs)
        for setting in settings
        for trainer in trainers
        if trainer not in failures
    ]
    return speeds, failures


def times_faster(speeds: Sequence[Speed], than: Speed) -> float | None:
    """Return our words per second over another's: of training alone where both tell it."""
    ours = next(
        (one for one in speeds if (one.trainer, one.vector_size) == (OURS, than.vector_size)), None
    )
    if ours is None or than.trainer == OURS:
        return None
    if ours.training is not None and than.training is not None:
        return ours.training / than.training
    return ours.whole / than.whole


def once(trainer: str, text: Path, settings: Settings) -> Trained:
    """Train once in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="embzarr-bench-") as folder:
        return in_fresh_process(TRAINERS[trainer], text, Path(folder) / "run", settings)


def _warm_up(text: Text, settings: Sequence[Settings], progress: Callable[[str], object]) -> None:
    """Compile what numba then has in its cache, as it has for a user's second run."""
    progress("compiling")
    small = text.file.with_name("small.txt")
    with text.file.open("rb") as stream:
        small.write_bytes(b"".join(stream.readline() for _ in range(20)))
    for setting in settings:
        once(OURS, small, setting)


def _speed(trainer: str, setting: Settings, rounds: Sequence[Trained], words: int) -> Speed:
    whole = [words / one.whole for one in rounds]
    training = [words / one.seconds for one in rounds if one.seconds is not None]
    return Speed(
        trainer=trainer,
        vector_size=setting.vector_size,
        whole=statistics.median(whole),
        training=statistics.median(training) if training else None,
        slowest=min(whole),
        fastest=max(whole),
        rounds=len(rounds),
    )
