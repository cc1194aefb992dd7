"""What tests of work in threads share: a failure, a patience, and a count of what is under way."""

from __future__ import annotations

import threading
import time

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
        self._added = 0

    def add(self, size: int) -> None:
        with self._lock:
            self._added += 1
            self.now += size
            self.most = max(self.most, self.now)
            if self.now != size:
                self.alone_or_less = max(self.alone_or_less, self.now)

    def remove(self, size: int) -> None:
        with self._lock:
            self.now -= size

    def wait_for_more(self, seconds: float = 0.1) -> None:
        """Wait until nothing was added for so long: on a busy machine, too, the others begin."""
        seen = -1
        while seen != self._added:
            seen = self._added
            time.sleep(seconds)


def fail() -> None:
    raise BrokenError
