"""The port to storage: one Protocol a verb, so that a function asks for no more than it uses.

Keys are relative to the root of the store, ``/``-separated; ``embzarr._format.keys`` makes them.
Every implementation translates its library's exceptions to `embzarr.errors`:

- a missing object or bucket: `NotFoundError` (codes ``object-missing``, ``bucket-missing``);
- refused credentials or rights: `AccessDeniedError` (``access-denied``);
- `create` on a key that exists: `ConflictError` (``object-exists``);
- a verb that the store lacks (writing to http, listing without an index):
  `UnsupportedError` (``store-read-only``, ``store-cannot-list``, ``create-not-exclusive``);
- an object in an archive such as Glacier: `StoreError` (``object-archived``);
- no room left: `StoreError` (``store-full``): nothing was written;
- anything else: `StoreError` (``store-failed``).

Messages name the key and never hold a secret. All verbs may be called from many threads at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PIECE_BYTES = 4 * 1024 * 1024
"""What is asked for at a time of what need not be held whole."""
MOST_WHOLE_BYTES = 64 * 1024 * 1024
"""What `get` returns at most: no document is larger."""

_LEAVES_ROOT = frozenset({"", ".", ".."})

Data: TypeAlias = bytes | bytearray | memoryview
"""What the store gives: contiguous bytes."""
Body: TypeAlias = Data | list[Data]
"""What the store takes: bytes, or pieces that follow each other and need not be copied into one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One object of a listing."""

    key: str
    """Relative to the root of the store."""
    size: int
    """In bytes."""
    modified: float | None = None
    """When it was written, in seconds since 1970 by the store's clock, where a listing tells."""
    version: str | None = None
    """What is another when it was replaced, where the store tells who asks for this object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file that is no object yet, or never will be."""

    file: ObjectInfo
    """Its own name, which no key has."""
    key: str
    """Of the object that it was to become."""


class Get(Protocol):
    """Read a whole object."""

    def get(self, key: str) -> Data:
        """Return all bytes of an object of at most `MOST_WHOLE_BYTES`.

        Raises:
            DamagedError: code ``json-too-large``: it is larger.
        """
        ...


class GetRange(Protocol):
    """Read a part of an object."""

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`; fewer than `length` where the object ends before."""
        ...


class Head(Protocol):
    """Ask for an object's size."""

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        ...


class List(Protocol):
    """Enumerate objects."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below the folder `prefix` (``commits/``), in any order.

        An empty or missing folder yields nothing. ``""`` means the whole store.
        """
        ...


class Put(Protocol):
    """Write an object, replacing what was there."""

    def put(self, key: str, data: Body) -> None:
        """Store the bytes whole or not at all; once this returns, every reader sees them.

        The memory that holds them may then be written to again.
        """
        ...


class Create(Protocol):
    """Write an object only if the key is free."""

    def create(self, key: str, data: Body) -> None:
        """Store the bytes whole if nothing has this key, atomically among all writers.

        The memory that holds them may be written to again once this returns.

        Raises:
            ConflictError: the key exists (perhaps by an earlier try of ours whose answer was lost).
        """
        ...


class Delete(Protocol):
    """Remove objects."""

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        ...


@runtime_checkable
class Leftovers(Protocol):
    """Files that are no objects yet; a store without such has not this verb.

    Where objects get their names when they are whole, a writer that was killed leaves one behind.
    """

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        """Yield every such file below a folder; for ``""`` those in the root, and no deeper.

        No listing shows them, and some may be in the making. They are told by their names, which
        hold enough random digits: whether the object is one of ours the caller must tell.
        """
        ...

    def discard(self, leftover: Leftover) -> None:
        """Remove one; a writer that is still at it fails, and nothing of it shows."""
        ...


@runtime_checkable
class Folders(Protocol):
    """Names of folders, without what lies in them; a store that has no quick way lacks this."""

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders in a folder, ``""`` being the whole store."""
        ...


class Readable(Get, GetRange, Head, List, Protocol):
    """All that a reader uses."""


class Store(Readable, Put, Create, Delete, Protocol):
    """All verbs: what `open_store` returns.

    ``repr`` of a store names the place and no secret; ``str(store.url)`` is printable.
    """

    @property
    def url(self) -> str:
        """Where this store is, for messages: no user, password, query or token."""
        ...

    @property
    def native(self) -> object:
        """The obstore store or fsspec filesystem underneath, for handing to other libraries."""
        ...


def folders_of(store: List, prefix: str) -> list[str]:
    """Return the names of the folders in a folder, in order.

    Raises:
        UnsupportedError: code ``store-cannot-list``.
    """
    if isinstance(store, Folders):
        return sorted(store.folders(prefix))
    below = (info.key[len(prefix) :].partition("/") for info in store.list(prefix))
    return sorted({name for name, slash, _ in below if slash})


def parts_of(body: Body) -> list[Data]:
    """Return the pieces of what is to be written, one after the other."""
    return body if isinstance(body, list) else [body]


def size_of(body: Body) -> int:
    """Return the bytes of what is to be written."""
    return sum(memoryview(part).nbytes for part in parts_of(body))


def pieces(store: GetRange, key: str, start: int, length: int) -> Iterator[Data]:
    """Yield a part of an object by requests of at most `PIECE_BYTES`, one after the other."""
    for at in range(start, start + length, PIECE_BYTES):
        wanted = min(PIECE_BYTES, start + length - at)
        data = store.get_range(key, at, wanted)
        yield data
        if memoryview(data).nbytes < wanted:
            return


def check_key(key: str) -> None:
    """Refuse a key that could name something outside the root, before any library sees it.

    `embzarr._format.keys` makes none and the manifest gate lets none in; this is the last fence,
    since one library joins paths, another resolves ``..``, and a third parses URLs inside keys.

    Raises:
        DamagedError: the key is empty or absolute, or has an empty, ``.`` or ``..`` segment,
            a backslash, a colon or a NUL (``key-escapes-root``).
    """
    hostile = "\\" in key or ":" in key or "\0" in key
    if hostile or not _LEAVES_ROOT.isdisjoint(key.split("/")):
        raise DamagedError("key-escapes-root", f"the key {key!r} could leave the store's root")


def check_prefix(prefix: str) -> None:
    """Refuse a listing prefix that is neither empty nor a folder (``commits/``) below the root."""
    if not prefix:
        return
    if not prefix.endswith("/"):
        raise DamagedError("key-escapes-root", f"the prefix {prefix!r} does not end with a slash")
    check_key(prefix.removesuffix("/"))
