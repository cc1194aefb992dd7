"""A program whose pools of processes read a checkpoint that is sent to them.

Its task comes from standard input, see `faults.programs`.
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

import embzarr

PATIENCE = 240


class Part:
    """What a data loader hands to a worker: a data set, and which share of it is the worker's."""

    def __init__(self, checkpoint: embzarr.Checkpoint, index: int, parts: int) -> None:
        self.checkpoint = checkpoint
        self.index = index
        self.parts = parts

    def __call__(self) -> embzarr.Loaded:
        """Return the share, which is pickled on its way back."""
        return self.checkpoint.load_part(self.index, self.parts)


def carry_out(part: Part) -> embzarr.Loaded:
    """Do the work of one worker."""
    return part()


def by_pool(parts: list[Part], method: str) -> list[embzarr.Loaded]:
    """Return what a pool of as many workers loads."""
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(len(parts), mp_context=context) as pool:
        return list(pool.map(carry_out, parts))


def by_joblib(parts: list[Part]) -> list[embzarr.Loaded]:
    """Return what joblib's workers load."""
    import joblib  # type: ignore[import-untyped]  # noqa: PLC0415 - where it is installed

    loads = joblib.Parallel(n_jobs=len(parts))(joblib.delayed(carry_out)(part) for part in parts)
    return list(loads)


def main(task: dict[str, Any]) -> dict[str, int]:
    """Return how many rows each kind of pool has loaded, all of them right."""
    signal.alarm(PATIENCE)
    checkpoint = embzarr.open(task["url"], storage_options=task["options"], pickle_secrets=True)
    words, vectors = checkpoint.words, checkpoint.to_numpy()
    told = {}
    for method, count in task["methods"].items():
        if method == "joblib" and not importlib.util.find_spec("joblib"):
            continue
        parts = [Part(checkpoint, index, count) for index in range(count)]
        loads = by_joblib(parts) if method == "joblib" else by_pool(parts, method)
        np.testing.assert_array_equal(np.concatenate([one.vectors for one in loads]), vectors)
        assert [word for one in loads for word in one.words] == words
        told[method] = sum(map(len, loads))
    np.testing.assert_array_equal(checkpoint.to_numpy(), vectors)
    return told


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
