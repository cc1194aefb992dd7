"""Compressed files, known by how they begin, to plain bytes."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import re
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from embzarr.errors import InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

_PEEK_BYTES: Final = 512
_TAR_MARK: Final = slice(257, 262)
_NAMES_SHOWN: Final = 5


class StoredError(Exception):
    """A file cannot be read; no `OSError`, which is how bz2 calls bytes that it cannot unpack."""

    def __init__(self, error: Exception) -> None:
        """Keep what its library said."""
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A compressed file, opened."""

    kind: str
    stream: Any
    broken: tuple[type[Exception], ...]
    """What it raises where the bytes are not of its kind, or end too early."""


def opened(name: str, source: Any) -> Unpacked | None:  # noqa: ANN401 - a buffered file
    """Open a compressed file, or an archive of one file; None for one that is neither.

    Raises:
        InvalidInputError: code ``input-file``: an archive of several files, or another compression.
        UnsupportedError: code ``feature-unsupported``: zstd is not installed.
    """
    head = source.peek(_PEEK_BYTES)[:_PEEK_BYTES]
    if head[_TAR_MARK] == b"ustar":
        raise InvalidInputError(
            "input-file", f"{name}: a tar archive: name its member, as tar://MEMBER::{name}"
        )
    for kind, mark, unpack in _PACKINGS:
        if re.match(mark, head, re.DOTALL):
            return _opened(name, kind, unpack, source)
    return None


def _opened(name: str, kind: str, unpack: _Unpack | None, source: Any) -> Unpacked | None:  # noqa: ANN401
    if unpack is None:
        raise InvalidInputError("input-file", f"{name}: {kind}, which is not read: unpack it first")
    return unpack(name, source)


def _gzip(_: str, source: Any) -> Unpacked:  # noqa: ANN401 - as above
    broken = (gzip.BadGzipFile, EOFError, zlib.error)
    return Unpacked(kind="gzip", stream=gzip.GzipFile(fileobj=source), broken=broken)


def _bzip2(_: str, source: Any) -> Unpacked:  # noqa: ANN401 - as above
    return Unpacked(kind="bzip2", stream=bz2.BZ2File(source), broken=(OSError, EOFError))


def _xz(_: str, source: Any) -> Unpacked:  # noqa: ANN401 - as above
    broken = (lzma.LZMAError, EOFError)
    return Unpacked(kind="xz", stream=lzma.LZMAFile(source), broken=broken)


def _zstd(_: str, source: Any) -> Unpacked:  # noqa: ANN401 - as above
    """Open by the standard library of Python 3.14, or by its backport."""
    for module in ("compression.zstd", "backports.zstd"):
        with suppress(ModuleNotFoundError):
            zstd = importlib.import_module(module)
            broken = (zstd.ZstdError, EOFError)
            return Unpacked(kind="zstd", stream=zstd.ZstdFile(source), broken=broken)
    raise UnsupportedError(
        "feature-unsupported",
        "a file compressed by zstd needs Python 3.14, or: pip install 'embzarr[zstd]'; or unpack "
        "it by: zstd -d",
    )


def _zip(name: str, source: Any) -> Unpacked | None:  # noqa: ANN401 - as above
    """Open the only member of an archive; None for what numpy and PyTorch write."""
    if not source.seekable():
        raise InvalidInputError("input-file", f"{name}: a zip archive must be on a seekable file")
    try:
        archive = zipfile.ZipFile(source)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if not members or all(member.filename.endswith(".npy") for member in members):
            source.seek(0)
            return None
        stream = archive.open(members[0])
    except StoredError:
        raise
    except Exception as exc:  # zipfile raises what it likes of a damaged archive
        raise InvalidInputError("input-file", f"{name}: no sound zip archive: {exc}") from exc
    if len(members) > 1:
        raise InvalidInputError("input-file", _which(name, [m.filename for m in members]))
    return Unpacked(kind="a zip archive", stream=stream, broken=(Exception,))


def _which(name: str, members: list[str]) -> str:
    if any(member.endswith("data.pkl") for member in members):
        return f"{name}: a pickle of PyTorch, which is not read: save it as safetensors"
    shown = ", ".join(members[:_NAMES_SHOWN])
    more = f" and {len(members) - _NAMES_SHOWN} more" if len(members) > _NAMES_SHOWN else ""
    return f"{name}: an archive of {shown}{more}: name one, as zip://{members[0]}::{name}"


if TYPE_CHECKING:
    _Unpack = Callable[[str, Any], Unpacked | None]

_PACKINGS: Final[tuple[tuple[str, bytes, _Unpack | None], ...]] = (
    ("gzip", rb"\x1f\x8b", _gzip),
    ("bzip2", rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", _bzip2),
    ("xz", rb"\xfd7zXZ\0", _xz),
    ("zstd", rb"\x28\xb5\x2f\xfd", _zstd),
    ("a zip archive", rb"PK\x03\x04", _zip),
    ("a 7-Zip archive", rb"7z\xbc\xaf\x27\x1c", None),
    ("a RAR archive", rb"Rar!\x1a\x07", None),
    ("lz4", rb"\x04\x22\x4d\x18", None),
    ("compressed by compress", rb"\x1f\x9d", None),
)
