"""Clients of obstore: what they are told of patience, who shares them, and which way bytes go."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import obstore

# By their modules, which show a forked child's own copy: see `embzarr._storage.libraries.library`.
from obstore import exceptions as obstore_errors

from embzarr._storage.access import guards, redirects
from embzarr._storage.backends.obstore import Clients
from embzarr._storage.libraries import library
from embzarr._storage.libraries.client import Client, frozen, shared
from embzarr._storage.libraries.deadline import LARGE_SECONDS, LITTLE_SECONDS
from embzarr._storage.requests.direct import VALID, Direct
from embzarr._storage.requests.failures import shown_url
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from typing import Any

    from obstore import store as obstore_stores
    from obstore.store import ClientConfig, ObjectStoreMethods, RetryConfig

    from embzarr._storage.requests.failures import Place

Connect: TypeAlias = "Callable[[ClientConfig, RetryConfig], ObjectStoreMethods]"
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
# While a body goes up nothing comes down, so that silence says nothing: see `clients_of`.
_SILENCE = "read_timeout"

_READ = re.compile(r"AWS_|SSL_CERT_|.*_PROXY$", re.IGNORECASE)
CONNECTION_OPTIONS: Final = ("allow_http", "client_options", redirects.MAY_FOLLOW, "retry_config")
"""Of a caller's, those that say how to connect, and not where to."""
_OF_TLS = frozenset({"allow_invalid_certificates", "root_certificate"})
_IN_HEADERS = re.compile(r"(?:aws_)?(?:server_side_encryption|sse_\w+|s3_express)", re.IGNORECASE)
"""What options and variables say that no signed URL does, foremost how objects are encrypted."""
_RETRY_OPTIONS = ("backoff", "max_retries", "retry_timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How clients of one kind of place are made, beside what a caller's options say."""

    allow_http: bool = False
    """Whether they may do without TLS."""
    made_of: object = None
    """All that decides what they are, without those options; None where files may, too."""
    unsigned: Unsigned | None = None
    """What makes those whose uploads are not signed."""
    is_plain: bool = False
    """Whether they ask by signed requests, without TLS."""
    said: tuple[str, ...] = ()
    """Names of what else is said of them."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Clients whose uploads a server guards, if it does."""

    connect: Connect
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


def clients_of(
    connect: Connect, options: Mapping[str, object], place: Place, ways: Ways
) -> Clients:
    """Return clients; those made of the same, where that is told, are one for this process.

    Raises:
        InvalidInputError: code ``input-argument``: options that obstore refuses, or that it does
            not know.
    """
    library.OBSTORE.for_this_process()
    given = mapping_of(options, "client_options")
    if not options.get(redirects.MAY_FOLLOW):
        redirects.refuse_headers_that_leak(mapping_of(given, "default_headers"), place.url)
    allowed = bool(options.get("allow_http", ways.allow_http))
    little = {"allow_http": allowed, **_CLIENT, **given}
    if ways.allow_http and not little["allow_http"]:
        ways = replace(ways, unsigned=None, is_plain=False)  # nothing is to go there at all
    large = {**little, **_PATIENCE, **given}
    uploading = {name: large[name] for name in large if name != _SILENCE or name in given}
    retry = _retry_of(options, place)

    environment = _environment()
    common = None if ways.made_of is None else frozen((ways.made_of, retry, environment))

    def client(
        how: Mapping[str, object], by: Connect = connect, kind: str = ""
    ) -> Client[ObjectStoreMethods]:
        make = partial(by, cast("ClientConfig", how), retry)
        return Client(make) if common is None else shared((common, frozen(how), kind), make)

    try:
        first, signed = client(little)(), client(uploading)
        is_direct = ways.is_plain and _asks_nothing(given, (*ways.said, *environment))
        direct = _direct(first, common) if is_direct else None
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


def _retry_of(options: Mapping[str, object], place: Place) -> RetryConfig:
    retry = {**_RETRY, **mapping_of(options, "retry_config")}
    refuse_unknown(retry, _RETRY_OPTIONS, place.url)
    return cast("RetryConfig", retry)


def _asks_nothing(given: Mapping[str, Any], said: Iterable[str]) -> bool:
    """Tell whether no wish of a caller, and no system, needs what only the library heeds."""
    is_odd = given.keys() - _OF_TLS or redirects.are_proxied() or os.name != "posix"
    return not (is_odd or any(map(_IN_HEADERS.fullmatch, said)))


def _direct(client: ObjectStoreMethods, made_of: Hashable) -> Direct:
    """Return what asks by URLs that a client signs, one for this process."""
    signing = cast("obstore_stores.S3Store", client)
    sign = partial(obstore.sign, signing, expires_in=VALID)
    return shared(("direct", made_of), partial(Direct, sign))()


def _environment() -> dict[str, str]:
    """Return what obstore reads of the environment when it makes a client."""
    return {name: value for name, value in os.environ.items() if _READ.match(name)}


def refuse_unknown(options: Mapping[str, object], known: tuple[str, ...], url: str) -> None:
    """Refuse an option of a name that is not known.

    Raises:
        InvalidInputError: code ``input-argument``, with all that are.
    """
    for name in options:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            message = f"unknown storage option {name!r} for {shown_url(url)}; known: {listed}"
            raise InvalidInputError("input-argument", message)


def mapping_of(options: Mapping[str, object], name: str) -> Mapping[str, Any]:
    """Return the mapping that an option is; empty where it is not given.

    Raises:
        InvalidInputError: code ``input-argument``: it is none.
    """
    value = options.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidInputError("input-argument", f"storage option {name!r} is not a mapping")
    return value
