"""What tests of work in threads share: a failure, a patience, and a count of what is under way."""

from __future__ import annotations

import threading

WAIT = 10.0
"""Seconds after which a test that hangs fails instead."""


class BrokenError(Exception):
    """What the work of these tests fails with."""


class Meter:
    """Counts what is under way at once, and remembers the most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = 0
        self.most = 0
        self.alone_or_less = 0

    def add(self, size: int) -> None:
        with self._lock:
            self.now += size
            self.most = max(self.most, self.now)
            if self.now != size:
                self.alone_or_less = max(self.alone_or_less, self.now)

    def remove(self, size: int) -> None:
        with self._lock:
            self.now -= size


def fail() -> None:
    raise BrokenError
