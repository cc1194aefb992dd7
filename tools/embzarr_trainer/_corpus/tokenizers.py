"""From a piece of text to its words."""

from __future__ import annotations

import functools
import hashlib
import importlib
import re
import unicodedata
from collections.abc import Callable
from importlib.metadata import version
from typing import Final, TypeAlias

import msgspec

import embzarr
from embzarr_words import composed

Tokenizer: TypeAlias = Callable[[str], list[str]]
"""From text to its words, in order."""

WORDS: Final = "words"
JIEBA: Final = "jieba"
LINE_END: Final = "\x01"
"""Stands among words where a line ends: no white space, which is split away, and never a word."""

_LAST_MARK: Final = 0xE01F0
"""No combining mark is assigned from here on (Unicode 17)."""
_NEWLINE: Final = "\n"
_ASCII: Final = "".join(chr(c) if chr(c).isalnum() or chr(c) in "'_\n" else " " for c in range(128))
_JOINER_AT_AN_END: Final = re.compile(r"['_](?![a-z0-9])|(?<![a-z0-9])['_]")


def find_tokenizer(wanted: str | Tokenizer) -> tuple[str, Callable[[str], list[str]]]:
    """Return a tokenizer's name, and a function from text to its words and ``LINE_END``.

    Args:
        wanted: ``words``, ``jieba``, or a function from a line, or a part of a long one, to its
            words; words that are white space are left out.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, no such tokenizer.
        embzarr.UnsupportedError: ``feature-unsupported``, jieba is not installed.
    """
    if wanted == WORDS:
        return WORDS, split_words
    if wanted == JIEBA:
        return JIEBA, functools.partial(_by_line, _jieba())
    if not callable(wanted):
        raise embzarr.InvalidInputError(
            "input-argument", f"tokenizer: expected words, jieba or a function, found {wanted!r}"
        )
    named = wanted if hasattr(wanted, "__qualname__") else type(wanted)
    name = f"{getattr(named, '__module__', 'builtins')}.{named.__qualname__}"
    return name, functools.partial(_by_line, wanted)


def state_of(name: str) -> str:
    """Return what a named tokenizer's cuts depend on beside its name and the text.

    Of jieba: its version and its dictionary, with every word that somebody added or suggested.
    """
    if name != JIEBA:
        return ""
    _jieba()
    jieba, endings = importlib.import_module(JIEBA), importlib.import_module("jieba.finalseg")
    jieba.initialize()
    forced = sorted(endings.Force_Split_Words)
    told = msgspec.json.encode([version(JIEBA), jieba.dt.total, forced, jieba.dt.FREQ])
    return hashlib.sha256(told).hexdigest()


def split_words(text: str) -> list[str]:
    """List the words and line ends of a text.

    Words are lower-cased, in Unicode's composed form (NFC), and hold letters, marks and digits,
    joined inside by an apostrophe (both kinds become one), an underscore or a zero-width joiner;
    all else separates.
    """
    lowered = text.lower()
    if not lowered.isascii():
        return _split_any(composed(lowered))
    plain = lowered.translate(_ASCII)
    if "'" in plain or "_" in plain:
        plain = _JOINER_AT_AN_END.sub(" ", plain)
    return plain.replace(_NEWLINE, f" {LINE_END} ").split()


def _split_any(lowered: str) -> list[str]:
    return _word_finder()(lowered.replace(LINE_END, " ").replace(_NEWLINE, LINE_END))


@functools.cache
def _word_finder() -> Callable[[str], list[str]]:
    r"""Return the function that lists the words and line ends of a lower-cased text.

    Python's ``\w`` leaves out combining marks and would cut words of Indic scripts; so they are
    named here. They come second, because they are many and tested one after another.
    """
    codes = [code for code in range(_LAST_MARK) if unicodedata.category(chr(code))[0] == "M"]
    marks = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in _ranges(codes))
    joined = rf"['_\u200c\u200d](?=[^\W_])|[{marks}]+"
    return re.compile(rf"[^\W_]+(?:(?:{joined})[^\W_]*)*|{LINE_END}").findall


def _ranges(codes: list[int]) -> list[tuple[int, int]]:
    """Join neighbouring code points into (first, last)."""
    firsts = [b for a, b in zip([-2, *codes], codes, strict=False) if b != a + 1]
    lasts = [a for a, b in zip(codes, [*codes[1:], -2], strict=True) if b != a + 1]
    return list(zip(firsts, lasts, strict=True))


def _by_line(tokenizer: Tokenizer, text: str) -> list[str]:
    found: list[str] = []
    for number, line in enumerate(text.split(_NEWLINE)):
        if number:
            found.append(LINE_END)
        words = tokenizer(line)
        found += [word for word in words if word and not word.isspace() and word != LINE_END]
    return found


def _jieba() -> Tokenizer:
    try:
        jieba = importlib.import_module(JIEBA)
    except ModuleNotFoundError:
        raise embzarr.UnsupportedError(
            "feature-unsupported",
            "tokenizer 'jieba' is not installed; try: pip install 'embzarr[zh]'",
        ) from None
    jieba.setLogLevel("WARNING")

    def words_of(line: str) -> list[str]:
        words = jieba.lcut(unicodedata.normalize("NFC", line.lower()))
        return [word for word in words if any(map(str.isalnum, word))]

    return words_of
