"""Counting words in bounded memory, against a dictionary that holds them all."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr_trainer._corpus.tokenizers import LINE_END
from embzarr_trainer._corpus.vocabulary import BREAK, DROPPED, Numbering, Vocabulary


def number(blocks: list[list[str]], most_words: int, **bounds: Any) -> tuple[Vocabulary, Any]:
    with closing(Numbering(most_words=most_words)) as numbering:
        stream = np.concatenate([numbering.numbers(block) for block in blocks])
        counts = np.bincount(stream, minlength=numbering.size)
        bounds = {"min_count": 1, "max_vocab": None, **bounds}
        return numbering.vocabulary(counts, **bounds), stream


@pytest.mark.parametrize("most_words", [1, 7, 50, 10_000])
@pytest.mark.parametrize("bounds", [{}, {"min_count": 3}, {"max_vocab": 20}])
def test_counts_are_exact(most_words: int, bounds: dict[str, int]) -> None:
    """However few words are held at once, the vocabulary is the same, and so is the text."""
    draws = np.random.default_rng(4)
    words = [f"w{rank}\u00e9" for rank in draws.zipf(1.3, 3000) if rank < 10**6]
    blocks = [[*words[start : start + 40], LINE_END] for start in range(0, len(words), 40)]
    vocabulary, stream = number(blocks, most_words, **bounds)

    wanted = [
        (word, count)
        for word, count in Counter(words).most_common()  # equal ones as they were met
        if count >= bounds.get("min_count", 1)
    ][: bounds.get("max_vocab")]
    assert list(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)) == wanted
    places = {word: place for place, (word, _) in enumerate(wanted)} | {LINE_END: BREAK}
    text = [places.get(word, DROPPED) for block in blocks for word in block]
    assert vocabulary.ids[stream].tolist() == text


def test_none_is_frequent_enough() -> None:
    """The count of the commonest word is told, over all files."""
    with pytest.raises(embzarr.InvalidInputError, match="the commonest occurs 3 times"):
        number([["a", "b"], ["a", "c"], ["a", LINE_END]], 1, min_count=4)
