"""How a run went: the loss that its trainer recorded and the scores of its checkpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import embzarr
from embzarr_eval._evaluate import COMMONEST, evaluate
from embzarr_eval._tasks import read_task

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

_LINE_POINTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One commit of a run."""

    step: int
    commit: int
    loss: float | None
    """Mean loss since the commit before, as ``metadata["trainer"]["metrics"]`` tells it."""
    scores: Mapping[str, float]
    """By name of the file: Spearman's correlation of pairs, 3CosAdd's share of right analogies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A run's commits by step, and what of it could not be read."""

    points: tuple[CurvePoint, ...]
    skipped: tuple[str, ...] = ()
    """A message for each commit that is damaged or gone."""


def curve_of(
    run: embzarr.Run,
    files: Sequence[str | os.PathLike[str]] = (),
    *,
    restrict_vocab: int | None = COMMONEST,
    progress: Callable[[int, int], object] | None = None,
) -> Curve:
    """Read the metrics of all commits, and score each on `files`.

    Of commits of one step the newest counts. Without files, manifests alone are read.

    Args:
        run: the run.
        files: of pairs or analogies, see `evaluate`.
        restrict_vocab: see `evaluate`.
        progress: called with the commits done and the commits in all.

    Raises:
        embzarr.EmbzarrError: as from `evaluate`; a damaged commit is no error but left out.
    """
    for file in files:
        read_task(file)  # what is wrong with a file is told before anything is read
    points: dict[int, CurvePoint] = {}
    skipped: list[str] = []
    numbers = run.numbers()
    for done, number in enumerate(numbers, 1):
        try:
            checkpoint = run.open(commit=number)
            if checkpoint.step not in points:  # the newest commits come first
                points[checkpoint.step] = _point(checkpoint, files, restrict_vocab)
        except (embzarr.DamagedError, embzarr.NotFoundError) as exc:
            skipped.append(f"commit {number}: {exc}")
        if progress:
            progress(done, len(numbers))
    ordered = sorted(points.values(), key=lambda point: point.step)
    return Curve(points=tuple(ordered), skipped=tuple(skipped))


@dataclass(slots=True)
class LossLine:
    """The loss of a run as it goes, in at most 1,000 points however long it takes."""

    points: list[tuple[int, float]] = field(default_factory=list)
    """Words trained, and the mean loss of late."""

    def add(self, words: int, total: int, loss: float) -> None:
        """Note the loss after `words` of `total`, unless the last note was just before."""
        far = not self.points or (words - self.points[-1][0]) * _LINE_POINTS >= total
        if far and loss > 0 and math.isfinite(loss):
            self.points.append((words, loss))


def _point(
    checkpoint: embzarr.Checkpoint,
    files: Sequence[str | os.PathLike[str]],
    restrict_vocab: int | None,
) -> CurvePoint:
    scores: dict[str, float] = {}
    if files:
        found = evaluate(checkpoint, files, restrict_vocab=restrict_vocab)
        of_files = [(one.file, one.spearman) for one in found.similarity]
        of_files += [(one.file, one.total.add) for one in found.analogies]
        scores = {Path(file).name: score for file, score in of_files if score is not None}
    return CurvePoint(
        step=checkpoint.step,
        commit=checkpoint.commit,
        loss=_loss(checkpoint.metadata),
        scores=scores,
    )


def _loss(metadata: Any) -> float | None:  # noqa: ANN401 - any trainer's, of any form
    for name in ("trainer", "metrics", "loss"):
        metadata = metadata.get(name) if isinstance(metadata, dict) else None
    is_number = isinstance(metadata, int | float) and not isinstance(metadata, bool)
    return float(metadata) if is_number and math.isfinite(metadata) else None
