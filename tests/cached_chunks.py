"""Made-up chunks, kept in a cache: in a module that a spawned process finds by its name."""

from __future__ import annotations

from pathlib import Path

import embzarr
from embzarr._format import digests
from embzarr._reading.cache import ChunkName

STORE = "a store"


def chunk(number: int, size: int = 1000) -> tuple[ChunkName, bytes]:
    """Return the name and the stored bytes of a made-up chunk."""
    body = number.to_bytes(4, "little") * (size // 4 - 1)
    crc = digests.crc32c(body)
    return ChunkName("key", f"{number:064x}", 0, size, crc), body + crc.to_bytes(4, "little")


def fill(folder: Path, first: int) -> None:
    """Keep 300 chunks in a folder that holds 100 of them, and read each as it was or not at all."""
    cache = embzarr.Cache(0, folder=folder, folder_bytes=100_000).of(STORE, on_disk=True)
    for number in range(first, first + 300):
        name, stored = chunk(number)
        cache.keep(name, stored)
        found = cache.find(name)
        assert found is None or found == stored  # another process may have swept it
