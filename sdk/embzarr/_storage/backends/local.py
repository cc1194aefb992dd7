"""The port over a folder: made on the first write only, and never left by a symbolic link."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from obstore import store as obstore_stores

from embzarr._redact import Redactor
from embzarr._storage.backends.durable import DurableFiles
from embzarr._storage.backends.obstore import ObstoreStore
from embzarr._storage.capabilities import capabilities_of
from embzarr._storage.identity import of_folder
from embzarr._storage.libraries import library
from embzarr._storage.libraries.client import Client
from embzarr._storage.port import Body, Leftover, ObjectInfo, check_key, check_prefix
from embzarr._storage.requests.failures import Place
from embzarr._storage.requests.outage import Outage
from embzarr.errors import DamagedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from obstore.store import ObjectStoreMethods

    from embzarr._storage.capabilities import Capabilities
    from embzarr._storage.identity import Identity
    from embzarr._storage.requests.failures import Verb

T = TypeVar("T")

_STAGING = re.compile(r"#(?:[0-9a-f]{32}|[0-9]{15,19})$")
"""How `DurableFiles` names a file that is still being written, now and formerly: nobody else takes
so many random digits. Obstore counts from 1: such a file may be anybody's."""


class LocalFolder(ObstoreStore):
    """A store that one folder of this machine stands for; it need not exist.

    A symbolic link to the folder is followed. One inside is, too, as long as it stays inside, but
    a listing does not show it.
    """

    def __init__(self, root: Path, *, place: Place) -> None:
        """Touch nothing on disk."""
        self._root = root.resolve()
        self._inside = f"{str(self._root).rstrip('/')}/"
        self._opened: Client[ObjectStoreMethods] = Client(partial(_opened, self._root))
        self._files = DurableFiles(self._root)
        self._place = place
        self._web = False
        self._single_writer = False
        self._outage = Outage(0)

    @property
    def identity(self) -> Identity:
        """This folder, while it is there."""
        return of_folder(str(self._root))

    @property
    def capabilities(self) -> Capabilities:
        """What is known of folders."""
        return capabilities_of("local", self.url)

    @property
    def native(self) -> object:
        """The obstore store of the folder, which must be there."""
        return self._place.ask("read", "", self._reader)

    def _ask(self, verb: Verb, key: str, request: Callable[[], T]) -> T:
        check_key(key)

        def ask() -> T:
            if self._is_linked(key):
                self._refuse_link_outside(key)
            self._refuse_what_is_no_file(verb, key)
            return request()

        return super()._ask(verb, key, ask)

    def _reader(self, nbytes: int = 0) -> ObjectStoreMethods:
        del nbytes  # a disk has no deadline
        return self._opened()

    # Not by obstore, whose requests each wait for a thread: a small file is read in less.
    def _range(self, key: str, start: int, length: int) -> memoryview:
        return _read(self._inside + key, start, length)

    def _size(self, key: str) -> int:
        return Path(self._inside + key).stat().st_size

    def _delete(self, key: str) -> None:
        self._files.remove(key)

    def _put(self, key: str, data: Body) -> None:
        self._files.replace(key, data)

    def _create(self, key: str, data: Body) -> None:
        self._files.create(key, data)

    def _refuse_what_is_no_file(self, verb: Verb, key: str) -> None:
        # Opening a stranger's named pipe would wait for ever; a device may do anything.
        try:
            mode = Path(self._inside + key).stat().st_mode
        except OSError as exc:
            if exc.errno != errno.ELOOP:
                return  # the request itself tells
            mode = 0
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            message = f"{key} in {self.url} is neither a file nor a folder"
            raise DamagedError("key-escapes-root", message)
        if stat.S_ISDIR(mode) and verb == "read":
            message = f"cannot read {key} in {self.url}: it is a folder"
            raise NotFoundError("object-missing", message)

    def _is_linked(self, key: str) -> bool:
        """Tell whether a key names a symbolic link, or a file behind one."""
        path = self._inside
        for name in key.split("/"):
            path += name
            try:
                if stat.S_ISLNK(os.lstat(path).st_mode):
                    return True
            except OSError:
                return False  # nothing is there, nor behind it
            path += "/"
        return False

    def _refuse_link_outside(self, key: str) -> None:
        # A store may come from an archive of a stranger, links to our own files in it.
        if not f"{os.path.realpath(self._inside + key)}/".startswith(self._inside):
            message = f"{key} in {self.url} is a symbolic link that leaves the store"
            raise DamagedError("key-escapes-root", message)
        folders = itertools.takewhile(
            lambda folder: len(str(folder)) >= len(self._inside), Path(self._inside + key).parents
        )
        if any(folder.is_symlink() and not folder.exists() for folder in folders):
            message = f"{key} in {self.url} lies behind a symbolic link to nothing"
            raise DamagedError("key-escapes-root", message)

    def _listed(self, prefix: str) -> Iterator[ObjectInfo]:
        self._refuse_link_outside(prefix)
        return self._place.each("list", prefix, lambda: self._walk(prefix))

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders in a folder, links left out."""
        check_prefix(prefix)
        self._refuse_link_outside(prefix)
        return self._place.ask("list", prefix, lambda: self._folders(prefix))

    def _folders(self, folder: str) -> Sequence[str]:
        try:
            entries = [*os.scandir(self._inside + folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        """Yield files that were still being written."""
        check_prefix(prefix)
        self._refuse_link_outside(prefix)
        walk = partial(self._walk, prefix, staging=True, deep=bool(prefix))
        for info in self._place.each("list", prefix, walk):
            key = _STAGING.sub("", info.key)
            if key != info.key:
                yield Leftover(file=info, key=key)

    def discard(self, leftover: Leftover) -> None:
        """Remove such a file."""
        name = leftover.file.key
        check_key(name)
        self._refuse_link_outside(name)
        self._place.ask("delete", name, lambda: self._unlink(name))

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.remove(name)

    def _walk(
        self, folder: str, *, staging: bool = False, deep: bool = True
    ) -> Iterator[ObjectInfo]:
        """Yield the files below; obstore's own listing would follow links out of the store."""
        for entry in self._entries(folder):
            if entry.is_dir(follow_symlinks=False):
                if deep:
                    yield from self._walk(f"{folder}{entry.name}/", staging=staging)
            elif entry.is_file(follow_symlinks=False) and (
                staging or not _STAGING.search(entry.name)
            ):
                try:
                    found = entry.stat()
                except FileNotFoundError:  # another process deleted it meanwhile
                    continue
                yield ObjectInfo(
                    key=f"{folder}{entry.name}", size=found.st_size, modified=found.st_mtime
                )

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            return [*os.scandir(self._inside + folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as exc:
            if exc.errno != errno.ELOOP:
                raise
            message = f"{folder} in {self.url} is a symbolic link to itself"
            raise DamagedError("key-escapes-root", message) from exc


def local_folder(path: Path) -> LocalFolder:
    """Return the store of a folder, named as it lies now, wherever the process goes later."""
    path = path.absolute()
    place = Place(url=path.as_uri(), redactor=Redactor())
    return place.ask("read", "", lambda: LocalFolder(path, place=place))


def _opened(root: Path) -> ObjectStoreMethods:
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}")
    library.OBSTORE.for_this_process()
    return obstore_stores.LocalStore(root)


def _read(path: str, start: int, length: int) -> memoryview:
    """Return a part of a file, less where it ends before."""
    with Path(path).open("rb", buffering=0) as file:
        # Not more than is there: room for `length` bytes would be taken first.
        left = min(os.fstat(file.fileno()).st_size - start, length)
        file.seek(start)
        parts: list[bytes] = []
        while left > 0 and (part := file.read(left)):
            parts.append(part)
            left -= len(part)
    return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))
