"""Which rows a verification found damaged, and what words name them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from embzarr._reading import DeltaColumn, VocabularyReader, link_of
from embzarr._storage import parallel
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from embzarr._format import Layer
    from embzarr._storage import Readable
    from embzarr._verify.report import Problem

_SHOWN_WORDS = 8
_SHOWN_PROBLEMS = 100
"""Problems whose rows are told by word, too: each costs a request or two."""


def with_words(
    store: Readable, layers: Sequence[Layer], problems: Iterable[Problem]
) -> list[Problem]:
    """Tell the rows of deltas, and the first words of rows that are lost, as far as is known."""
    columns = _Columns(store, layers)
    vocabulary = VocabularyReader(store, layers, link_of(store))

    def told(item: tuple[int, Problem]) -> Problem:
        at, problem = item
        if problem.places is None:
            return problem
        try:
            rows = columns.rows_of(problem)
            found = replace(problem, rows=(int(rows[0]), int(rows[-1]) + 1))
        except DamagedError:
            return problem
        try:
            words = _words(vocabulary, rows[:_SHOWN_WORDS]) if at < _SHOWN_PROBLEMS else ()
        except DamagedError:
            return found
        return replace(found, words=words)

    return parallel.each(told, list(enumerate(problems)))


def lost_rows(
    store: Readable, layers: Sequence[Layer], problems: Sequence[Problem], column: str
) -> NDArray[np.int64]:
    """Return the rows of a column that cannot be read any more, rising.

    A row that a newer layer holds anew can be read, whatever became of it below; without the row
    numbers of a delta no other can.
    """
    columns = _Columns(store, layers)
    lost = np.empty(0, np.int64)
    for layer in layers:
        within = [p for p in problems if p.column == column and _is_within(p, layer)]
        try:
            if layer.kind == "delta" and column in layer.columns:
                lost = np.setdiff1d(lost, columns.held(layer, column), assume_unique=True)
            lost = np.unique(np.concatenate([lost, *map(columns.rows_of, within)]))
        except DamagedError:
            lost = np.arange(layer.rows)
    return lost


def _words(vocabulary: VocabularyReader, rows: range | NDArray[np.int64]) -> tuple[str, ...]:
    first, last = int(rows[0]), int(rows[-1])
    if last - first == len(rows) - 1:
        return tuple(vocabulary.words(first, last + 1))
    return tuple(vocabulary.words(int(row), int(row) + 1).word(0) for row in rows)


class _Columns:
    """The row numbers of each column of each delta, read when they are asked for."""

    def __init__(self, store: Readable, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._deltas = {
            (layer.path, name): DeltaColumn(store, layer, name, link_of(store))
            for layer in layers
            if layer.kind == "delta"
            for name in layer.columns
        }

    def held(self, layer: Layer, column: str) -> NDArray[np.int64]:
        """Return the rows that a delta holds."""
        return self._deltas[layer.path, column].rows()

    def rows_of(self, problem: Problem) -> range | NDArray[np.int64]:
        """Return the rows that lie at the places of a problem.

        Those of a full layer are as many as a manifest claims: they are not laid out in memory.
        """
        first, last = problem.places or (0, 0)
        layer = next(one for one in self._layers if _is_within(problem, one))
        if layer.kind == "full":
            return range(first, last)
        return self.held(layer, str(problem.column))[first:last]


def _is_within(problem: Problem, layer: Layer) -> bool:
    return problem.key.startswith(f"{layer.path}/")
