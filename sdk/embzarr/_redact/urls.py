"""URLs without users, passwords, signatures and tokens.

Written for URLs as people type them, not only as the standard has them: a password may hold
``@``, ``/``, ``?``, ``#`` and ``:`` that nobody encoded. Where a part may be a password, it is
taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias
from urllib.parse import unquote, unquote_plus

from embzarr._redact.names import HARMLESS_PARAMETERS, MASK

_Query: TypeAlias = Callable[[str, str], str]
"""From the mark, ``?`` or ``#``, and what follows it, to what is shown of both."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/{2,}")
_INNER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}+:/{2,}")
_DEEPEST = 4
"""Of URLs in URLs."""
# fsspec's chains: "::" with another protocol behind it. Not the one of an IPv6 address.
_CHAIN = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*(?:://|::|$))")
# What follows a colon as digits and a slash is a port.
_LENIENT_USER = re.compile(r"[^/?#@:]*:(?!\d+/|\d*$)[^@]*@")
_ENCODED_USER = re.compile(r"[^/?#]*%40", re.IGNORECASE)
# Where digits may be a port or the begin of a password: what says that is a host behind "@".
_PORT_OR_PASSWORD = re.compile(
    r"[^/?#@:]*:(?:\d*[?#][^@]*@|\d+/[^@]*@[\w-]+(?:\.[\w-]+)+|\d+/[^@]*@[^/]*:)"
)
_QUERY = re.compile(r"([?#])")
_MOST_ENCODED = 4
"""How often a URL in a URL may have been encoded."""
_AT_END = re.compile(r"(?:@|%40)$")
_END_OF_HOST = re.compile(r"[/?#]")
_ENCODED_URL = re.compile(r"%(?:25)*3a(?:%(?:25)*2f){2}", re.IGNORECASE)
_OF_THIS_MACHINE = "file:///"
# In these schemes the part before "@" names the container and the part behind it the account;
# buckets have no ports.
_CONTAINERS = frozenset({"abfs", "abfss"})
_BUCKETS = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "az", "azure", "oss", "abfs", "abfss"})
_BUCKET_USER = re.compile(r"[^/?#@:]*:[^@]*@")


def redact_url(url: str) -> str:
    """Return the place that a URL, chained or not, names: no user, password, query, fragment."""
    return "::".join(_shown(link) for link in _CHAIN.split(url))


def stored_url(url: str) -> str:
    """Return the URL without what would let anybody in; harmless parameters stay."""
    return "::".join(_shown(link, query=_kept_parameters) for link in _CHAIN.split(url))


def masked_url(url: str) -> str:
    """Return the URL with a mask in place of what would let anybody in."""
    return "::".join(
        _shown(link, query=_masked_parameters, user=f"{MASK}@") for link in _CHAIN.split(url)
    )


def user_of_url(url: str) -> tuple[str, str]:
    """Return ``user:password`` of a URL that is no chain, or nothing, and the URL without it."""
    scheme, rest = _split(url)
    if not scheme:
        return "", url
    user = _user_in(rest, scheme)
    return user.removesuffix("@"), f"{scheme}{rest[len(user) :]}"


def secrets_in_url(url: str, *, depth: int = _DEEPEST) -> Iterator[str]:
    """Yield what `redact_url` takes out, whole and in its parts, also of URLs inside of it."""
    for link in _CHAIN.split(url) if depth else ():
        scheme, rest = _split(link)
        if not scheme:
            continue
        user = _user_in(rest, scheme)
        yield from _parts_of_user(_AT_END.sub("", user))
        if ":" in user or _is_port_or_password(rest, scheme):
            # A password with further "@" in it, or one that looked like a port.
            yield from _parts_of_user(rest[: rest.rfind("@")])
        place, _, query = _cut(rest[len(user) :])
        yield from _secrets_in_query(query, depth)
        inner = _decoded(place)
        if found := _INNER.search(inner):
            yield from secrets_in_url(inner[found.start() :], depth=depth - 1)


def _secrets_in_query(query: str, depth: int) -> Iterator[str]:
    if query:
        yield query
    for part in re.split(r"[&;#]", query):
        name, _, value = part.partition("=")
        plain = _decoded(value)
        if not _is_harmless(part):
            yield from (value, plain) if value else (name,)
        yield from secrets_in_url(plain, depth=depth - 1)


def is_url(text: str) -> bool:
    """Tell whether a text is one URL, or a chain of them, and nothing else."""
    return bool(_SCHEME.match(_CHAIN.split(text)[-1])) and "\n" not in text


def _parts_of_user(user: str) -> Iterator[str]:
    for text in {user, unquote(user)} - {""}:
        yield text
        yield from text.split(":", 1)


def _shown(link: str, *, query: _Query | None = None, user: str = "", depth: int = _DEEPEST) -> str:
    scheme, rest = _split(link)
    if not scheme:
        return link
    found = _user_in(rest, scheme)
    place, mark, after = _cut(rest[len(found) :])
    doubtful = ":" in found and "@" in rest[len(found) :]
    if doubtful or (not found and _is_port_or_password(rest, scheme)):
        return f"{scheme}{MASK}"
    place = _inner(place, query=query, user=user, depth=depth)
    return f"{scheme}{user if found else ''}{place}{query(mark, after) if query and mark else ''}"


def _is_port_or_password(rest: str, scheme: str) -> bool:
    own = _name(scheme) in _CONTAINERS or scheme.lower() == _OF_THIS_MACHINE
    return not own and bool(_PORT_OR_PASSWORD.match(rest))


def _inner(path: str, *, query: _Query | None, user: str, depth: int) -> str:
    """Return a path whose own URLs, as of a proxy, show no secret, encoded ones neither."""
    if found := _INNER.search(path):
        before, link = path[: found.start()], path[found.start() :]
        shown = _shown(link, query=query, user=user, depth=depth - 1) if depth else MASK
        return f"{before}{shown}"
    if found := _ENCODED_URL.search(path):
        plain = _decoded(path[found.start() :])
        if re.search(r"[@?#]", plain) or not _is_plain(plain):
            return f"{path[: found.start()]}{MASK}"
    return path


def _kept_parameters(mark: str, after: str) -> str:
    kept = [part for part in re.split(r"[&;]", after.partition("#")[0]) if _is_harmless(part)]
    return f"?{'&'.join(kept)}" if kept and mark == "?" else ""


def _masked_parameters(mark: str, after: str) -> str:
    query, fragment, _ = after.partition("#")
    if mark == "#":
        return f"#{MASK}"
    masked = "".join(
        part if part in {"&", ";"} or _is_harmless(part) else _masked_parameter(part)
        for part in re.split(r"([&;])", query)
    )
    return f"?{masked}{f'#{MASK}' if fragment else ''}"


def _masked_parameter(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={MASK}" if equals else MASK


def _is_harmless(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    if not parameter or value == MASK:
        return True
    plain = _decoded(value)
    is_known = unquote_plus(name).lower() in HARMLESS_PARAMETERS
    return is_known and _is_plain(plain) and redact_url(plain) == plain


def _decoded(text: str) -> str:
    for _ in range(_MOST_ENCODED):
        text = unquote_plus(text)
    return text


def _is_plain(decoded: str) -> bool:
    """Tell whether nothing is left to decode: else it may be a URL that nobody looked at."""
    return unquote_plus(decoded) == decoded


def _split(link: str) -> tuple[str, str]:
    """Return scheme and slashes, and what follows; nothing and all where there is no scheme."""
    found = _SCHEME.match(link)
    return (found[0], link[found.end() :]) if found else ("", link)


def _name(scheme: str) -> str:
    return scheme.partition(":")[0].lower()


def _user_in(rest: str, scheme: str) -> str:
    """Return the part up to the ``@`` before the host."""
    if scheme.lower() == _OF_THIS_MACHINE:
        return ""  # a folder's name may hold any letter
    name = _name(scheme)
    host = _END_OF_HOST.split(rest, maxsplit=1)[0]
    user = host[: host.rfind("@") + 1]
    if not user and not rest.startswith(("[", "/")):
        lenient = _BUCKET_USER if name in _BUCKETS else _LENIENT_USER
        found = lenient.match(rest) or _ENCODED_USER.match(rest)
        user = found[0] if found else ""
    return "" if name in _CONTAINERS and ":" not in user else user


def _cut(rest: str) -> tuple[str, str, str]:
    """Return what lies before the query or fragment, its mark, and the rest."""
    before, *mark_and_rest = _QUERY.split(rest, maxsplit=1)
    mark, after = mark_and_rest or ("", "")
    return before, mark, after
