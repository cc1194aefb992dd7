"""Runs the compiled loops without their gate, on indices out of bounds; a program.

It says how many of them were caught, as all are where numba's bounds checks are on. Without those
it would write anywhere, so that it first makes sure of them with a read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from embzarr_trainer._buffers import Marks, Method, Tables, Weights, new_scratch
from embzarr_trainer._loops.compiling import compiled
from embzarr_trainer._loops.kernel import train_chunk
from embzarr_trainer._sampling import build_tables
from embzarr_trainer._state import start_weights

ROWS = 8


@compiled
def read(array: npt.NDArray[np.float32], at: int) -> float:
    """Return an element."""
    return float(array[at])


def is_caught(work: Callable[[], object]) -> bool:
    """Tell whether numba saw an index out of bounds."""
    try:
        work()
    except IndexError:
        return True
    return False


def train(
    *,
    word: int = 0,
    end: int = 20,
    weights: Weights | None = None,
    tables: Tables | None = None,
) -> None:
    """Enter the loops with arguments of which one is wrong."""
    ids = np.arange(20, dtype=np.int32) % ROWS
    ids[7] = word
    weights = weights or start_weights(ROWS, vector_size=16, seed=1)
    marks = Marks(inputs=np.zeros(ROWS, np.uint8), outputs=np.zeros(ROWS, np.uint8))
    tables = tables or build_tables(np.full(ROWS, 20), sample=0)
    train_chunk(
        ids,
        np.array([0, end]),
        np.float32(0.1),
        Method(window=2, negative=5, cbow=False),
        weights,
        marks,
        tables,
        new_scratch(16),
    )


def planted() -> Iterator[Callable[[], object]]:
    """Yield calls, each with one index out of bounds."""
    tables = build_tables(np.full(ROWS, 20), sample=0)
    weights = start_weights(ROWS, vector_size=16, seed=1)
    yield lambda: read(np.zeros(3, np.float32), 3)
    yield lambda: train(word=ROWS)
    yield lambda: train(end=21)
    yield lambda: train(weights=Weights(weights.inputs[:4], weights.outputs))
    yield lambda: train(weights=Weights(weights.inputs, weights.outputs[:4]))
    wrong = np.full(ROWS, ROWS, np.int32)
    yield lambda: train(tables=tables._replace(alias_cut=tables.alias_cut * 0, alias_word=wrong))


def main() -> str:
    """Tell how many of all were caught."""
    train()
    calls = list(planted())
    if not is_caught(calls[0]):
        return "bounds are not checked"
    return f"caught {sum(map(is_caught, calls))} of {len(calls)}"


if __name__ == "__main__":
    sys.stdout.write(f"{main()}\n")
