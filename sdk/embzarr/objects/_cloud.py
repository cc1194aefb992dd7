"""One builder for each URL scheme that obstore serves: S3, Google, Azure, http(s) and memory."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast
from urllib.parse import unquote

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, HTTPStore, MemoryStore, S3Store

from embzarr.errors import InvalidInputError
from embzarr.objects._capabilities import s3_capabilities
from embzarr.objects._credentials import S3_OPTIONS, resolve_s3
from embzarr.objects._failures import Place
from embzarr.objects._identity import of_object, of_place
from embzarr.objects._obstore import ObstoreStore
from embzarr.objects._redact import (
    Redactor,
    credentials_in_url,
    redact_url,
    secrets_in_options,
    secrets_in_url,
)

if TYPE_CHECKING:
    from typing import Any

    from obstore.store import (
        AzureConfig,
        ClientConfig,
        GCSConfig,
        ObjectStoreMethods,
        RetryConfig,
        S3Config,
    )

    from embzarr.objects._identity import Identity

T = TypeVar("T")

_Connect: TypeAlias = "Callable[[ClientConfig, RetryConfig], ObjectStoreMethods]"
"""Makes a client of one bucket; what the options hold is checked by obstore itself."""

# A server that refuses, drops or swallows connections is given up after 10 to 15 s. What is cut
# off here is silence, not slowness: a download may take as long as its bytes keep coming.
_CLIENT = {"connect_timeout": "4s", "read_timeout": "12s", "timeout": "300s"}
_RETRY = {
    "max_retries": 10,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=3),
        "base": 2,
    },
}
# While a body goes up nothing comes down, so that silence says nothing: see `_clients`.
_SILENCE = "read_timeout"

_CONNECTION_OPTIONS = ("allow_http", "client_options", "retry_config")
_RETRY_OPTIONS = ("backoff", "max_retries", "retry_timeout")

_memory_lock = threading.Lock()
_memory_stores: dict[str, MemoryStore] = {}


def open_s3(url: str, options: Mapping[str, object], *, single_writer: bool) -> ObstoreStore:
    """Open ``s3://bucket/prefix``, on AWS or wherever the endpoint says."""
    bucket, prefix = _bucket_and_prefix(url)
    _refuse_unknown(options, (*S3_OPTIONS, *_CONNECTION_OPTIONS), url)
    access = resolve_s3(_without_connection(options))
    place = _place(url, options, access.secrets)
    insecure = str(access.config.get("endpoint", "")).startswith("http://")

    def connect(client_options: ClientConfig, retry: RetryConfig) -> S3Store:
        return S3Store(
            bucket,
            prefix=prefix,
            config=cast("S3Config", access.config),
            client_options=client_options,
            retry_config=retry,
            credential_provider=access.provider,
        )

    # Some servers have buckets of one name for each of their tenants, whom a key tells apart.
    server = s3_capabilities(str(access.config.get("endpoint", "")), bucket)
    tenant = "" if server.kind in {"s3", "r2"} else access.key_id
    identify = partial(_identity, "s3", tenant, options)
    return _build(
        connect, options, place, identify, allow_http=insecure, single_writer=single_writer
    )


def open_gcs(url: str, options: Mapping[str, object], *, single_writer: bool) -> ObstoreStore:
    """Open ``gs://bucket/prefix``; options are obstore's ``GCSConfig``."""
    bucket, prefix = _bucket_and_prefix(url)
    config = cast("GCSConfig", _without_connection(options))

    def connect(client_options: ClientConfig, retry: RetryConfig) -> GCSStore:
        return GCSStore(
            bucket, prefix=prefix, config=config, client_options=client_options, retry_config=retry
        )

    identify = partial(_identity, "gcs", "", options)
    return _build(connect, options, _place(url, options), identify, single_writer=single_writer)


def open_azure(url: str, options: Mapping[str, object], *, single_writer: bool) -> ObstoreStore:
    """Open ``az://container/prefix`` or ``abfs://container@account...``; options are obstore's."""
    _refuse_query(url)
    config = cast("AzureConfig", _without_connection(options))

    def connect(client_options: ClientConfig, retry: RetryConfig) -> AzureStore:
        return AzureStore.from_url(
            url, config=config, client_options=client_options, retry_config=retry
        )

    identify = partial(_identity, "azure", "", options)
    return _build(connect, options, _place(url, options), identify, single_writer=single_writer)


def open_http(url: str, options: Mapping[str, object], *, single_writer: bool) -> ObstoreStore:
    """Open a folder of a web server, to read what one knows the name of."""
    del single_writer  # nobody writes
    _refuse_query(url)
    _refuse_unknown(options, _CONNECTION_OPTIONS, url)

    # obstore drops the user of a URL, so that we say it as the header that it stands for.
    user = credentials_in_url(url)
    headers = {"authorization": _basic(user)} if user else {}
    bare = redact_url(url)

    def connect(client_options: ClientConfig, retry: RetryConfig) -> HTTPStore:
        given = client_options.get("default_headers", {})
        every = cast("ClientConfig", {**client_options, "default_headers": {**headers, **given}})
        return HTTPStore.from_url(bare, client_options=every, retry_config=retry)

    place = _place(url, options, tuple(headers.values()))
    read, _ = _clients(connect, options, place, allow_http=bare.lower().startswith("http://"))
    identity = _identity("http", user.partition(":")[0], options, read)
    return ObstoreStore(read, place=place, writable=False, listable=False, identity=identity)


def _identity(
    kind: str, user: str, options: Mapping[str, object], client: ObjectStoreMethods
) -> Identity:
    """Return whom a client asks: it alone where headers may decide that, which are secrets too."""
    given = _mapping(options, "client_options")
    if given.get("default_headers"):
        return of_object(client)
    address = getattr(client, "url", None) or getattr(client, "prefix", None)
    config: Mapping[str, object] = {**getattr(client, "config", {}), "client_options": given}
    allowed = bool(options.get("allow_http"))
    return of_place(kind, address or "", user, allowed, options=config)


def _basic(credentials: str) -> str:
    return f"Basic {base64.b64encode(unquote(credentials).encode()).decode()}"


def open_memory(url: str, options: Mapping[str, object], *, single_writer: bool) -> ObstoreStore:
    """Open the store of this URL in this process: every ``memory://name`` is one of its own."""
    del single_writer  # creating is atomic
    _refuse_unknown(options, (), url)
    name = url.partition("://")[2].strip("/")
    with _memory_lock:
        client = _memory_stores.setdefault(name, MemoryStore())
    return ObstoreStore(client, place=Place(url=redact_url(url), redactor=Redactor()))


def _build(
    connect: _Connect,
    options: Mapping[str, object],
    place: Place,
    identify: Callable[[ObjectStoreMethods], Identity],
    *,
    single_writer: bool,
    allow_http: bool = False,
) -> ObstoreStore:
    read, uploads = _clients(connect, options, place, allow_http=allow_http)
    return ObstoreStore(
        read, uploads=uploads, place=place, single_writer=single_writer, identity=identify(read)
    )


def _clients(
    connect: _Connect, options: Mapping[str, object], place: Place, *, allow_http: bool
) -> tuple[ObjectStoreMethods, Callable[[], ObjectStoreMethods]]:
    """Return a client for reads and small writes, and what makes one that waits for uploads.

    A client takes milliseconds to make, most of it for TLS: a reader needs only one.
    """
    given = _mapping(options, "client_options")
    allowed = bool(options.get("allow_http", allow_http))
    reading = {"allow_http": allowed, **_CLIENT, **given}
    uploading = {name: reading[name] for name in reading if name != _SILENCE or name in given}
    retry = {**_RETRY, **_mapping(options, "retry_config")}
    _refuse_unknown(retry, _RETRY_OPTIONS, place.url)
    try:
        client = connect(cast("ClientConfig", reading), cast("RetryConfig", retry))
        return client, _once(
            partial(connect, cast("ClientConfig", uploading), cast("RetryConfig", retry))
        )
    except (BaseError, TypeError, ValueError) as exc:
        reason = place.redactor.clean(str(exc).partition("\n")[0])
    # Outside of the handler, so that the original, whose text may hold a secret, is not chained.
    raise InvalidInputError("input-argument", f"store options for {place.url}: {reason}")


def _once(make: Callable[[], T]) -> Callable[[], T]:
    """Return what makes a thing when it is first asked for, for all threads that ask the same."""
    lock = threading.Lock()
    made = cache(make)

    def ask() -> T:
        with lock:
            return made()

    return ask


def _place(url: str, options: Mapping[str, object], secrets: tuple[str, ...] = ()) -> Place:
    every = (*secrets, *secrets_in_url(url), *secrets_in_options(options))
    return Place(url=redact_url(url), redactor=Redactor(every))


def _bucket_and_prefix(url: str) -> tuple[str, str | None]:
    _refuse_query(url)
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if not bucket or redact_url(url) != url:
        wanted = "a bucket, and no user: credentials belong into store_options"
        raise InvalidInputError("input-argument", f"{redact_url(url)} does not name {wanted}")
    return bucket, prefix.strip("/") or None


def _refuse_query(url: str) -> None:
    # A key is appended to the URL's path, which a query would end. S3 users who wish to pass
    # options or tokens by query have store_options for that.
    if "?" in url or "#" in url:
        message = f"{redact_url(url)} has a query or fragment; pass options by store_options"
        raise InvalidInputError("input-argument", message)


def _refuse_unknown(options: Mapping[str, object], known: tuple[str, ...], url: str) -> None:
    for name in options:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            message = f"unknown store option {name!r} for {redact_url(url)}; known: {listed}"
            raise InvalidInputError("input-argument", message)


def _without_connection(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in _CONNECTION_OPTIONS}


def _mapping(options: Mapping[str, object], name: str) -> Mapping[str, Any]:
    value = options.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidInputError("input-argument", f"store option {name!r} is not a mapping")
    return value
