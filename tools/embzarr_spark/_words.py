"""The vocabulary of a run in blocks: counted by many, ordered by hash, looked up in a store."""

from __future__ import annotations

import collections
import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import xxhash

import embzarr
from embzarr_trainer import LINE_END

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from embzarr_spark._places import Places
    from embzarr_trainer import TrainOptions

_COUNTS: Final = "counts"


class Vocabulary(NamedTuple):
    """Words in the order of their rows: by hash, so that a range of rows is a sample of them."""

    words: Sequence[str]
    counts: npt.NDArray[np.int64]

    @property
    def digest(self) -> str:
        """SHA-256 of the words, a line each, and the counts."""
        sha256 = hashlib.sha256(self.counts.astype("<i8").tobytes())
        for word in self.words:
            sha256.update(word.encode() + b"\n")
        return sha256.hexdigest()


def count_words(blocks: Iterable[Sequence[str]]) -> collections.Counter[str]:
    """Count the words of blocks that have ``LINE_END`` where lines end."""
    counts: collections.Counter[str] = collections.Counter()
    for block in blocks:
        counts.update(block)
    del counts[LINE_END]
    return counts


def vocabulary_of(counted: Iterable[tuple[str, int]], *, options: TrainOptions) -> Vocabulary:
    """Choose the words that are frequent enough, and order them by hash.

    Raises:
        embzarr.InvalidInputError: ``corpus-no-words``, none is.
    """
    kept = [(word, count) for word, count in counted if count >= options.min_count]
    if not kept:
        raise embzarr.InvalidInputError(
            "corpus-no-words", f"no word occurs {options.min_count} times, as min_count= asks"
        )
    if options.max_vocab is not None:
        kept = sorted(kept, key=lambda one: (-one[1], one[0]))[: options.max_vocab]
    kept.sort(key=lambda one: (xxhash.xxh64_intdigest(one[0].encode()), one[0]))
    return Vocabulary([word for word, _ in kept], np.array([count for _, count in kept], np.int64))


def store_words(places: Places, vocabulary: Vocabulary) -> None:
    """Save the vocabulary, with each word's share of the text as its vector of one number.

    Tasks look words up there: nobody but the one who counts holds all of them.
    """
    shares = (vocabulary.counts / vocabulary.counts.sum()).astype(np.float32)
    embzarr.save(
        places.words,
        vocabulary.words,
        shares[:, None],
        counts=vocabulary.counts,
        metadata={"vocabulary": vocabulary.digest},
        storage_options=places.storage_options,
    )


def holds(checkpoint: embzarr.Checkpoint, vocabulary: Vocabulary) -> bool:
    """Tell whether a store holds this vocabulary: its words and counts, not what is said of them.

    Tasks find the rows that they train by what it holds.
    """
    if len(checkpoint) != len(vocabulary.words) or _COUNTS not in checkpoint.columns:
        return False
    at = 0
    for batch in checkpoint.stream(columns=(_COUNTS,)):
        part = slice(at, at + len(batch))
        same = np.array_equal(batch.columns[_COUNTS], vocabulary.counts[part])
        if not same or list(batch.words) != list(vocabulary.words[part]):
            return False
        at = part.stop
    return True


def counts_between(places: Places, start: int, stop: int) -> npt.NDArray[np.int64]:
    """Return how often the words of these rows occur."""
    with places.open(places.words) as checkpoint:
        counts: npt.NDArray[np.int64] = checkpoint.load_rows(
            start, stop, columns=(_COUNTS,)
        ).columns[_COUNTS]
    return counts


def look_up(checkpoint: embzarr.Checkpoint, words: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return row and count of those words that are in the vocabulary."""
    found = checkpoint.load(words, missing="skip", columns=(_COUNTS,))
    counts = found.columns[_COUNTS]
    return {
        word: (int(row), int(count))
        for word, row, count in zip(found.words, found.rows, counts, strict=True)
    }
