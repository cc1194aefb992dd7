"""One builder for each URL scheme that obstore serves: S3, Google, Azure and http(s)."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast
from urllib.parse import unquote

import obstore

# By their modules, which show a forked child's own copy: see `embzarr._storage.libraries.library`.
from obstore import exceptions as obstore_errors
from obstore import store as obstore_stores

from embzarr._redact import (
    Redactor,
    secrets_in_options,
    secrets_in_url,
    secrets_of_environment,
    user_of_url,
)
from embzarr._storage.access import aws, guards, redirects
from embzarr._storage.access.credentials import S3_OPTIONS, S3Access, resolve_s3
from embzarr._storage.backends.obstore import Clients, ObstoreStore
from embzarr._storage.capabilities import s3_capabilities
from embzarr._storage.identity import of_object, of_place
from embzarr._storage.libraries import library
from embzarr._storage.libraries.client import Client, frozen, shared
from embzarr._storage.libraries.deadline import LARGE_SECONDS, LITTLE_SECONDS
from embzarr._storage.requests.direct import VALID, Direct
from embzarr._storage.requests.failures import Place, shown_url
from embzarr._storage.requests.outage import Outage, outage_of
from embzarr.errors import InvalidInputError

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

    from embzarr._storage.identity import Identity

_Connect: TypeAlias = "Callable[[ClientConfig, RetryConfig], ObjectStoreMethods]"
"""Makes a client of one bucket; what the options hold is checked by obstore itself."""

# A server that refuses, drops or swallows connections is given up after 10 to 15 s. One that sends
# a byte now and then is, too, by the time that a request may take in all: a minute for up to 2 MiB,
# five for a stretch of 8 MiB or a shard. That is some 30 KB a second, so that 32 requests side by
# side need a link of a megabyte a second.
_CLIENT = {"connect_timeout": "4s", "read_timeout": "12s", "timeout": f"{LITTLE_SECONDS:g}s"}
_PATIENCE = {"timeout": f"{LARGE_SECONDS:g}s"}
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

_READ = re.compile(r"AWS_|SSL_CERT_|.*_PROXY$", re.IGNORECASE)
_CONNECTION_OPTIONS = ("allow_http", "client_options", redirects.MAY_FOLLOW, "retry_config")
_OF_TLS = frozenset({"allow_invalid_certificates", "root_certificate"})
_IN_HEADERS = re.compile(r"(?:aws_)?(?:server_side_encryption|sse_\w+|s3_express)", re.IGNORECASE)
"""What options and variables say that no signed URL does, foremost how objects are encrypted."""
_RETRY_OPTIONS = ("backoff", "max_retries", "retry_timeout")


class Opened(NamedTuple):
    """A store, and options that open its like."""

    store: ObstoreStore
    options: Mapping[str, object]


def open_s3(url: str, options: Mapping[str, object], *, single_writer: bool) -> Opened:
    """Open ``s3://bucket/prefix``, on AWS or wherever the endpoint says."""
    bucket, prefix = _bucket_and_prefix(url)
    _refuse_unknown(options, (*S3_OPTIONS, *_CONNECTION_OPTIONS), url)
    access = resolve_s3(bucket, _without_connection(options))
    client = {**access.client, **_mapping(options, "client_options")}
    options = {**options, **({"client_options": client} if client else {})}
    virtual = bool(access.config.get("virtual_hosted_style_request"))
    region_of = partial(aws.region_of, access.endpoint, "" if virtual else bucket)
    place = replace(_place(url, options, access.secrets), region_of=region_of)
    connect = partial(_connect_s3, access, bucket, prefix)
    # Some servers have buckets of one name for each of their tenants, whom a key tells apart.
    server = s3_capabilities(access.endpoint, bucket)
    tenant = "" if server.kind in {"s3", "r2"} else access.key_id
    identify = partial(_identity, "s3", tenant, options)
    by_crc64 = partial(connect, {**access.config, **guards.BY_CRC64})
    is_said = access.provider is None or guards.BY_CRC64.keys() & access.config.keys()
    unsigned = None if is_said else _Unsigned(by_crc64, access.endpoint, known=server.kind == "s3")
    ways = _Ways(
        allow_http=access.is_without_tls,
        # Of the other clouds' credentials some are files, which are read anew for each client.
        made_of=("s3", bucket, prefix, access.config, access.provider),
        unsigned=unsigned,
        is_plain=access.is_without_tls
        and access.provider is not None
        and not any(map(_IN_HEADERS.fullmatch, (*access.config, *_environment()))),
    )
    by = partial(connect, access.config)
    store = _build(by, options, place, identify, single_writer=single_writer, ways=ways)
    connection = {name: options[name] for name in _CONNECTION_OPTIONS if name in options}
    return Opened(store, {**access.settled, **connection})


def _connect_s3(
    access: S3Access,
    bucket: str,
    prefix: str | None,
    config: Mapping[str, object],
    client_options: ClientConfig,
    retry: RetryConfig,
) -> obstore_stores.S3Store:
    to_it = redirects.only_to(access.endpoint, client_options)
    # One that reaches one host, and that without TLS, has no use for the certificates of the
    # system, which take 3 ms to read. Whoever could redirect it there can answer himself.
    unchecked = {"allow_invalid_certificates": True} if to_it and access.is_without_tls else {}
    return obstore_stores.S3Store(
        bucket,
        prefix=prefix,
        config=cast("S3Config", config),
        client_options=cast("ClientConfig", {**to_it, **unchecked, **client_options}),
        retry_config=retry,
        credential_provider=access.provider,
    )


def open_gcs(url: str, options: Mapping[str, object], *, single_writer: bool) -> Opened:
    """Open ``gs://bucket/prefix``; options are obstore's ``GCSConfig``."""
    bucket, prefix = _bucket_and_prefix(url)
    config = cast("GCSConfig", _without_connection(options))

    def connect(client_options: ClientConfig, retry: RetryConfig) -> obstore_stores.GCSStore:
        return obstore_stores.GCSStore(
            bucket, prefix=prefix, config=config, client_options=client_options, retry_config=retry
        )

    identify = partial(_identity, "gcs", "", options)
    store = _build(connect, options, _place(url, options), identify, single_writer=single_writer)
    return Opened(store, options)


def open_azure(url: str, options: Mapping[str, object], *, single_writer: bool) -> Opened:
    """Open ``az://container/prefix`` or ``abfs://container@account...``; options are obstore's."""
    _refuse_query(url)
    config = cast("AzureConfig", _without_connection(options))

    def connect(client_options: ClientConfig, retry: RetryConfig) -> obstore_stores.AzureStore:
        return obstore_stores.AzureStore.from_url(
            url, config=config, client_options=client_options, retry_config=retry
        )

    identify = partial(_identity, "azure", "", options)
    store = _build(connect, options, _place(url, options), identify, single_writer=single_writer)
    return Opened(store, options)


def open_http(url: str, options: Mapping[str, object], *, single_writer: bool) -> Opened:
    """Open a folder of a web server, to read what one knows the name of."""
    del single_writer  # nobody writes
    _refuse_query(url)
    _refuse_unknown(options, _CONNECTION_OPTIONS, url)

    # obstore drops the user of a URL, so that we say it as the header that it stands for.
    user, bare = user_of_url(url)
    headers = {"authorization": _basic(user)} if user else {}

    def connect(client_options: ClientConfig, retry: RetryConfig) -> obstore_stores.HTTPStore:
        given = client_options.get("default_headers", {})
        every = cast("ClientConfig", {**client_options, "default_headers": {**headers, **given}})
        return obstore_stores.HTTPStore.from_url(bare, client_options=every, retry_config=retry)

    place = _place(url, options, tuple(headers.values()))
    insecure = bare.lower().startswith("http://")
    ways = _Ways(allow_http=insecure, made_of=("http", bare, headers))
    clients = _clients(connect, options, place, ways)
    identity = _identity("http", user.partition(":")[0], options, clients.little)
    store = ObstoreStore(
        clients,
        place=place,
        web=True,
        identity=identity,
        outage=_outage(options, identity),
    )
    return Opened(store, options)


OPENERS: Mapping[str, Callable[..., Opened]] = {
    "s3": open_s3,
    "s3a": open_s3,
    "gs": open_gcs,
    "gcs": open_gcs,
    "az": open_azure,
    "azure": open_azure,
    "abfs": open_azure,
    "abfss": open_azure,
    "http": open_http,
    "https": open_http,
}
"""By the scheme of a URL."""


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


def _build(
    connect: _Connect,
    options: Mapping[str, object],
    place: Place,
    identify: Callable[[ObjectStoreMethods], Identity],
    *,
    single_writer: bool,
    ways: _Ways | None = None,
) -> ObstoreStore:
    clients = _clients(connect, options, place, ways or _Ways())
    identity = identify(clients.little)
    return ObstoreStore(
        clients,
        place=place,
        single_writer=single_writer,
        identity=identity,
        outage=_outage(options, identity),
    )


def _outage(options: Mapping[str, object], identity: Identity) -> Outage:
    """Return how long an outage is waited for: as the caller says, else where there was an answer.

    What the caller says is the deadline from the first request on.
    """
    given = _mapping(options, "retry_config")
    if given.get("max_retries") == 0:
        return Outage(0)
    deadline = given.get("retry_timeout")
    if isinstance(deadline, timedelta):
        return Outage(deadline.total_seconds(), answered=True)
    return outage_of(identity.text) if identity.lasting else Outage()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ways:
    """How clients of one kind of place are made, beside what a caller's options say."""

    allow_http: bool = False
    """Whether they may do without TLS."""
    made_of: object = None
    """All that decides what they are, without those options; None where files may, too."""
    unsigned: _Unsigned | None = None
    """What makes those whose uploads are not signed."""
    is_plain: bool = False
    """Whether they ask by requests without TLS, of which a signed URL says all."""


@dataclass(frozen=True, slots=True)
class _Unsigned:
    """Clients whose uploads a server guards, if it does."""

    connect: _Connect
    endpoint: str
    known: bool
    """Whether it is known to."""

    def guard(self, client: ObjectStoreMethods, options: Mapping[str, Any]) -> guards.Guard:
        """Return what tells whether it does, by URLs that `client` signs."""
        minute = timedelta(minutes=1)
        return guards.Guard(
            endpoint=self.endpoint,
            known=self.known,
            sign=lambda key: obstore.sign(
                cast("obstore_stores.S3Store", client), "PUT", key, minute
            ),
            trusted=options,
        )


def _clients(
    connect: _Connect,
    options: Mapping[str, object],
    place: Place,
    ways: _Ways,
) -> Clients:
    """Return clients; those made of the same, where that is told, are one for this process."""
    library.OBSTORE.for_this_process()
    given = _mapping(options, "client_options")
    if not options.get(redirects.MAY_FOLLOW):
        redirects.refuse_headers_that_leak(_mapping(given, "default_headers"), place.url)
    allowed = bool(options.get("allow_http", ways.allow_http))
    little = {"allow_http": allowed, **_CLIENT, **given}
    if ways.allow_http and not little["allow_http"]:
        ways = replace(ways, unsigned=None, is_plain=False)  # nothing is to go there at all
    large = {**little, **_PATIENCE, **given}
    uploading = {name: large[name] for name in large if name != _SILENCE or name in given}
    retry = {**_RETRY, **_mapping(options, "retry_config")}
    _refuse_unknown(retry, _RETRY_OPTIONS, place.url)

    common = None if ways.made_of is None else frozen((ways.made_of, retry, _environment()))

    def client(
        how: Mapping[str, object], by: _Connect = connect, kind: str = ""
    ) -> Client[ObjectStoreMethods]:
        make = partial(by, cast("ClientConfig", how), cast("RetryConfig", retry))
        return Client(make) if common is None else shared((common, frozen(how), kind), make)

    try:
        first, signed = client(little)(), client(uploading)
        direct = _direct(first, common) if ways.is_plain and _asks_nothing(given) else None
        found = Clients(
            little=first, large=client(large), uploads=lambda _: signed(), direct=direct
        )
        if ways.unsigned is None:
            return found
        free = client(uploading, ways.unsigned.connect, "unsigned")
        guard = ways.unsigned.guard(first, given)
        return replace(
            found,
            uploads=lambda key: (free if key and guard.holds(key) else signed)(),
            sends=lambda key: direct if direct and guard.holds(key) else None,
        )
    except (obstore_errors.BaseError, TypeError, ValueError) as exc:
        reason = place.redactor.clean(str(exc).partition("\n")[0])
    # Outside of the handler, so that the original, whose text may hold a secret, is not chained.
    raise InvalidInputError("input-argument", f"storage options for {place.url}: {reason}")


def _asks_nothing(given: Mapping[str, Any]) -> bool:
    """Tell whether no wish of a caller, and no system, needs what only the library heeds."""
    return not (given.keys() - _OF_TLS or redirects.are_proxied() or os.name != "posix")


def _direct(client: ObjectStoreMethods, made_of: Hashable) -> Direct:
    """Return what asks by URLs that a client signs, one for this process."""
    signing = cast("obstore_stores.S3Store", client)
    sign = partial(obstore.sign, signing, expires_in=VALID)
    return shared(("direct", made_of), partial(Direct, sign))()


def _environment() -> dict[str, str]:
    """Return what obstore reads of the environment when it makes a client."""
    return {name: value for name, value in os.environ.items() if _READ.match(name)}


def _place(url: str, options: Mapping[str, object], secrets: tuple[str, ...] = ()) -> Place:
    found = (*secrets_in_url(url), *secrets_in_options(options), *secrets_of_environment())
    return Place(url=shown_url(url), redactor=Redactor((*secrets, *found)))


def _bucket_and_prefix(url: str) -> tuple[str, str | None]:
    _refuse_query(url)
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if not bucket or user_of_url(url)[0]:
        wanted = "SCHEME://bucket/path, without a user: credentials belong into storage_options"
        raise InvalidInputError("input-argument", f"expected {wanted}; found {shown_url(url)}")
    return bucket, prefix.strip("/") or None


def _refuse_query(url: str) -> None:
    # A key is appended to the URL's path, which a query would end. S3 users who wish to pass
    # options or tokens by query have storage_options for that.
    if "?" in url or "#" in url:
        message = f"{shown_url(url)} has a query or fragment; pass options by storage_options"
        raise InvalidInputError("input-argument", message)


def _refuse_unknown(options: Mapping[str, object], known: tuple[str, ...], url: str) -> None:
    for name in options:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            message = f"unknown storage option {name!r} for {shown_url(url)}; known: {listed}"
            raise InvalidInputError("input-argument", message)


def _without_connection(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in _CONNECTION_OPTIONS}


def _mapping(options: Mapping[str, object], name: str) -> Mapping[str, Any]:
    value = options.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidInputError("input-argument", f"storage option {name!r} is not a mapping")
    return value
