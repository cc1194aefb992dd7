"""A corpus: its vocabulary, and its sentences as word ids in a temporary memory-mapped file."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

import embzarr
from embzarr_trainer._buffers import MAX_SENTENCE
from embzarr_trainer._corpus.sources import find_sources
from embzarr_trainer._corpus.spool import Spool
from embzarr_trainer._corpus.text import TextReader
from embzarr_trainer._corpus.tokenizers import split_words
from embzarr_trainer._corpus.vocabulary import BREAK, BREAK_NUMBER, DROPPED, Numbering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from embzarr_trainer._corpus.sources import CorpusPaths
    from embzarr_trainer._options import TrainOptions

_BLOCK_IDS: Final = 1 << 22


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corpus:
    """Text, counted and encoded; the ids lie in a mapped file without a name."""

    words: Sequence[str]
    """The vocabulary, the commonest first; equally common ones as they were met."""
    counts: npt.NDArray[np.int64]
    """(words,) occurrences."""
    ids: npt.NDArray[np.int32]
    """(occurrences of the vocabulary,) word ids in reading order."""
    starts: npt.NDArray[np.int64]
    """(sentences + 1,) where sentences start in ``ids``, and at last its length.

    A sentence is a line, cut after 10,000 words; none is empty.
    """
    raw_words: int
    """All words of the text, those outside the vocabulary included."""
    invalid: int
    """Ill-formed UTF-8 sequences that were replaced or left out."""
    digest: str
    """SHA-256 of the text's bytes, uncompressed, with a zero byte after each file."""
    cut: str
    """What the tokenizer made of it, by ``digest_of_cut``; stays when ids are renumbered."""

    def renumbered(
        self,
        numbers: npt.NDArray[np.int32],
        *,
        words: Sequence[str],
        counts: npt.NDArray[np.int64],
    ) -> Corpus:
        """Return the same text with other ids.

        Args:
            numbers: (words,) the new id of each word.
            words: the new vocabulary.
            counts: of its words.
        """
        ids = self.ids
        if not np.array_equal(numbers, np.arange(len(numbers))):
            with contextlib.closing(Spool()) as spool:
                for part in _slices(len(ids)):
                    spool.write(numbers[ids[part]])
                ids = spool.map_ids()
        return dataclasses.replace(self, words=words, counts=counts, ids=ids)


def read_corpus(
    paths: CorpusPaths, *, options: TrainOptions, split: Callable[[str], list[str]]
) -> Corpus:
    """Read text files once, count their words, and encode them.

    Args:
        paths: as ``find_sources`` takes them; UTF-8; a line is a
            sentence, and a file of one long line (text8) is cut into sentences.
        options: which words are left out, as if they were not in the text (``min_count``,
            ``max_vocab``), and what stands for bytes that are not UTF-8 (``unicode_errors``).
        split: from text to its words and line ends.

    Returns:
        The corpus. It takes 4 bytes a word in the folder for temporary files. Words are counted
        exactly: 4 million different ones are held at once, about 600 MB, and further ones go to
        temporary files, which are merged. Beside that, memory holds the vocabulary and 8 bytes a
        sentence.

    Raises:
        embzarr.InvalidInputError: ``corpus-empty`` (no word at all), ``corpus-no-words`` (none
            frequent enough), ``corpus-not-text``.
        embzarr.NotFoundError: ``corpus-missing``.
        embzarr.AccessDeniedError: ``access-denied``.
        embzarr.StoreError: ``store-failed``, the folder for temporary files is full.
    """
    with contextlib.closing(Spool()) as spool, contextlib.closing(Numbering()) as numbering:

        def numbered(text: str) -> npt.NDArray[np.int32]:
            if split is split_words and text.isascii():
                return numbering.numbers_of_text(text)
            return numbering.numbers(split(text))

        reader = TextReader(
            find_sources(paths), unicode_errors=options.unicode_errors, split=numbered
        )
        for numbers in reader:
            spool.write(numbers)
        if numbering.size == 1:
            raise embzarr.InvalidInputError("corpus-empty", f"no word in {_named(paths)}")
        stream = spool.map_ids()
        counts = count_ids(stream, numbering.size)
        vocabulary = numbering.vocabulary(
            counts, min_count=options.min_count, max_vocab=options.max_vocab
        )
    ids, breaks = _renumber(stream, vocabulary.ids)
    starts = cut_sentences(breaks, longest=MAX_SENTENCE)
    return Corpus(
        words=vocabulary.words,
        counts=vocabulary.counts,
        ids=ids,
        starts=starts,
        raw_words=int(counts.sum() - counts[BREAK_NUMBER]),
        invalid=reader.invalid,
        digest=reader.digest,
        cut=digest_of_cut(vocabulary.words, ids, starts),
    )


def digest_of_cut(
    words: Sequence[str], ids: npt.NDArray[np.int32], starts: npt.NDArray[np.int64]
) -> str:
    """Return what tells one cut of a text from another, whatever the tokenizer is called.

    A tokenizer may cut otherwise under the same name: another dictionary, a word that a user
    added, another version of a library or of Unicode.

    Returns:
        The SHA-256 of the words as a JSON array, the ids and the starts, in little-endian bytes.
    """
    sha256 = hashlib.sha256(msgspec.json.encode(list(words)))
    for part in _slices(len(ids)):
        sha256.update(ids[part].astype("<i4", copy=False).data)
    sha256.update(starts.astype("<i8", copy=False).data)
    return sha256.hexdigest()


def cut_sentences(breaks: npt.NDArray[np.int64], *, longest: int) -> npt.NDArray[np.int64]:
    """Cut sentences that are too long.

    Args:
        breaks: increasing positions, from 0 to the number of words; none twice.
        longest: words.

    Returns:
        The same positions, with further ones every ``longest`` words after each.
    """
    pieces = -(-np.diff(breaks) // longest)
    first = np.cumsum(pieces) - pieces
    within = np.arange(pieces.sum()) - np.repeat(first, pieces)
    return np.append(np.repeat(breaks[:-1], pieces) + within * longest, breaks[-1])


def _named(paths: object) -> str:
    return str(paths) if not isinstance(paths, list | tuple) else ", ".join(map(str, paths))


def _slices(length: int) -> Iterator[slice]:
    for start in range(0, length, _BLOCK_IDS):
        yield slice(start, min(start + _BLOCK_IDS, length))


def count_ids(stream: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.int64]:
    """Return how often each id below ``size`` stands in a stream that has no other."""
    counts = np.zeros(size, np.int64)
    for part in _slices(len(stream)):
        counts += np.bincount(stream[part], minlength=size)
    return counts


def _renumber(
    stream: npt.NDArray[np.int32], numbers: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Rewrite the stream in place; return its words, and where the non-empty lines break them."""
    written = 0
    found = [np.zeros(1, np.int64)]
    for part in _slices(len(stream)):
        new = numbers[stream[part]]
        new = new[new != DROPPED]
        is_break = new == BREAK
        words = new[~is_break]
        breaks = np.flatnonzero(is_break)
        found.append(written + breaks - np.arange(len(breaks)))
        stream[written : written + len(words)] = words
        written += len(words)
    return stream[:written], np.unique(np.concatenate(found))
