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
    ends: npt.NDArray[np.int64]
    """(n,): where each ends."""
    counts: npt.NDArray[np.int64]
    """(n,): how often it occurs."""

    @classmethod
    def of(cls, counted: Iterable[tuple[str, int]]) -> Self:
        """Pack words with their counts."""
        text, ends, counts = bytearray(), array("q"), array("q")
        for word, count in counted:
            text += word.encode()
            ends.append(len(text))
            counts.append(count)
        return cls(bytes(text), np.array(ends, np.int64), np.array(counts, np.int64))

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.ends)

    def words(self, start: int, stop: int) -> list[str]:
        """Return some words, as Python's own."""
        ends = self.ends[start:stop].tolist()
        begins = [int(self.ends[start - 1]) if start else 0, *ends[:-1]]
        return [self.text[a:b].decode() for a, b in zip(begins, ends, strict=False)]

    def blocks(self) -> Iterator[tuple[list[str], npt.NDArray[np.int64]]]:
        """Yield words with their counts, some at a time."""
        for start in range(0, len(self), _BLOCK):
            stop = start + _BLOCK
            yield self.words(start, stop), self.counts[start:stop]

    def take(self, chosen: npt.NDArray[np.int64]) -> Self:
        """Return words by their places, in this order."""
        text, begins = bytearray(), np.diff(self.ends, prepend=0)
        lengths = begins[chosen]
        begins = self.ends - begins
        for first in range(0, len(chosen), _BLOCK):
            some = chosen[first : first + _BLOCK]
            for begin, end in zip(begins[some].tolist(), self.ends[some].tolist(), strict=True):
                text += self.text[begin:end]
        return type(self)(bytes(text), np.cumsum(lengths), self.counts[chosen])

    @property
    def digest(self) -> str:
        """SHA-256 of the words, a line each, and the counts."""
        sha256 = hashlib.sha256(self.counts.astype("<i8").tobytes())
        for words, _ in self.blocks():
            sha256.update("".join(f"{word}\n" for word in words).encode())
        return sha256.hexdigest()


def count_words(blocks: Iterable[Sequence[str]]) -> collections.Counter[str]:
    """Count the words of blocks that have ``LINE_END`` where lines end."""
    counts: collections.Counter[str] = collections.Counter()
    for block in blocks:
        counts.update(block)
    del counts[LINE_END]
    return counts


def vocabulary_of(counted: Iterable[Counted], *, min_count: int, max_vocab: int | None) -> Counted:
    """Choose the words that are frequent enough, and order them by hash.

    By hash, so that a range of rows is a sample of the words.

    Raises:
        embzarr.InvalidInputError: ``corpus-no-words``, none is.
    """
    found = _joined([one.take(np.flatnonzero(one.counts >= min_count)) for one in counted])
    if not len(found):
        raise embzarr.InvalidInputError(
            "corpus-no-words", f"no word occurs {min_count} times, as min_count= asks"
        )
    if max_vocab is not None and max_vocab < len(found):
        found = found.take(_commonest(found, max_vocab))
    return found.take(_by_hash(found))


def _joined(parts: Sequence[Counted]) -> Counted:
    starts = np.cumsum([0, *(len(part.text) for part in parts)]).tolist()
    ends = [part.ends + start for part, start in zip(parts, starts, strict=False)]
    none = np.empty(0, np.int64)
    return Counted(
        b"".join(part.text for part in parts),
        np.concatenate([none, *ends]),
        np.concatenate([none, *(part.counts for part in parts)]),
    )


def _commonest(found: Counted, most: int) -> npt.NDArray[np.int64]:
    """Return the places of the commonest words; of the last that are equally common, the first."""
    least = np.partition(found.counts, -most)[-most]
    above, level = np.flatnonzero(found.counts > least), np.flatnonzero(found.counts == least)
    words = found.take(level).words(0, len(level))
    first = sorted(range(len(words)), key=words.__getitem__)[: most - len(above)]
    return np.concatenate([above, level[first]])


def _by_hash(found: Counted) -> npt.NDArray[np.int64]:
    """Return the places of words in the order of their hashes; of one hash, of the words."""
    hashes = np.empty(len(found), np.uint64)
    for number, (words, _) in enumerate(found.blocks()):
        some = [xxhash.xxh64_intdigest(word.encode()) for word in words]
        hashes[number * _BLOCK : number * _BLOCK + len(some)] = some
    order = np.argsort(hashes, kind="stable")
    same = hashes[order[1:]] == hashes[order[:-1]]
    for first in np.flatnonzero(same & ~np.concatenate([[False], same[:-1]])).tolist():
        stop = first + 1 + int(np.argmin(np.append(same[first:], False)))
        order[first:stop] = sorted(order[first:stop], key=lambda at: found.words(at, at + 1))
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
