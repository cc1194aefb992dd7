"""The vocabulary of a run in blocks: counted by many, ordered by hash, looked up in a store."""

from __future__ import annotations

import collections
import hashlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import xxhash

import embzarr
from embzarr_trainer import LINE_END

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from embzarr_spark._places import Places

_COUNTS: Final = "counts"
_BLOCK: Final = 1 << 16
"""Words that are Python's own objects at once: packed, they take a tenth of that."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Words, packed, and how often each occurs."""

    text: bytes
    """The words in UTF-8, one behind the other."""
    edges: npt.NDArray[np.int64]
    """(n + 1,): where each begins, and where the last ends."""
    counts: npt.NDArray[np.int64]
    """(n,): how often it occurs."""

    @classmethod
    def of(cls, counted: Iterable[tuple[str, int]], least: int) -> Self:
        """Pack the words that occur `least` times."""
        text, edges, counts = bytearray(), array("q", [0]), array("q")
        for word, count in counted:
            if count >= least:
                text += word.encode()
                edges.append(len(text))
                counts.append(count)
        return cls(bytes(text), np.array(edges, np.int64), np.array(counts, np.int64))

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.counts)

    def encoded(self, chosen: npt.NDArray[np.int64]) -> Iterator[bytes]:
        """Yield words by their places, in UTF-8."""
        for first in range(0, len(chosen), _BLOCK):
            some = chosen[first : first + _BLOCK]
            begins, ends = self.edges[some].tolist(), self.edges[some + 1].tolist()
            for begin, end in zip(begins, ends, strict=True):
                yield self.text[begin:end]

    def words(self, start: int, stop: int) -> list[str]:
        """Return some words, as Python's own."""
        return [word.decode() for word in self.encoded(np.arange(start, min(stop, len(self))))]

    def blocks(self) -> Iterator[tuple[list[str], npt.NDArray[np.int64]]]:
        """Yield words with their counts, some at a time."""
        for start in range(0, len(self), _BLOCK):
            stop = start + _BLOCK
            yield self.words(start, stop), self.counts[start:stop]

    def take(self, chosen: npt.NDArray[np.int64]) -> Self:
        """Return words by their places, in this order."""
        text = bytearray()
        for word in self.encoded(chosen):
            text += word
        lengths = np.diff(self.edges)[chosen]
        return type(self)(bytes(text), np.append(0, np.cumsum(lengths)), self.counts[chosen])

    @property
    def digest(self) -> str:
        """SHA-256 of the words, a line each, and the counts."""
        sha256 = hashlib.sha256(self.counts.astype("<i8").tobytes())
        for word in self.encoded(np.arange(len(self))):
            sha256.update(word + b"\n")
        return sha256.hexdigest()


def count_words(blocks: Iterable[Sequence[str]]) -> collections.Counter[str]:
    """Count the words of blocks that have ``LINE_END`` where lines end."""
    counts: collections.Counter[str] = collections.Counter()
    for block in blocks:
        counts.update(block)
    del counts[LINE_END]
    return counts


def vocabulary_of(counted: Sequence[Counted], *, min_count: int, max_vocab: int | None) -> Counted:
    """Choose the commonest words, and order them by hash: a range of rows is a sample of them.

    Args:
        counted: words that occur `min_count` times, each in one of these.
        min_count: for the error.
        max_vocab: how many words to take at most.

    Raises:
        embzarr.InvalidInputError: ``corpus-no-words``, there is none.
    """
    found = _joined(counted)
    if not len(found):
        raise embzarr.InvalidInputError(
            "corpus-no-words", f"no word occurs {min_count} times, as min_count= asks"
        )
    if max_vocab is not None and max_vocab < len(found):
        found = found.take(_commonest(found, max_vocab))
    return found.take(_by_hash(found))


def _joined(parts: Sequence[Counted]) -> Counted:
    none = np.empty(0, np.int64)
    lengths = np.concatenate([none, *(np.diff(part.edges) for part in parts)])
    return Counted(
        b"".join(part.text for part in parts),
        np.append(0, np.cumsum(lengths)),
        np.concatenate([none, *(part.counts for part in parts)]),
    )


def _commonest(found: Counted, most: int) -> npt.NDArray[np.int64]:
    """Return the places of the commonest words; of the last that are equally common, the first."""
    least = np.partition(found.counts, -most)[-most]
    above, level = np.flatnonzero(found.counts > least), np.flatnonzero(found.counts == least)
    ordered = [at for _, at in sorted(zip(found.encoded(level), level.tolist(), strict=True))]
    return np.append(above, ordered[: most - len(above)])


def _by_hash(found: Counted) -> npt.NDArray[np.int64]:
    """Return the places of words in the order of their hashes; of one hash, of the words."""
    everyone = np.arange(len(found))
    hashes = np.fromiter(map(xxhash.xxh64_intdigest, found.encoded(everyone)), np.uint64)
    order = np.argsort(hashes)
    if (hashes[order[1:]] == hashes[order[:-1]]).any():  # as no two of ten million words have
        told = zip(hashes.tolist(), found.encoded(everyone), everyone.tolist(), strict=True)
        order = np.array([at for _, _, at in sorted(told)])
    return order


def store_words(places: Places, vocabulary: Counted) -> None:
    """Save the vocabulary, with each word's share of the text as its vector of one number.

    Tasks look words up there: nobody but the one who counts holds all of them.
    """
    total = vocabulary.counts.sum()
    with embzarr.create(
        places.words,
        1,
        columns={_COUNTS: "int64"},
        metadata={"vocabulary": vocabulary.digest},
        storage_options=places.storage_options,
    ) as writer:
        for words, counts in vocabulary.blocks():
            shares = (counts / total).astype(np.float32)
            writer.append(words, shares[:, None], **{_COUNTS: counts})


def holds(checkpoint: embzarr.Checkpoint, vocabulary: Counted) -> bool:
    """Tell whether a store holds this vocabulary: its words and counts, not what is said of them.

    Tasks find the rows that they train by what it holds.
    """
    if len(checkpoint) != len(vocabulary) or _COUNTS not in checkpoint.columns:
        return False
    at = 0
    for batch in checkpoint.stream(columns=(_COUNTS,)):
        stop = at + len(batch)
        same = np.array_equal(batch.columns[_COUNTS], vocabulary.counts[at:stop])
        if not same or list(batch.words) != vocabulary.words(at, stop):
            return False
        at = stop
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
