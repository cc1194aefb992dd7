"""Trains, is killed, resumes, over and over; a program that reads its task from standard input.

As in ``killing``, everything that touches a store runs in a forked child. The parent has the kernel
loaded, so that a child trains at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

import embzarr
import embzarr_trainer
from embzarr.objects import open_store
from embzarr_trainer._buffers import Marks, Method, new_scratch
from embzarr_trainer._kernel import train_chunk
from embzarr_trainer._sampling import build_tables
from embzarr_trainer._state import start_weights

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


def forked(work: Callable[[], object], *, kill_after: float | None = None) -> Any:
    """Run `work` in a child, killed after so many seconds, and return what it returned."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(send, json.dumps({"found": work()}).encode())
        except BaseException as exc:  # noqa: BLE001 - the parent raises it
            os.write(send, json.dumps({"error": repr(exc)}).encode())
        finally:
            os._exit(0)
    os.close(send)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(receive, "rb") as pipe:
        answer = json.loads(pipe.read() or b'{"found": null}')
    os.waitpid(child, 0)
    assert "error" not in answer, answer["error"]
    return answer["found"]


def load_kernel() -> None:
    """Compile, or load what was compiled, before the first fork."""
    weights = start_weights(2, vector_size=40, seed=1)
    marks = Marks(inputs=np.zeros(2, np.uint8), outputs=np.zeros(2, np.uint8))
    method = Method(window=5, negative=2, cbow=False)
    tables = build_tables(np.ones(2, np.int64), sample=0)
    starts = np.zeros(1, np.int64)
    ids = np.zeros(1, np.int32)
    train_chunk(ids, starts, np.float32(0), method, weights, marks, tables, new_scratch(48))


def train(corpus: str, url: str, options: Options, way: Mapping[str, Any]) -> list[object]:
    """Train to the end, from what is there; return the end's step and digest."""
    end = embzarr_trainer.train(corpus, url, resume=True, store_options=options, **SETTINGS, **way)
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
    store = open_store(url, store_options=options)
    begun = {info.key.split("/")[1] for info in store.list("steps/") if info.key.count("/") > 1}
    run = embzarr.Run(url, store_options=options)
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
    expected = forked(partial(train, corpus, f"{url}-alone", options, {}))
    seconds = {
        way: _seconds(partial(train, corpus, f"{url}-timing-{number}", options, settings))
        for number, (way, settings) in enumerate(WAYS.items())
    }
    for number in range(task["count"]):
        way = list(WAYS)[number % len(WAYS)]
        place = f"{url}-{number}"
        work = partial(train, corpus, place, options, WAYS[way])
        forked(work, kill_after=chance.uniform(0, 1.05 * seconds[way]))
        landed[forked(partial(where, place, options))] += 1
        end = forked(work)
        if end != expected:
            failures.append(f"round {number}, {way}: expected {expected}, found {end}")
    return landed, failures


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    forked(work)
    return time.perf_counter() - started


if __name__ == "__main__":
    load_kernel()
    sys.stdout.write(json.dumps(rounds(json.load(sys.stdin))))
