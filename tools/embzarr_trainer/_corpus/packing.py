"""Compressed text, known by its name or by how it begins, to plain bytes."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import re
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import embzarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLOCK_BYTES: Final = 1 << 20
_HEAD_BYTES: Final = 16


class _Unpacker(NamedTuple):
    stream: BinaryIO
    broken: tuple[type[Exception], ...]
    """What it raises where the bytes are not of its kind, or end too early."""


class _Packing(NamedTuple):
    name: str
    ending: re.Pattern[str]
    """Of file names in lower case."""
    beginning: re.Pattern[bytes]
    """No UTF-8 text begins like this, or none that people write."""
    open: Callable[[BinaryIO], _Unpacker] | None
    """None for what is refused."""


def unpack(name: str, stored: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of a file a MiB at a time, unpacked where they are compressed.

    Raises:
        embzarr.InvalidInputError: ``corpus-not-text``: an archive, a compression that is not
            read, or bytes that are not what the name says.
        embzarr.UnsupportedError: ``feature-unsupported``, zstd is not installed.
        OSError: the file cannot be read.
    """
    source: Any = io.BufferedReader(_Stored(stored), _BLOCK_BYTES)
    try:
        packing = _packing_of(name, source.peek(_HEAD_BYTES)[:_HEAD_BYTES])
        opened = _Unpacker(source, ()) if packing is None else _opened(name, packing, source)
        while block := _read(name, packing, opened):
            yield block
    except _StoredError as exc:
        raise exc.error from None


def _packing_of(name: str, head: bytes) -> _Packing | None:
    called = (packing for packing in _PACKINGS if packing.ending.search(name.lower()))
    found = (packing for packing in _PACKINGS if packing.beginning.match(head))
    return next(called, next(found, None))


def _opened(name: str, packing: _Packing, source: BinaryIO) -> _Unpacker:
    if packing.open is None:
        raise _refused(name, f"{packing.name}, which is not read: unpack it first")
    return packing.open(source)


def _read(name: str, packing: _Packing | None, opened: _Unpacker) -> bytes:
    try:
        return opened.stream.read(_BLOCK_BYTES)
    except opened.broken as exc:
        kind = packing.name if packing else ""
        raise _refused(name, f"{kind} by name or beginning, but cannot be unpacked: {exc}") from exc


def _refused(name: str, problem: str) -> embzarr.InvalidInputError:
    return embzarr.InvalidInputError("corpus-not-text", f"{name}: {problem}")


class _StoredError(Exception):
    """A file cannot be read; no `OSError`, which is how bz2 calls bytes that it cannot unpack."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


class _Stored(io.RawIOBase):
    """The bytes as they are stored: of a file, a pipe, or whatever fsspec opens."""

    def __init__(self, stored: BinaryIO) -> None:
        self._stored = stored

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """Read as many bytes as there are, at most those that fit."""
        try:
            data = self._stored.read(len(buffer))
        except OSError as exc:
            raise _StoredError(exc) from exc
        buffer[: len(data)] = data
        return len(data)


def _gzip(source: Any) -> _Unpacker:  # noqa: ANN401 - gzip's own type differs by version
    broken = (gzip.BadGzipFile, EOFError, zlib.error)
    return _Unpacker(gzip.GzipFile(fileobj=source), broken)  # type: ignore[arg-type]  # reads


def _bzip2(source: Any) -> _Unpacker:  # noqa: ANN401 - as above
    return _Unpacker(bz2.BZ2File(source), (OSError, EOFError))  # type: ignore[arg-type]  # reads


def _xz(source: Any) -> _Unpacker:  # noqa: ANN401 - as above
    return _Unpacker(lzma.LZMAFile(source), (lzma.LZMAError, EOFError))  # type: ignore[arg-type]  # reads


def _zstd(source: Any) -> _Unpacker:  # noqa: ANN401 - as above
    """Open by the standard library of Python 3.14, or by its backport."""
    for name in ("compression.zstd", "backports.zstd"):
        with suppress(ModuleNotFoundError):
            zstd = importlib.import_module(name)
            return _Unpacker(zstd.ZstdFile(source), (zstd.ZstdError, EOFError))
    raise embzarr.UnsupportedError(
        "feature-unsupported",
        "text compressed by zstd needs Python 3.14, or: pip install 'embzarr[zstd]'; or unpack it "
        "by: zstd -d",
    )


_NEVER: Final = rb"(?!)"
_PACKINGS: Final = tuple(
    _Packing(name, re.compile(rf"\.({ending})$"), re.compile(beginning, re.DOTALL), opened)
    for name, ending, beginning, opened in (
        ("a tar archive", r"tar|tar\.\w+|tgz|tbz2?|txz|tzst", _NEVER, None),
        ("gzip", "gz", rb"\x1f\x8b", _gzip),
        ("bzip2", "bz2", rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", _bzip2),
        ("xz", "xz|lzma", rb"\xfd7zXZ\0", _xz),
        ("zstd", "zstd?", rb"\x28\xb5\x2f\xfd", _zstd),
        ("a zip archive", "zip", rb"PK\x03\x04", None),
        ("a 7-Zip archive", "7z", rb"7z\xbc\xaf\x27\x1c", None),
        ("a RAR archive", "rar", rb"Rar!\x1a\x07", None),
        ("lz4", "lz4", rb"\x04\x22\x4d\x18", None),
        ("compressed by compress or zlib", "z", rb"\x1f\x9d|x[\x9c\xda][^\x80-\xbf]", None),
        ("Brotli", "br", _NEVER, None),
    )
)
"""Looked through in this order."""
