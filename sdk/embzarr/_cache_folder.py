"""A folder of chunks that any number of processes read, write and sweep at the same time."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from embzarr import _digest, _forks, _schema

if TYPE_CHECKING:
    from pathlib import Path

_SWEEP = 8
"""The folder is looked through each time that an eighth of its limit was written."""


class CacheFolder:
    """Files named after what they hold. None is changed once it is there, and any may vanish.

    A cache is no place of truth: where the disk is full or refuses, nothing is kept, and the reader
    that asked goes on.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """Use `path`, up to `limit` bytes."""
        self._path = path
        self._limit = limit
        self._lock = _forks.Lock()
        self._written = limit  # a first look at what is there already

    def __str__(self) -> str:
        """Return the folder's path."""
        return str(self._path)

    def find(self, name: str, nbytes: int, crc32c: int) -> bytes | None:
        """Return the chunk of this name; one that is not what it should be is removed."""
        file = self._file(name)
        try:
            stored = file.read_bytes()
        except OSError:
            return None
        body, tail = stored[: -_schema.CRC_BYTES], stored[-_schema.CRC_BYTES :]
        if len(stored) != nbytes or not (
            _digest.crc32c(body) == crc32c == int.from_bytes(tail, "little")
        ):
            file.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # the order in which files are swept
        return stored

    def keep(self, name: str, stored: bytes) -> None:
        """Store a chunk under its name, and sweep when it is time."""
        file = self._file(name)
        unfinished = file.with_name(f"{secrets.token_hex(8)}.tmp")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(stored)
            unfinished.replace(file)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            return
        with self._lock:
            self._written += len(stored)
            due = self._written > self._limit // _SWEEP
            if due:
                self._written = 0
        if due:
            self._sweep()

    def _file(self, name: str) -> Path:
        return self._path / name[:2] / name

    def _sweep(self) -> None:
        """Remove what was used longest ago, until the rest is within the limit."""
        found: list[tuple[float, int, Path]] = []
        for file in self._path.glob("??/*"):
            with contextlib.suppress(OSError):
                state = file.stat()
                found.append((state.st_mtime, state.st_size, file))
        total = sum(size for _, size, _ in found)
        for _, size, file in sorted(found, key=lambda entry: entry[0]):
            if total <= self._limit:
                return
            total -= size
            with contextlib.suppress(OSError):
                file.unlink()
