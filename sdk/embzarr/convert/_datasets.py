"""Tables of several files in a folder: which files they are, and their bytes as one file's."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_ENDINGS: Final = {"parquet": (".parquet",), "arrow": (".arrow", ".feather", ".ipc")}
"""How the files of a table of several end, by format."""


def format_of(folder: Path) -> str | None:
    """Return the format of the files of a table; None where there are none."""
    return next((form for form in _ENDINGS if files_of(folder, form)), None)


def files_of(path: Path, form: str) -> list[Path]:
    """Return the files of a table, by name, as Spark writes them; a file is its own.

    What begins with a dot or an underscore is about the table, and none of its rows.
    """
    if not path.is_dir():
        return [path]
    found = (one for one in path.rglob("*") if one.suffix in _ENDINGS[form])
    shown = (
        one for one in found if not any(_is_aside(name) for name in one.relative_to(path).parts)
    )
    return sorted(one for one in shown if one.is_file())


def _is_aside(name: str) -> bool:
    return name.startswith((".", "_"))


class Part(NamedTuple):
    """One of the files of a table, which was read."""

    name: str
    """Below the folder."""
    size: int
    sha256: str


class Concatenated(io.RawIOBase):
    """The files of a folder's table one behind the other, for their sizes and their digests."""

    def __init__(self, folder: Path) -> None:
        """Open nothing yet."""
        form = format_of(folder)
        if form is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder))
        self._folder = folder
        self._left = files_of(folder, form)
        self.size = sum(file.stat().st_size for file in self._left)
        self.parts: list[Part] = []
        """Those that were read to their ends."""
        self._file: io.FileIO | None = None
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes, none where all files end."""
        while self._file is not None or self._left:
            if self._file is None:
                self._file = io.FileIO(self._left[0])
                self._digest = hashlib.sha256()
            if data := self._file.read(count):
                self._digest.update(data)
                return data
            self._end(self._file)
        return b""

    def _end(self, file: io.FileIO) -> None:
        """Note what was read of the first file, and leave it."""
        size = file.tell()
        file.close()
        self._file = None
        name = self._left.pop(0).relative_to(self._folder).as_posix()
        self.parts.append(Part(name, size, self._digest.hexdigest()))

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()
        super().close()
