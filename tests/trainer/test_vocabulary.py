"""Counting words in bounded memory, against a dictionary that holds them all."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr_trainer._corpus.tokenizers import LINE_END, split_words
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


def test_text_is_numbered_as_its_words_are() -> None:
    """The compiled loop cuts ASCII as the tokenizer does, and shares numbers with listed words."""
    draws = np.random.default_rng(6)
    letters = np.array(list("aBz9'_ .\n-\t\x01\x1c"))
    text, listed = Numbering(), Numbering()
    with closing(text), closing(listed):
        for _ in range(300):
            piece = "".join(draws.choice(letters, int(draws.integers(60))))
            expected = listed.numbers(split_words(piece))
            assert text.numbers_of_text(piece).tolist() == expected.tolist()
        more = ["a", "\u00e9t\u00e9", LINE_END, "\U0001f600", "a", "A"]
        assert text.numbers(more).tolist() == listed.numbers(more).tolist()
        assert text.size == listed.size


def test_many_words_are_numbered_as_they_are_met() -> None:
    """The table grows, and no word takes another's number."""
    draws = np.random.default_rng(7)
    words = [f"{draws.integers(60_000):x}" * int(draws.integers(1, 4)) for _ in range(120_000)]
    numbers: dict[str, int] = {}
    expected = [numbers.setdefault(word, len(numbers) + 1) for word in words]
    with closing(Numbering()) as numbering:
        found = [numbering.numbers(words[:50]), numbering.numbers_of_text(" ".join(words[50:]))]
        assert np.concatenate(found).tolist() == expected
        assert numbering.size == len(numbers) + 1
        counts = np.bincount(np.concatenate(found), minlength=numbering.size)
        kept = numbering.vocabulary(counts, min_count=1, max_vocab=None)
    assert sorted(kept.words) == sorted(numbers)


def test_nothing_is_numbered() -> None:
    """No words, and a text without any, give no numbers."""
    with closing(Numbering()) as numbering:
        assert len(numbering.numbers([])) == 0
        assert len(numbering.numbers_of_text("")) == 0
        assert len(numbering.numbers_of_text(" -- '_' ")) == 0
        assert numbering.size == 1


@pytest.mark.parametrize(("word", "told"), [("b\0c", "NUL"), ("b\ud800", "UTF-8 cannot hold")])
def test_words_that_are_no_text_are_refused(word: str, told: str) -> None:
    """A NUL, which no text has, would fall between two words; a lone surrogate is no character."""
    with (
        closing(Numbering()) as numbering,
        pytest.raises(embzarr.InvalidInputError, match=told) as caught,
    ):
        numbering.numbers(["a", word])
    assert caught.value.code == "corpus-not-text"


def test_none_is_frequent_enough() -> None:
    """The count of the commonest word is told, over all files."""
    with pytest.raises(embzarr.InvalidInputError, match="the commonest occurs 3 times"):
        number([["a", "b"], ["a", "c"], ["a", LINE_END]], 1, min_count=4)
