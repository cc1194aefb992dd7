"""A word is looked for under the spellings that its trainer may have given it."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from embzarr_trainer._corpus.tokenizers import split_words
from embzarr_words import as_trained, spellings

ODD = [
    *("İSTANBUL", "Straße", "STRASSE", "ΣΊΣΥΦΟΣ", "ﬁn", "Ǆ", "ǅ", "café", "don’t", "naïve", "葛󠄀"),  # noqa: RUF001
]
WORDS: dict[str, Any] = {"trainer": {"options": {"tokenizer": "words"}}}


@pytest.mark.parametrize("word", ODD)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_what_the_tokenizer_makes_of_a_word_is_looked_for(word: str, form: Any) -> None:
    """The trainer's own function, which cuts the text, is the oracle."""
    typed = unicodedata.normalize(form, word)
    (trained,) = split_words(word)

    assert trained in as_trained(f" {typed}\t", WORDS)
    assert trained in spellings(typed, case_sensitive=False)


@pytest.mark.parametrize(
    "metadata", [{}, {"trainer": "x"}, {"trainer": {"options": {"tokenizer": ["a"]}}}]
)
def test_words_of_others_keep_their_case(metadata: dict[str, Any]) -> None:
    """Of a checkpoint by somebody else only the form of Unicode is known to be no difference."""
    assert as_trained("Cafe\u0301", metadata) == ("Cafe\u0301", "Caf\u00e9")
    assert spellings("Cafe\u0301", case_sensitive=True) == ("Cafe\u0301", "Caf\u00e9")
