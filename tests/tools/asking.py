"""The run that the tests look at, and what a command line answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

WORDS = [
    *(f"w{number}" for number in range(2000)),
    *("king", "queen", "kin", "kingdom", "猫", "[bold]x", "tab\there", "esc\x1b[31m", ""),
]
DIM = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command line gave."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """Standard output as tab-separated lines."""
        return [line.split("\t") for line in self.out.splitlines()]


Ask: TypeAlias = Callable[..., Answer]


def vectors() -> NDArray[np.float32]:
    """Vectors of `WORDS`; queen's is nearly king's."""
    table = np.random.default_rng(7).standard_normal((len(WORDS), DIM), np.float32)
    table[2001] = table[2000] * np.float32(1.5)
    return table


def flip_bit(folder: Path, pattern: str, at: int) -> Path:
    """Change one bit of the only file below `folder` that matches; return its path in there."""
    (path,) = folder.glob(pattern)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    return path.relative_to(folder)
