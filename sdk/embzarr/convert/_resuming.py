"""A file of another machine that is opened again where reading it breaks off."""

from __future__ import annotations

import io
import itertools
import os
import random
import time
from typing import TYPE_CHECKING, Any, Final

from embzarr._storage import interrupts
from embzarr.convert._metering import size_of
from embzarr.errors import EmbzarrError, InvalidInputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE: Final = 60.0
"""Seconds without a byte after which it is given up, as for stores."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 3.0
_DOUBLINGS: Final = 5
_VERSION: Final = {
    *("size", "etag", "contentmd5", "digest", "lastmodified", "mtime", "modified", "updated"),
    *("md5hash", "crc32c", "contenthash", "sha256", "blobid"),
}
"""What filesystems call that which is another when a file was replaced, by its letters alone."""
_FINAL: Final = (
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    ImportError,
    ValueError,
    TypeError,
    NotImplementedError,
)
"""Answers, or mistakes, that are the same when one asks again."""
_CLIENT_ERRORS: Final = frozenset(range(400, 500)) - {408, 429}
"""Of HTTP: the request is refused, and will be."""


class Resuming(io.RawIOBase):
    """One file of an fsspec filesystem, which has to stay the same."""

    def __init__(self, filesystem: Any, path: str) -> None:  # noqa: ANN401 - fsspec has no types
        """Open it; what then breaks is waited for, but a file that does not open at once is not."""
        self._filesystem = filesystem
        self._path = path
        self._at = 0
        self._file: Any = filesystem.open(path, "rb")
        self._version = self._told()
        self.size = size_of(self._file)
        """In bytes, where that is known."""

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """Not where a web server knows no ranges: what breaks then cannot be gone on with."""
        return bool(self._opened().seekable())

    def tell(self) -> int:
        """Return where the next byte is taken from."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on from elsewhere."""
        self._at = int(self._opened().seek(offset, whence))
        return self._at

    def read(self, count: int = -1, /) -> bytes:
        """Return the next bytes, at most `count`, asking again where they do not come.

        Raises:
            Exception: what the filesystem last raised, once time is up or where that is an answer.
            InvalidInputError: code ``input-changed``: another file has its name now.
        """
        begun = time.monotonic()
        for pause in _pauses():
            try:
                return self._taken(count)
            except Exception as exc:
                if _is_final(exc) or time.monotonic() - begun > PATIENCE:
                    raise
                self._let_go(exc)
            interrupts.pause(pause)
        raise AssertionError  # pauses have no end

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """Read as many bytes as there are, at most those that fit."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def check(self) -> None:
        """Refuse a file that was replaced since it was opened.

        Raises:
            InvalidInputError: code ``input-changed``.
        """
        if self._told() != self._version:
            raise replaced(self._path.rpartition("/")[2])

    def close(self) -> None:
        """Close what is open of it."""
        if not self.closed and self._file is not None:
            self._file.close()
        super().close()

    def _taken(self, count: int) -> bytes:
        data: bytes = self._opened().read(count)
        self._at += len(data)
        if not data and count and self.size is not None and self._at < self.size:
            raise StoreError("store-failed", f"ended after {self._at} of {self.size} bytes")
        return data

    def _opened(self) -> Any:  # noqa: ANN401 - as above
        if self._file is None:
            self.check()
            file = self._filesystem.open(self._path, "rb")
            file.seek(self._at)
            self._file = file
        return self._file

    def _let_go(self, cause: Exception) -> None:
        """Close what broke.

        Raises:
            Exception: `cause`, of a file that can only be read from its beginning.
        """
        if self._file is None:
            return
        if self._at and not self._file.seekable():
            raise cause
        file, self._file = self._file, None
        file.close()

    def _told(self) -> dict[str, str]:
        """Return what the filesystem says of the file that changes with it."""
        self._filesystem.invalidate_cache()
        told = self._filesystem.info(self._path)
        names = {name: "".join(filter(str.isalnum, name)).lower() for name in map(str, told)}
        return {name: str(told[name]) for name, known in names.items() if known in _VERSION}


def replaced(name: str) -> InvalidInputError:
    """Return the error of a file that is another one now."""
    return InvalidInputError("input-changed", f"{name}: it was replaced while it was read")


def _pauses() -> Iterator[float]:
    """Yield seconds to wait, doubling, give or take a half: many may wait for one server."""
    for attempt in itertools.count():
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(attempt, _DOUBLINGS))
        yield pause * random.uniform(0.5, 1.5)  # noqa: S311 - no secret


def _is_final(exc: Exception) -> bool:
    if isinstance(exc, EmbzarrError):
        return exc.code != "store-failed"
    return isinstance(exc, _FINAL) or getattr(exc, "status", None) in _CLIENT_ERRORS
