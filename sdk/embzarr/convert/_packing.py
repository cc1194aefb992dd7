"""Compressed files, known by how they begin, to plain bytes."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import re
import tarfile
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
_TAR: Final = b"ustar"
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


def opened(name: str, source: Any, member: str | None = None) -> Unpacked | None:  # noqa: ANN401 - a buffered file
    """Open a compressed file, or an archive of one file; None for one that is neither.

    Args:
        name: of the file, for messages.
        source: the file.
        member: of a tar archive, compressed or not, the one to read; by default the only one.

    Raises:
        InvalidInputError: code ``input-file``: an archive of several files, or another compression.
        UnsupportedError: code ``feature-unsupported``: zstd is not installed.
    """
    head = source.peek(_PEEK_BYTES)[:_PEEK_BYTES]
    if head[_TAR_MARK] == _TAR:
        return _tar(name, source, member, ())
    for kind, mark, unpack in _PACKINGS:
        if re.match(mark, head, re.DOTALL):
            found = _opened(name, kind, unpack, source)
            return _inside(name, found, member)
    return None


def _inside(name: str, outer: Unpacked | None, member: str | None) -> Unpacked | None:
    """Open the tar archive that was compressed, if it is one."""
    if outer is None or not hasattr(outer.stream, "peek"):
        return outer
    try:
        head = outer.stream.peek(_PEEK_BYTES)[:_PEEK_BYTES]
    except outer.broken:
        return outer  # told of where it is read
    if head[_TAR_MARK] != _TAR:
        return outer
    inner = _tar(name, outer.stream, member, outer.broken)
    return Unpacked(kind=f"a tar archive in {outer.kind}", stream=inner.stream, broken=inner.broken)


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


def _tar(
    name: str,
    source: Any,  # noqa: ANN401 - as above
    member: str | None,
    broken: tuple[type[Exception], ...],
) -> Unpacked:
    """Open a member of an archive, which is read in order.

    Args:
        name: of the file, for messages.
        source: the archive.
        member: its name; by default the only one.
        broken: what the source raises where it cannot be unpacked.
    """
    broken = (*broken, tarfile.TarError, EOFError, OverflowError)
    try:
        archive = tarfile.open(fileobj=source, mode="r|")  # noqa: SIM115 - closed with its source
        found, names = None, []
        while (one := archive.next()) is not None:
            if one.isreg() and member in {None, one.name}:
                found = archive.extractfile(one)
                break
            names += [one.name] if one.isreg() else []
    except broken as exc:
        raise InvalidInputError("input-file", f"{name}: no sound tar archive: {exc}") from exc
    if found is None:
        shown = ", ".join(names[:_NAMES_SHOWN]) or "nothing"
        wanted = "no file" if member is None else f"no {member}"
        raise InvalidInputError("input-file", f"{name}: a tar archive of {shown}: {wanted}")
    stream = found if member is not None else _OnlyMember(name, archive, found)
    return Unpacked(kind="a tar archive", stream=stream, broken=broken)


class _OnlyMember:
    """The first file of an archive, at whose end it is seen whether it is the only one."""

    def __init__(self, name: str, archive: tarfile.TarFile, stream: Any) -> None:  # noqa: ANN401 - as above
        self._name = name
        self._archive = archive
        self._stream = stream
        self._is_ended = False

    def read(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            InvalidInputError: code ``input-file``: another file follows.
        """
        data: bytes = self._stream.read(count)
        if not data and not self._is_ended:
            self._is_ended = True
            while (other := self._archive.next()) is not None:
                if other.isreg():
                    raise InvalidInputError(
                        "input-file",
                        f"{self._name}: a tar archive of several files: name one, such as "
                        f"tar://{other.name}::{self._name}",
                    )
        return data


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
