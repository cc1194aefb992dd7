"""The port over obstore: S3, Google, Azure and http; `local` builds on it."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

# By their modules, which show a forked child's own copy: see `embzarr._storage.libraries.library`.
from obstore import exceptions as obstore_errors
from obstore import store as obstore_stores

from embzarr._storage.capabilities import capabilities_of, s3_capabilities
from embzarr._storage.identity import of_object
from embzarr._storage.libraries.deadline import LITTLE_BYTES
from embzarr._storage.port import (
    MOST_WHOLE_BYTES,
    Body,
    Data,
    ObjectInfo,
    check_key,
    check_prefix,
    parts_of,
    size_of,
)
from embzarr._storage.requests.answers import body_of, cut_of, is_page, refuse_page
from embzarr._storage.requests.bounded import get_at_most
from embzarr._storage.requests.direct import LITTLE_BYTES as LITTLE_DIRECTLY
from embzarr._storage.requests.failures import unless_missing
from embzarr._storage.requests.listing import pages_of
from embzarr._storage.requests.outage import Outage
from embzarr.errors import ConflictError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from obstore import GetResult, ObjectMeta
    from obstore.store import ObjectStoreMethods

    from embzarr._storage.capabilities import Capabilities
    from embzarr._storage.identity import Identity
    from embzarr._storage.requests.direct import Direct
    from embzarr._storage.requests.failures import Place, Verb

T = TypeVar("T")

_Flat: TypeAlias = bytes | memoryview | list[memoryview]

_WHOLE_BYTES = 32 * 2**20
"""An object up to here goes up by one request: a server is quicker with it than with parts, and a
writer that is killed leaves no parts behind, which listings do not show and which cost money."""
_PART_BYTES = 8 * 2**20
_SMALL_BYTES = 2**20
_PAGES = (".html", ".htm")
"""Ends of the names of objects that may be web pages."""
_PARTS_AT_ONCE = 4
"""Of one larger object, side by side; objects go up side by side as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """What asks one place: a deadline is a matter of the client, not of the request.

    One takes milliseconds to make, most of them for TLS: who reads by word needs only the first.
    """

    little: ObjectStoreMethods
    """Reads of up to 2 MiB, writes of up to 1 MiB, listings and deletes."""
    large: Callable[[], ObjectStoreMethods]
    """Makes what reads more."""
    uploads: Callable[[str | None], ObjectStoreMethods]
    """Makes what writes more, a key by one request or (None) otherwise: nothing comes down
    meanwhile, so that silence says nothing."""
    direct: Direct | None = None
    """Reads more than 1 MiB beside these, where it can."""
    sends: Callable[[str], Direct | None] = lambda _: None
    """Returns what writes a key of that size beside these, where it can."""

    @classmethod
    def handed(cls, client: ObjectStoreMethods) -> Clients:
        """Return a client that was handed in as all of them: deadlines and tries are its own."""
        return cls(little=client, large=lambda: client, uploads=lambda _: client)


class ObstoreStore:
    """A store that some clients of obstore stand for."""

    def __init__(
        self,
        clients: Clients,
        *,
        place: Place,
        web: bool = False,
        single_writer: bool = False,
        identity: Identity | None = None,
        outage: Outage | None = None,
    ) -> None:
        """Ask for nothing yet.

        Args:
            clients: what asks.
            place: how messages name it.
            web: whether it is a web server's folder, which is neither listed nor written.
            single_writer: look before a create, where the store cannot exclude others.
            identity: whom it asks, where that is known.
            outage: for how long an outage is waited for.
        """
        self._clients = clients
        self._identity = identity
        self._place = place
        self._web = web
        self._single_writer = single_writer
        self._outage = outage or Outage(0)

    def __repr__(self) -> str:
        """Name the place."""
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """Where this store is, printable."""
        return self._place.url

    @property
    def identity(self) -> Identity:
        """Whom it asks: of a client that was handed in, only that it is this one."""
        return self._identity or of_object(self._clients.little)

    @property
    def capabilities(self) -> Capabilities:
        """What is known of this kind of store."""
        return _known_of(self._clients.little)

    @property
    def native(self) -> object:
        """The obstore store."""
        return self._reader()

    def get(self, key: str) -> Data:
        """Return all bytes of an object of at most 64 MiB; a larger one is read by its ranges."""
        return get_at_most(self, key, MOST_WHOLE_BYTES)

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`; fewer than `length` where the object ends before."""
        if length == 0:
            return b""  # obstore refuses an empty range
        return self._ask("read", key, lambda: self._range(key, start, length))

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        told = self._ask("read", key, lambda: self._reader().head(key))
        version = told["e_tag"] or str(told["last_modified"])
        return ObjectInfo(key=key, size=told["size"], version=version)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below the folder `prefix`."""
        check_prefix(prefix)
        if self._web:
            raise UnsupportedError("store-cannot-list", f"{self.url} has no listing")
        return self._listed(prefix)

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders in a folder, which one request tells."""
        check_prefix(prefix)
        if self._web:
            raise UnsupportedError("store-cannot-list", f"{self.url} has no listing")
        client = self._reader()
        found = self._place.ask(
            "list",
            prefix,
            lambda: self._outage.outlast(lambda: client.list_with_delimiter(prefix or None)),
        )
        return [path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]]

    def put(self, key: str, data: Body) -> None:
        """Store the bytes whole or not at all."""
        self._refuse_if_read_only(key)
        self._ask("write", key, lambda: self._put(key, data))

    def create(self, key: str, data: Body) -> None:
        """Store the bytes if nothing has this key."""
        self._refuse_if_read_only(key)
        try:
            self._ask("create", key, lambda: self._create(key, data))
        except UnsupportedError as error:
            if not self._single_writer or error.code != "create-not-exclusive":
                raise
        else:
            return
        self._create_alone(key, data)

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        self._refuse_if_read_only(key)
        unless_missing(lambda: self._ask("delete", key, lambda: self._delete(key)))

    def _ask(self, verb: Verb, key: str, request: Callable[[], T]) -> T:
        check_key(key)
        return self._place.ask(verb, key, lambda: self._outage.outlast(request))

    def _reader(self, nbytes: int = 0) -> ObjectStoreMethods:
        """Return the client whose deadline fits what is asked for."""
        return self._clients.little if nbytes <= LITTLE_BYTES else self._clients.large()

    def _writer(self, size: int, key: str | None = None) -> ObjectStoreMethods:
        return self._clients.little if size <= _SMALL_BYTES else self._clients.uploads(key)

    def _refuse_if_read_only(self, key: str) -> None:
        if self._web:
            message = f"cannot write {key}: {self.url} is read only"
            raise UnsupportedError("store-read-only", message)

    def _range(self, key: str, start: int, length: int) -> memoryview:
        if self._clients.direct and length > LITTLE_DIRECTLY:
            found = self._clients.direct.range(key, start, length)
            if found is not None:
                return found
        try:
            answer = self._reader(length).get(key, options={"range": (start, start + length)})
        except obstore_errors.NotSupportedError:
            # An http server without ranges: correct, and as slow as that server makes it.
            whole = self._clients.large().get(key)
            self._refuse_page(key, whole)
            return cut_of(whole, start, length)
        except obstore_errors.BaseError as exc:
            if not _is_beyond_end(exc) or self._size(key) > start:
                raise
            return memoryview(b"")
        self._refuse_page(key, answer)
        return body_of(answer, start, length, strict=self._web)

    def _refuse_page(self, key: str, answer: GetResult) -> None:
        if self._web and is_page(answer) and not key.endswith(_PAGES):
            refuse_page(self._clients.large().get(key))

    def _size(self, key: str) -> int:
        return self._reader().head(key)["size"]

    def _listed(self, prefix: str) -> Iterator[ObjectInfo]:
        client = self._reader()
        pages = self._place.each("list", prefix, lambda: self._pages(client, prefix))
        for page in pages:
            for item in page:
                # A folder marker has the name of the folder itself.
                if item["path"].startswith(prefix):
                    yield ObjectInfo(
                        key=item["path"],
                        size=item["size"],
                        modified=item["last_modified"].timestamp(),
                    )

    def _pages(self, client: ObjectStoreMethods, prefix: str) -> Iterator[Sequence[ObjectMeta]]:
        """Return the pages of a listing, the first at hand: until then it may begin anew."""

        def begin() -> Iterator[Sequence[ObjectMeta]]:
            pages = pages_of(client, prefix)
            return itertools.chain([*itertools.islice(pages, 1)], pages)

        return self._outage.outlast(begin)

    def _put(self, key: str, data: Body) -> None:
        size = size_of(data)
        if _SMALL_BYTES < size <= _WHOLE_BYTES:
            direct = self._clients.sends(key)
            if direct is not None and direct.put(key, data):
                return
        self._writer(size, key if size <= _WHOLE_BYTES else None).put(
            key,
            self._flat(data),
            use_multipart=size > _WHOLE_BYTES,
            chunk_size=_PART_BYTES,
            max_concurrency=_PARTS_AT_ONCE,
        )

    def _create(self, key: str, data: Body) -> None:
        self._writer(size_of(data)).put(key, self._flat(data), mode="create", use_multipart=False)

    def _flat(self, data: Body) -> _Flat:
        """Return the bytes as obstore takes them: one dimension of unsigned bytes."""
        if isinstance(self._clients.little, obstore_stores.MemoryStore):
            return b"".join(parts_of(data))  # it keeps what it is given
        views = [memoryview(part).cast("B") for part in parts_of(data)]
        return views if len(views) > 1 else views[0]

    def _delete(self, key: str) -> None:
        self._writer(0).delete(key)

    def _create_alone(self, key: str, data: Body) -> None:
        """Look, then write: right where the caller vouches that nobody else writes."""
        try:
            self.head(key)
        except NotFoundError:
            free = True
        else:
            free = False
        if not free:
            raise ConflictError("object-exists", f"cannot create {key} in {self.url}: it exists")
        self.put(key, data)


def _is_beyond_end(exc: obstore_errors.BaseError) -> bool:
    text = str(exc)
    return "status code: 416" in text or "StartTooLarge" in text


def _known_of(client: ObjectStoreMethods) -> Capabilities:
    if isinstance(client, obstore_stores.S3Store):
        config: Mapping[str, object] = {**client.config}
        endpoint = config.get("endpoint") or _endpoint_of_environment()
        return s3_capabilities(str(endpoint) if endpoint else None, str(config.get("bucket", "")))
    kinds: Mapping[type, str] = {
        obstore_stores.GCSStore: "gcs",
        obstore_stores.AzureStore: "azure",
        obstore_stores.HTTPStore: "http",
        obstore_stores.MemoryStore: "memory",
    }
    return capabilities_of(kinds.get(type(client), "unknown"))


def _endpoint_of_environment() -> str | None:
    """Return the server that obstore takes from the environment where it was told of none."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
