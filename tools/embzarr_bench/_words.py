"""Words that look like words, and what part of them a user has in a text of their own."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_ONSETS = [
    "b",
    "br",
    "ch",
    "d",
    "f",
    "fl",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "sh",
    "st",
    "t",
    "tr",
    "v",
    "w",
]
_VOWELS = ["a", "e", "i", "o", "u", "é"]
_SYLLABLES = np.array([a + b for a, b in itertools.product(_ONSETS, _VOWELS)], dtype=object)
_STRIDE = 2_654_435_761
"""No factor of it divides 132: it scatters numbers over all words of a length, each once."""
_ZIPF_SHIFT = 2.7
"""Mandelbrot's: the commonest words of a language are less common than 1/rank would have it."""
_OWN_TASTE = 1.5
"""Spread (of the logarithm) by which a text's frequencies differ from the language's."""
_TOKENS_A_WORD = 250
"""Length of a user's text, in tokens for each word that is asked for."""


def made(count: int) -> list[str]:
    """Return `count` distinct words, the shortest first, as frequency has them.

    A word of k syllables is a number in base 132: no two are alike, and any number of words takes
    little time.
    """
    words: list[str] = []
    syllables = 1
    chance = np.random.default_rng(count)
    while len(words) < count:
        some = len(_SYLLABLES) ** syllables
        order = chance.permutation(min(some, count - len(words))).astype(np.uint64)
        numbers = order * np.uint64(_STRIDE)
        words.extend(_spelt(numbers % np.uint64(some), syllables).tolist())
        syllables += 1
    return words


def _spelt(numbers: NDArray[np.uint64], syllables: int) -> NDArray[np.object_]:
    base = np.uint64(len(_SYLLABLES))
    text = np.full(len(numbers), "", dtype=object)
    for _ in range(syllables):
        text = _SYLLABLES[numbers % base] + text
        numbers = numbers // base
    return text


def of_text(files: Sequence[Path]) -> list[str]:
    """Return the words of text files, split at blanks, the commonest first."""
    return [word for word, _ in _counted(files).most_common()]


def _counted(files: Iterable[Path]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as lines:
            while block := lines.readlines(1 << 24):
                for line in block:
                    counts.update(line.split())
    return counts


def commonest_of_text(file: Path, known: Iterable[str], count: int) -> list[str]:
    """Return the commonest words of a text that are known, in the order of their frequency."""
    vocabulary = set(known)
    found = (word for word in of_text([file]) if word in vocabulary)
    return list(itertools.islice(found, count))


def commonest_ranks(rows: int, count: int, *, seed: int) -> NDArray[np.int64]:
    """Return which rows hold the commonest words of a made-up user's text, commonest first.

    Rows stand in the order of a language's frequency, which goes as 1/(rank + 2.7). The text's own
    frequencies differ from it by a log-normal factor, and are then sampled as a text of so many
    tokens would: the first rows are nearly all there, later ones ever more thinly.
    """
    chance = np.random.default_rng(seed)
    share = 1 / (np.arange(rows) + _ZIPF_SHIFT) * chance.lognormal(sigma=_OWN_TASTE, size=rows)
    seen = chance.poisson(share / share.sum() * _TOKENS_A_WORD * count)
    return np.argsort(-seen, kind="stable")[: min(count, int(np.count_nonzero(seen)))]
