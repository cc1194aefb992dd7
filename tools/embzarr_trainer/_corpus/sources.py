"""Where a corpus lies: files, folders and URLs, as a list of byte streams."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, TypeAlias

import fsspec  # type: ignore[import-untyped]  # has no stubs

import embzarr
from embzarr_trainer._corpus.packing import unpack
from embzarr_trainer._options import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CorpusPaths: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"

FILE_END: Final = b"\0"
"""Stands in a corpus's digest where a file ends; no text holds it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file."""

    name: str
    """As messages call it."""
    open: Callable[[], BinaryIO]
    """Opens the bytes as they are stored."""

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes a MiB at a time, unpacked where they are compressed.

        Raises:
            embzarr.NotFoundError: ``corpus-missing``.
            embzarr.AccessDeniedError: ``access-denied``.
            embzarr.InvalidInputError: ``corpus-not-text``: an archive, or what cannot be unpacked.
            embzarr.UnsupportedError: ``feature-unsupported``, zstd is not installed.
            embzarr.StoreError: ``store-failed``, the file cannot be read.
        """
        try:
            with self.open() as stored:
                yield from unpack(self.name, stored)
        except embzarr.EmbzarrError:
            raise
        except OSError as exc:
            raise _failure(self.name, exc) from None


def find_sources(paths: CorpusPaths) -> list[Source]:
    """List the files of a corpus in the order given, those of a folder by name.

    Args:
        paths: files, folders (with all that is below, but for hidden files) or URLs that fsspec
            knows, one or several.

    Raises:
        embzarr.NotFoundError: ``corpus-missing``: a folder without a file, or no such place.
        embzarr.InvalidInputError: ``input-argument``: no path, or a URL that nothing can open.
    """
    several = [paths] if isinstance(paths, str) or hasattr(paths, "__fspath__") else list(paths)
    if not several:
        raise refused("corpus", "a file, a folder or a URL", None)
    if not all(map(os.fspath, several)):  # pathlib would take an empty path for the working folder
        raise refused("corpus", "a file, a folder or a URL", "")
    return [source for path in several for source in _sources_of(os.fspath(path))]


class Fingerprint(NamedTuple):
    """What tells one text from another."""

    sha256: str
    """Of all bytes, uncompressed, with a zero byte after each file."""
    size: int
    """Of those bytes."""


def fingerprint_of(sources: Iterable[Source]) -> Fingerprint:
    """Read a text for its digest and its size."""
    sha256, size = hashlib.sha256(), 0
    for source in sources:
        for block in source.blocks():
            sha256.update(block)
            size += len(block)
        sha256.update(FILE_END)
        size += len(FILE_END)
    return Fingerprint(sha256.hexdigest(), size)


def _sources_of(path: str) -> list[Source]:
    if "://" in path or "::" in path:
        return _remote(path)
    place = Path(path)
    if not place.is_dir():
        return [_local(place)]
    found = [
        file
        for file in sorted(place.rglob("*"))
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(place).parts)
    ]
    return [_local(file) for file in found] or _nothing_in(path)


def _local(path: Path) -> Source:
    return Source(name=str(path), open=lambda: path.open("rb"))


def _remote(url: str) -> list[Source]:
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        names = sorted(filesystem.find(path)) if filesystem.isdir(path) else [path]
    except (ImportError, ValueError) as exc:
        raise embzarr.InvalidInputError("input-argument", f"corpus {url}: {exc}") from None
    except OSError as exc:
        raise _failure(url, exc) from None

    def opener(name: str) -> Callable[[], BinaryIO]:
        return lambda: filesystem.open(name, "rb")

    return [Source(name=name, open=opener(name)) for name in names] or _nothing_in(url)


def _nothing_in(folder: str) -> list[Source]:
    raise embzarr.NotFoundError("corpus-missing", f"{folder}: a folder without files")


def _failure(name: str, exc: OSError) -> embzarr.EmbzarrError:
    """Return our error; the library's is not chained, since it may quote a password of the URL."""
    reason = exc.strerror or str(exc)
    if isinstance(exc, FileNotFoundError | IsADirectoryError):
        return embzarr.NotFoundError("corpus-missing", f"{name}: {reason}")
    if isinstance(exc, PermissionError):
        return embzarr.AccessDeniedError("access-denied", f"{name}: {reason}")
    return embzarr.StoreError("store-failed", f"{name}: {reason}")
