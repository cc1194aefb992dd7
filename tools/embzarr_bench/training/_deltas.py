"""What row deltas write: the rows that training changed, against full steps.

A run is saved at short intervals. What differs between two of its checkpoints, row by row, is saved
as a delta upon the one before: without loss, in half precision, and in int8 with a scale a row.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

import embzarr
import embzarr_trainer
from embzarr_bench._errors import WrongResultError
from embzarr_bench.training._fresh import in_fresh_process
from embzarr_bench.training._trainers import Enough, ours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embzarr_bench.servers.minio import Minio
    from embzarr_bench.training._text import Text
    from embzarr_bench.training._trainers import Settings

INTERVALS: Final = (1 / 200, 1 / 50, 1 / 10)
"""Parts of an epoch between two checkpoints."""
CHAIN: Final = 8
"""Deltas upon one full step."""
ASKED_WORDS: Final = 1000
_COLUMNS: Final = ("vectors", "context")
_ALWAYS: Final = embzarr.DeltaPolicy(max_deltas=CHAIN, max_share=float("inf"))

Lossy: TypeAlias = Literal["float16", "int8"]
_LOSSLESS: Final = "lossless"
_LOSSY: Final[dict[str, Lossy | None]] = {_LOSSLESS: None, "float16": "float16", "int8": "int8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaCost:
    """Chains of deltas at one interval: medians over their commits."""

    interval: float
    """Part of an epoch between two checkpoints, as it came out."""
    rows: int
    vector_size: int
    touched: Mapping[str, float]
    """The share of rows that changed, of each matrix."""
    full_bytes: int
    """Bytes that a full step writes."""
    delta_bytes: Mapping[str, int]
    """Bytes that a delta writes: ``lossless``, ``float16``, ``int8``."""
    full_seconds: tuple[float, ...]
    """From the address to 1,000 words of a full step, cold."""
    chain_seconds: tuple[float, ...]
    """The same of a chain of 8 lossless deltas, however much of the full step they take."""
    default_deltas: int
    """Lossless deltas that the default policy lays upon a full step before it writes another."""
    default_seconds: tuple[float, ...]
    """The same of a chain of so many."""

    @property
    def times_fewer(self) -> dict[str, float]:
        """The bytes of a full step over those of a delta."""
        return {name: self.full_bytes / size for name, size in self.delta_bytes.items()}

    @property
    def chain_over_full(self) -> float:
        """The time to read a chain over that to read a full step, by medians."""
        return statistics.median(self.chain_seconds) / statistics.median(self.full_seconds)

    @property
    def default_over_full(self) -> float:
        """The same of the longest chain that the default policy writes."""
        return statistics.median(self.default_seconds) / statistics.median(self.full_seconds)

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {
            **asdict(self),
            "touched": dict(self.touched),
            "delta_bytes": dict(self.delta_bytes),
            "times_fewer": self.times_fewer,
            "chain_over_full": self.chain_over_full,
            "default_over_full": self.default_over_full,
        }


@dataclass(slots=True)
class _StopAfter:
    """Ends a training after so many checkpoints."""

    left: int
    step: int | None = None

    def __call__(self, now: embzarr_trainer.Progress) -> None:
        if now.step != self.step:
            self.step, self.left = now.step, self.left - 1
        if not self.left:
            raise Enough


def delta_cost(
    text: Text,
    settings: Settings,
    interval: float,
    *,
    server: Minio,
    bucket: str,
    repeats: int,
    progress: Callable[[str], object],
) -> DeltaCost:
    """Train a part of an epoch, and save what it changed as chains of deltas.

    Raises:
        WrongResultError: a chain reads back as something else than what was trained.
    """
    progress(f"training, a checkpoint every {interval:g} of an epoch")
    with tempfile.TemporaryDirectory(prefix="embzarr-bench-") as folder:
        url = str(Path(folder) / "run")
        in_fresh_process(_train, text.file, url, ours(settings), interval)
        steps = _Steps(embzarr.Run(url))
        progress("saving deltas")
        options = server.options
        chains = {name: server.url(bucket, f"{name}-{interval:g}") for name in _LOSSY}
        saved = {name: partial(_save_chain, steps, url, options) for name, url in chains.items()}
        sizes = {name: saved[name](lossy=lossy) for name, lossy in _LOSSY.items()}
        full = server.url(bucket, f"full-{interval:g}")
        full_bytes = steps.save_full(full, CHAIN, options).traffic.bytes_written
        default = server.url(bucket, f"default-{interval:g}")
        deltas = _default_deltas(steps, server.url(bucket, f"policy-{interval:g}"), options)
        _save_chain(steps, default, options, lossy=None, deltas=deltas)
        progress("reading 1,000 words")
        held = {full: CHAIN, chains[_LOSSLESS]: CHAIN, default: deltas}
        seconds = _read(steps, held, options, repeats)
        return DeltaCost(
            interval=steps.interval,
            rows=steps.rows,
            vector_size=settings.vector_size,
            touched=steps.touched(),
            full_bytes=full_bytes,
            delta_bytes=sizes,
            full_seconds=seconds[0],
            chain_seconds=seconds[1],
            default_deltas=deltas,
            default_seconds=seconds[2],
        )


class _Steps:
    """The first checkpoints of a run: a full step, and eight after it."""

    def __init__(self, run: embzarr.Run) -> None:
        numbers = sorted(run.numbers())[: CHAIN + 1]
        self._checkpoints = [run.open(commit=number) for number in numbers]
        self.words = self._checkpoints[0].words
        self.rows = len(self.words)

    @property
    def interval(self) -> float:
        """Return the part of an epoch between two checkpoints."""
        epochs = [one.metadata["trainer"]["metrics"]["epoch"] for one in self._checkpoints]
        return float(epochs[-1] - epochs[0]) / (len(epochs) - 1)

    def matrices(self, place: int) -> dict[str, NDArray[np.float32]]:
        """Return the matrices of one checkpoint, each of shape (rows, dim)."""
        return self._checkpoints[place].load_rows(0, self.rows, columns=_COLUMNS).columns

    def changed(self, place: int) -> dict[str, NDArray[np.int64]]:
        """Return the rows of each matrix that differ from the checkpoint before."""
        before, after = self.matrices(place - 1), self.matrices(place)
        return {name: np.flatnonzero((before[name] != after[name]).any(1)) for name in _COLUMNS}

    def touched(self) -> dict[str, float]:
        """Return the median share of rows that changed, of each matrix."""
        changed = [self.changed(place) for place in range(1, len(self._checkpoints))]
        return {
            name: statistics.median(len(rows[name]) for rows in changed) / self.rows
            for name in _COLUMNS
        }

    def save_full(self, url: str, place: int, options: Mapping[str, Any]) -> embzarr.Checkpoint:
        """Save one checkpoint as a full step."""
        vectors, context = self.matrices(place).values()
        return embzarr.save(
            url,
            self.words,
            vectors,
            columns={"context": context},
            step=place,
            storage_options=options,
        )

    def save_changes(
        self, run: embzarr.Run, place: int, *, lossy: Lossy | None, policy: embzarr.DeltaPolicy
    ) -> embzarr.Checkpoint:
        """Save what one checkpoint changed upon the one before."""
        rows, values = self.changed(place), self.matrices(place)
        return run.save_delta(
            rows,
            {name: values[name][rows[name]] for name in _COLUMNS},
            step=place,
            lossy=lossy,
            policy=policy,
        )


def _train(text: Path, url: str, settings: Mapping[str, Any], interval: float) -> None:
    every = max(int(_words_of_epoch(text, settings) * interval), 1)
    stop = _StopAfter(CHAIN + 1)
    with suppress(Enough):
        embzarr_trainer.train(text, url, save_every=every, progress=stop, **settings)


def _words_of_epoch(text: Path, settings: Mapping[str, Any]) -> int:
    """Return how many words the trainer counts in an epoch."""
    seen: list[int] = []

    def stop(now: embzarr_trainer.Progress) -> None:
        seen.append(now.total_words // now.epochs)
        raise Enough

    with tempfile.TemporaryDirectory(prefix="embzarr-bench-") as folder, suppress(Enough):
        embzarr_trainer.train(text, Path(folder) / "run", progress=stop, **settings)
    return seen[0]


def _save_chain(
    steps: _Steps,
    url: str,
    options: Mapping[str, Any],
    *,
    lossy: Lossy | None,
    deltas: int = CHAIN,
) -> int:
    """Save a full step and deltas, eight by default; return the median bytes of a delta."""
    steps.save_full(url, 0, options)
    run = embzarr.Run(url, storage_options=options)
    saved = [
        steps.save_changes(run, place, lossy=lossy, policy=_ALWAYS)
        for place in range(1, deltas + 1)
    ]
    return int(statistics.median([one.traffic.bytes_written for one in saved] or [0]))


def _default_deltas(steps: _Steps, url: str, options: Mapping[str, Any]) -> int:
    """Return how many deltas the default policy lays upon a full step."""
    steps.save_full(url, 0, options)
    run = embzarr.Run(url, storage_options=options)
    for place in range(1, CHAIN + 1):
        saved = steps.save_changes(run, place, lossy=None, policy=embzarr.DeltaPolicy())
        if saved.info().kind == "full":
            return place - 1
    return CHAIN


def _read(
    steps: _Steps, held: Mapping[str, int], options: Mapping[str, Any], repeats: int
) -> list[tuple[float, ...]]:
    """Read 1,000 words cold from each address, in turns; compare with what was trained.

    Args:
        steps: what was trained.
        held: which of the steps each address holds.
        options: of the store.
        repeats: how often each is read.
    """
    draws = np.random.default_rng(0)
    rows = draws.choice(steps.rows, min(ASKED_WORDS, steps.rows), replace=False)
    asked = [steps.words[row] for row in rows.tolist()]
    truth = {place: steps.matrices(place)["vectors"][rows] for place in {*held.values()}}
    seconds: list[list[float]] = [[] for _ in held]
    for number in range(repeats + 1):
        for at, (url, place) in enumerate(held.items()):
            begin = time.perf_counter()
            found = embzarr.open(url, storage_options=options)[asked]
            end = time.perf_counter()
            if not np.array_equal(found, truth[place]):
                raise WrongResultError(f"{url}: 1,000 words are not what was trained")
            if number:  # the first round imports
                seconds[at].append(end - begin)
    return [tuple(times) for times in seconds]
