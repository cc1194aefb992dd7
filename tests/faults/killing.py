"""Saves and kills, over and over; run as a program that reads its task from standard input.

Everything that touches a store runs in a forked child of a process that has imported all and
touched none: a kill then costs milliseconds, and several hundred fit into a test run.
"""

from __future__ import annotations

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
from numpy.typing import NDArray

import embzarr
from embzarr.objects import open_store
from oracle import make_words

WORDS = make_words(3000)
PILE = 30
"""Kills on one store before a fresh one: checking a long history takes long."""

Options = Mapping[str, Any] | None


def vectors_of(step: int) -> NDArray[Any]:
    """The vectors that step `step` holds."""
    return np.full((len(WORDS), 64), step, np.float32) + np.arange(64, dtype=np.float32)


def save(url: str, options: Options, step: int) -> None:
    """Save a step in several objects."""
    embzarr.save(url, WORDS, vectors_of(step), step=step, compression="lz4", store_options=options)


def forked(work: Callable[[], object], *, kill_after: float | None = None) -> Any:
    """Run `work` in a child and return what it returned; None where it was killed."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(send, json.dumps(work()).encode())
        except BaseException as exc:  # noqa: BLE001 - the parent raises it
            os.write(send, json.dumps({"error": repr(exc)}).encode())
        finally:
            os._exit(0)
    os.close(send)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(receive, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == (signal.SIGKILL if kill_after is not None and not answer else 0), status
    found = json.loads(answer) if answer else None
    assert not isinstance(found, dict), found["error"]
    return found


def check(url: str, options: Options, known: list[int], step: int) -> tuple[str, list[int]]:
    """Open and verify what is there after a save of `step` was killed.

    Args:
        url: the store.
        options: its credentials.
        known: the steps that were committed when last looked; a request that a killed process had
            sent may still have been carried out since.
        step: the step whose save was killed.

    Returns:
        Where the kill landed, and the steps committed now.
    """
    run = embzarr.Run(url, store_options=options)
    found = [commit.step for commit in reversed(run.commits())]
    newest = run.open()
    assert newest.verify().ok
    np.testing.assert_array_equal(newest.to_numpy(), vectors_of(newest.step))
    assert newest.words == WORDS
    assert found[: len(known)] == known, f"committed {known}, found {found}"
    if step in found:
        return "after the commit", found
    store = open_store(url, store_options=options)
    begun = any(info.key.startswith(f"steps/{step}-") for info in store.list("steps/"))
    return "between first and last write" if begun else "before the first write", found


def rounds(url: str, options: Options, count: int, *, seed: int) -> Counter[str]:
    """Save and kill `count` times, each time on top of what the kills before left behind."""
    chance = random.Random(seed)
    whole = min(_seconds(partial(save, f"{url}-timing", options, 0)) for _ in range(3))
    landed: Counter[str] = Counter()
    for first in range(0, count, PILE):
        pile, known = f"{url}-{first}", [0]
        forked(partial(save, pile, options, 0))
        for step in range(1, min(PILE, count - first) + 1):
            forked(partial(save, pile, options, step), kill_after=chance.uniform(0, 1.1 * whole))
            where, known = forked(partial(check, pile, options, known, step))
            landed[where] += 1
    return landed


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    forked(work)
    return time.perf_counter() - start


if __name__ == "__main__":
    task = json.load(sys.stdin)
    sys.stdout.write(
        json.dumps(rounds(task["url"], task["options"], task["count"], seed=task["seed"]))
    )
