"""The files of a checkpoint: a mapping from their names, of which any range may be read."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embzarr._format import arguments
from embzarr._reading.mapping import Members
from embzarr._reading.rows.array import ArrayReader
from embzarr._storage import interruptible, parallel, sync_folder
from embzarr.errors import DamagedError, EmbzarrError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._format import FileMember, Layer
    from embzarr._reading.fetching.cost import Link
    from embzarr._storage import GetRange

_STRETCH = 8 * 1024 * 1024


class File:
    """One named file of a checkpoint; nothing of it is read before it is asked for.

    Example:
        >>> file = embzarr.open(url).files["config.json"]
        >>> file.size, file.media_type, file.read(1, 7)
        (10, 'application/json', b'"dim":')
    """

    def __init__(
        self, store: GetRange, layer: Layer, name: str, member: FileMember, link: Link
    ) -> None:
        """Wrap a file of a manifest."""
        self.name = name
        self.size = member.size
        self.sha256 = member.sha256
        self.media_type = member.media_type
        self._start = member.start or 0
        self._reader = ArrayReader(store, layer, member.array, link)

    def __repr__(self) -> str:
        """Return name and size."""
        return f"<embzarr.File {self.name!r} of {self.size} bytes>"

    def __len__(self) -> int:
        """Return its size in bytes."""
        return self.size

    @interruptible
    def read(self, start: int | None = None, stop: int | None = None) -> bytes:
        """Return its bytes from `start` up to, not including, `stop`, as a slice has them.

        Each chunk of them is checked. Read whole, the SHA-256 is, too.

        Raises:
            DamagedError: a chunk is missing, cut or changed.

        Example:
            >>> checkpoint.files["config.json"].read()
            b'{"dim": 4}'
        """
        first, last = arguments.rows(start, stop, of=self.size)
        data = self._read(first, last).tobytes()
        if last - first == self.size:
            self._check(hashlib.sha256(data).hexdigest())
        return data

    def open(self) -> io.BufferedReader:
        """Return it as a binary file that is read, and sought in, by ranges.

        Example:
            >>> with checkpoint.files["config.json"].open() as file:
            ...     file.read(8)
            b'{"dim": '
        """
        return io.BufferedReader(_Raw(self), buffer_size=1024 * 1024)

    @interruptible
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a path: whole, with the SHA-256 that was recorded, or not at all.

        Example:
            >>> checkpoint.files["config.json"].save(f"{folder}/config.json").name
            'config.json'
        """
        try:
            target = Path(path)
        except TypeError:
            raise arguments.refusal("path", "a path", path) from None
        temporary = target.parent / f"{target.name}#{secrets.token_hex(16)}"
        try:
            self._write(temporary)
            temporary.replace(target)
            sync_folder(target.parent)
        except (OSError, ValueError) as exc:  # a path with a NUL is a ValueError
            if isinstance(exc, EmbzarrError):
                raise
            raise InvalidInputError("input-argument", f"path: {str(target)!r}: {exc}") from exc
        finally:
            with contextlib.suppress(OSError, ValueError):
                temporary.unlink()
        return target

    @interruptible
    def check(self) -> None:
        """Read it, and compare it with the SHA-256 that was recorded.

        Raises:
            DamagedError: code ``file-digest``, or that of a damaged chunk.

        Example:
            >>> checkpoint.files["config.json"].check()
        """
        for _ in self._parts():
            pass

    def _write(self, path: Path) -> None:
        with path.open("xb") as file:
            for part in self._parts():
                file.write(part)
            file.flush()
            os.fsync(file.fileno())

    def _parts(self) -> Iterator[memoryview]:
        """Yield its bytes, a few MiB at a time, and compare their digest at the end."""
        found = hashlib.sha256()
        starts = range(0, self.size, _STRETCH)  # of a size that a stranger may claim
        for part in parallel.ahead(self._stretch, starts):
            found.update(part)
            yield part
        self._check(found.hexdigest())

    def _stretch(self, start: int) -> memoryview:
        return self._read(start, min(start + _STRETCH, self.size))

    def _check(self, sha256: str) -> None:
        if sha256 != self.sha256:
            message = f"file {self.name!r}: expected SHA-256 {self.sha256}, found {sha256}"
            raise DamagedError("file-digest", message)

    def _read(self, first: int, last: int) -> memoryview:
        return self._reader.range(self._start + first, self._start + last).data


class _Raw(io.RawIOBase):
    """A file of a checkpoint as the io module reads it."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._at = 0
        self.name = file.name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._file.size}
        if whence not in bases:
            raise ValueError(f"expected a whence of 0, 1 or 2, found {whence!r}")
        base = bases[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - what takes bytes
        view = memoryview(buffer).cast("B")
        first = min(self._at, self._file.size)
        data = self._file.read(first, min(first + len(view), self._file.size))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


class Files(Members["FileMember", File]):
    """The files of a checkpoint by their names.

    Example:
        >>> {name: file.size for name, file in embzarr.open(url).files.items()}
        {'config.json': 10}
    """

    _kind, _missing = "file", "file-missing"

    def _made(self, name: str) -> File:
        layer, member = self._members[name]
        return File(self._store, layer, name, member, self._link)

    def _bytes(self) -> int:
        return sum(len(one) for one in self.values())
