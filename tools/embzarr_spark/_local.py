"""Processes of one machine, which share nothing but the store and a folder for windows."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import itertools
import multiprocessing
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from embzarr_spark._shards import Shard, encode, fingerprint
from embzarr_spark._tasks import train_block
from embzarr_spark._windows import deal
from embzarr_spark._words import Counted, count_words
from embzarr_trainer import check_integer, find_tokenizer, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from embzarr_spark._places import Places
    from embzarr_spark._plan import BlockPlan, Position
    from embzarr_spark._tasks import Report, Round
    from embzarr_trainer import TrainOptions

T = TypeVar("T")


class LocalEngine:
    """Runs a block plan by processes of this machine, to see or test what a cluster would do.

    Example:
        >>> with embzarr_spark.LocalEngine(corpus) as engine:
        ...     engine.slots
        1
    """

    def __init__(self, corpus: Any, *, processes: int = 1) -> None:  # noqa: ANN401 - as `train`'s
        """Remember the text; read nothing yet.

        Args:
            corpus: as `embzarr_trainer.train` takes it.
            processes: how many; 1 for this one alone.
        """
        check_integer("processes", processes, low=1, high=1024)
        self.slots = processes
        self._corpus = corpus
        self._resources = contextlib.ExitStack()
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None
        if processes > 1:
            # A forked copy of a process in which a store was opened would hang.
            context = multiprocessing.get_context("spawn")
            pool = concurrent.futures.ProcessPoolExecutor(processes, context)
            self._pool = self._resources.enter_context(pool)
        self._folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory()))
        self._shards: list[tuple[Path, int]] = []
        self._dealt: list[tuple[Path, npt.NDArray[np.int64]]] = []

    def __enter__(self) -> Self:
        """Return the engine itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the processes, and remove what they shared."""
        self._resources.close()

    def count(self, options: TrainOptions) -> Sequence[Counted]:
        """Count words, as `Engine.count`."""
        return [Counted.of(count_words(self._blocks(options)).items(), options.min_count)]

    def encode(self, places: Places, options: TrainOptions, total: int) -> int:
        """Write shards into the folder, as `Engine.encode`."""
        sums: list[tuple[int, int, int]] = []
        self._shards.clear()
        with places.open(places.words) as words:
            shards = encode(self._blocks(options), words, total=total, sample=options.sample)
            for number, shard in enumerate(shards):
                path = self._folder / f"shard-{number}.npz"
                np.savez(path, **shard._asdict())
                before = sum(size for size, *_ in sums)
                self._shards.append((path, before))
                sums.append(shard.sums)
        return fingerprint(sums)

    def run(self, task: Callable[[T, int], object], job: T, count: int) -> None:
        """Run tasks, as `Engine.run`."""
        self._each(task, itertools.repeat(job), range(count))

    def deal(self, plan: BlockPlan, position: Position) -> None:
        """Deal out windows into a file for each shard, as `Engine.deal`."""
        jobs = [
            _Dealing(
                shard=path,
                before=before,
                plan=plan,
                position=position,
                file=self._folder / f"windows-{number}",
            )
            for number, (path, before) in enumerate(self._shards)
        ]
        places = self._each(_deal_to_file, jobs)
        self._dealt = [(job.file, place) for job, place in zip(jobs, places, strict=True)]

    def train(self, job: Round) -> Sequence[Report]:
        """Train a round, as `Engine.train`."""
        groups = job.plan.groups
        files = []
        for task in range(groups):
            block = task * groups + job.plan.input_group(job.number, task)
            files.append([(path, int(at[block]), int(at[block + 1])) for path, at in self._dealt])
        return self._each(_train_from_files, itertools.repeat(job), range(groups), files)

    def _blocks(self, options: TrainOptions) -> Iterable[Sequence[str]]:
        _, split = find_tokenizer(options.tokenizer)
        return read_text(self._corpus, unicode_errors=options.unicode_errors, split=split)

    def _each(self, task: Callable[..., T], *arguments: Iterable[Any]) -> list[T]:
        if self._pool is None:
            return list(map(task, *arguments))
        return list(self._pool.map(task, *arguments))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Dealing:
    shard: Path
    before: int
    plan: BlockPlan
    position: Position
    file: Path


def _deal_to_file(job: _Dealing) -> npt.NDArray[np.int64]:
    """Write a shard's windows block by block; return where each block begins, and the end."""
    with np.load(job.shard) as arrays:
        shard = Shard(*(arrays[name] for name in Shard._fields))
    sizes = np.zeros(job.plan.groups**2 + 1, np.int64)
    epoch, segment, _ = job.position
    with job.file.open("wb") as file:
        for block, share in deal(shard, job.plan, before=job.before, epoch=epoch, segment=segment):
            sizes[block + 1] = file.write(share.to_bytes())
    return np.cumsum(sizes)


def _train_from_files(job: Round, task: int, files: Sequence[tuple[Path, int, int]]) -> Report:
    return train_block(job, task, _read(files))


def _read(files: Iterable[tuple[Path, int, int]]) -> Iterator[bytes]:
    for path, start, stop in files:
        if start < stop:
            with path.open("rb") as file:
                file.seek(start)
                yield file.read(stop - start)
