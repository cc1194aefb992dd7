"""Analogies: a is to b as c is to which word? By 3CosAdd and by 3CosMul, in one pass.

3CosAdd (Mikolov et al. 2013) takes the word d with the largest cos(d, b) - cos(d, a) + cos(d, c);
3CosMul (Levy and Goldberg 2014) the largest cos(d, b) cos(d, c) / (cos(d, a) + 0.001), its cosines
moved from -1 .. 1 to 0 .. 1. The words of the question are no answers.

All questions share their words' cosines with a block of rows: one product of matrices, from which
each question's scores are sums and products of three lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr_eval._results import Analogies, SectionScore
from embzarr_eval._vocabulary import units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr_eval._tasks import Questions
    from embzarr_eval._vocabulary import Vocabulary

_EPSILON: Final = np.float32(0.001)
_BATCH: Final = 256
"""Questions scored at a time: with a block's rows they fill a few MB, which a cache holds."""
_BLOCK_ROWS: Final = 2048
_COSINES: Final = 2**23
"""Cosines held at a time, 32 MiB of them, and twice as much made of them for 3CosMul."""


class Answers:
    """The best answers to all questions that can be answered, row by row."""

    def __init__(
        self, questions: Sequence[tuple[str, str, str, str]], vocabulary: Vocabulary
    ) -> None:
        """Find the words of `questions`, all of which `vocabulary` has."""
        rows = [[vocabulary.rows[word] for word in question] for question in questions]
        places = [[vocabulary.places[group[0]] for group in groups[:3]] for groups in rows]
        used, self._terms = np.unique(
            np.array(places, np.int64).reshape(-1, 3), return_inverse=True
        )
        self._terms = self._terms.reshape(-1, 3)
        self._units = vocabulary.units[used]
        self._excluded = _padded([[row for group in g[:3] for row in group] for g in rows])
        self._expected = _padded([groups[3] for groups in rows])
        self._best = tuple(_Best.of(len(questions)) for _ in range(2))

    def take(self, first: int, vectors: NDArray[np.float32]) -> None:
        """Let the rows from `first` on, vectors of shape (k, dim), compete."""
        step = min(max(_COSINES // max(len(self._units), 1), 1), _BLOCK_ROWS)
        for start in range(0, len(vectors), step):
            self._compete(first + start, units(vectors[start : start + step]))

    def correct(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return for each question whether 3CosAdd, and whether 3CosMul, found its answer."""
        add, mul = ((self._expected == best.rows[:, None]).any(axis=1) for best in self._best)
        return add, mul

    def _compete(self, first: int, block: NDArray[np.float32]) -> None:
        cosines = self._units @ block.T
        shifted = (cosines + 1) / 2
        inverse = 1 / (shifted + _EPSILON)
        for questions in _batches(len(self._terms)):
            a, b, c = self._terms[questions].T
            add = cosines[b]
            add -= cosines[a]
            add += cosines[c]
            mul = shifted[b]
            mul *= shifted[c]
            mul *= inverse[a]
            excluded = self._excluded[questions] - first
            question, place = np.nonzero((excluded >= 0) & (excluded < len(block)))
            for scores, best in zip((add, mul), self._best, strict=True):
                scores[question, excluded[question, place]] = -np.inf
                best.update(questions, scores, first)


@dataclass(frozen=True, slots=True)
class _Best:
    """The best score of each question so far, and the row that has it."""

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, questions: int) -> _Best:
        return cls(np.full(questions, -np.inf, np.float32), np.full(questions, -2, np.int64))

    def update(self, questions: slice, scores: NDArray[np.float32], first: int) -> None:
        """Take over what is better; of equal rows the first stays."""
        rows = scores.argmax(axis=1)
        found = np.take_along_axis(scores, rows[:, None], axis=1)[:, 0]
        better = found > self.scores[questions]
        self.scores[questions][better] = found[better]
        self.rows[questions][better] = rows[better] + first


def score_questions(
    tasks: Sequence[Questions],
    vocabulary: Vocabulary,
    blocks: Iterable[tuple[int, NDArray[np.float32]]],
) -> list[Analogies]:
    """Answer all tasks in one pass over the rows.

    Args:
        tasks: the analogies.
        vocabulary: their words.
        blocks: the number of a first row, and vectors from it on, shape (k, dim).
    """
    sections = [section for task in tasks for section in task.sections]
    known = [
        [asked for asked in section.questions if all(word in vocabulary for word in asked)]
        for section in sections
    ]
    answers = Answers([asked for group in known for asked in group], vocabulary)
    for first, vectors in blocks:
        answers.take(first, vectors)
    ends = np.cumsum([len(group) for group in known])[:-1]
    add, mul = (np.split(correct, ends) for correct in answers.correct())
    scores = iter(
        SectionScore(
            name=section.name,
            questions=len(section.questions),
            answered=len(group),
            add_correct=int(by_add.sum()),
            mul_correct=int(by_mul.sum()),
        )
        for section, group, by_add, by_mul in zip(sections, known, add, mul, strict=True)
    )
    return [
        Analogies(file=task.file, sections=tuple(next(scores) for _ in task.sections))
        for task in tasks
    ]


def _padded(groups: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return row numbers as a matrix, -1 where a group is shorter."""
    width = max(map(len, groups), default=0)
    table = np.full((len(groups), width), -1, np.int64)
    for row, group in zip(table, groups, strict=True):
        row[: len(group)] = group
    return table


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + _BATCH) for start in range(0, count, _BATCH))
