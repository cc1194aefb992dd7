"""Work in a forked child that tells how far it came, and may be killed at any moment.

A fork of a process that has imported all and touched no store costs milliseconds, so that kills by
the thousand fit into a test run.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy.ma  # noqa: F401 - numpy imports it at the first `unique`, which would be in each child

from embzarr._storage.port import Body, Store
from faulty import PassThrough


class Voice:
    """What the child has to tell its parent with."""

    def __init__(self, answers: int, marks: int) -> None:
        self._answers = answers
        self._marks = marks

    def say(self, value: object) -> None:
        """Send a value to `Child.hear`."""
        os.write(self._answers, json.dumps(value).encode() + b"\n")

    def mark(self) -> None:
        """Tell that a write begins."""
        os.write(self._marks, b"w")


class Child:
    """A process that does some work and ends; what it returns it says last."""

    def __init__(self, work: Callable[[Voice], object]) -> None:
        answers, answer = os.pipe()
        marks, mark = os.pipe()
        self._id = os.fork()
        if self._id == 0:
            _carry_out(work, Voice(answer, mark))
        os.close(answer)
        os.close(mark)
        self._answers = os.fdopen(answers, "rb")
        self._marks = os.fdopen(marks, "rb", buffering=0)
        self.writes = 0
        """Begun, as far as was heard."""

    def hear(self) -> Any:
        """Return what the child says next; None where it ended before.

        Raises:
            AssertionError: its work failed.
        """
        line = self._answers.readline()
        # A kill may leave half a line.
        said = json.loads(line) if line.endswith(b"\n") else None
        assert not (isinstance(said, dict) and "error" in said), said["error"]
        return said

    def await_writes(self, count: int, seconds: float | None = None) -> None:
        """Wait until the child has begun so many writes, has ended, or so long."""
        end = time.perf_counter() + seconds if seconds is not None else None
        while self.writes < count:
            left = None if end is None else max(end - time.perf_counter(), 0)
            ready, _, _ = select.select([self._marks], [], [], left)
            marks = self._marks.read(count - self.writes) if ready else b""
            if not marks:
                return
            self.writes += len(marks)

    def send(self, number: signal.Signals) -> None:
        """Stop it, wake it, or end it."""
        os.kill(self._id, number)

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)

    def end(self) -> int:
        """Wait until it has ended, and return how many writes it began."""
        with self._answers, self._marks as marks:
            self.writes += len(marks.read())
        os.waitpid(self._id, 0)
        return self.writes


def _carry_out(work: Callable[[Voice], object], voice: Voice) -> None:
    try:
        voice.say(work(voice))
    except BaseException as exc:  # noqa: BLE001 - the parent raises it
        voice.say({"error": repr(exc)})
    finally:
        os._exit(0)


def in_child(work: Callable[[], object], kill_after: float | None = None) -> Any:
    """Return what `work` does in a child; None where it was killed before its end."""
    child = Child(lambda _: work())
    if kill_after is not None:
        time.sleep(kill_after)
        child.kill()
    try:
        return child.hear()
    finally:
        child.end()


class Telling(PassThrough):
    """Tells when a write begins."""

    def __init__(self, store: Store, voice: Voice) -> None:
        super().__init__(store)
        self._voice = voice

    def put(self, key: str, data: Body) -> None:
        self._voice.mark()
        super().put(key, data)

    def create(self, key: str, data: Body) -> None:
        self._voice.mark()
        super().create(key, data)

    def delete(self, key: str) -> None:
        self._voice.mark()
        super().delete(key)
