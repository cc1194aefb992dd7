"""An evaluation: files read first, then their words, then, for analogies, the commonest rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

import embzarr
from embzarr_eval._analogies import score_questions
from embzarr_eval._similarity import score_pairs
from embzarr_eval._tasks import Pairs, Questions, read_task
from embzarr_eval._vocabulary import look_up

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr_eval._results import Analogies, Similarity

_ROWS_BY_FREQUENCY: Final = "given"
COMMONEST: Final = 300_000
"""Rows that are looked at where nothing is said, as in gensim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that was found of one checkpoint."""

    step: int
    commit: int
    rows: int
    """Rows that were looked at, from the first on."""
    similarity: tuple[Similarity, ...]
    analogies: tuple[Analogies, ...]
    traffic: embzarr.Traffic
    """Of the checkpoint since it was opened."""

    def as_json(self) -> dict[str, object]:
        """Return everything as a JSON object."""
        return {
            "step": self.step,
            "commit": self.commit,
            "rows": self.rows,
            "similarity": [one.as_json() for one in self.similarity],
            "analogies": [one.as_json() for one in self.analogies],
            "traffic": asdict(self.traffic),
        }


def evaluate(
    checkpoint: embzarr.Checkpoint,
    files: Sequence[str | os.PathLike[str]],
    *,
    restrict_vocab: int | None = COMMONEST,
    case_sensitive: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Evaluation:
    """Score a checkpoint on files of word pairs and analogies.

    Pairs read the words that they name. Analogies read the first rows too, once for all files, in
    blocks: memory does not grow with the checkpoint.

    Args:
        checkpoint: an open checkpoint.
        files: see `read_task` for their formats.
        restrict_vocab: only the first so many rows count, as question and as answer; None for all.
            Rows go by frequency unless their writer placed them otherwise.
        case_sensitive: a word is found under its own spelling alone; else also in lower case, in
            upper case and with a capital, the lowest row first.
        progress: called with the rows done and the rows in all.

    Raises:
        embzarr.NotFoundError: no such file (``eval-missing``).
        embzarr.InvalidInputError: a file that is not one of pairs or analogies (``eval-not-text``,
            ``eval-empty``, ``eval-format``); a restriction that makes no sense, such as in a
            checkpoint whose rows do not go by frequency (``input-argument``).
        embzarr.EmbzarrError: as from ``embzarr.Checkpoint.load``.
    """
    tasks = [read_task(file) for file in files]
    rows = _rows(checkpoint, restrict_vocab)
    words = [word for task in tasks for word in _words(task)]
    vocabulary = look_up(checkpoint, words, below=rows, case_sensitive=case_sensitive)
    asked = [task for task in tasks if isinstance(task, Questions)]
    analogies = (
        score_questions(asked, vocabulary, _blocks(checkpoint, rows, progress)) if asked else []
    )
    return Evaluation(
        step=checkpoint.step,
        commit=checkpoint.commit,
        rows=rows,
        similarity=tuple(
            score_pairs(task, vocabulary) for task in tasks if isinstance(task, Pairs)
        ),
        analogies=tuple(analogies),
        traffic=checkpoint.traffic,
    )


def _rows(checkpoint: embzarr.Checkpoint, restrict: int | None) -> int:
    if restrict is None:
        return len(checkpoint)
    if restrict < 1:
        raise embzarr.InvalidInputError(
            "input-argument", f"restrict_vocab: expected at least 1 row or None, found {restrict}"
        )
    placement = checkpoint.info().placement
    if restrict < len(checkpoint) and placement != _ROWS_BY_FREQUENCY:
        raise embzarr.InvalidInputError(
            "input-argument",
            f"restrict_vocab: expected rows in the order given, by frequency, found placement "
            f"{placement}; None looks at all {len(checkpoint)} rows",
        )
    return min(restrict, len(checkpoint))


def _words(task: Pairs | Questions) -> Iterator[str]:
    if isinstance(task, Pairs):
        return (word for pair in task.words for word in pair)
    return (word for section in task.sections for asked in section.questions for word in asked)


def _blocks(
    checkpoint: embzarr.Checkpoint, rows: int, progress: Callable[[int, int], object] | None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    first = 0
    for part in checkpoint.stream(stop=rows, dtype=np.float32):
        yield first, part.vectors
        first += len(part)
        if progress:
            progress(first, rows)
