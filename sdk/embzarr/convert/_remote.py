"""An object of a store as a file that is read, so that S3 and its like need no further package."""

from __future__ import annotations

import importlib.util
import io
import os
from typing import TYPE_CHECKING, Any, Final

from embzarr._storage import guard_redirects, open_store, parallel
from embzarr.convert._resuming import replaced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr._storage import Data, Store

_PIECE_BYTES: Final = 8 << 20
_OF_STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss"})
_WEB: Final = frozenset({"http", "https"})


def is_of_a_store(url: str) -> bool:
    """Tell whether `open_store` reads a URL, rather than fsspec.

    Web servers that know no ranges are read by fsspec alone, which needs aiohttp for them.
    """
    scheme = url.partition("://")[0].lower()
    if "::" in url or scheme not in _OF_STORES | _WEB:
        return False
    return scheme in _OF_STORES or importlib.util.find_spec("aiohttp") is None


def opened(url: str, options: Mapping[str, Any]) -> RemoteFile:
    """Open an object for reading.

    Raises:
        EmbzarrError: as `embzarr.open`; ``object-missing`` where there is none.
    """
    folder, _, name = url.rpartition("/")
    return RemoteFile(open_store(folder, storage_options=options), name)


def names_below(url: str, options: Mapping[str, Any]) -> list[str]:
    """Return the names of the files in a folder of a store, those in its folders included.

    Raises:
        EmbzarrError: as `embzarr.open`; or what fsspec raises.
    """
    if is_of_a_store(url):
        return [info.key for info in open_store(url, storage_options=options).list("")]
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and for URLs only

    filesystem, root = fsspec.core.url_to_fs(url, **options)
    guard_redirects(filesystem)
    folder = root.rstrip("/")
    return [path.removeprefix(folder).lstrip("/") for path in filesystem.find(root)]


class RemoteFile(io.RawIOBase):
    """One object, the next piece of which is fetched while one is used."""

    def __init__(self, store: Store, key: str) -> None:
        """Ask for its size."""
        self._store = store
        self._key = key
        self._info = store.head(key)
        self.size = self._info.size
        self._at = 0
        self._piece: memoryview = memoryview(b"")
        self._pieces = self._from(0)

    def _from(self, start: int) -> parallel.Stream[int, Data]:
        def fetch(at: int) -> Data:
            return self._store.get_range(self._key, at, min(_PIECE_BYTES, self.size - at))

        return parallel.ahead(fetch, range(start, self.size, _PIECE_BYTES))

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """Any place may be read from."""
        return True

    def tell(self) -> int:
        """Return where the next byte is taken from."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on from elsewhere."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset != self._at:
            self._pieces.close()
            self._at = max(0, base + offset)
            self._piece, self._pieces = memoryview(b""), self._from(self._at)
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """Read as many bytes as there are in a piece, at most those that fit."""
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b"")).cast("B")
        taken = self._piece[: len(buffer)]
        buffer[: len(taken)] = taken
        self._piece = self._piece[len(taken) :]
        self._at += len(taken)
        return len(taken)

    def check(self) -> None:
        """Refuse an object that was replaced since it was opened: its pieces may be of both.

        Raises:
            InvalidInputError: code ``input-changed``.
        """
        if self._store.head(self._key) != self._info:
            raise replaced(self._key)

    def close(self) -> None:
        """Fetch no more."""
        if not self.closed:
            self._pieces.close()
        super().close()
