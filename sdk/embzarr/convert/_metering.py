"""The bytes of a file as they are stored, counted and digested as they are read."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from embzarr.convert._packing import StoredError

_PIECE_BYTES: Final = 1 << 21
_LITTLE_BYTES: Final = 1 << 16
"""Fewer are digested at once, without a thread."""


class Metered(io.RawIOBase):
    """The bytes as they are stored, counted and digested as they go by."""

    def __init__(self, stored: Any) -> None:  # noqa: ANN401 - any file
        self._stored = stored
        self._digest = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embzarr-digest")
        self._pending: Future[None] | None = None
        self.is_in_order = True
        """Whether nothing was left out, so that there is a digest of it."""
        self.count = 0
        self.is_whole = False

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """Only where the file is: what looks into archives needs it."""
        return bool(self._stored.seekable())

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go elsewhere, which ends the digest."""
        self.is_in_order = False
        return int(self._stored.seek(offset, whence))

    def tell(self) -> int:
        """Return where the next byte is taken from."""
        return int(self._stored.tell())

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """Read as many bytes as there are, at most those that fit."""
        data = self.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def take(self, count: int) -> bytes:
        """Return as many bytes as there are, at most `count`, as they were read: no copy is made.

        Raises:
            StoredError: the file cannot be read.
        """
        try:
            data: bytes = self._stored.read(count)
        except Exception as exc:  # of any library
            raise StoredError(exc) from exc
        self._note(data)
        return data

    def fill(self, room: memoryview) -> int:
        """Read as many bytes as there are to where they are wanted; return how many.

        They are digested meanwhile, and must stay as they are until the next are read.

        Raises:
            StoredError: the file cannot be read.
        """
        if not isinstance(self._stored, io.FileIO):  # which fills all of it, or what is left
            data = self.take(len(room))
            room[: len(data)] = data
            return len(data)
        try:
            count = self._stored.readinto(room) or 0
        except (OSError, ValueError) as exc:
            raise StoredError(exc) from exc
        self._note(room[:count])
        return count

    def drain(self) -> None:
        """Read what an unpacker has left, such as the padding behind it."""
        while self.take(_PIECE_BYTES):
            pass

    def check(self) -> None:
        """Refuse a file that was replaced meanwhile, where that can be told.

        Raises:
            StoredError: it was, or cannot be asked for.
        """
        check = getattr(self._stored, "check", None)
        try:
            if callable(check):
                check()
        except Exception as exc:  # of any library
            raise StoredError(exc) from exc

    def _note(self, data: bytes | memoryview) -> None:
        self.count += len(data)
        if not self.is_in_order:
            return
        if self._pending is not None:
            self._pending.result()
            self._pending = None
        if not data:
            self.is_whole = True
        elif len(data) < _LITTLE_BYTES:
            self._digest.update(data)
        else:
            self._pending = self._thread.submit(self._digest.update, data)

    @property
    def sha256(self) -> str:
        """Of what went by."""
        if self._pending is not None:
            self._pending.result()
        return self._digest.hexdigest()

    def end(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown()


def size_of(stored: Any) -> int | None:  # noqa: ANN401 - any file
    """Return how many bytes follow in a file, where that is known."""
    size = getattr(stored, "size", None)
    if isinstance(size, int):
        return size - _where(stored)
    try:
        return os.fstat(stored.fileno()).st_size - _where(stored)
    except (OSError, AttributeError, ValueError):
        return None


def _where(stored: Any) -> int:  # noqa: ANN401 - any file
    return int(stored.tell()) if stored.seekable() else 0
