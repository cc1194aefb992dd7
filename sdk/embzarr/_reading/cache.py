"""Chunks kept after they were read: in memory, and in a folder that processes share.

A chunk is known by the store that it came from, and within it by what the manifest says of it.
That alone would name it only where the SHA-256 of its object had been computed, which a read of a
part never does: another store may claim the same SHA-256, and have other bytes with the same
CRC-32C. So nothing that one store gave is ever given out for another one.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from embzarr._format import arguments
from embzarr._reading.cache_folder import CacheFolder
from embzarr._redact import printable
from embzarr._storage import forks

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_BYTES = 32 * 1024 * 1024
_FOLDER_BYTES = 1024**3
_SHARE = 4
"""What would fill more than a quarter of the cache would only drive out what is asked for often."""


class ChunkName(NamedTuple):
    """Which chunk of a store."""

    key: str
    """Of the object that holds it."""
    sha256: str
    """What the manifest says that the object's is."""
    offset: int
    nbytes: int
    crc32c: int


_Kept: TypeAlias = "OrderedDict[tuple[str, ChunkName], bytes]"


class Cache:
    """Keeps chunks that were read, the last used ones, up to a number of bytes.

    It may be given to many checkpoints, of many stores too, and used from many threads: what came
    from one store is given out for that store only, as it was opened: by its server, bucket or
    folder, proxy and user. A store is believed as long as the cache lives: empty it after a store
    turned out to have been tampered with.

    Its folder may be used by many processes at once: files appear whole or not at all, and each is
    compared with its CRC-32C when it is read. In it each user has a folder of their own, which is
    used only if nobody else may write to it, and in which nothing is touched but files that we
    wrote; whoever can write there as this user is trusted. Chunks are kept as they are stored,
    compressed ones compressed.

    In memory alone is kept what only this process can tell from others: ``memory://``, stores that
    were opened with headers of their own or handed in as objects, and what fsspec reaches, but for
    HDFS; and everything on systems that are not POSIX.

    Example:
        >>> cache = embzarr.Cache(64 * 2**20)  # shared by all that is opened with it
        >>> embzarr.open(url, cache=cache)["king"]
        array([1., 0., 0., 0.], dtype=float32)
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
            memory_bytes: the most to keep in memory; 0 keeps nothing there. As many bytes of
                vectors `Checkpoint.most_similar` keeps of each checkpoint that is given this.
            folder: where to keep chunks on disk; made if it is not there.
            folder_bytes: the most to keep in it. While processes write it may hold an eighth more.

        Raises:
            InvalidInputError: no number of bytes.
        """
        memory_bytes = arguments.whole("memory_bytes", memory_bytes, least=0)
        folder_bytes = arguments.whole("folder_bytes", folder_bytes, least=0)
        self._settings = (memory_bytes, folder, folder_bytes)
        self._limit = memory_bytes
        self._folder_limit = folder_bytes
        is_used = folder is not None and os.name == "posix"
        self._folder = CacheFolder(Path(folder or ""), folder_bytes) if is_used else None
        self._lock = forks.Lock()
        self._kept: _Kept = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        """Tell how much is kept in memory."""
        return (
            f"Cache({self._bytes} of {self._limit} bytes in memory, "
            f"folder {printable(str(self._folder))})"
        )

    @property
    def memory_bytes(self) -> int:
        """The most that is kept in memory."""
        return self._limit

    def of(self, store: str, *, on_disk: bool) -> StoreCache:
        """Return the part of the cache that holds what came from a store.

        Args:
            store: its identity.
            on_disk: whether that is the same in other processes.
        """
        return StoreCache(self, store, on_disk=on_disk)

    def most(self, *, on_disk: bool) -> int:
        """Return the bytes of the largest read that is kept."""
        return max(self._limit, self._folder_limit if self.folder(on_disk=on_disk) else 0) // _SHARE

    def folder(self, *, on_disk: bool) -> CacheFolder | None:
        """Return where on disk chunks may be kept, if anywhere."""
        return self._folder if on_disk else None

    def __reduce__(self) -> tuple[Callable[..., Cache], tuple[object, ...]]:
        """Pickle and copy its settings: what it keeps is not sent."""
        return _like, self._settings

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept in memory."""
        return not self._kept

    def find(self, name: tuple[str, ChunkName]) -> bytes | None:
        """Return a chunk that is kept in memory."""
        with self._lock:
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
            return self._kept[name]

    def keep(self, name: tuple[str, ChunkName], stored: bytes) -> None:
        """Keep a chunk in memory."""
        if len(stored) > self._limit:
            return
        with self._lock:
            if name not in self._kept:
                self._kept[name] = stored
                self._bytes += len(stored)
            while self._bytes > self._limit:
                self._bytes -= len(self._kept.popitem(last=False)[1])


class StoreCache:
    """What a cache keeps of one store."""

    def __init__(self, cache: Cache, store: str, *, on_disk: bool) -> None:
        """Look at the chunks of `store`; others are not to be seen."""
        self._cache = cache
        self._store = store
        self._folder = cache.folder(on_disk=on_disk)
        self._most = cache.most(on_disk=on_disk)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be in it."""
        return self._folder is None and self._cache.is_empty

    def takes(self, nbytes: int) -> bool:
        """Tell whether a read of so many bytes is small enough to be kept."""
        return 0 < nbytes <= self._most

    def find(self, name: ChunkName) -> bytes | None:
        """Return the stored bytes of a chunk, its checksum included, or None."""
        full = (self._store, name)
        found = self._cache.find(full)
        if found is None and self._folder is not None:
            found = self._folder.find((self._store, *name), name.nbytes, name.crc32c)
            if found is not None:
                self._cache.keep(full, found)
        return found

    def keep(self, name: ChunkName, stored: bytes) -> None:
        """Keep a chunk that was found to be sound."""
        self._cache.keep((self._store, name), stored)
        if self._folder is not None:
            self._folder.keep((self._store, *name), stored)


def _like(memory_bytes: int, folder: str | os.PathLike[str] | None, folder_bytes: int) -> Cache:
    return Cache(memory_bytes, folder=folder, folder_bytes=folder_bytes)
