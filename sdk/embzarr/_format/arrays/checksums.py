"""One CRC-32C for a run of chunks that lie one behind the other, each followed by its own.

To check each by a call of its own takes the interpreter's lock as often. Of data that its CRC-32C
follows, little-endian, the CRC-32C is the same number whatever the data, `RESIDUE`; and that of two
parts is the first's, multiplied by x to the power of the bits in the second modulo the polynomial,
plus the second's. So that of a run depends on nothing but where its chunks end. A run that has it
may hold a damaged chunk by a chance of 2**-32, as each chunk alone: whatever is wrong with only one
of them shows by the run's exactly where it shows by its own.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESIDUE = 0x48674BC7
"""CRC-32C of anything that is followed by its own."""
_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, the power 0 in the highest of 32 bits, as in all numbers here."""
_LOW = 2**32 - 1
_HOLES = 0x1111111111111111
_DIGIT_BITS = 12


def marks(ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return x to the power of minus the bits before each of `ends`, modulo the polynomial.

    Args:
        ends: where chunks end, in bytes from anywhere.
    """
    found: NDArray[np.uint64] = _powers(0)[ends & (2**_DIGIT_BITS - 1)]
    for digit in range(1, 64 // _DIGIT_BITS + 1):
        ends = ends >> _DIGIT_BITS
        if not ends.any():
            break
        found = _product(found, _powers(digit)[ends & (2**_DIGIT_BITS - 1)])
    return found


def is_run(crc32c: int, of: NDArray[np.uint64]) -> bool:
    """Tell whether a run has the CRC-32C that chunks followed by their own make.

    Args:
        crc32c: of the whole run.
        of: the marks of the ends of its chunks, in order.
    """
    ours = _product(crc32c, int(of[-1]))
    return bool(ours == _product(RESIDUE, int(np.bitwise_xor.reduce(of))))


def _product(a: Any, b: Any) -> Any:  # noqa: ANN401 - numbers, or arrays of them
    """Multiply modulo the polynomial, numbers or arrays of them.

    Each factor is taken apart so that of four bits one is used at most: the carries of an ordinary
    multiplication then stay in the holes (T. Pornin's way, of BearSSL).
    """
    doubled = a ^ a
    for rest in range(4):
        part = a ^ a
        for first in range(4):
            ours, theirs = a & (_HOLES << first), b & (_HOLES << (rest - first) % 4)
            part = part ^ ours * theirs
        doubled = doubled | part & (_HOLES << rest)
    high, low = doubled >> 31, doubled << 1 & _LOW
    for _ in range(4):
        step = _byte_steps()[low & 0xFF]
        # numpy below 2 combines no whole number of Python with one of its own.
        low = (int(step) if isinstance(low, int) else step) ^ low >> 8
    return high ^ low


@functools.cache
def _byte_steps() -> NDArray[np.uint64]:
    """Return each byte, which stands for the highest powers, times x to the power of 8."""
    steps = np.arange(256, dtype=np.uint64)
    for _ in range(8):
        steps = np.where(steps & 1, steps >> 1 ^ _POLYNOMIAL, steps >> 1)
    return steps


@functools.cache
def _powers(digit: int) -> NDArray[np.uint64]:
    """Return the marks of ends that have one digit only, to the base of 4096, by its value."""
    factor = _back_by_a_byte()
    for _ in range(digit * _DIGIT_BITS):
        factor = int(_product(factor, factor))
    powers = np.full(1, 2**31, np.uint64)
    for _ in range(_DIGIT_BITS):
        powers = np.concatenate((powers, _product(powers, factor)))
        factor = int(_product(factor, factor))
    return powers


def _back_by_a_byte() -> int:
    """Return x to the power of -8."""
    power = 2**31
    for _ in range(8):
        # What x times it is 1 modulo the polynomial.
        power = (power ^ _POLYNOMIAL if power >> 31 else power) << 1 & _LOW | power >> 31
    return power
