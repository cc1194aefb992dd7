"""The bytes of one file, unpacked where they are compressed, read once and in order."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from embzarr.convert._metering import Metered
from embzarr.convert._packing import StoredError, Unpacked, opened
from embzarr.errors import (
    AccessDeniedError,
    EmbzarrError,
    InvalidInputError,
    NotFoundError,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_BUFFER_BYTES: Final = 1 << 20
_PIECE_BYTES: Final = 1 << 21
_HEAD_BYTES: Final = 1 << 16
_MOST_RATIO: Final = 1000
"""Bytes that one stored byte may unpack to; vectors are not so regular."""
_FREE_BYTES: Final = 64 << 20
"""Unpacked bytes for which no ratio is asked."""


class Stream:
    """The bytes of a file, unpacked where they are compressed, read once and in order."""

    def __init__(
        self,
        name: str,
        stored: Any,  # noqa: ANN401 - any file
        size: int | None,
        member: str | None = None,
    ) -> None:
        """Look at how the file begins; `member` is one of the tar archive that it is."""
        self._member = member
        self.name = name
        self.size = size
        """Bytes of the file as stored, where that is known."""
        self.offset = 0
        """Unpacked bytes read so far."""
        self._metered = Metered(stored)
        self._head = b""
        self._unpacked = self._open()

    def _open(self) -> Unpacked | None:
        """Look for a packing, which takes a buffer; what is plain is read past it, uncopied."""
        buffered: Any = io.BufferedReader(self._metered, _BUFFER_BYTES)
        try:
            unpacked = opened(self.name, buffered, self._member)
            if unpacked is None:
                self._head = buffered.read(len(buffered.peek()))
                buffered.detach()  # which would close the file with itself
        except StoredError as exc:
            raise failure(self.name, exc.error) from None
        return unpacked

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the digest."""
        self._metered.end()

    @property
    def is_packed(self) -> bool:
        """Whether the file is compressed or in an archive."""
        return self._unpacked is not None

    @property
    def stored_bytes(self) -> int:
        """Bytes read so far as they are stored."""
        return self._metered.count

    @property
    def is_in_order(self) -> bool:
        """Whether it was read from its beginning, so that there may be a digest."""
        return self._metered.is_in_order

    @property
    def sha256(self) -> str | None:
        """Digest of the stored bytes, if all of them were read."""
        return self._metered.sha256 if self._metered.is_whole else None

    def peek(self) -> bytes:
        """Return the next 64 KiB, fewer where the file ends, without taking them."""
        while len(self._head) < _HEAD_BYTES:
            piece = self._next(_HEAD_BYTES - len(self._head))
            if not piece:
                break
            self._head += piece
        return self._head[:_HEAD_BYTES]

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer only where the file ends.

        Raises:
            InvalidInputError: codes ``input-file``: what cannot be unpacked; ``input-changed``: a
                file that grew or shrank meanwhile.
            StoreError: code ``store-failed``.
        """
        pieces = [self._head[:count]] if self._head else []
        self._head = self._head[count:]
        left = count - sum(map(len, pieces))
        while left:
            piece = self._next(min(left, _PIECE_BYTES))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        self.offset += count - left
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)  # even of one it is a copy

    def fill(self, room: memoryview) -> int:
        """Read the next bytes to where they are wanted, fewer only where the file ends.

        They must stay as they are until the next are read.

        Returns:
            How many they are.

        Raises:
            InvalidInputError: as of `read`.
            StoreError: as of `read`.
        """
        if self.is_packed or self._head:
            data = self.read(len(room))
            room[: len(data)] = data
            return len(data)
        filled = 0
        while filled < len(room):
            count = self._asked(partial(self._metered.fill, room[filled:]))
            if not count:
                self._check_size()
                break
            filled += count
        self.offset += filled
        return filled

    def drain(self) -> None:
        """Read on to the end, for the digest."""
        while self._next(_PIECE_BYTES):
            pass

    def check(self) -> None:
        """Refuse a file of another machine that was replaced since it was opened.

        Raises:
            InvalidInputError: code ``input-changed``.
            StoreError: it cannot be asked for.
        """
        self._asked(self._metered.check)

    def _next(self, count: int) -> bytes:
        data = self._asked(lambda: self._taken(count))
        if data:
            self._bound(len(data))
        else:
            self._check_size()
        return data

    def _asked(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except StoredError as exc:
            raise failure(self.name, exc.error) from None
        except self._broken() as exc:
            kind = self._unpacked.kind if self._unpacked else ""
            raise InvalidInputError(
                "input-file", f"{self.name}: {kind}, but cannot be unpacked: {exc}"
            ) from exc

    def _taken(self, count: int) -> bytes:
        if self._unpacked is None:
            return self._metered.take(count)
        data: bytes = self._unpacked.stream.read(count)
        return data

    def _broken(self) -> tuple[type[Exception], ...]:
        return () if self._unpacked is None else self._unpacked.broken

    def _bound(self, count: int) -> None:
        made = self.offset + len(self._head) + count
        if self._unpacked and made > _FREE_BYTES + _MOST_RATIO * self.stored_bytes:
            raise InvalidInputError(
                "input-file",
                f"{self.name}: {self.stored_bytes} bytes unpack to more than {made}, more than "
                f"{_MOST_RATIO} for one: no vectors",
            )

    def _check_size(self) -> None:
        """Refuse a file that ends elsewhere than where it ended when it was opened."""
        if self._unpacked is not None:
            self._metered.drain()
        if not self._metered.is_in_order:
            return
        if self.size is not None and self.stored_bytes != self.size:
            raise InvalidInputError(
                "input-changed",
                f"{self.name}: it had {self.size} bytes when it was opened, and ended after "
                f"{self.stored_bytes}: it is still being written, or was cut",
            )


def is_url(name: str) -> bool:
    """Tell whether fsspec or a store is to be asked, and not this machine's folders."""
    return "://" in name or "::" in name


def failure(name: str, exc: Exception) -> EmbzarrError:
    """Return our error; the library's is not chained, since it may quote a password of the URL."""
    if isinstance(exc, EmbzarrError):
        return exc
    reason = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    if isinstance(exc, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        folder = " (a folder's URL ends in a slash)" if is_url(name) else ""
        return NotFoundError("object-missing", f"{name}: expected a file{folder}: {reason}")
    if isinstance(exc, PermissionError):
        return AccessDeniedError("access-denied", f"{name}: {reason}")
    return StoreError("store-failed", f"{name}: {reason}")
