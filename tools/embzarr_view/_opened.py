"""A run that is looked at: its checkpoints, as many kept open as memory has room for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import embzarr
from embzarr_view._memory import give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
R = TypeVar("R")

_CACHE_BYTES: Final = 48 * 2**20
"""Chunks that all checkpoints share, and as many vectors of the one whose neighbours are asked."""
_KEPT: Final = 4
_AT_ONCE: Final = 8


class Opened:
    """A run, opened to be looked at only. It may be used from many threads."""

    def __init__(self, url: str, *, storage_options: Mapping[str, Any] | None = None) -> None:
        """Look at the store of a run; nothing is read.

        Args:
            url: where it is; see `embzarr.open`.
            storage_options: credentials and endpoint.
        """
        self.run = embzarr.Run(url, read_only=True, storage_options=storage_options)
        self._cache = embzarr.Cache(_CACHE_BYTES)
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, embzarr.Checkpoint] = OrderedDict()
        self._memory = threading.Lock()
        self._searched: embzarr.Checkpoint | None = None

    @property
    def url(self) -> str:
        """Where the run is, without secrets."""
        return self.run.url

    def checkpoint(self, commit: int | None = None) -> embzarr.Checkpoint:
        """Return a checkpoint by the number of its commit, by default the newest.

        Raises:
            embzarr.EmbzarrError: as `embzarr.Run.open`.
        """
        with self._lock:
            if commit is not None and commit in self._kept:
                self._kept.move_to_end(commit)
                return self._kept[commit]
        found = self.run.open(commit=commit, cache=self._cache)
        with self._lock:
            kept = self._kept.setdefault(found.commit, found)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept

    def passing(self, commit: int) -> embzarr.Checkpoint:
        """Return a checkpoint that is asked one question of many, and not kept open."""
        with self._lock:
            if commit in self._kept:
                return self._kept[commit]
        return self.run.open(commit=commit, cache=self._cache)

    def searching(self, checkpoint: embzarr.Checkpoint, search: Callable[[], R]) -> R:
        """Search all vectors of a checkpoint; only those of the last such are kept in memory."""
        with self._memory:
            if self._searched is not None and self._searched is not checkpoint:
                self._searched.close()
            self._searched = checkpoint
            return search()

    def make_room(self) -> None:
        """Let go of all chunks and vectors that are kept, before what takes much memory."""
        with self._memory, self._lock:
            if self._searched is not None:
                self._searched.close()
            self._searched = None
            self._kept.clear()
            self._cache = embzarr.Cache(_CACHE_BYTES)
        give_back()


def each(function: Callable[[T], R], arguments: Iterable[T]) -> list[R]:
    """Call a function that waits for a store for each argument, several side by side."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(function, arguments))
