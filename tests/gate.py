"""A store that can be held back, and that fails where it is told to."""

from __future__ import annotations

import threading
from typing import Any

import embzarr
from embzarr._storage.open import open_store
from faulty import PassThrough


class Gate(PassThrough):
    """Holds everything back until it is opened, and fails where it is told to."""

    def __init__(self, store: Any) -> None:
        super().__init__(open_store(store))
        self.opened = threading.Event()
        self.opened.set()
        self.fails = False
        self.fails_behind_a_commit = False

    def put(self, key: str, data: Any) -> None:
        """Put, once the gate is open."""
        self._pass()
        super().put(key, data)

    def create(self, key: str, data: Any) -> None:
        """Create, once the gate is open."""
        self._pass()
        super().create(key, data)
        if self.fails_behind_a_commit and key.startswith("commits/"):
            self.fails = True
            raise embzarr.StoreError("store-failed", "the store is away")

    def get_range(self, key: str, start: int, length: int) -> Any:
        """Get, unless the store is away."""
        self._pass()
        return super().get_range(key, start, length)

    def get(self, key: str) -> Any:
        """Get, unless the store is away."""
        self._pass()
        return super().get(key)

    def head(self, key: str) -> Any:
        """Look, unless the store is away."""
        self._pass()
        return super().head(key)

    def _pass(self) -> None:
        assert self.opened.wait(30)
        if self.fails:
            raise embzarr.StoreError("store-failed", "the store is away")
