"""What checkpoints cost: words per second with and without them, and the stall of each."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import embzarr_trainer
from embzarr_bench.training._fresh import in_fresh_process
from embzarr_bench.training._trainers import ours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from embzarr_bench.servers.minio import Minio
    from embzarr_bench.training._text import Text
    from embzarr_bench.training._trainers import Settings

WORDS: Final = 50_000
"""Rows of the matrices, as far as the text has so many words."""
INTERVAL: Final = "20s"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointCost:
    """All rounds, with checkpoints and without."""

    rows: int
    vector_size: int
    interval: str
    without: tuple[float, ...]
    """Words per second on the clock, from the first report to the last word; one a round."""
    with_checkpoints: tuple[float, ...]
    stalls: tuple[float, ...]
    """Seconds that each checkpoint on the way held training up, over all rounds."""

    @property
    def loss(self) -> float:
        """The share of words per second that checkpoints cost, by medians."""
        return 1 - statistics.median(self.with_checkpoints) / statistics.median(self.without)

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {**asdict(self), "loss": self.loss}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    rows: int
    words_per_second: float
    stalls: tuple[float, ...]


@dataclass(slots=True)
class Clock:
    """Takes the time of a training from what it reports."""

    seconds: Callable[[], float] = time.perf_counter
    began: tuple[float, int] | None = None
    ended: tuple[float, int] | None = None
    stalls: dict[int, float] = field(default_factory=dict)

    def __call__(self, now: embzarr_trainer.Progress) -> None:
        """Note a report."""
        at = (self.seconds(), now.words)
        if self.began is None and now.words:
            self.began = at
        if self.ended is None and now.words == now.total_words:
            self.ended = at
        if now.step is not None and now.step < now.total_words:
            self.stalls.setdefault(now.step, now.stall_seconds)

    def words_per_second(self) -> float:
        """Return the speed from the first report to the last word."""
        if self.began is None or self.ended is None or self.began == self.ended:
            return float("nan")
        return (self.ended[1] - self.began[1]) / (self.ended[0] - self.began[0])


def checkpoint_cost(
    text: Text,
    settings: Settings,
    *,
    server: Minio,
    bucket: str,
    repeats: int,
    progress: Callable[[str], object],
) -> CheckpointCost:
    """Train with a checkpoint every 20 seconds to a server on this machine, and without, in turns.

    The server takes its processor time from the same machine.
    """
    rounds: dict[bool, list[_Round]] = {False: [], True: []}
    for number in range(repeats):
        for saving in (False, True) if number % 2 else (True, False):
            progress(f"{number + 1} of {repeats}: {'with' if saving else 'without'} checkpoints")
            url = server.url(bucket, f"run-{number}-{saving}")
            options = {"max_vocab": WORDS, **({"save_every": INTERVAL} if saving else {})}
            done = in_fresh_process(
                _train, text.file, url, {**ours(settings), **options}, server.options
            )
            rounds[saving].append(done)
            server.remove_objects(bucket)
    return CheckpointCost(
        rows=rounds[True][0].rows,
        vector_size=settings.vector_size,
        interval=INTERVAL,
        without=_speeds(rounds[False]),
        with_checkpoints=_speeds(rounds[True]),
        stalls=tuple(stall for one in rounds[True] for stall in one.stalls),
    )


def _train(
    text: Path, url: str, settings: Mapping[str, Any], store_options: Mapping[str, str]
) -> _Round:
    clock = Clock()
    checkpoint = embzarr_trainer.train(
        text, url, store_options=store_options, progress=clock, **settings
    )
    return _Round(
        rows=len(checkpoint),
        words_per_second=clock.words_per_second(),
        stalls=tuple(clock.stalls.values()),
    )


def _speeds(rounds: Sequence[_Round]) -> tuple[float, ...]:
    return tuple(one.words_per_second for one in rounds)
