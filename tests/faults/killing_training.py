"""Trains, is killed, resumes, over and over; a program that reads its task from standard input.

As in ``killing``, everything that touches a store runs in a forked child. The parent has the kernel
loaded, so that a child trains at once.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import embzarr
import embzarr_trainer
from embzarr._storage.open import open_store
from embzarr_trainer._buffers import Marks, Method
from embzarr_trainer._loops.kernel_gate import Kernel, Worker
from embzarr_trainer._sampling import build_tables
from embzarr_trainer._state import start_weights
from faults.forking import Child, Telling, Voice, in_child

SETTINGS: Mapping[str, Any] = {
    "vector_size": 40,
    "negative": 2,
    "epochs": 2,
    "min_count": 1,
    "workers": 1,
    "patience": 5.0,
}
WAYS: Mapping[str, Mapping[str, Any]] = {
    "full steps": {"checkpoints": 12},
    "deltas": {"checkpoints": 12, "delta": True},
    "deltas by the clock, of which few are kept": {
        "save_every": "0.02s",
        "delta": True,
        "keep_last": 2,
    },
}

Options = Mapping[str, Any] | None
End = list[object]
"""Step and digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a run is that nobody kills."""

    writes: int
    seconds: float


def load_kernel() -> None:
    """Compile, or load what was compiled, before the first fork."""
    kernel = Kernel(
        method=Method(window=5, negative=2, cbow=False),
        weights=start_weights(2, vector_size=40, seed=1),
        marks=Marks(inputs=np.zeros(2, np.uint8), outputs=np.zeros(2, np.uint8)),
        tables=build_tables(np.ones(2, np.int64), sample=0),
    )
    ids, starts = np.zeros(1, np.int32), np.zeros(1, np.int64)
    Worker(kernel).train(ids, starts, alpha=np.float32(0), seed=np.uint64(0))


def train(corpus: str, url: str, options: Options, way: Mapping[str, Any], voice: Voice) -> End:
    """Train to the end, from what is there; return the end's step and digest."""
    store = Telling(open_store(url, storage_options=options), voice)
    end = embzarr_trainer.train(corpus, store, resume=True, **SETTINGS, **way)
    return [end.step, digest_of(end)]


def digest_of(checkpoint: embzarr.Checkpoint) -> str:
    """Digest words and all bits of the three columns."""
    columns = ("vectors", "context", "counts")
    loaded = checkpoint.load_rows(0, len(checkpoint), columns=columns)
    digest = hashlib.sha256("\n".join(loaded.words).encode())
    for column in columns:
        digest.update(loaded.columns[column].tobytes())
    return digest.hexdigest()


def where(url: str, options: Options) -> str:
    """Tell where a kill landed: a step whose data lies there without a commit was being saved."""
    store = open_store(url, storage_options=options)
    begun = {info.key.split("/")[1] for info in store.list("steps/") if info.key.count("/") > 1}
    run = embzarr.Run(url, storage_options=options)
    committed = {f"{commit.step}" for commit in run.commits()}
    saving = any(name.partition("-")[0] not in committed for name in begun)
    if not committed:
        return "in the first save" if saving else "before the first save"
    return "in a save" if saving else "between two saves"


def rounds(task: Mapping[str, Any]) -> tuple[Counter[str], list[str]]:
    """Kill once in each round, resume, and compare the end with that of a run left alone."""
    chance = random.Random(task["seed"])
    corpus, url, options = task["corpus"], task["url"], task["options"]
    landed: Counter[str] = Counter()
    failures: list[str] = []
    _, expected = _alone(partial(train, corpus, f"{url}-alone", options, {}))
    lengths = {
        way: _alone(partial(train, corpus, f"{url}-timing-{at}", options, settings))[0]
        for at, (way, settings) in enumerate(WAYS.items())
    }
    for number in range(task["count"]):
        way = list(WAYS)[number // 2 % len(WAYS)]
        place = f"{url}-{number}"
        work = partial(train, corpus, place, options, WAYS[way])
        _kill(work, lengths[way], chance, in_a_write=number % 2 == 0)
        landed[in_child(partial(where, place, options))] += 1
        _, end = _alone(work)
        if end != expected:
            failures.append(f"round {number}, {way}: expected {expected}, found {end}")
    return landed, failures


def _alone(work: Callable[[Voice], End]) -> tuple[Length, End]:
    begun = time.perf_counter()
    child = Child(work)
    end = child.hear()
    return Length(writes=child.end(), seconds=time.perf_counter() - begun), end


def _kill(
    work: Callable[[Voice], End], length: Length, chance: random.Random, *, in_a_write: bool
) -> None:
    """Kill at any moment, or as soon as any of the writes was begun."""
    child = Child(work)
    if in_a_write:
        child.await_writes(chance.randint(1, length.writes))
    else:
        time.sleep(chance.uniform(0, 1.05 * length.seconds))
    child.kill()
    child.end()


if __name__ == "__main__":
    load_kernel()
    sys.stdout.write(json.dumps(rounds(json.load(sys.stdin))))
