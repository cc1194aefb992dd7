"""What hdfs-native needs that other filesystems of fsspec do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from embzarr._storage import forks
from embzarr._storage.libraries import deadline

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec has no types


_SECONDS: Final = 20.0
_SLOWEST: Final = 2**20
"""Bytes a second. A shard of 16 MiB gets 36 seconds."""


def seconds_for(nbytes: int) -> float:
    """Return the seconds after which a write is given up: fewer than of other stores.

    What was begun within a dozen seconds of a DataNode's death may hang for minutes, though two
    others are there: the sooner it ends in an error, the sooner the next save is a whole one.
    """
    return min(_SECONDS + nbytes / _SLOWEST, deadline.seconds_for(nbytes))


def is_native(fs: AbstractFileSystem) -> bool:
    """Tell whether `fs` is one of hdfs-native."""
    return type(fs).__module__.partition(".")[0] == "hdfs_native"


def read(fs: AbstractFileSystem, path: str, start: int, end: int) -> bytes:
    """Read a range from an open file, as hdfs-native panics on one beyond the end."""
    with fs.open(path, "rb") as file:
        end = min(end, file.size)
        if start >= end:
            return b""
        file.seek(start)
        return bytes(file.read(end - start))


def write(fs: AbstractFileSystem, path: str, data: bytes) -> None:
    """Write a file whose writer, if it fails, no thread ever meets again.

    Its finalizer closes it once more, and waits for a DataNode that is gone: in the thread in which
    Python happens to collect it, with no clock of ours around.
    """
    writer = fs.open(path, "wb")
    try:
        writer.write(data)
        writer.close()
    except BaseException:
        forks.keep_for_ever(writer)
        raise
