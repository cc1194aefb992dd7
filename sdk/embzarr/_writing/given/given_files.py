"""Files as their writer takes them: bytes in hand, a path, or an open file, read once."""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from embzarr._format import arguments, spec
from embzarr._writing.given.tensor_rows import check_name
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Source: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO

_STRETCH = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFile:
    """A caller's file."""

    name: str
    source: Source
    known_type: str | None = None
    """Its media type, where it is not to be guessed."""

    @property
    def size(self) -> int | None:
        """Its bytes; None of an open file."""
        if isinstance(self.source, bytes | bytearray | memoryview):
            return memoryview(self.source).nbytes
        if isinstance(self.source, str | os.PathLike):
            with contextlib.suppress(OSError):
                return Path(self.source).stat().st_size
        return None

    @property
    def media_type(self) -> str:
        """What its name says that it is; empty where that says nothing."""
        if self.known_type is not None:
            return self.known_type
        return (mimetypes.guess_type(self.name)[0] or "")[: spec.MAX_MEDIA_TYPE_CHARS]

    @contextmanager
    def stretches(self) -> Iterator[Iterator[bytes]]:
        """Yield its bytes from the first to the last, a few MiB at a time.

        Raises:
            InvalidInputError: code ``input-file``: it cannot be read; ``input-changed``: it was
                written to meanwhile.
        """
        if isinstance(self.source, bytes | bytearray | memoryview):
            lying = bytes(self.source) if _is_odd(self.source) else self.source
            whole = memoryview(lying).cast("B")
            yield (bytes(whole[at : at + _STRETCH]) for at in range(0, len(whole), _STRETCH))
        elif isinstance(self.source, str | os.PathLike):
            with self._opened(Path(self.source)) as file:
                yield iter(lambda: file.read(_STRETCH), b"")
        else:
            yield iter(self._read, b"")

    def sha256(self) -> str:
        """Return its digest, which takes reading all of it."""
        found = hashlib.sha256()
        with self.stretches() as parts:
            for part in parts:
                found.update(part)
        return found.hexdigest()

    def held(self) -> GivenFile:
        """Return it with its bytes in hand, as they are now.

        Raises:
            InvalidInputError: as `stretches`.
        """
        if isinstance(self.source, bytes):
            return self
        with self.stretches() as parts:
            return replace(self, source=b"".join(parts))

    @property
    def is_read_again(self) -> bool:
        """Whether it can be read more than once."""
        return isinstance(self.source, bytes | bytearray | memoryview | str | os.PathLike)

    @contextmanager
    def _opened(self, path: Path) -> Iterator[BinaryIO]:
        what = f"file {self.name[:64]!r}"
        try:
            before = path.stat()
            if not stat.S_ISREG(before.st_mode):
                raise InvalidInputError("input-file", f"{what}: {path} is no regular file")
            with path.open("rb") as file:
                yield file
            after = path.stat()
        except (OSError, ValueError) as exc:  # such as a NUL in a path
            if isinstance(exc, InvalidInputError):
                raise
            raise InvalidInputError("input-file", f"{what}: {exc}") from exc
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise InvalidInputError(
                "input-changed", f"{what}: {path} was written to while it was read; save a copy"
            )

    def _read(self) -> bytes:
        what = f"file {self.name[:64]!r}"
        try:
            part = self.source.read(_STRETCH)  # type: ignore[union-attr]  # an open file
        except (OSError, ValueError) as exc:  # such as one that is closed
            raise InvalidInputError("input-file", f"{what}: {exc}") from exc
        if not isinstance(part, bytes | bytearray):
            raise InvalidInputError("input-argument", f"{what}: expected a file opened as binary")
        return bytes(part)


def _is_odd(source: bytes | bytearray | memoryview) -> bool:
    """Tell whether bytes do not lie end to end."""
    return isinstance(source, memoryview) and (not source.c_contiguous or not source.nbytes)


def given(files: Mapping[str, Source] | None) -> dict[str, GivenFile]:
    """Return what a caller passed as files.

    Raises:
        InvalidInputError: code ``input-argument``: no mapping, a name that cannot be used, or
            something else than bytes, a path or an open file.
    """
    members = {} if files is None else files
    if not hasattr(members, "items"):
        raise arguments.wrong_type("files", "bytes, paths or open files by name", members)
    for name, source in members.items():
        check_name("files", name)
        is_known = isinstance(source, bytes | bytearray | memoryview | str | os.PathLike)
        if not is_known and not hasattr(source, "read"):
            raise arguments.wrong_type(
                f"file {name[:64]!r}", "bytes, a path or an open file", source
            )
    return {name: GivenFile(name=name, source=source) for name, source in members.items()}
