"""Spellings under which a word may stand in a vocabulary."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

_FOLDING: Final = frozenset({"words", "jieba"})
"""Tokenizers of the trainer whose words are lower-cased and composed."""


def composed(text: str) -> str:
    """Return a text in Unicode's composed form (NFC), with one kind of apostrophe."""
    return unicodedata.normalize("NFC", text.replace("\u2019", "'"))


def as_trained(word: str, metadata: Mapping[str, object]) -> tuple[str, ...]:
    """List how a word may stand in a checkpoint: as it is given, then as its trainer wrote it.

    Args:
        word: as somebody typed it; white space around it is none of its own.
        metadata: of the checkpoint. The reference trainer notes there what cut its text; of words
            by others only the form of Unicode is known to be no difference.
    """
    bare = word.strip()
    given = (word, bare, unicodedata.normalize("NFC", bare))
    return tuple(dict.fromkeys((*given, composed(bare.lower())) if _folds(metadata) else given))


def spellings(word: str, *, case_sensitive: bool) -> tuple[str, ...]:
    """List the spellings of a word that count as the same, the given one first."""
    forms = [word] if case_sensitive else [word, word.lower(), word.upper(), word.capitalize()]
    return tuple(dict.fromkeys((word, *map(composed, forms))))


def _folds(metadata: Mapping[str, object]) -> bool:
    told: object = metadata
    for name in ("trainer", "options", "tokenizer"):
        told = told.get(name) if isinstance(told, Mapping) else None
    return isinstance(told, str) and told in _FOLDING
