"""The port over fsspec: every URL that obstore does not serve, and filesystems handed in.

Reading through a caching filesystem (``simplecache::s3://...``) is left to it, staleness included:
one that never asks again answers for a tag or for ``latest.json`` with what it saw first.
"""

from __future__ import annotations

import re
import threading
import weakref
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from embzarr._storage import forks
from embzarr._storage.backends import hdfs, web
from embzarr._storage.backends.exclusive import (
    TEMPORARY_SUFFIX,
    exclusive_create,
    lone_create,
    whole_put,
)
from embzarr._storage.capabilities import capabilities_of
from embzarr._storage.identity import of_object, of_place
from embzarr._storage.libraries import deadline
from embzarr._storage.port import (
    MOST_WHOLE_BYTES,
    Body,
    Data,
    Leftover,
    ObjectInfo,
    check_key,
    check_prefix,
    parts_of,
)
from embzarr._storage.requests.bounded import get_at_most
from embzarr._storage.requests.failures import unless_missing
from embzarr._storage.requests.retry import persistently
from embzarr.errors import StoreError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from embzarr._storage.backends.exclusive import Write
    from embzarr._storage.backends.folder import Folder
    from embzarr._storage.capabilities import Capabilities
    from embzarr._storage.identity import Identity
    from embzarr._storage.requests.failures import Place, Verb

T = TypeVar("T")

_TEMPORARY = re.compile(rf"\.[0-9a-f]{{32}}{re.escape(TEMPORARY_SUFFIX)}$")

_REPLACED_MEANWHILE = 64
"""Times that an object is read again because another one stood there when its size was asked."""


class FsspecStore:
    """A store that a folder of an fsspec filesystem stands for.

    Not every library gives up by itself, so that each call has a deadline of ours.
    """

    def __init__(self, folder: Folder, *, place: Place, single_writer: bool) -> None:
        """Find out how, and whether, this filesystem can be written."""
        self._fs = folder.fs
        self._place = place
        # Where paths begin with a slash, those of the root folder do as well.
        self._root = f"{folder.path}/" if folder.path or self._fs.root_marker else ""
        self._folder = folder
        self._made: set[str] = set()
        self._locks: dict[str, threading.Lock] = {}
        if hdfs.is_native(self._fs):
            # fsspec lets go of it in a forked child, where its end waits for threads of the parent.
            forks.keep_for_ever(self._fs)
        self._put = whole_put(self._fs)
        self._create = exclusive_create(self._fs) or (
            lone_create(self._fs) if single_writer else None
        )

    def __repr__(self) -> str:
        """Name the place."""
        return f"FsspecStore({self.url!r})"

    @property
    def url(self) -> str:
        """Where this store is, printable."""
        return self._place.url

    @property
    def identity(self) -> Identity:
        """Whom it asks: of most filesystems only that it is this one, whose options may be all."""
        if hdfs.is_native(self._fs):
            return of_place("hdfs", self.url, options=self._fs.storage_options)
        return of_object(self._fs, self._root)

    @property
    def capabilities(self) -> Capabilities:
        """What is known of this kind of filesystem."""
        if hdfs.is_native(self._fs):
            return capabilities_of("hdfs", self.url)
        kind = "memory" if "memory" in self._folder.own_protocols else "fsspec"
        return capabilities_of(kind)

    @property
    def native(self) -> object:
        """The filesystem, showing this folder only."""
        from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]  # noqa: PLC0415 - see folder_of_url

        return (
            DirFileSystem(self._root.rstrip("/"), self._fs) if self._root.strip("/") else self._fs
        )

    def leave_open(self) -> None:
        """Have a forked child close none of the parent's connections, not even when it ends."""
        for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to find the ones that s3fs and others have set
            held = finalizer.peek()
            if held and any(held[0] is fs for fs in self._folder.layers):
                finalizer.detach()

    def get(self, key: str) -> Data:
        """Return all bytes of an object of at most 64 MiB; a larger one is read by its ranges."""
        return get_at_most(self, key, MOST_WHOLE_BYTES)

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`; fewer than `length` where the object ends before."""
        if length == 0:
            return b""
        return self._ask("read", key, lambda path: self._range(path, start, length), length)

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        return ObjectInfo(key=key, size=self._ask("read", key, self._size))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below the folder `prefix`."""
        check_prefix(prefix)
        if not self._folder.is_listable:
            raise UnsupportedError("store-cannot-list", f"{self.url} has no listing to trust")
        return self._listed(prefix)

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders in a folder; none of one that is not there."""
        check_prefix(prefix)
        folder = f"{self._root}{prefix}".rstrip("/")

        def ask() -> list[dict[str, Any]]:
            self._fs.invalidate_cache()
            return self._fs.ls(folder, detail=True)  # type: ignore[no-any-return]  # no types

        found = self._ask_listing(prefix, ask) or []
        names = [str(one["name"]).rstrip("/") for one in found if one.get("type") == "directory"]
        return [name.rpartition("/")[2] for name in names]

    def put(self, key: str, data: Body) -> None:
        """Store the bytes; whole or not at all where the filesystem can."""
        self._refuse_if_read_only(key)
        self._ask("write", key, lambda path: self._write(self._put, path, data))

    def create(self, key: str, data: Body) -> None:
        """Store the bytes if nothing has this key, where the filesystem can tell."""
        self._refuse_if_read_only(key)
        create = self._create
        if create is None:
            message = (
                f"{self.url} cannot create an object only if it is absent, so two writers could"
                " destroy each other's commits; if there is only one, say single_writer=True"
            )
            raise UnsupportedError("create-not-exclusive", message)
        self._ask("create", key, lambda path: self._write(create, path, data))

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        self._refuse_if_read_only(key)
        unless_missing(lambda: self._ask("delete", key, self._remove))

    def _ask(self, verb: Verb, key: str, request: Callable[[str], T], nbytes: int = 0) -> T:
        """Ask once for a change, whose steps have their own deadlines, and persistently else."""
        check_key(key)
        path = f"{self._root}{key}"
        if verb != "read":
            return self._place.ask(verb, key, lambda: request(path))
        seconds = deadline.seconds_for(nbytes)
        return persistently(
            lambda: self._place.ask(
                verb, key, lambda: deadline.within(seconds, lambda: request(path))
            )
        )

    def _refuse_if_read_only(self, key: str) -> None:
        if not self._folder.is_writable:
            message = f"cannot write {key}: {self.url} is read only"
            raise UnsupportedError("store-read-only", message)

    def _cat(self, path: str, start: int, end: int) -> bytes:
        if hdfs.is_native(self._fs):
            return hdfs.read(self._fs, path, start, end)
        if not self._folder.is_cache:
            return bytes(self._fs.cat_file(path, start=start, end=end))
        web.guard_redirects(self._fs)
        # A cache downloads into the very file that it takes for complete as soon as it is there,
        # so that a second thread would read what the first has not yet written.
        with self._locks.setdefault(path, threading.Lock()):
            return bytes(self._fs.cat_file(path, start=start, end=end))

    def _range(self, path: str, start: int, length: int) -> bytes:
        if web.is_web(self._fs):
            return web.read(self._fs, path, start, length)
        known = None
        for _ in range(_REPLACED_MEANWHILE):
            data = self._read(path, start, length)
            if len(data) == length:
                return data
            size = self._size(path)
            if len(data) == size:  # a server that gives the whole object whatever one asks for
                data = data[start : start + length]
            if len(data) == max(0, min(length, size - start)):
                return data
            if size == known:  # it stays as it is, and less of it came twice
                break
            known = size  # others may have replaced it between the two questions
        raise StoreError("store-failed", f"{len(data)} bytes of {length} came from {path}")

    def _read(self, path: str, start: int, length: int) -> bytes:
        """Return the bytes of a range; none where the filesystem fails because it ends before."""
        try:
            return self._cat(path, start, start + length)
        except FileNotFoundError:
            raise
        except Exception:
            if self._size(path) > start:
                raise
            return b""

    def _size(self, path: str) -> int:
        self._fs.invalidate_cache()  # listings that s3fs and others keep know no other writer
        if web.is_web(self._fs):
            return web.size(self._fs, path)
        if self._folder.is_cache:
            web.guard_redirects(self._fs)
        info = self._fs.info(path)
        if info["type"] == "directory":
            raise FileNotFoundError(path)
        if self._folder.is_cache and info["size"] is None:
            return len(self._fs.cat_file(path))  # it lies on this machine by now
        return _size_in(info, path)

    def _write(self, write: Write, path: str, data: Body) -> None:
        folder = path.rpartition("/")[0]
        if not self._folder.is_flat and folder not in self._made:
            deadline.within(
                deadline.LITTLE_SECONDS, lambda: self._fs.makedirs(folder, exist_ok=True)
            )
            self._made.add(folder)
        write(path, b"".join(parts_of(data)))

    def _remove(self, path: str) -> None:
        deadline.within(deadline.LITTLE_SECONDS, lambda: self._fs.rm_file(path))

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        """Yield files that were to be renamed when they were whole."""
        check_prefix(prefix)
        for info in self._found(prefix, deep=bool(prefix)):
            key = _TEMPORARY.sub("", info.key)
            if key != info.key:
                yield Leftover(file=info, key=key)

    def discard(self, leftover: Leftover) -> None:
        """Remove such a file."""
        self.delete(leftover.file.key)

    def _listed(self, prefix: str) -> Iterator[ObjectInfo]:
        return (info for info in self._found(prefix) if not _TEMPORARY.search(info.key))

    def _found(self, prefix: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
        folder = f"{self._root}{prefix}".rstrip("/")
        found = self._ask_listing(prefix, lambda: self._find(folder, deep=deep)) or {}
        for name, info in found.items():
            # Some spell a name with a slash in front of it, whatever they were asked for.
            key = name.lstrip("/").removeprefix(self._root.lstrip("/"))
            if key.startswith(prefix):
                size = self._place.ask("list", key, partial(_size_in, info, key))
                yield ObjectInfo(key=key, size=size, modified=_modified(info))

    def _ask_listing(self, prefix: str, request: Callable[[], T]) -> T | None:
        """Ask for what a folder holds; None where it is not there."""
        within = partial(deadline.within, deadline.LARGE_SECONDS, request)
        return unless_missing(lambda: self._place.ask("list", prefix, within))

    def _find(self, folder: str, *, deep: bool) -> dict[str, dict[str, Any]]:
        self._fs.invalidate_cache()
        depth = None if deep else 1
        return self._fs.find(folder, maxdepth=depth, detail=True)  # type: ignore[no-any-return]  # no types


def _size_in(info: Mapping[str, Any], what: str) -> int:
    size = info.get("size")
    if not isinstance(size, int) or size < 0:
        raise StoreError("store-failed", f"the size of {what} is said to be {size!r}")
    return size


def _modified(info: Mapping[str, Any]) -> float | None:
    """Return when a file was written, under the names that filesystems have for it."""
    for name in ("LastModified", "last_modified", "mtime", "modified", "created"):
        value = info.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return None
