"""Creating an object only if it is not there, on those fsspec filesystems that truly can.

Most cannot: their ``pipe_file(mode="create")`` looks first and writes then, ``webhdfs`` renames
onto an existing file by doing nothing and saying nothing. Whatever is not named here is refused
unless the caller vouches for being the only writer.
"""

from __future__ import annotations

import contextlib
import inspect
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from embzarr._storage import forks
from embzarr._storage.backends import hdfs
from embzarr._storage.libraries import deadline

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec has no types

Write: TypeAlias = Callable[[str, bytes], None]
"""Writes bytes under a path of the filesystem."""

TEMPORARY_SUFFIX = ".tmp"
_CLEANING_SECONDS = 10.0

_memory_lock = forks.Lock()
"""One for the process, as the store of every fsspec ``MemoryFileSystem`` is one for the process."""


def exclusive_create(fs: AbstractFileSystem) -> Write | None:
    """Return what creates on `fs` atomically among all writers; None where nothing does."""
    if _protocol(fs) == "memory":
        return _MemoryCreate(fs)
    is_s3fs = type(fs).__module__.partition(".")[0] == "s3fs"
    if is_s3fs and "mode" in inspect.signature(type(fs)._pipe_file).parameters:  # noqa: SLF001 - how s3fs says that it sends If-None-Match
        return lambda path, data: _pipe(fs, path, data, mode="create")
    if hdfs.is_native(fs):
        return lambda path, data: _through_temporary(fs, path, data)
    return None


def whole_put(fs: AbstractFileSystem) -> Write:
    """Return what replaces a file at once, or in place where `fs` knows no such thing."""
    if hdfs.is_native(fs):
        return lambda path, data: _through_temporary(fs, path, data, overwrite=True)
    if _protocol(fs) in {"sftp", "ssh"}:  # renames by posix-rename
        return lambda path, data: _through_temporary(fs, path, data)
    return lambda path, data: _pipe(fs, path, data)


def lone_create(fs: AbstractFileSystem) -> Write:
    """Return what creates on any `fs`, right only if nobody else writes there."""

    def create(path: str, data: bytes) -> None:
        if deadline.within(deadline.LITTLE_SECONDS, lambda: fs.exists(path)):
            raise FileExistsError(path)
        _through_temporary(fs, path, data)
        fs.invalidate_cache()
        seconds = deadline.seconds_for(len(data))
        if deadline.within(seconds, lambda: fs.cat_file(path)) != data:
            raise FileExistsError(f"{path} holds another writer's bytes")

    return create


class _MemoryCreate:
    def __init__(self, fs: AbstractFileSystem) -> None:
        self._fs = fs

    def __call__(self, path: str, data: bytes) -> None:
        with _memory_lock:
            if self._fs.exists(path):
                raise FileExistsError(path)
            self._fs.pipe_file(path, data)


def _through_temporary(
    fs: AbstractFileSystem, path: str, data: bytes, **rename_options: bool
) -> None:
    """Write beside the place and rename, so that no reader meets half a file.

    Each step has a deadline of its own: a writing that is given up is never renamed, whatever the
    library still does with it.
    """
    temporary = f"{path}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
    try:
        _pipe(fs, temporary, data)
        deadline.within(deadline.LITTLE_SECONDS, lambda: fs.mv(temporary, path, **rename_options))
    except BaseException:
        # Best effort: the error that brought us here is the one to tell.
        with contextlib.suppress(Exception):
            deadline.within(_CLEANING_SECONDS, lambda: fs.rm_file(temporary))
        raise


def _pipe(fs: AbstractFileSystem, path: str, data: bytes, **how: str) -> None:
    if hdfs.is_native(fs):
        seconds = hdfs.seconds_for(len(data))
        deadline.within(seconds, lambda: hdfs.write(fs, path, data))
    else:
        seconds = deadline.seconds_for(len(data))
        deadline.within(seconds, lambda: fs.pipe_file(path, data, **how))


def _protocol(fs: AbstractFileSystem) -> str:
    return fs.protocol if isinstance(fs.protocol, str) else str(fs.protocol[0])
