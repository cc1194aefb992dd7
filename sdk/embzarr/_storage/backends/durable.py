"""Files that are whole or not there, also after the machine lost its power."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from typing import TYPE_CHECKING

from embzarr._storage import forks
from embzarr._storage.port import parts_of
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embzarr._storage.port import Body

_TRIES = 100
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class DurableFiles:
    """Writes files below a folder: their bytes reach the disk before their names do.

    A folder's own entries are written out before the next exclusive create, which is what makes
    anything visible: once for many files, not with each.
    """

    def __init__(self, root: Path) -> None:
        """Touch nothing on disk."""
        self._root = root
        self._lock = forks.Lock()
        self._unsettled: set[Path] = set()
        """Folders with new entries."""

    def replace(self, key: str, data: Body) -> None:
        """Write a file, or replace one."""
        self._write(key, data, lambda temporary, path: temporary.replace(path))

    def create(self, key: str, data: Body) -> None:
        """Write a file if nothing has its name, after all that was written before.

        Raises:
            FileExistsError: the name is taken.
            UnsupportedError: the file system has no hard links (``create-not-exclusive``).
        """
        self._settle()
        self._write(key, data, _link)
        self._settle()

    def remove(self, key: str) -> None:
        """Delete a file, and the folders that it leaves empty.

        Raises:
            FileNotFoundError: it is not there.
        """
        path = self._root / key
        path.unlink()
        for folder in list(path.parents)[: key.count("/")]:
            try:
                folder.rmdir()
            except OSError:
                return  # something is in it, or somebody else removed it

    def _write(self, key: str, data: Body, name: Callable[[Path, Path], object]) -> None:
        path = self._root / key
        # Not listed, and known to be ours by its digits: see `embzarr._storage.backends.local`.
        temporary = path.with_name(f"{path.name}#{secrets.token_hex(16)}")
        try:
            self._fill(temporary, data)
            name(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
        with self._lock:
            self._unsettled.add(path.parent)

    def _fill(self, path: Path, data: Body) -> None:
        file = self._open(path)
        try:
            for part in parts_of(data):
                view = memoryview(part).cast("B")
                while view:
                    view = view[os.write(file, view) :]
            os.fsync(file)
        finally:
            os.close(file)

    def _open(self, path: Path) -> int:
        """Open a new file, trying again where somebody's delete takes its empty folder away."""
        for attempt in range(_TRIES):
            try:
                return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:
                if attempt == _TRIES - 1:
                    raise
            with contextlib.suppress(FileNotFoundError):  # one above went while this was made
                self._make_folder(path.parent)
        raise AssertionError("the last attempt returns or raises")

    def _make_folder(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            self._unsettled.update(one.parent for one in missing)

    def _settle(self) -> None:
        with self._lock:
            folders, self._unsettled = self._unsettled, set()
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):  # it was empty, and somebody deleted it
                sync_folder(folder)


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        raise UnsupportedError(
            "create-not-exclusive",
            f"{path} cannot be created only if it is absent: its file system has no hard links",
        ) from exc


def sync_folder(folder: Path) -> None:
    """Have the names in a folder outlive a loss of power."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows has no such request: its journal keeps the order
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
