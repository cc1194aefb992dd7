"""A folder of chunks that any number of processes read, write and sweep at the same time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from embzarr._format import digests, spec
from embzarr._storage import forks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SWEEP = 8
"""The folder is looked through each time that an eighth of its limit was written."""
_OURS = re.compile(r"[0-9a-f]{64}\.chunk|[0-9a-f]{32}\.tmp")
"""The names of our files, those that are being written among them: no other is ever touched."""
_LABEL_BYTES = 32


class CacheFolder:
    """Files named after what they hold. None is changed once it is there, and any may vanish.

    They lie in a folder of our own, which belongs to this user and which nobody else may write to;
    one that is anything else is not used. A file begins with the hash of its name, so that one
    chunk is never taken for another, and neither links nor pipes nor strangers' files are opened.

    A cache is no place of truth: where the disk is full or refuses, nothing is kept, and the reader
    that asked goes on.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """Use a folder of our own in `path`, up to `limit` bytes."""
        self._path = path / f"embzarr-chunks-{os.geteuid()}"
        self._limit = limit
        self._lock = forks.Lock()
        self._written = limit  # a first look at what is there already

    def __str__(self) -> str:
        """Return the folder's path."""
        return str(self._path)

    def find(self, name: tuple[object, ...], nbytes: int, crc32c: int) -> bytes | None:
        """Return the chunk of this name; a file of ours that is not what it should be is removed.

        Args:
            name: all that tells the chunk from every other.
            nbytes: how long it must be, its checksum included.
            crc32c: its checksum.
        """
        label = _label(name)
        with contextlib.suppress(OSError), self._opened() as folder:
            stored = _read(folder, label, nbytes)
            if stored is None or (len(stored) == nbytes and _is_sound(stored, crc32c)):
                return stored
            os.unlink(_file(label), dir_fd=folder)
        return None

    def keep(self, name: tuple[object, ...], stored: bytes) -> None:
        """Store a chunk under its name, and sweep when it is time."""
        with contextlib.suppress(OSError), self._opened(make=True) as folder:
            _write(folder, _label(name), stored)
            if self._is_time(len(stored)):
                _sweep(folder, self._limit)

    @contextmanager
    def _opened(self, *, make: bool = False) -> Iterator[int]:
        """Give a descriptor of the folder: what is done with it, no link can turn elsewhere.

        Raises:
            OSError: it is not there, a link, or not this user's alone.
        """
        if make and not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.mkdir(mode=0o700, exist_ok=True)
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if not _is_own(os.fstat(folder)):
                raise PermissionError(f"{self._path} is not this user's alone")
            yield folder
        finally:
            os.close(folder)

    def _is_time(self, written: int) -> bool:
        with self._lock:
            self._written += written
            due = self._written > self._limit // _SWEEP
            if due:
                self._written = 0
            return due


def _label(name: tuple[object, ...]) -> bytes:
    return hashlib.sha256(repr(name).encode(errors="surrogatepass")).digest()


def _file(label: bytes) -> str:
    return f"{label.hex()}.chunk"


def _is_own(state: os.stat_result) -> bool:
    return state.st_uid == os.geteuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_own_file(state: os.stat_result) -> bool:
    return stat.S_ISREG(state.st_mode) and _is_own(state)


def _is_sound(stored: bytes, crc32c: int) -> bool:
    body, tail = stored[: -spec.CRC_BYTES], stored[-spec.CRC_BYTES :]
    return digests.crc32c(body) == crc32c == int.from_bytes(tail, "little")


def _read(folder: int, label: bytes, nbytes: int) -> bytes | None:
    """Return what a file of ours holds, empty where it is cut or another chunk's; None of others'.

    Raises:
        OSError: there is none.
    """
    # A pipe that lies there is opened without waiting for somebody to write to it.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    file = os.open(_file(label), flags, dir_fd=folder)
    try:
        state = os.fstat(file)
        if not _is_own_file(state):
            return None
        if state.st_size != _LABEL_BYTES + nbytes or os.read(file, _LABEL_BYTES) != label:
            return b""
        os.utime(file)  # the order in which files are swept
        return os.read(file, nbytes)
    finally:
        os.close(file)


def _write(folder: int, label: bytes, stored: bytes) -> None:
    """Write a file that appears whole; what has its name already stays.

    Raises:
        OSError: the disk refuses.
    """
    with contextlib.suppress(FileNotFoundError):
        os.stat(_file(label), dir_fd=folder, follow_symlinks=False)
        return
    unfinished = f"{secrets.token_hex(16)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with open(os.open(unfinished, flags, 0o600, dir_fd=folder), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(label)
            file.write(stored)
        os.rename(unfinished, _file(label), src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished, dir_fd=folder)
        raise


def _sweep(folder: int, limit: int) -> None:
    """Remove those of our files that were used longest ago, until the rest is within the limit."""
    found: list[tuple[float, int, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if _OURS.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    state = entry.stat(follow_symlinks=False)
                    if _is_own_file(state):
                        found.append((state.st_mtime, state.st_size, entry.name))
    total = sum(size for _, size, _ in found)
    for _, size, name in sorted(found):
        if total <= limit:
            return
        total -= size
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
