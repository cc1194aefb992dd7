"""A run of the benchmark: the parts that were asked for, one after another."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from embzarr_bench import _figures
from embzarr_bench._errors import BenchError
from embzarr_bench.peers._port import library
from embzarr_bench.servers.minio import MISSING, find_minio, running_minio
from embzarr_bench.training._checkpoints import checkpoint_cost
from embzarr_bench.training._deltas import INTERVALS, delta_cost
from embzarr_bench.training._quality import JUDGED, quality
from embzarr_bench.training._speed import speed, times_faster
from embzarr_bench.training._text import prepare
from embzarr_bench.training._trainers import Settings, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from embzarr_bench.servers.minio import Minio
    from embzarr_bench.training._checkpoints import CheckpointCost
    from embzarr_bench.training._deltas import DeltaCost
    from embzarr_bench.training._quality import Quality
    from embzarr_bench.training._speed import Speed
    from embzarr_bench.training._text import Text

PARTS: Final = ("speed", "quality", "checkpoints", "deltas")
_READS: Final = 9
_SUPPLIED: Final = ("wordsim353.tsv", "questions-words.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure."""

    corpus: Path
    nbytes: int = 30_000_000
    parts: Sequence[str] = PARTS
    dims: Sequence[int] = (100, 300)
    workers: int = 2
    repeats: int = 3
    speed_epochs: int = 1
    quality_epochs: int = 5
    seeds: int = 3
    checkpoint_pairs: int = 12
    """Of intervals, 20 seconds each, with a checkpoint and without."""
    files: Sequence[Path] = ()
    """Of word pairs and analogies; by default those that come with gensim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was found."""

    setting: Mapping[str, object]
    trainers: Mapping[str, str]
    """Their versions."""
    skipped: Mapping[str, str]
    failures: Mapping[str, str]
    """Trainers that failed at some work, and how."""
    speed: Sequence[Speed]
    quality: Sequence[Quality]
    checkpoints: CheckpointCost | None
    deltas: Sequence[DeltaCost]

    def times_faster(self, than: Speed) -> float | None:
        """Return our words per second over another's; see `embzarr_bench.training.speed`."""
        return times_faster(self.speed, than)

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {
            "setting": dict(self.setting),
            "trainers": dict(self.trainers),
            "skipped": dict(self.skipped),
            "failures": dict(self.failures),
            "speed": [
                {**one.as_json(), "ours_over_this": self.times_faster(one)} for one in self.speed
            ],
            "quality": [one.as_json() for one in self.quality],
            "checkpoints": self.checkpoints.as_json() if self.checkpoints else None,
            "deltas": [one.as_json() for one in self.deltas],
        }


def compare(plan: Plan, *, progress: Callable[[str], object]) -> Comparison:
    """Measure and return the figures.

    Raises:
        BenchError: a program or text is missing, or the plan makes no sense.
    """
    for part in plan.parts:
        if part not in PARTS:
            raise BenchError(f"no part {part!r}; known: {', '.join(PARTS)}")
    if min(plan.repeats, plan.seeds, plan.workers, plan.nbytes, *plan.dims) < 1:
        raise BenchError("expected repeats, seeds, workers, bytes and dims from 1 on")
    trainers, skipped = installed()
    with tempfile.TemporaryDirectory(prefix="embzarr-bench-") as folder:
        text = prepare(plan.corpus, plan.nbytes, Path(folder))
        run = _Run(plan, text, list(trainers), progress)
        speeds, failures = run.speed() if "speed" in plan.parts else ([], {})
        return Comparison(
            setting={
                "words": text.words,
                "dims": list(plan.dims),
                "workers": plan.workers,
                "repeats": plan.repeats,
                **_figures.machine(),
            },
            trainers=trainers,
            skipped=skipped,
            failures=failures,
            speed=speeds,
            quality=run.quality() if "quality" in plan.parts else [],
            checkpoints=run.checkpoints() if "checkpoints" in plan.parts else None,
            deltas=run.deltas() if "deltas" in plan.parts else [],
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """What all parts work with."""

    plan: Plan
    text: Text
    trainers: Sequence[str]
    progress: Callable[[str], object]

    def speed(self) -> tuple[list[Speed], dict[str, str]]:
        settings = [self._settings(dim, self.plan.speed_epochs) for dim in self.plan.dims]
        return speed(
            self.text,
            settings,
            self.trainers,
            repeats=self.plan.repeats,
            progress=self.progress,
        )

    def quality(self) -> list[Quality]:
        return quality(
            self.text,
            self._settings(self.plan.dims[0], self.plan.quality_epochs),
            self.plan.files or _supplied(),
            trainers=[name for name in JUDGED if name in self.trainers],
            seeds=range(1, self.plan.seeds + 1),
            progress=self.progress,
        )

    def checkpoints(self) -> CheckpointCost:
        settings = self._settings(max(self.plan.dims), 1, min_count=1)
        with _served() as (server, bucket):
            return checkpoint_cost(
                self.text,
                settings,
                server=server,
                bucket=bucket,
                pairs=self.plan.checkpoint_pairs,
                progress=self.progress,
            )

    def deltas(self) -> list[DeltaCost]:
        settings = self._settings(self.plan.dims[0], self.plan.speed_epochs)
        with _served() as (server, bucket):
            return [
                delta_cost(
                    self.text,
                    settings,
                    interval,
                    server=server,
                    bucket=bucket,
                    repeats=_READS,
                    progress=self.progress,
                )
                for interval in INTERVALS
            ]

    def _settings(self, dim: int, epochs: int, *, min_count: int = 5) -> Settings:
        return Settings(
            vector_size=dim, epochs=epochs, workers=self.plan.workers, min_count=min_count
        )


@contextmanager
def _served() -> Iterator[tuple[Minio, str]]:
    """Run a MinIO with a bucket until the block ends."""
    program = find_minio()
    if program is None:
        raise BenchError(MISSING)
    with running_minio(program) as server:
        yield server, server.new_bucket()


def _supplied() -> list[Path]:
    """Return the files of pairs and analogies that come with gensim."""
    paths = library("gensim.test.utils")
    return [Path(paths.datapath(name)) for name in _SUPPLIED]
