"""Chunks kept after they were read: in memory, and in a folder that processes share.

A chunk is known by the SHA-256 of the object that holds it and by its place there, so that what is
kept is true whatever store or commit it came from, and never goes stale.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from embzarr import _forks
from embzarr._cache_folder import CacheFolder
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

MEMORY_BYTES = 32 * 1024 * 1024
_FOLDER_BYTES = 1024**3
_SHARE = 4
"""What would fill more than a quarter of the cache would only drive out what is asked for often."""


class ChunkName(NamedTuple):
    """Which bytes a chunk is."""

    sha256: str
    """Of the object that holds it."""
    offset: int
    nbytes: int


class Cache:
    """Keeps chunks that were read, the last used ones, up to a number of bytes.

    It may be given to many checkpoints and used from many threads. Its folder may be used by many
    processes at once: files appear whole or not at all, and each is compared with its CRC-32C when
    it is read. Chunks are kept as they are stored, compressed ones compressed.
    """

    def __init__(
        self,
        memory_bytes: int = MEMORY_BYTES,
        *,
        folder: str | os.PathLike[str] | None = None,
        folder_bytes: int = _FOLDER_BYTES,
    ) -> None:
        """Keep chunks in memory and, where one is named, in a folder.

        Args:
            memory_bytes: the most to keep in memory; 0 keeps nothing there.
            folder: where to keep chunks on disk; made if it is not there.
            folder_bytes: the most to keep in it. While processes write it may hold an eighth more.

        Raises:
            InvalidInputError: a negative number of bytes.
        """
        if memory_bytes < 0 or folder_bytes < 0:
            raise InvalidInputError(
                "input-argument",
                f"a cache takes 0 bytes or more; found {min(memory_bytes, folder_bytes)}",
            )
        self._settings = (memory_bytes, folder, folder_bytes)
        self._limit = memory_bytes
        self._folder = None if folder is None else CacheFolder(Path(folder), folder_bytes)
        self._most = max(memory_bytes, folder_bytes if self._folder else 0) // _SHARE
        self._lock = _forks.Lock()
        self._kept: OrderedDict[ChunkName, bytes] = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        """Tell how much is kept in memory."""
        return f"Cache({self._bytes} of {self._limit} bytes in memory, folder {self._folder})"

    def __reduce__(self) -> tuple[Callable[..., Cache], tuple[object, ...]]:
        """Pickle and copy its settings: what it keeps is not sent."""
        return _like, self._settings

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be in it."""
        return self._folder is None and not self._kept

    def takes(self, nbytes: int) -> bool:
        """Tell whether a read of so many bytes is small enough to be kept."""
        return 0 < nbytes <= self._most

    def find(self, name: ChunkName, crc32c: int) -> bytes | None:
        """Return the stored bytes of a chunk, its checksum included, or None.

        Args:
            name: which chunk.
            crc32c: what it must have: a file that has another is removed.
        """
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        if self._folder is None:
            return None
        found = self._folder.find("-".join(map(str, name)), name.nbytes, crc32c)
        if found is not None:
            self._remember(name, found)
        return found

    def keep(self, name: ChunkName, stored: bytes) -> None:
        """Keep a chunk that was found to be sound."""
        self._remember(name, stored)
        if self._folder is not None:
            self._folder.keep("-".join(map(str, name)), stored)

    def _remember(self, name: ChunkName, stored: bytes) -> None:
        if len(stored) > self._limit:
            return
        with self._lock:
            if name not in self._kept:
                self._kept[name] = stored
                self._bytes += len(stored)
            while self._bytes > self._limit:
                self._bytes -= len(self._kept.popitem(last=False)[1])


def _like(memory_bytes: int, folder: str | os.PathLike[str] | None, folder_bytes: int) -> Cache:
    return Cache(memory_bytes, folder=folder, folder_bytes=folder_bytes)
