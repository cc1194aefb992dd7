"""Trains, is interrupted, and resumes; a program that reads its task from standard input.

As ``interrupting``, but of one call that goes on for long, in threads of its own.
"""

from __future__ import annotations

import faulthandler
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from functools import partial
from types import FrameType
from typing import Any

import embzarr
import embzarr_trainer
from faults.interrupting import HANG_SECONDS, Aim
from faults.killing_training import SETTINGS, WAYS, digest_of, load_kernel

TRIES = 3
"""Interrupts of one run before it is let come to its end."""


def train(corpus: str, url: str, way: Mapping[str, Any]) -> embzarr.Checkpoint:
    """Train to the end, from what is there."""
    return embzarr_trainer.train(corpus, url, resume=True, **SETTINGS, **way)


def rounds(corpus: str, url: str, count: int, *, seed: int) -> dict[str, Any]:
    """Interrupt `count` times; each run that goes on ends with the bits of one left alone."""
    aim = Aim(random.Random(seed))
    how: Counter[str] = Counter()
    wrong: list[str] = []
    expected = digest_of(train(corpus, f"{url}-alone", {}))
    for number in range(3 * -(-count // TRIES)):  # some come too late, on a fast machine
        if how.total() - how["too late"] >= count:
            break
        way, place = list(WAYS)[number % len(WAYS)], f"{url}-{number}"
        call = partial(train, corpus, place, WAYS[way])
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        for _ in range(TRIES):
            how[aim("train", call)] += 1
            wrong += _left_behind(place)
        if digest_of(call()) != expected:
            wrong.append(f"{way}: the end is not that of a run left alone")
        faulthandler.cancel_dump_traceback_later()
    return {"run": how.total() - how["too late"], "how": how, "wrong": wrong}


def _left_behind(url: str) -> list[str]:
    """Return what an interrupt left: a commit that is not whole, or a thread that goes on."""
    main = threading.main_thread().ident
    wrong = [
        "a thread still trains"
        for thread, frame in sys._current_frames().items()
        if thread != main and _trains(frame)
    ]
    run = embzarr.Run(url)
    commits = [info.commit for info in run.commits()] if run.numbers() else []
    torn = [number for number in commits if not run.open(commit=number).verify().ok]
    return wrong + [f"commit {number} is not whole" for number in torn]


def _trains(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.endswith("_hogwild.py"):
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    load_kernel()
    task = json.load(sys.stdin)
    answer = rounds(task["corpus"], task["url"], task["count"], seed=task["seed"])
    sys.stdout.write(json.dumps(answer))
