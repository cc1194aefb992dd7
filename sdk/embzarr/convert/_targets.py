"""Where files go, and how they get their names only when they are whole."""

from __future__ import annotations

import errno
import hashlib
import io
import mmap
import os
import secrets
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import unquote

from embzarr._redact import Redactor, redact_url, secrets_in_options, secrets_in_url
from embzarr._storage import open_store, refuse_collapsed, sync_folder, unless_missing
from embzarr.errors import (
    AccessDeniedError,
    ConflictError,
    EmbzarrError,
    InvalidInputError,
    NotFoundError,
    StoreError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor, Future
    from typing import BinaryIO

    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec has no types

    from embzarr._storage import Store

T = TypeVar("T")

_OF_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "http", "https"})
"""Schemes for which `open_store` has clients of its own, whose uploads are whole or not at all."""
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_BUFFER_BYTES = 2**20
_NAME_BYTES = 100
"""Of a target's name in that of its temporary file, which must not be too long."""


class Sink(io.RawIOBase):
    """A file that is written from its beginning to its end, counted and digested meanwhile."""

    def __init__(self, file: BinaryIO, crew: Executor) -> None:
        """Write to `file`, which somebody else closes; digest in a thread of `crew`."""
        self._file = file
        self._digest = hashlib.sha256()
        self._crew = crew
        self._digesting: Future[None] | None = None
        self.size = 0
        """Bytes so far."""

    def writable(self) -> bool:
        """Tell that it can be written, and neither read nor sought."""
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - whatever has bytes
        """Append bytes, whose memory may be written to again once this returns."""
        written = self.append(data)
        self._wait()
        return written

    def append(self, data: Any) -> int:  # noqa: ANN401 - whatever has bytes
        """Append bytes that nobody changes any more: they are digested while the next are made."""
        view = memoryview(data)
        self._wait()
        self._digesting = self._crew.submit(self._digest.update, view)
        self._file.write(view)
        self.size += view.nbytes
        return view.nbytes

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._digesting is not None:
            self._digesting.result()
            self._digesting = None


class Target(Protocol):
    """A folder of any kind, and the name that the main file is to have in it."""

    @property
    def name(self) -> str:
        """The name of the main file."""
        ...

    def exists(self, name: str) -> bool:
        """Tell whether something has a name."""
        ...

    def staging(self) -> Path:
        """Return the folder of this machine in which files are made."""
        ...

    def publish(self, made: Path, name: str, *, overwrite: bool) -> None:
        """Give a file its name, all of it at once."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file that is there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _LocalTarget:
    folder: Path
    name: str

    def exists(self, name: str) -> bool:
        path = self.folder / name
        if path.exists() and not path.is_file():  # which a file must not take the place of
            found = "a folder" if path.is_dir() else "a device or a pipe"
            raise InvalidInputError("input-argument", f"{path}: expected a file, found {found}")
        return os.path.lexists(path)

    def staging(self) -> Path:
        if not self.folder.is_dir():
            raise NotFoundError("object-missing", f"no folder {self.folder} to export to")
        self.exists(self.name)  # refuses what is no file, be it to be replaced
        return self.folder

    def publish(self, made: Path, name: str, *, overwrite: bool) -> None:
        path = self.folder / name
        if overwrite:
            made.replace(path)
        else:
            _link(made, path)
        sync_folder(self.folder)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoreTarget:
    """An object store: an object shows when its upload is complete."""

    store: Store
    name: str

    def exists(self, name: str) -> bool:
        return unless_missing(lambda: self.store.head(name)) is not None

    def staging(self) -> Path:
        return Path(tempfile.gettempdir())

    def publish(self, made: Path, name: str, *, overwrite: bool) -> None:
        _refuse_existing(self, name, overwrite=overwrite)  # once more: writing took a while
        with made.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                self.store.put(name, b"")
                return
            # Mapped, so that not all of it is in memory. Left to the collector: the store's
            # library may hold on to it for a moment longer than its answer.
            self.store.put(name, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))

    def remove(self, name: str) -> None:
        self.store.delete(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FsspecTarget:
    """Any other filesystem that fsspec knows: uploaded beside the name, then renamed."""

    fs: AbstractFileSystem
    folder: str
    name: str
    redactor: Redactor

    def exists(self, name: str) -> bool:
        self.fs.invalidate_cache()
        return _ask(name, self.redactor, lambda: bool(self.fs.exists(self._path(name))))

    def staging(self) -> Path:
        return Path(tempfile.gettempdir())

    def publish(self, made: Path, name: str, *, overwrite: bool) -> None:
        _ask(name, self.redactor, lambda: self._upload(made, name, overwrite=overwrite))

    def _upload(self, made: Path, name: str, *, overwrite: bool) -> None:
        path = self._path(name)
        beside = f"{path}.{secrets.token_hex(16)}.tmp"
        try:
            self.fs.put_file(str(made), beside)
            _refuse_existing(self, name, overwrite=overwrite)
            if self.fs.exists(path):  # some rename onto nothing else
                self.fs.rm_file(path)
            self.fs.mv(beside, path)
        except BaseException:
            # Best effort: the error that brought us here is the one to tell.
            with suppress(Exception):
                self.fs.rm_file(beside)
            raise

    def remove(self, name: str) -> None:
        _ask(name, self.redactor, lambda: self.fs.rm_file(self._path(name)))

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"


def target_of(target: object, options: Mapping[str, Any] | None) -> Target:
    """Return where a path or a URL points to; nothing is written.

    Raises:
        InvalidInputError: no file can have this name.
    """
    text = os.fspath(target) if isinstance(target, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text or text.endswith(("/", os.sep)):
        raise InvalidInputError("input-argument", "target: expected a path or URL of a file")
    refuse_collapsed(text)
    scheme, separator, rest = text.partition("://")
    if "::" in text and separator:
        return _by_fsspec(text, options)
    if separator and scheme.lower() in _OF_STORES:
        folder, _, name = text.rpartition("/")
        return _StoreTarget(store=open_store(folder, storage_options=options), name=name)
    if separator and scheme.lower() != "file":
        return _by_fsspec(text, options)
    if options:
        raise InvalidInputError("input-argument", "target_options go with a URL, not with a path")
    path = Path(unquote(rest.removeprefix("localhost"))) if separator else Path(text).expanduser()
    if path.is_symlink() and path.is_file():  # the file is replaced, and not the link
        path = path.resolve()
    return _LocalTarget(folder=path.absolute().parent, name=path.name)


def _by_fsspec(url: str, options: Mapping[str, Any] | None) -> Target:
    import fsspec  # noqa: PLC0415 - slow to import

    redactor = Redactor((*secrets_in_url(url), *secrets_in_options(options or {})))
    try:
        fs, path = fsspec.url_to_fs(url, **(options or {}))
    except Exception as exc:  # noqa: BLE001 - of any filesystem's library
        reason = redactor.clean(str(exc))
    else:
        folder, _, name = path.rpartition("/")
        return _FsspecTarget(fs=fs, folder=folder, name=name, redactor=redactor)
    # Outside of the handler, so that the original, whose text may hold a secret, is not chained.
    raise UnsupportedError("url-unsupported", f"cannot export to {redact_url(url)}: {reason}")


@contextmanager
def staged(target: Target, names: Sequence[str], *, overwrite: bool) -> Iterator[list[Sink]]:
    """Give files to write, and publish them when the block ends well.

    Of several the first is published last, and an older one of its name goes before any is: what
    stands under it belongs to the files beside it, whenever the process ends.

    Raises:
        ConflictError: code ``object-exists``: a name is taken, and is not to be replaced.
        StoreError: code ``store-full``: there is no room.
    """
    with _told(target.name), ExitStack() as stack:
        for name in names:
            _refuse_existing(target, name, overwrite=overwrite)
        made = [stack.enter_context(_temporary(target, name)) for name in names]
        crew = stack.enter_context(ThreadPoolExecutor(1, "embzarr-digest"))
        sinks = [Sink(file, crew) for _, file in made]
        yield sinks
        for _, file in made:
            file.flush()
            os.fsync(file.fileno())
            file.close()
        if len(names) > 1 and overwrite and target.exists(names[0]):
            target.remove(names[0])
        for name, (path, _) in reversed([*zip(names, made, strict=True)]):
            target.publish(path, name, overwrite=overwrite)


def is_open(target: object) -> bool:
    """Tell whether this is a file that is open for writing, and no path."""
    return callable(getattr(target, "write", None))


@contextmanager
def streamed(file: BinaryIO, name: str) -> Iterator[list[Sink]]:
    """Give an open file to write to; what was written stays in it, also after an error.

    Raises:
        StoreError: code ``store-full``: there is no room.
    """
    with _told(name), ThreadPoolExecutor(1, "embzarr-digest") as crew:
        yield [Sink(file, crew)]
        file.flush()


@contextmanager
def _temporary(target: Target, name: str) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a new file under a name that nobody else takes, and remove what is left of it."""
    shown = name.encode()[:_NAME_BYTES].decode(errors="ignore")
    path = target.staging() / f".{shown}.{secrets.token_hex(16)}.tmp"
    try:
        with path.open("xb", buffering=_BUFFER_BYTES) as file:
            yield path, file
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def _refuse_existing(target: Target, name: str, *, overwrite: bool) -> None:
    if not overwrite and target.exists(name):
        raise _taken(name)


def _taken(name: str) -> ConflictError:
    return ConflictError("object-exists", f"{name} exists; overwrite=True replaces it")


def _link(made: Path, path: Path) -> None:
    """Give a file its name if nothing has it, atomically where the file system has hard links."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise _taken(path.name) from None
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise _taken(path.name) from None
        made.replace(path)


def _ask(name: str, redactor: Redactor, request: Callable[[], T]) -> T:
    """Raise our errors, without secrets, in place of those of any filesystem's library."""
    try:
        return request()
    except EmbzarrError:
        raise
    except Exception as exc:  # noqa: BLE001 - of any filesystem's library
        error = _error(name, exc, redactor)
    # Outside of the handler, so that the original, whose text may hold a secret, is not chained.
    raise error


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Raise our errors in place of the system's, of the folder in which files are made."""
    try:
        yield
    except EmbzarrError:
        raise
    except OSError as exc:
        raise _error(name, exc, Redactor()) from exc


def _error(name: str, exc: Exception, redactor: Redactor) -> EmbzarrError:
    reason = redactor.clean(getattr(exc, "strerror", None) or str(exc) or type(exc).__name__)
    if getattr(exc, "errno", None) in _FULL:
        return StoreError("store-full", f"no room to export {name}: {reason}")
    if isinstance(exc, PermissionError):
        return AccessDeniedError("access-denied", f"cannot export {name}: {reason}")
    return StoreError("store-failed", f"cannot export {name}: {reason}")
