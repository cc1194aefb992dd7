"""A program that reads a store, forks children which read and save there too, and reads on.

Its task comes from standard input, see `faults.programs`. The servers are other processes. Every
child has an alarm that ends it, so that one that hangs is told from one that fails.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any

import numpy as np

import embzarr

ROWS, DIM = 600, 16
WORDS = [f"word{row:04}" for row in range(ROWS)]
VECTORS = np.random.default_rng(7).normal(size=(ROWS, DIM)).astype("f4")
PATIENCE = 240
"""Seconds until a child that still runs is taken to hang, on a machine that does much else; its
parent, twice as many after each round begins."""
HOWS = ("inherited", "fresh", "pickled")
ENDS = ("_exit", "exit")


def filesystem(task: Mapping[str, Any]) -> Any:
    """Return what `embzarr.open` takes: a URL, or a folder of a filesystem of fsspec."""
    if "filesystem" not in task:
        return task["url"]
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - of some stores only
    from fsspec.implementations.dirfs import (  # type: ignore[import-untyped]  # noqa: PLC0415 - the same
        DirFileSystem,
    )

    return DirFileSystem(task["url"], fsspec.filesystem(task["filesystem"], **task["arguments"]))


class Round:
    """One store, what was opened in the parent, and what children do with it."""

    def __init__(self, task: Mapping[str, Any]) -> None:
        self.place = filesystem(task)
        self.options: dict[str, Any] = {"storage_options": task["options"], "pickle_secrets": True}
        self.writable: bool = task["writable"]
        if self.writable:
            embzarr.save(self.place, WORDS, VECTORS, step=0, storage_options=task["options"])
        self.checkpoint = embzarr.open(self.place, step=0, **self.options)
        self.run = embzarr.Run(self.place, **self.options)
        self.read(self.checkpoint)
        self.travels = task["travels"]
        self.sent = pickle.dumps((self.checkpoint, self.run)) if self.travels else b""

    def read(self, checkpoint: embzarr.Checkpoint) -> None:
        """Compare some words and all rows with what was saved."""
        np.testing.assert_array_equal(checkpoint[WORDS[::7]], VECTORS[::7])
        np.testing.assert_array_equal(checkpoint.load_rows(0, ROWS).vectors, VECTORS)

    def work(self, how: str, number: int) -> None:
        """Read and save as a child does."""
        checkpoint, run = self.opened(how)
        self.read(checkpoint)
        if self.writable:
            saved = run.save_async(WORDS, VECTORS + number, step=number).result()
            np.testing.assert_array_equal(saved[WORDS[3]], VECTORS[3] + number)
            np.testing.assert_array_equal(
                run.open(commit=saved.commit).to_numpy(), VECTORS + number
            )
            run.close()

    def work_with_child(self, how: str, number: int) -> None:
        """Do the same, and have a child of one's own do it again."""
        self.work(how, number)
        child = in_child(lambda: self.work(how, number + 1_000_000), "_exit")
        assert os.waitpid(child, 0)[1] == 0

    def opened(self, how: str) -> tuple[embzarr.Checkpoint, embzarr.Run]:
        """Return what a child uses."""
        if how == "inherited":
            return self.checkpoint, self.run
        if how == "pickled":
            return pickle.loads(self.sent)  # type: ignore[no-any-return]  # noqa: S301 - our own
        fresh = embzarr.open(self.place, step=0, **self.options)
        return fresh, embzarr.Run(self.place, **self.options)

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Read and save from other threads of the parent all the while."""
        ended = threading.Event()
        failures: list[BaseException] = []

        def go_on() -> None:
            try:
                while not ended.is_set():
                    self.read(self.checkpoint)
                    self.run.open(commit=1)
            except BaseException as exc:  # noqa: BLE001 - raised below
                failures.append(exc)

        threads = [threading.Thread(target=go_on) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]


def in_child(work: Callable[[], None], end: str) -> int:
    """Fork, work, and end as `multiprocessing` does, or as any program does."""
    child = os.fork()
    if child:
        return child
    signal.alarm(PATIENCE)
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - told by the status
        traceback.print_exc()
    if end == "_exit":
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def carry_out(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many children there were of each kind, and which failed or hung."""
    random = Random(task["seed"])
    signal.alarm(2 * PATIENCE)
    one = Round(task)
    kinds: Counter[str] = Counter()
    failures = []
    numbers = itertools.count(1)
    for number in range(task["rounds"]):
        signal.alarm(2 * PATIENCE)
        with one.busy() if random.random() < 0.5 else contextlib.nullcontext():
            children = {}
            for turn in range(task["children"]):
                hows = HOWS if one.travels else HOWS[:2]
                how = hows[(number + turn) % len(hows)]
                step, end = next(numbers), random.choice(ENDS)
                work = one.work_with_child if turn == 0 else one.work
                child = in_child(partial(work, how, step), end)
                children[child] = f"{how}, ends by {end}"
                kinds[how] += 1
                kinds["grandchild"] += turn == 0
            for child, what in children.items():
                _, status = os.waitpid(child, 0)
                if status:
                    told = "hung" if os.WTERMSIG(status) == signal.SIGALRM else f"status {status}"
                    failures.append(f"round {number}: {what}: {told}")
        one.read(one.checkpoint)
        if one.writable:
            embzarr.save(one.place, WORDS, VECTORS, storage_options=task["options"])
    one.run.close()
    return {"run": sum(kinds.values()), "kinds": kinds, "failures": failures}


if __name__ == "__main__":
    # One process uses all of them, so that each kind forks what the others have begun as well.
    answer = [carry_out(task) for task in json.load(sys.stdin)]
    json.dump(answer, sys.stdout)
