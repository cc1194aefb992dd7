"""What checkpoints cost: words per second with and without them, stalls, and processor time.

One training, with a checkpoint every other interval: each interval that begins with one is compared
with the one after, which has none, so that what else the machine does counts on both sides. A save
of which something is left over when its interval ends is a wrong result.
"""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import embzarr
import embzarr_trainer
from embzarr_bench._errors import WrongResultError
from embzarr_bench.training._fresh import in_fresh_process
from embzarr_bench.training._trainers import Enough, ours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from embzarr_bench.servers.minio import Minio
    from embzarr_bench.training._text import Text
    from embzarr_bench.training._trainers import Settings

WORDS: Final = 50_000
"""Rows of the matrices, as far as the text has so many words."""
INTERVAL: Final = 20.0
"""Seconds from one checkpoint to the next, as far as the cost of one is concerned."""
_EPOCHS: Final = 1000
"""Longer than any of this takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointCost:
    """All pairs of intervals."""

    rows: int
    vector_size: int
    interval: float
    """Seconds."""
    without: tuple[float, ...]
    """Words per second on the clock, one a pair."""
    with_checkpoints: tuple[float, ...]
    stalls: tuple[float, ...]
    """Seconds that each checkpoint held training up."""
    own_cpu: float
    """Processor seconds of a checkpoint saved while nothing trains, in the process that saves."""
    server_cpu: float
    """The same of the server, which has its processors from the same machine."""

    @property
    def losses(self) -> list[float]:
        """The share of words per second that each checkpoint cost, one a pair."""
        pairs = zip(self.with_checkpoints, self.without, strict=True)
        return [1 - saving / plain for saving, plain in pairs]

    @property
    def loss(self) -> float:
        """Their median: on a machine that others use too, single pairs tell little."""
        return statistics.median(self.losses)

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {**asdict(self), "losses": self.losses, "loss": self.loss}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Training:
    rows: int
    with_checkpoints: tuple[float, ...]
    without: tuple[float, ...]
    stalls: tuple[float, ...]


@dataclass(slots=True)
class Clock:
    """Takes the time of intervals from what a training reports, and ends it after some pairs."""

    interval: float
    pairs: int
    seconds: Callable[[], float] = time.perf_counter
    stalls: list[float] = field(default_factory=list)
    _reports: list[tuple[float, int, int | None]] = field(default_factory=list)
    """When, after how many words, and at which newest step, was reported."""
    _begins: list[int] = field(default_factory=list)
    """The reports just before a checkpoint was begun."""

    def __call__(self, now: embzarr_trainer.Progress) -> None:
        """Note a report.

        Raises:
            Enough: after the last pair.
        """
        if now.stall_seconds and (not self.stalls or self.stalls[-1] != now.stall_seconds):
            self.stalls.append(now.stall_seconds)
            self._begins.append(len(self._reports) - 1)
        self._reports.append((self.seconds(), now.words, now.step))
        if len(self._begins) > self.pairs:
            raise Enough

    def speeds(self) -> list[tuple[float, float]]:
        """Return words per second of each pair: with a checkpoint, and without.

        Raises:
            WrongResultError: a checkpoint was not saved when its interval ended, or training ended.
        """
        found = []
        for first, last in zip(self._begins, self._begins[1:], strict=False):
            over = self._reports[first][0] + self.interval
            middle = next((at for at in range(first, last) if self._reports[at][0] >= over), None)
            if middle is None:
                raise WrongResultError("training ended before all intervals had passed")
            if self._reports[middle][2] == self._reports[first][2]:
                raise WrongResultError(f"a checkpoint takes longer than {self.interval:g} s")
            found.append((self._speed(first, middle), self._speed(middle, last)))
        return found

    def _speed(self, first: int, last: int) -> float:
        (begun, before, _), (ended, after, _) = self._reports[first], self._reports[last]
        return (after - before) / (ended - begun)


def checkpoint_cost(
    text: Text,
    settings: Settings,
    *,
    server: Minio,
    bucket: str,
    pairs: int,
    progress: Callable[[str], object],
    interval: float = INTERVAL,
) -> CheckpointCost:
    """Train with a checkpoint every other interval to a server on this machine.

    Raises:
        WrongResultError: a checkpoint takes longer than an interval.
    """
    progress(f"{pairs} pairs of {interval:g} s with a checkpoint and without")
    url = server.url(bucket, "run")
    found = in_fresh_process(
        _train, text.file, url, ours(settings), server.options, (interval, pairs)
    )
    progress("saving while nothing trains")
    own, servers = _cpu_of_saves(server, bucket, url)
    return CheckpointCost(
        rows=found.rows,
        vector_size=settings.vector_size,
        interval=interval,
        without=found.without,
        with_checkpoints=found.with_checkpoints,
        stalls=found.stalls,
        own_cpu=own,
        server_cpu=servers,
    )


def _train(
    text: Path,
    url: str,
    settings: Mapping[str, Any],
    storage_options: Mapping[str, str],
    plan: tuple[float, int],
) -> _Training:
    interval, pairs = plan
    clock = Clock(interval, pairs)
    changes = {"epochs": _EPOCHS, "max_vocab": WORDS, "save_every": f"{2 * interval}s"}
    with suppress(Enough):
        embzarr_trainer.train(
            text, url, storage_options=storage_options, progress=clock, **{**settings, **changes}
        )
    speeds = clock.speeds()
    return _Training(
        rows=len(embzarr.open(url, storage_options=storage_options)),
        with_checkpoints=tuple(saving for saving, _ in speeds),
        without=tuple(plain for _, plain in speeds),
        stalls=tuple(clock.stalls[:pairs]),
    )


def _cpu_of_saves(server: Minio, bucket: str, url: str) -> tuple[float, float]:
    """Save the newest checkpoint again, three times; return processor seconds, ours and theirs."""
    options = server.options
    checkpoint = embzarr.open(url, storage_options=options)
    columns = ("vectors", "context", "counts")
    table = checkpoint.load_rows(0, len(checkpoint), columns=columns).columns
    vectors, words = table.pop("vectors"), checkpoint.words
    seconds: list[tuple[float, float]] = []
    with embzarr.Run(server.url(bucket, "again"), storage_options=options) as run:
        for _ in range(3):
            own, servers = time.process_time(), server.cpu_seconds()
            run.save_async(words, vectors, columns=table).result()
            seconds.append((time.process_time() - own, server.cpu_seconds() - servers))
    return _median(seconds, 0), _median(seconds, 1)


def _median(rows: Sequence[tuple[float, ...]], place: int) -> float:
    return statistics.median(row[place] for row in rows)
