"""Begins to save in the background and ends, over and over, in forked children.

A child ends as any program does, through the interpreter's own end, so that whatever Python does
there is done. Its parent then looks whether the step stands, or was told to be lost.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.ma

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Body
from faulty import PassThrough

ROWS, DIM = 2000, 16
WORDS = [f"word{row}" for row in range(ROWS)]
WRITE_SECONDS = 0.02


class Troubled(PassThrough):
    """Takes its time to write, or fails."""

    def __init__(self, url: str, fate: str) -> None:
        super().__init__(open_store(url))
        self._fate = fate

    def put(self, key: str, data: Body) -> None:
        time.sleep(1000 if self._fate == "hangs" else WRITE_SECONDS)
        if self._fate == "fails":
            raise embzarr.StoreError("store-failed", "the store is away\x1b[2J")
        super().put(key, data)


def _save(url: str, fate: str) -> None:
    patience: dict[str, Any] = {"exit_seconds": 0.2} if fate == "hangs" else {}
    run = embzarr.Run(Troubled(url, fate), **patience)
    vectors = np.full((ROWS, DIM), 7, np.float32)
    beside: dict[str, Any] = {}
    if _has_tensors(url):
        beside = {"tensors": {"whole": vectors, "row": vectors[0]}, "files": {"note": b"7"}}
    run.save_async(WORDS, vectors, step=7, **beside)
    vectors.fill(0)


def _has_tensors(url: str) -> bool:
    """Tell whether a child saves tensors and a file too: every other one of each way does."""
    return int(Path(url).parent.name) // len(WAYS) % 2 == 1


def _end(url: str, fate: str) -> None:
    _save(url, fate)


def _exit(url: str, fate: str) -> None:
    _save(url, fate)
    sys.exit(0)


def _raise(url: str, fate: str) -> None:
    _save(url, fate)
    raise ZeroDivisionError


def _terminate(url: str, fate: str) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    _save(url, fate)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def _thread(url: str, fate: str) -> None:
    threading.Thread(target=_save, args=(url, fate)).start()


def _handler(url: str, fate: str) -> None:
    atexit.register(_save, url, fate)


WAYS: Mapping[str, Callable[[str, str], None]] = {
    "the end of the script": _end,
    "sys.exit": _exit,
    "an exception": _raise,
    "a handler of SIGTERM": _terminate,
    "a thread": _thread,
    "an atexit handler": _handler,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A child, and what is to become of its save."""

    way: str
    fate: str
    url: str
    log: Path

    def begin(self) -> int:
        """Fork; return 0 in the child."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT)
            os.dup2(log, 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return child

    def verdict(self, status: int) -> str:
        """Return what became of the save, or what is wrong with that."""
        said, code = self.log.read_text(), os.waitstatus_to_exitcode(status)
        told = f"NOT SAVED: step 7 of file://{self.url}: " in said
        saved = self._is_saved()
        what = f"{self.way}, {self.fate}: status {code}, saved {saved}, said {said!r}"
        if "after shutdown" in said or "\x1b" in said or saved == told:
            return f"wrong: {what}"
        if told:
            return "told" if code == 120 and self.fate != "works" else f"wrong: {what}"
        expected = 1 if self.way == "an exception" else 0
        return "saved" if code == expected else f"wrong: {what}"

    def _is_saved(self) -> bool:
        try:
            found = embzarr.open(self.url)
        except embzarr.NotFoundError:
            return False
        vectors = found.to_numpy()
        assert found.step == 7
        assert np.array_equal(vectors, np.full((ROWS, DIM), 7))
        if _has_tensors(self.url):
            tensors = found.tensors.load()
            assert {name: set(one.flat) for name, one in tensors.items()} == {
                "whole": {7},
                "row": {7},
            }
            assert found.files["note"].read() == b"7"
        return True


def endings(folder: Path, count: int, *, seed: int) -> list[Ending]:
    """Return so many children to come, each way as often."""
    chance = random.Random(seed)
    ways = list(WAYS)
    found = []
    for number in range(count):
        fate = chance.choice(["works", "works", "works", "fails", "hangs"])
        place = folder / str(number)
        found.append(
            Ending(
                way=ways[number % len(ways)],
                fate=fate,
                url=str(place / "run"),
                log=folder / f"{number}.log",
            )
        )
    return found


def look(ending: Ending, status: int, how: Counter[str], wrong: list[str]) -> None:
    """Have another child say what became of a save: the parent is to touch no store."""
    answer, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(said, ending.verdict(status).encode())
        finally:
            os._exit(0)
    os.close(said)
    with os.fdopen(answer, "rb") as stream:
        verdict = stream.read().decode() or f"wrong: {ending.way}: reads as something else"
    os.waitpid(child, 0)
    how[verdict.partition(":")[0]] += 1
    how[f"by {ending.way}"] += 1
    if verdict.startswith("wrong"):
        wrong.append(verdict)


def main(task: Mapping[str, Any]) -> None:
    """Carry out a task; a child returns from this too."""
    how: Counter[str] = Counter()
    wrong: list[str] = []
    for ending in endings(Path(task["folder"]), task["count"], seed=task["seed"]):
        child = ending.begin()
        if child == 0:
            WAYS[ending.way](ending.url, ending.fate)
            return
        _, status = os.waitpid(child, 0)
        look(ending, status, how, wrong)
    sys.stdout.write(json.dumps({"run": task["count"], "how": how, "wrong": wrong}))


if __name__ == "__main__":
    main(json.load(sys.stdin))
