"""Words of a text numbered as they are met, compiled: a hash table, whose words lie end to end.

Every array comes from the caller, ``numbering_gate`` alone: nothing here allocates, and no index is
looked at. They are described here, in the file that numba's disk cache watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from embzarr_trainer._loops.compiling import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

SEPARATES: Final = 0
LETTER: Final = 1
JOINS: Final = 2
"""Part of a word between two letters, and of none elsewhere."""
ENDS_LINE: Final = 3
LINE_NUMBER: Final = 0
"""What stands for the end of a line among the numbers of words."""

_PRIME: Final = np.uint64(0x100000001B3)
_S32: Final = np.uint64(32)


class Alphabet(NamedTuple):
    """What the bytes of a text are."""

    kinds: npt.NDArray[np.uint8]
    """(256,): whether a byte separates, is a letter, joins or ends a line."""
    lowered: npt.NDArray[np.uint8]
    """(256,): the byte that a word has in its place."""


class Known(NamedTuple):
    """The words that were met, and where to find them."""

    slots: npt.NDArray[np.int32]
    """(a power of two,): one more than the number of the word that is found there, 0 for none."""
    hashes: npt.NDArray[np.uint64]
    """(room,) by number."""
    ends: npt.NDArray[np.int64]
    """(room + 1,): where the letters of a word begin, and those of the word before end."""
    letters: npt.NDArray[np.uint8]
    """(room,): of all words; behind them, of the word that is being read."""


@compiled
def number_words(
    text: npt.NDArray[np.uint8],
    start: int,
    alphabet: Alphabet,
    seed: np.uint64,
    known: Known,
    count: int,
    numbers: npt.NDArray[np.int32],
) -> tuple[int, int, int]:
    """Write the number of each word, and of each line's end; new words get the next one.

    The hash is Fowler, Noll and Vo's (FNV-1a), begun by a seed that no text knows.

    Args:
        text: to the end of a word.
        start: where to begin.
        alphabet: of the text.
        seed: of the hash.
        known: with room for as many letters as the text has, and for one more word.
        count: how many words are known.
        numbers: with room for as many as the text has bytes.

    Returns:
        Where the text was left, at its end or at a new word for which there is no room; how many
        words are known; how many numbers were written.
    """
    kinds, lowered = alphabet
    slots, hashes, ends, letters = known
    most = min(len(hashes), len(slots) // 2)
    last = len(slots) - 1
    size, written, at = len(text), 0, start
    while at < size:
        kind = kinds[text[at]]
        if kind == ENDS_LINE:
            numbers[written] = LINE_NUMBER
            written += 1
        if kind != LETTER:
            at += 1
            continue
        begin, base, value = at, ends[count] - at, seed
        while at < size and (
            kinds[text[at]] == LETTER
            or (kinds[text[at]] == JOINS and at + 1 < size and kinds[text[at + 1]] == LETTER)
        ):
            letter = lowered[text[at]]
            letters[base + at] = letter
            value = (value ^ np.uint64(letter)) * _PRIME
            at += 1
        value ^= value >> _S32
        slot = np.int64(value & np.uint64(last))
        number = slots[slot] - 1
        while number >= 0 and not (
            hashes[number] == value and _same(letters, ends, number, base + begin, at - begin)
        ):
            slot = (slot + 1) & last
            number = slots[slot] - 1
        if number < 0:
            if count == most:
                return begin, count, written
            number = count
            count += 1
            slots[slot], hashes[number], ends[count] = count, value, base + at
        numbers[written] = number
        written += 1
    return size, count, written


@compiled
def place_words(known: Known, count: int) -> None:
    """Fill the slots, which are zeros, by the hashes of the words."""
    last = len(known.slots) - 1
    for number in range(count):
        slot = np.int64(known.hashes[number] & np.uint64(last))
        while known.slots[slot]:
            slot = (slot + 1) & last
        known.slots[slot] = number + 1


@compiled
def _same(
    letters: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], number: int, at: int, size: int
) -> bool:
    begin = ends[number]
    if ends[number + 1] - begin != size:
        return False
    same = True
    for place in range(size):
        same = same and letters[begin + place] == letters[at + place]
    return same
