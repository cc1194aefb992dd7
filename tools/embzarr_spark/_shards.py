"""Text as numbers: shards of half a million words, each a worker's to hold."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

import embzarr_trainer
from embzarr_spark._plan import drawn
from embzarr_spark._words import look_up
from embzarr_trainer import LINE_END, MAX_SENTENCE, keep_thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    import embzarr

SHARD_WORDS: Final = 1 << 19
"""Their windows, while they are dealt out, take some 150 bytes a word."""
_UNKNOWN: Final = -1
_BREAK: Final = -2


class Shard(NamedTuple):
    """Sentences of words of the vocabulary; what comes before is not known here."""

    rows: npt.NDArray[np.int64]
    """(distinct words,) of the vocabulary, rising."""
    keep: npt.NDArray[np.uint32]
    """(distinct words,): an occurrence is kept when 32 random bits are not above this."""
    codes: npt.NDArray[np.int32]
    """(words,) places in ``rows``."""
    starts: npt.NDArray[np.int64]
    """(sentences + 1,) where sentences start in ``codes``, and at last its length."""

    @property
    def sums(self) -> tuple[int, int, int]:
        """Return number of words, and two sums of which `fingerprint` makes a digest."""
        hashes = drawn(np.uint64(0), self.rows)[self.codes]
        places = np.arange(len(self.codes), dtype=np.uint64)
        return len(self.codes), int(hashes.sum()), int((hashes * places).sum())


def fingerprint(sums: Iterable[tuple[int, int, int]]) -> int:
    """Return a number of the whole encoded text, however it was cut into shards."""
    before = total = 0
    for words, plain, weighted in sums:
        total += before * plain + weighted
        before += words
    return total % 2**53


def encode(
    blocks: Iterable[Sequence[str]], words: embzarr.Checkpoint, *, total: int, sample: float
) -> Iterator[Shard]:
    """Turn blocks of words and line ends into shards.

    Args:
        blocks: in reading order.
        words: the stored vocabulary: of it only what a shard has is read.
        total: occurrences of all words of the vocabulary.
        sample: share above which occurrences are thinned out.
    """
    waiting: list[str] = []
    for block in blocks:
        waiting.extend(block)
        if len(waiting) >= SHARD_WORDS:
            cut = _last_line_end(waiting) or len(waiting)
            yield from _cut(_shard(waiting[:cut], words, total=total, sample=sample))
            del waiting[:cut]
    if waiting:
        yield from _cut(_shard(waiting, words, total=total, sample=sample))


def _last_line_end(words: Sequence[str]) -> int:
    """Return where the last whole line ends; 0 where there is none."""
    for back in range(len(words) - 1, -1, -1):
        if words[back] == LINE_END:
            return back + 1
    return 0


def _cut(shard: Shard) -> Iterator[Shard]:
    """Cut what a line of any length made between sentences, so that no shard is much larger."""
    places = np.arange(0, len(shard.codes), SHARD_WORDS)
    firsts = np.unique(np.searchsorted(shard.starts, places)).tolist()
    for first, last in itertools.pairwise([*firsts, len(shard.starts) - 1]):
        starts = shard.starts[first : last + 1]
        codes = shard.codes[starts[0] : starts[-1]]
        yield shard._replace(codes=codes, starts=starts - starts[0])


def _shard(text: Sequence[str], words: embzarr.Checkpoint, *, total: int, sample: float) -> Shard:
    found = look_up(words, sorted({*text} - {LINE_END}))
    known = sorted(found.items(), key=lambda one: one[1])
    numbers = {word: code for code, (word, _) in enumerate(known)}
    numbers[LINE_END] = _BREAK
    told = np.fromiter((numbers.get(word, _UNKNOWN) for word in text), np.int32, len(text))
    told = told[told != _UNKNOWN]
    is_break = told == _BREAK
    ends = np.cumsum(~is_break, dtype=np.int64)
    codes = told[~is_break]
    breaks = np.unique(np.concatenate([[0], ends[is_break], [len(codes)]]))
    rows = np.array([row for _, (row, _) in known], np.int64)
    counts = np.array([count for _, (_, count) in known], np.int64)
    return Shard(
        rows=rows,
        keep=keep_thresholds(counts, sample=sample, total=total),
        codes=codes,
        starts=embzarr_trainer.cut_sentences(breaks, longest=MAX_SENTENCE),
    )
