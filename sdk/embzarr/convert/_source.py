"""A file to import: a path, a URL or an open file, as plain bytes from beginning to end."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from embzarr._format import arguments
from embzarr._storage import given_options, guard_redirects, refuse_collapsed
from embzarr.convert import _remote
from embzarr.convert._datasets import Concatenated
from embzarr.convert._metering import size_of
from embzarr.convert._resuming import Resuming
from embzarr.convert._stream import Stream, failure, is_url
from embzarr.errors import (
    EmbzarrError,
    InvalidInputError,
    NotFoundError,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from embzarr.convert._datasets import Part

_PIECE_BYTES: Final = 1 << 21
MOST_FILES: Final = 1000
"""That are told of one by one, each in some hundred bytes of metadata; of more, the number."""
_TAR: Final = "tar://"
_PIPE: Final = "found a device or a pipe: put its bytes into a file"


class Source:
    """One file, which may be read several times; see `Stream`."""

    def __init__(
        self,
        given: object,
        options: Mapping[str, Any] | None,
        *,
        what: str,
        folder: Path | None = None,
        shown: str | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            given: a path, a URL of fsspec's, or an open binary file.
            options: fsspec's, for a URL.
            what: the argument, for messages.
            folder: of this machine, which was given in the place of a file in it.
            shown: the name to tell, if not that of the folder or the file.

        Raises:
            InvalidInputError: code ``input-argument``.
        """
        self._given = given
        self._options = given_options("source_options", options)
        self._begin: int | None = None
        self._shown = shown
        self._others: dict[str, Source] = {}
        self._met: tuple[int, str] | None = None
        self.folder = folder
        """That was given in the place of a file in it."""
        self.parts: list[Part] | None = None
        """Of a table of several files, those that were read to their ends, last time."""
        self.others_left_out = 0
        """Files that were read with it, beyond those that `others` names."""
        self.was_read = False
        """Whether somebody has asked for its bytes."""
        if isinstance(given, str | os.PathLike) and os.fspath(given):
            self.name = os.fspath(given)
            refuse_collapsed(self.name)
        elif callable(getattr(given, "read", None)):
            self.name = str(getattr(given, "name", "the open file"))
        else:
            raise arguments.wrong_type(what, "a path, a URL or an open binary file", given)

    def beside(self, ending: str) -> Source:
        """Return the file whose name is this one's and an ending, wherever this one is.

        Raises:
            NotFoundError: code ``object-missing``: an open file has none beside it.
        """
        first = self.name.partition("::")[0]
        return self._other(f"{first}{ending}", self.own_name + ending)

    def sibling(self, name: str) -> Source:
        """Return another file of the folder that this one is in, wherever that is.

        Raises:
            NotFoundError: code ``object-missing``: an open file has none beside it.
        """
        first = self.name.partition("::")[0]
        return self._other(_renamed(first, name), _renamed(self.own_name, name))

    def note(self, path: Path, name: str) -> None:
        """Note that a library reads another file of this machine by itself, and what it is called.

        Of those beyond a thousand there is but their number.
        """
        if name not in self._others and len(self._others) >= MOST_FILES:
            self.others_left_out += 1
            return
        other = self._others.setdefault(name, Source(path, None, what="source", shown=name))
        other.was_read = True

    def others(self) -> dict[str, Source]:
        """Return the files that were read with this one, by their names as `own_name` is one."""
        return {name: other for name, other in self._others.items() if other.was_read}

    def _other(self, first: str, name: str) -> Source:
        if not isinstance(self._given, str | os.PathLike):
            raise NotFoundError("object-missing", f"{self.name}: nothing is beside an open file")
        _, separator, archive = self.name.partition("::")
        other = Source(f"{first}{separator}{archive}", self._options, what="source")
        return self._others.setdefault(name, other)

    def below(self) -> list[tuple[str, Source]]:
        """Return the files in a folder of a store whose URL ends in a slash, and their names in it.

        Raises:
            NotFoundError: code ``object-missing``: there are none.
            EmbzarrError: as `stream`.
        """
        names = self._asked(lambda: _remote.names_below(self.name, self._options))
        if not names:
            raise NotFoundError("object-missing", f"{self.base_name}: a folder without files")
        first, separator, archive = self.name.partition("::")
        return [
            (name, Source(f"{first}{name}{separator}{archive}", self._options, what="source"))
            for name in names
        ]

    @property
    def is_local(self) -> bool:
        """Whether it is a file of this machine, given by its path."""
        return self._local() is not None

    @property
    def base_name(self) -> str:
        """The file's own name, without folders, query or password."""
        if self._shown is not None:
            return self._shown
        if self.folder is not None:
            return self.folder.resolve().name
        return self._file_name

    @property
    def own_name(self) -> str:
        """The file's name below the folder that was given, or its base name."""
        if self.folder is None:
            return self.base_name
        return Path(self.name).relative_to(self.folder).as_posix()

    @property
    def is_digested(self) -> bool:
        """Whether the last stream of it was read from beginning to end."""
        return self._met is not None

    @property
    def _file_name(self) -> str:
        """The last name of its path, which is that in an archive where it is one of its members."""
        path = self.name if self._member[1] else _first_path(self.name)
        return path.partition("?")[0].replace("\\", "/").rstrip("/").rpartition("/")[2]

    @contextmanager
    def stream(self) -> Iterator[Stream]:
        """Open the file for reading it from its beginning.

        Raises:
            NotFoundError: code ``object-missing``.
            AccessDeniedError: code ``access-denied``.
            InvalidInputError: codes ``input-argument``, a URL that nothing can open;
                ``input-file``, an archive.
            StoreError: code ``store-failed``.
        """
        stored = self._asked(self._opened)
        self.was_read = True
        self.others_left_out = 0
        if isinstance(stored, Concatenated):
            self.parts = stored.parts
        try:
            with Stream(self.name, stored, size_of(stored), self._member[1]) as stream:
                yield stream
                self._note_digest(stream)
        finally:
            self._close(stored)

    @contextmanager
    def on_disk(self, stream: Stream, taken: bytes = b"") -> Iterator[Path]:
        """Give the unpacked file a path, for what is not read from beginning to end.

        A plain file of this machine is read where it lies; all else goes to a temporary file.

        Args:
            stream: of this file, at its beginning, or behind what was taken of it.
            taken: that.

        Raises:
            NotFoundError: code ``object-missing``: it is gone when it is opened by its path.
            StoreError: code ``store-failed``: no room for it.
        """
        path = self._local()
        is_plain = path is not None and not stream.is_packed
        try:
            if path is not None and is_plain:
                yield path
                return
            with tempfile.NamedTemporaryFile(prefix="embzarr-import-") as file:
                piece = taken or stream.read(_PIECE_BYTES)
                while piece:
                    file.write(piece)
                    piece = stream.read(_PIECE_BYTES)
                file.flush()
                yield Path(file.name)
        except EmbzarrError:
            raise
        except OSError as exc:  # of whoever reads it, too: it may be gone meanwhile
            if is_plain:
                raise failure(self.name, exc) from None
            where = f"a temporary copy of {self.name} in {tempfile.gettempdir()}"
            raise StoreError("store-failed", f"{where}: {exc.strerror or exc}") from exc

    def whole(self, most: int) -> bytes:
        """Return all of a small file.

        Raises:
            InvalidInputError: code ``input-file``: it has more than `most` bytes.
            EmbzarrError: as `stream`.
        """
        with self.stream() as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            message = f"{self.base_name}: expected at most {most} bytes, found more"
            raise InvalidInputError("input-file", message)
        return data

    def size(self) -> int:
        """Return how many bytes the file has as it is stored; -1 where that is not known."""
        stored = self._asked(self._opened)
        try:
            found = size_of(stored)
        finally:
            self._close(stored)
        return -1 if found is None else found

    def fingerprint(self, stream: Stream | None = None) -> tuple[int, str]:
        """Return size and SHA-256 of the file as it is stored.

        It is read once more, unless `stream`, or the last one, has read it from beginning to end.
        """
        if stream is not None:
            self._note_digest(stream)
        if self._met is not None:
            return self._met
        digest, size = hashlib.sha256(), 0
        for piece in self.pieces():
            digest.update(piece)
            size += len(piece)
        return size, digest.hexdigest()

    def _note_digest(self, stream: Stream) -> None:
        is_whole = stream.is_in_order and stream.sha256 is not None
        self._met = (stream.stored_bytes, str(stream.sha256)) if is_whole else None

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the file as it is stored, some at a time."""
        stored = self._asked(self._opened)
        try:
            while piece := self._asked(lambda: stored.read(_PIECE_BYTES)):
                yield piece
        finally:
            self._close(stored)

    def _close(self, stored: Any) -> None:  # noqa: ANN401 - a binary file of any library
        if stored is not self._given:
            stored.close()

    def _local(self) -> Path | None:
        if not isinstance(self._given, str | os.PathLike) or is_url(self.name):
            return None
        return Path(self.name)

    @property
    def _member(self) -> tuple[Path | None, str | None]:
        """The tar archive of this machine in which the file is, and its name there."""
        name, separator, archive = self.name.removeprefix(_TAR).partition("::")
        if not self.name.startswith(_TAR) or not separator or is_url(archive):
            return None, None
        return Path(archive), name

    def _opened(self) -> Any:  # noqa: ANN401 - a binary file of any library
        local = self._local() or self._member[0]
        if local is not None:
            if local.exists() and not (local.is_file() or local.is_dir()):
                message = f"{self.name}: expected a file, which is read more than once, {_PIPE}"
                raise InvalidInputError("input-argument", message)
            return Concatenated(local) if local.is_dir() else local.open("rb", buffering=0)
        if isinstance(self._given, str) and _remote.is_of_a_store(self._given):
            return _remote.opened(self._given, self._options)
        if isinstance(self._given, str):
            import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and for URLs only

            filesystem, path = fsspec.core.url_to_fs(self._given, **self._options)
            guard_redirects(filesystem)
            return Resuming(filesystem, path)
        self._rewind()
        return self._given

    def _rewind(self) -> None:
        file: Any = self._given
        if not file.seekable():
            if self._begin is not None:
                raise InvalidInputError(
                    "input-argument", f"{self.name}: it must be read twice, and cannot be rewound"
                )
            self._begin = 0
            return
        if self._begin is None:
            self._begin = file.tell()
        file.seek(self._begin)

    def _asked(self, request: Callable[[], Any]) -> Any:  # noqa: ANN401 - as it is given
        try:
            return request()
        except EmbzarrError:
            raise
        except (ImportError, ValueError) as exc:
            problem: EmbzarrError = InvalidInputError("input-argument", f"{self.name}: {exc}")
        except Exception as exc:  # noqa: BLE001 - of any library; it may quote a password
            cause = exc.__cause__  # fsspec hides an error of ours behind one of its own
            problem = cause if isinstance(cause, EmbzarrError) else failure(self.name, exc)
        raise problem from None


def _first_path(name: str) -> str:
    """Return of a chain of URLs the first that names a file, and is no cache."""
    *urls, last = name.split("::")
    return next((url for url in urls if "://" in url), last)


def _renamed(path: str, name: str) -> str:
    """Return the path of another file of the same folder."""
    folder, separator, _ = path.rpartition("/")
    return f"{folder}{separator}{name}"
