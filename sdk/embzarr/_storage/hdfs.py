"""What hdfs-native needs that other filesystems of fsspec do not."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from embzarr._storage import forks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec has no types

_KEPT_SECONDS = 3.5
"""Longer than hdfs-native keeps a connection to a DataNode for the next read, which is 3 s."""


def is_native(fs: AbstractFileSystem) -> bool:
    """Tell whether `fs` is one of hdfs-native."""
    return type(fs).__module__.partition(".")[0] == "hdfs_native"


def read(fs: AbstractFileSystem, path: str, start: int, end: int) -> bytes:
    """Read a range from an open file, as hdfs-native panics on one beyond the end."""
    with _reads.one(), fs.open(path, "rb") as file:
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


class _Reads:
    """When this process and those that it was forked from have read.

    The connections that are kept lie in one list of the whole process, which a fork copies. A child
    that took one of them would wait for a thread that only its parent has: before it reads, it
    waits until they have run out.
    """

    def __init__(self) -> None:
        self._last = self._of_parent = float("-inf")
        self._under_way: set[object] = set()
        forks.tell_in_child(self)

    def forget_parent(self) -> None:
        """Take note of how new a connection may be that was copied."""
        if self._under_way:
            self._last = time.monotonic()
        self._of_parent = self._last
        self._under_way = set()

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Wait for the parent's connections to run out, and note the read that follows."""
        time.sleep(max(0.0, self._of_parent + _KEPT_SECONDS - time.monotonic()))
        this = object()
        self._under_way.add(this)
        try:
            yield
        finally:
            self._last = time.monotonic()
            self._under_way.discard(this)


_reads = _Reads()
