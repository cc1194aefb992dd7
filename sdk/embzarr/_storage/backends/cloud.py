"""One builder for each URL scheme that obstore serves: S3, Google, Azure and http(s)."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import unquote

# By their modules, which show a forked child's own copy: see `embzarr._storage.libraries.library`.
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
from embzarr._storage.backends.connecting import (
    CONNECTION_OPTIONS,
    Unsigned,
    Ways,
    clients_of,
    mapping_of,
    refuse_unknown,
)
from embzarr._storage.backends.obstore import ObstoreStore
from embzarr._storage.capabilities import s3_capabilities
from embzarr._storage.identity import of_object, of_place
from embzarr._storage.requests.failures import Place, shown_url
from embzarr._storage.requests.outage import Outage, outage_of
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obstore.store import (
        AzureConfig,
        ClientConfig,
        GCSConfig,
        ObjectStoreMethods,
        RetryConfig,
        S3Config,
    )

    from embzarr._storage.backends.connecting import Connect
    from embzarr._storage.identity import Identity


class Opened(NamedTuple):
    """A store, and options that open its like."""

    store: ObstoreStore
    options: Mapping[str, object]


def open_s3(url: str, options: Mapping[str, object], *, single_writer: bool) -> Opened:
    """Open ``s3://bucket/prefix``, on AWS or wherever the endpoint says."""
    bucket, prefix = _bucket_and_prefix(url)
    refuse_unknown(options, (*S3_OPTIONS, *CONNECTION_OPTIONS), url)
    access = resolve_s3(bucket, _without_connection(options))
    client = {**access.client, **mapping_of(options, "client_options")}
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
    unsigned = None if is_said else Unsigned(by_crc64, access.endpoint, known=server.kind == "s3")
    ways = Ways(
        allow_http=access.is_without_tls,
        # Of the other clouds' credentials some are files, which are read anew for each client.
        made_of=("s3", bucket, prefix, access.config, access.provider),
        unsigned=unsigned,
        is_plain=access.is_without_tls and access.provider is not None,
        said=tuple(access.config),
    )
    by = partial(connect, access.config)
    store = _build(by, options, place, identify, single_writer=single_writer, ways=ways)
    connection = {name: options[name] for name in CONNECTION_OPTIONS if name in options}
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
    refuse_unknown(options, CONNECTION_OPTIONS, url)

    # obstore drops the user of a URL, so that we say it as the header that it stands for.
    user, bare = user_of_url(url)
    headers = {"authorization": _basic(user)} if user else {}

    def connect(client_options: ClientConfig, retry: RetryConfig) -> obstore_stores.HTTPStore:
        given = client_options.get("default_headers", {})
        every = cast("ClientConfig", {**client_options, "default_headers": {**headers, **given}})
        return obstore_stores.HTTPStore.from_url(bare, client_options=every, retry_config=retry)

    place = _place(url, options, tuple(headers.values()))
    insecure = bare.lower().startswith("http://")
    ways = Ways(allow_http=insecure, made_of=("http", bare, headers))
    clients = clients_of(connect, options, place, ways)
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
    given = mapping_of(options, "client_options")
    if given.get("default_headers"):
        return of_object(client)
    address = getattr(client, "url", None) or getattr(client, "prefix", None)
    config: Mapping[str, object] = {**getattr(client, "config", {}), "client_options": given}
    allowed = bool(options.get("allow_http"))
    return of_place(kind, address or "", user, allowed, options=config)


def _basic(credentials: str) -> str:
    return f"Basic {base64.b64encode(unquote(credentials).encode()).decode()}"


def _build(
    connect: Connect,
    options: Mapping[str, object],
    place: Place,
    identify: Callable[[ObjectStoreMethods], Identity],
    *,
    single_writer: bool,
    ways: Ways | None = None,
) -> ObstoreStore:
    clients = clients_of(connect, options, place, ways or Ways())
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
    given = mapping_of(options, "retry_config")
    if given.get("max_retries") == 0:
        return Outage(0)
    deadline = given.get("retry_timeout")
    if isinstance(deadline, timedelta):
        return Outage(deadline.total_seconds(), answered=True)
    return outage_of(identity.text) if identity.lasting else Outage()


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


def _without_connection(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in CONNECTION_OPTIONS}
