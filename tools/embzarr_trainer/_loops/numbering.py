"""Words of a text numbered as they are met, compiled: a hash table, whose words lie end to end.

Every array comes from the caller, ``numbering_gate`` alone: nothing here allocates, and no index is
looked at. They are described here, in the file that numba's disk cache watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from embzarr_trainer._loops.compiling import compiled, inlined

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


@inlined
def _spell(
    text: npt.NDArray[np.uint8],
    start: int,
    alphabet: Alphabet,
    seed: np.uint64,
    known: Known,
    count: int,
) -> tuple[int, np.uint64]:
    """Write a word behind the letters of all others; return its bytes and its hash.

    The hash is Fowler, Noll and Vo's (FNV-1a), begun by a seed that no text knows.
    """
    kinds, at, value = alphabet.kinds, start, seed
    base = known.ends[count] - start
    while at < len(text) and (
        kinds[text[at]] == LETTER
        or (kinds[text[at]] == JOINS and at + 1 < len(text) and kinds[text[at + 1]] == LETTER)
    ):
        letter = alphabet.lowered[text[at]]
        known.letters[base + at] = letter
        value = (value ^ np.uint64(letter)) * _PRIME
        at += 1
    return at - start, value ^ (value >> _S32)


@inlined
def _same(known: Known, number: int, count: int, size: int) -> bool:
    begin, spelled = known.ends[number], known.ends[count]
    if known.ends[number + 1] - begin != size:
        return False
    same = True
    for place in range(size):
        same = same and known.letters[begin + place] == known.letters[spelled + place]
    return same


@inlined
def _find(value: np.uint64, size: int, known: Known, count: int) -> tuple[np.int64, int]:
    """Return the slot of the word that is spelled behind all others, and its number or -1."""
    last = len(known.slots) - 1
    slot = np.int64(value & np.uint64(last))
    number = known.slots[slot] - 1
    while number >= 0 and not (known.hashes[number] == value and _same(known, number, count, size)):
        slot = (slot + 1) & last
        number = known.slots[slot] - 1
    return slot, number


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
    most = min(len(known.hashes), len(known.slots) // 2)
    written, at = 0, start
    while at < len(text):
        kind = alphabet.kinds[text[at]]
        if kind == ENDS_LINE:
            numbers[written] = LINE_NUMBER
            written += 1
        if kind != LETTER:
            at += 1
            continue
        size, value = _spell(text, at, alphabet, seed, known, count)
        slot, number = _find(value, size, known, count)
        if number < 0:
            if count == most:
                break
            number = count
            count += 1
            known.slots[slot], known.hashes[number] = count, value
            known.ends[count] = known.ends[number] + size
        numbers[written] = number
        written += 1
        at += size
    return at, count, written


@compiled
def place_words(known: Known, count: int) -> None:
    """Fill the slots, which are zeros, by the hashes of the words."""
    last = len(known.slots) - 1
    for number in range(count):
        slot = np.int64(known.hashes[number] & np.uint64(last))
        while known.slots[slot]:
            slot = (slot + 1) & last
        known.slots[slot] = number + 1
