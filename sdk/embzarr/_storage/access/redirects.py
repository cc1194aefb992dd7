"""Redirects, which obstore follows: what is meant for one host is not told to another one.

It takes ``Authorization`` and cookies off then, and nothing else: no header of a caller's own, no
session token of S3 and no key that encrypts an object.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAY_FOLLOW = "headers_follow_redirects"
"""The option by which a caller says that any host may know the headers."""
NOWHERE = "127.0.0.1:0"
"""No server can stand at this port, so that whoever is sent there tells nobody anything."""
# The first are taken off by obstore where a redirect leads to another host, the others tell nobody
# anything.
_SAFE_HEADERS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "www-authenticate"}
    | {"accept", "accept-language", "cache-control", "pragma", "user-agent"}
)
_NAME = re.compile(r"(?:[a-z0-9_-]+\.)*(?!0x)[a-z0-9_-]*[a-z_-][a-z0-9_-]*")
_PROXIES = frozenset({"http", "https", "all"})


def refuse_headers_that_leak(headers: Iterable[object], shown: str) -> None:
    """Refuse headers that would follow a redirect to another host.

    Args:
        headers: their names.
        shown: the store, as messages name it.

    Raises:
        InvalidInputError: one of them may be a secret.
    """
    leaking = sorted(str(name) for name in headers if str(name).lower() not in _SAFE_HEADERS)
    if leaking:
        raise InvalidInputError(
            "input-argument",
            f"the header {leaking[0]!r} would follow a redirect of {shown} to another"
            " host; send what is secret as 'authorization' or 'cookie', or, if any host may know"
            f' it, say storage_options={{"{MAY_FOLLOW}": True}}',
        )


def only_to(endpoint: str, given: Mapping[str, object]) -> dict[str, str]:
    """Return options of a connection that reaches one host, its subdomains, and no other.

    obstore cannot be told to follow no redirect, but to ask all other hosts by a proxy: by one that
    is not there. Where a real proxy is in use all goes by that, and nothing is changed; nor is it
    for a host that is spelled oddly.

    Args:
        endpoint: URL of the host.
        given: what else is said of the connection.
    """
    host = urlsplit(endpoint).hostname or ""
    if not _is_plain(host) or "proxy_url" in given or are_proxied():
        return {}
    return {"proxy_url": f"http://{NOWHERE}", "proxy_excludes": host}


def are_proxied() -> bool:
    """Tell whether the environment, or the system, says that requests go by a proxy."""
    return not _PROXIES.isdisjoint(getproxies())


def _is_plain(host: str) -> bool:
    """Tell whether obstore spells a host as we do: not what it takes for a number, as ``127.1``."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _NAME.fullmatch(host) is not None
    return True
