"""What the compiled loops draw: which occurrences are kept, window widths, negatives.

Every draw is the next number of a counter's hash, so that the state is one number, seeded anew for
each turn of the schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr_trainer._buffers import GROUP
from embzarr_trainer._loops.compiling import inlined

if TYPE_CHECKING:
    import numpy.typing as npt

    from embzarr_trainer._buffers import Method, Scratch, Tables

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_S27: Final = np.uint64(27)
_S30: Final = np.uint64(30)
_S31: Final = np.uint64(31)
_S32: Final = np.uint64(32)
_LOW_32: Final = np.uint64(0xFFFFFFFF)


@inlined
def _mixed(state: np.uint64) -> np.uint64:
    """Turn a counter into 64 random bits: splitmix64 (Steele, Lea and Flood 2014)."""
    z = (state ^ (state >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@inlined
def _below(bits: np.uint64, bound: int) -> np.int64:
    """Map the upper 32 of 64 random bits onto 0 .. bound - 1 (Lemire's multiply and shift)."""
    return np.int64(((bits >> _S32) * np.uint64(bound)) >> _S32)


@inlined
def subsample(
    ids: npt.NDArray[np.int32], start: int, stop: int, tables: Tables, scratch: Scratch
) -> int:
    """Copy the occurrences that frequency subsampling keeps; return how many."""
    state = scratch.state[0]
    count = 0
    for position in range(start, stop):
        word = ids[position]
        state += _GAMMA
        scratch.kept[count] = word
        count += int((_mixed(state) >> _S32) <= np.uint64(tables.keep[word]))
    scratch.state[0] = state
    return count


@inlined
def _drawn(state: np.uint64, tables: Tables) -> np.int64:
    """Return the word that a state draws, with the frequency that negatives have."""
    bits = _mixed(state)
    cell = _below(bits, len(tables.alias_cut))
    alias = np.int64(tables.alias_word[cell])
    return cell if (bits & _LOW_32) < np.uint64(tables.alias_cut[cell]) else alias


@inlined
def draw_targets(negative: int, tables: Tables, scratch: Scratch) -> int:
    """Add negatives to the centre word in ``targets``; return how many there are with it.

    A negative that is the centre word is left out, as in word2vec.c, and so is one that is drawn
    twice, since each row is gathered once.
    """
    targets = scratch.targets
    state = scratch.state[0]
    count = 1
    foreseen = state == scratch.state[1]
    for slot in range(1, negative + 1):
        state += _GAMMA
        drawn = scratch.ahead[slot] if foreseen and slot < GROUP else _drawn(state, tables)
        new = True
        for earlier in range(count):
            new = new and targets[earlier] != drawn
        targets[count] = drawn
        count += new
    scratch.state[0] = state
    return count


@inlined
def foresee(centre: int, between: int, negative: int, tables: Tables, scratch: Scratch) -> None:
    """Set ``ahead`` to output rows of the next window, whose draws a counter's hash tells already.

    Args:
        centre: the next window's centre word.
        between: how many numbers are drawn before its negatives.
        negative: as for ``draw_targets``.
        tables: to draw from.
        scratch: whose random state stays as it is.
    """
    scratch.ahead[0] = centre
    state = scratch.state[0] + np.uint64(between) * _GAMMA
    scratch.state[1] = state
    for slot in range(1, min(negative + 1, GROUP)):
        state += _GAMMA
        scratch.ahead[slot] = _drawn(state, tables)


@inlined
def choose_window(centre: int, count: int, method: Method, tables: Tables, scratch: Scratch) -> int:
    """Set ``targets[0]`` and ``context`` from ``kept``; return how many words the context has.

    Skip-gram has nothing to learn from a frozen context word; for CBOW it is part of the mean.
    """
    scratch.state[0] += _GAMMA
    reach = 1 + int(_below(_mixed(scratch.state[0]), method.window))
    scratch.targets[0] = scratch.kept[centre]
    contexts = 0
    for position in range(max(centre - reach, 0), min(centre + reach + 1, count)):
        word = scratch.kept[position]
        scratch.context[contexts] = word
        contexts += int(position != centre and (method.cbow or not tables.frozen[word]))
    return contexts
