"""The gate before the compiled loop that numbers words: all its arrays are made here."""

from __future__ import annotations

import itertools
import secrets
from typing import Final

import numpy as np
import numpy.typing as npt

from embzarr_trainer._loops.numbering import (
    ENDS_LINE,
    JOINS,
    LETTER,
    Alphabet,
    Known,
    number_words,
    place_words,
)

__all__ = ["ASCII", "LISTED", "Alphabet", "KnownWords"]

_ROOM: Final = 1 << 14
"""For words, to begin with."""


def _alphabet(letters: bytes, *, joins: bytes = b"", ends_line: bytes = b"") -> Alphabet:
    kinds = np.zeros(256, np.uint8)
    for kind, those in ((LETTER, letters), (JOINS, joins), (ENDS_LINE, ends_line)):
        kinds[list(those)] = kind
    return Alphabet(kinds=kinds, lowered=np.frombuffer(bytes(range(256)).lower(), np.uint8).copy())


ASCII: Final = _alphabet(
    bytes(code for code in range(128) if chr(code).isalnum()), joins=b"'_", ends_line=b"\n"
)
"""What the tokenizer ``words`` makes of text that has no other characters."""
LISTED: Final = Alphabet(
    kinds=_alphabet(bytes(range(1, 256))).kinds, lowered=np.arange(256, dtype=np.uint8)
)
"""Words in UTF-8 as they are, with a zero byte between two of them."""


class KnownWords:
    """The words of a text, numbered as they are met, in a third of the memory of a dictionary."""

    def __init__(self, first: str) -> None:
        """Know one word, whose number is 0."""
        self._seed = np.uint64(secrets.randbits(64))
        self._first = first.encode()
        self.clear()

    def __len__(self) -> int:
        """Return how many words are known."""
        return self._count

    def clear(self) -> None:
        """Forget all words but the first."""
        self._count = 0
        self._known = Known(
            slots=np.zeros(2 * _ROOM, np.int32),
            hashes=np.zeros(_ROOM, np.uint64),
            ends=np.zeros(_ROOM + 1, np.int64),
            letters=np.zeros(0, np.uint8),
        )
        self.numbers(self._first, LISTED)

    def numbers(self, text: bytes, alphabet: Alphabet) -> npt.NDArray[np.int32]:
        """Return the numbers of the words and line ends of a text that ends where a word does."""
        data = np.frombuffer(text, np.uint8)
        self._spread(len(data))
        found, at, pieces = np.empty(len(data), np.int32), 0, []
        while at < len(data):
            at, self._count, written = number_words(
                data, at, alphabet, self._seed, self._known, self._count, found
            )
            pieces.append(found[:written].copy())
            if at < len(data):
                self._grow()
        return np.concatenate(pieces) if pieces else found

    def words(self) -> list[str]:
        """List the words by their numbers."""
        ends = self._known.ends[: self._count + 1].tolist()
        letters = self._known.letters.tobytes()
        return [letters[begin:end].decode() for begin, end in itertools.pairwise(ends)]

    def _spread(self, letters: int) -> None:
        """Have room for so many more letters."""
        used, had = int(self._known.ends[self._count]), self._known.letters
        if used + letters > len(had):
            wider = np.zeros(2 * used + letters, np.uint8)
            wider[:used] = had[:used]
            self._known = self._known._replace(letters=wider)

    def _grow(self) -> None:
        """Have room for twice as many words."""
        had, count = self._known, self._count
        room = 2 * len(had.hashes)
        self._known = had._replace(
            slots=np.zeros(2 * room, np.int32),
            hashes=np.append(had.hashes, np.zeros(room - len(had.hashes), np.uint64)),
            ends=np.append(had.ends, np.zeros(room + 1 - len(had.ends), np.int64)),
        )
        place_words(self._known, count)
