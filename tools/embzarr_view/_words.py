"""A word: its vector, what begins as it does, and what lies near it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
from embzarr_view._opened import each
from embzarr_view._shown import number, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embzarr_view._opened import Opened

_COMMON_ROWS: Final = 50_000
_COMMON_BYTES: Final = 32 * 2**20
_SEARCHED_BYTES: Final = 48 * 2**20
"""Vectors that are looked at for neighbours unless all are asked for."""
_MOST_FOUND: Final = 50
_COMPLETED: Final = 12
_OFFERED: Final = 60
_LONGEST_VALUE: Final = 80
_LONGEST_VECTOR: Final = 16_384
_LARGEST_VALUE_BYTES: Final = 64 * 2**10
"""Of a row of a column, above which it is not read: what is shown is a line."""
_MAIN: Final = frozenset({"vectors", "counts"})


class Common:
    """The first words of the checkpoint that was asked last: the commonest, as rows mostly go."""

    def __init__(self) -> None:
        """Hold none."""
        self._lock = threading.Lock()
        self._of: int | None = None
        """A commit: the checkpoint itself would keep alive what was let go of."""
        self._words: Sequence[str] = ()

    def of(self, checkpoint: embzarr.Checkpoint) -> Sequence[str]:
        """Return the first words of a checkpoint, read when first asked for."""
        with self._lock:
            if self._of != checkpoint.commit:
                self._words = checkpoint.load_rows(0, _common_rows(checkpoint), columns=()).words
                self._of = checkpoint.commit
            return self._words


def _common_rows(checkpoint: embzarr.Checkpoint) -> int:
    """Return how many words are kept: fewer where they are long."""
    texts = sum(one.bytes_raw for one in checkpoint.info().columns if one.name == "words/data")
    rows = max(len(checkpoint), 1)
    return min(_COMMON_ROWS, rows, max(_COMMON_BYTES * rows // max(texts, 1), 1))


def complete(checkpoint: embzarr.Checkpoint, common: Common, prefix: str) -> dict[str, Any]:
    """Return words that begin with a prefix: first the commonest, then others in byte order.

    Where nothing was typed yet, the first words.
    """
    if not prefix:
        first = checkpoint.load_rows(0, _OFFERED, columns=()).words
        return {"prefix": "", "words": [named(word, row) for row, word in enumerate(first)]}
    most = _COMPLETED
    rows = [at for at, word in enumerate(common.of(checkpoint)) if word.startswith(prefix)][:most]
    words = [common.of(checkpoint)[row] for row in rows]
    found = list(zip(words, rows, strict=True))
    if len(found) < most:
        others = checkpoint.load_prefix(prefix, limit=most + len(found), columns=())
        known = set(rows)
        pairs = zip(others.words, others.rows.tolist(), strict=True)
        found += [(word, row) for word, row in pairs if row not in known][: most - len(found)]
    return {"prefix": shown(prefix), "words": [named(word, row) for word, row in found]}


def named(word: str, row: int) -> dict[str, Any]:
    """Return a word as lists have it: by its row, since its text may be cut."""
    return {"word": shown(word), "row": row}


def word_at(
    checkpoint: embzarr.Checkpoint, row: int | None, word: str | None = None
) -> dict[str, Any]:
    """Return all that a checkpoint holds of a word, given by its row or as it is.

    Raises:
        embzarr.WordNotFoundError: no such word, with those that are spelt alike.
        embzarr.InvalidInputError: no such row, or neither of both.
    """
    loaded = _loaded(checkpoint, row, word)
    vector = loaded.vectors[0].astype(np.float64)
    text = loaded.words[0]
    others = {
        shown(name): shown(_value(column[0]), _LONGEST_VALUE)
        for name, column in loaded.columns.items()
        if name not in _MAIN
    }
    counts = loaded.columns.get("counts")
    return {
        **named(text, int(loaded.rows[0])),
        "letters": len(text),
        "bytes": len(text.encode()),
        "count": None if counts is None else number(counts[0]),
        "length": number(np.linalg.norm(vector)),
        "vector": [number(value) for value in vector[:_LONGEST_VECTOR]],
        "columns": others,
        "step": checkpoint.step,
        "commit": checkpoint.commit,
    }


def _value(value: Any) -> str:  # noqa: ANN401 - of any data type
    """Return one value as text, and of many how many there are."""
    shape = np.shape(value)
    return f"{' x '.join(map(str, shape))} values" if shape else str(value)


def _loaded(checkpoint: embzarr.Checkpoint, row: int | None, word: str | None) -> embzarr.Loaded:
    columns = [name for name in checkpoint.columns if name in _MAIN or name in _small(checkpoint)]
    if word is not None:
        return checkpoint.load([word], columns=columns)
    if row is None or not 0 <= row < len(checkpoint):
        raise embzarr.InvalidInputError(
            "input-argument", f"row: expected 0 to {len(checkpoint) - 1}, found {row}"
        )
    return checkpoint.load_rows(row, row + 1, columns=columns)


def _small(checkpoint: embzarr.Checkpoint) -> set[str]:
    """Return the columns whose rows are read to be shown."""
    told = [one for one in checkpoint.info().columns if one.shape[0]]
    return {one.name for one in told if one.bytes_raw // one.shape[0] <= _LARGEST_VALUE_BYTES}


def words_of(checkpoint: embzarr.Checkpoint, rows: Sequence[int]) -> list[str]:
    """Return the words of some rows.

    Raises:
        embzarr.InvalidInputError: no such row.
    """
    return each(lambda row: _loaded(checkpoint, row, None).words[0], rows)


def neighbours(
    opened: Opened, checkpoint: embzarr.Checkpoint, row: int, *, every: bool, count: int = 15
) -> dict[str, Any]:
    """Return the words nearest to that of a row, among the first ones or among all."""
    loaded = _loaded(checkpoint, row, None)
    row_bytes = checkpoint.dim * checkpoint.dtype.itemsize
    among = min(len(checkpoint), _COMMON_ROWS, max(_SEARCHED_BYTES // max(row_bytes, 1), 1))
    first = None if every else among
    search = lambda: checkpoint.most_similar(  # noqa: E731 - one line less than a function
        loaded.words[0], topn=min(count, _MOST_FOUND), restrict_vocab=first
    )
    if every:
        opened.make_room()
    found = opened.searching(checkpoint, search)
    rows = checkpoint.load([word for word, _ in found], columns=()).rows.tolist()
    return {
        "among": len(checkpoint) if every else among,
        "rows": len(checkpoint),
        "near": [
            {**named(word, at), "cosine": number(cosine)}
            for (word, cosine), at in zip(found, rows, strict=True)
        ],
    }


def drift(
    opened: Opened, checkpoint: embzarr.Checkpoint, rows: Sequence[int], commits: Sequence[int]
) -> dict[str, Any]:
    """Return how words moved over the steps: each against itself now, and against the first one.

    Args:
        opened: the run.
        checkpoint: what is looked at, whose vectors all others are compared with.
        rows: of the words, there.
        commits: which to look at.
    """
    words = words_of(checkpoint, rows)
    now = checkpoint.load(words).vectors.astype(np.float64)
    tables = each(lambda commit: _then(opened, commit, words), commits)
    told = [(commit, *one) for commit, one in zip(commits, tables, strict=True) if one is not None]
    return {
        "words": [named(word, row) for word, row in zip(words, rows, strict=True)],
        "steps": [step for _, step, _ in told],
        "commits": [commit for commit, _, _ in told],
        "cosines": _lines(len(words), [_cosines(then, now) for _, _, then in told]),
        "lengths": _lines(len(words), [np.linalg.norm(then, axis=1) for _, _, then in told]),
        "to_first": _lines(len(words), [_cosines(then, then[:1]) for _, _, then in told]),
    }


def _then(opened: Opened, commit: int, words: list[str]) -> tuple[int, NDArray[np.float64]] | None:
    """Return step and vectors of a commit, NaN where a word was not there; None of what is gone."""
    try:
        checkpoint = opened.passing(commit)
        loaded = checkpoint.load(words, missing="zeros")
    except (embzarr.DamagedError, embzarr.NotFoundError):
        return None
    vectors = loaded.vectors.astype(np.float64)
    vectors[loaded.rows < 0] = np.nan
    return checkpoint.step, vectors


def _cosines(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    if one.shape[1] != other.shape[1]:
        return np.full(len(one), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosines: NDArray[np.float64] = (one * other).sum(axis=1) / lengths
    return cosines


def _lines(count: int, columns: Sequence[NDArray[np.float64]]) -> list[list[float | None]]:
    """Return a line over the steps for each word."""
    return [[number(column[at]) for column in columns] for at in range(count)]
