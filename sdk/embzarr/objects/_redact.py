"""What may be printed: URLs and library messages without users, passwords, queries or tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus

_MASK = "***"
_SHORTEST_SECRET = 4
"""Shorter values are no secrets worth the name, and masking them would blacken every message."""

_SECRET_NAME = re.compile(
    r"key|secret|token|pass|pwd|sas|cred|sig|auth|header|cookie", re.IGNORECASE
)
# Only whole names before an equals sign are looked at: each error of a store passes here.
_SECRET_PARAMETER = re.compile(
    r"(?<![\w.-])(?=[\w.-]+=)"
    r"([\w.-]*(?:secret|token|pass|pwd|cred|sig|auth|key)[\w.-]*=)[^&\s\"'<>]+",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<=//)[^/\s\"'@]+@")
# A password may hold a slash that nobody encoded, as many AWS keys do; what follows a colon as
# digits and a slash is a port.
_CREDENTIALS = re.compile(r"(?:[^/@:]*:(?!\d+/)[^@]*|[^/@]*)@")
# In these schemes the part before "@" names the container and the part behind it the account.
_CONTAINER_SCHEMES = ("abfs", "abfss")


def redact_url(url: str) -> str:
    """Return the URL, chained or not, without user, password, query and fragment."""
    return "::".join(_parts(link)[0] for link in url.split("::"))


def secrets_in_url(url: str) -> Iterator[str]:
    """Yield what `redact_url` takes out, whole and in its parts."""
    for link in url.split("::"):
        _, credentials, query = _parts(link)
        if credentials:
            yield credentials
            yield from credentials.split(":", 1)
        if query:
            yield query
            yield from (value for _, value in parse_qsl(query))


def credentials_in_url(url: str) -> str:
    """Return ``user:password`` of a URL that is no chain; empty if it has none."""
    return _parts(url)[1]


def _parts(link: str) -> tuple[str, str, str]:
    """Return what may be shown, the credentials, and the query with the fragment."""
    scheme, separator, rest = link.partition("://")
    if not separator:
        return link, "", ""
    found = _CREDENTIALS.match(rest)
    credentials = found[0].removesuffix("@") if found else ""
    if scheme in _CONTAINER_SCHEMES and ":" not in credentials:
        credentials = ""
    else:
        rest = rest[len(found[0]) :] if found else rest
    shown, *query = re.split(r"[?#]", rest, maxsplit=1)
    return f"{scheme}://{shown}", credentials, "".join(query)


def secrets_in_options(options: Mapping[str, object]) -> Iterator[str]:
    """Yield every text below a name that sounds like a secret, at any depth."""
    for name, value in options.items():
        if _SECRET_NAME.search(str(name)):
            yield from _texts(value)
        elif isinstance(value, Mapping):
            yield from secrets_in_options(value)
        elif isinstance(value, str):
            yield from secrets_in_url(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode(errors="replace")
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Iterable):
        for inner in value:
            yield from _texts(inner)


class Redactor:
    """Takes known secrets, and whatever looks like one, out of a text.

    Its ``repr`` shows nothing, since it stands in frames that a debugger or a crash report prints.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Keep each secret in the spellings that a URL or a header gives it, longest first."""
        known = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
        spelled = {form for text in known for form in (text, quote(text, ""), quote_plus(text))}
        self._secrets = sorted(spelled, key=len, reverse=True)

    def __repr__(self) -> str:
        """Say only what this is."""
        return "Redactor()"

    def clean(self, text: str) -> str:
        """Return the text with every secret masked."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return _SECRET_PARAMETER.sub(rf"\1{_MASK}", _USERINFO.sub(f"{_MASK}@", text))

    def printable(self, exc: BaseException) -> bool:
        """Tell whether a traceback of this exception and of all behind it shows no secret."""
        chain = [exc]
        for link in chain:
            text = f"{link!s}\n{link!r}"
            if self.clean(text) != text:
                return False
            behind = (link.__cause__, link.__context__)
            chain += [other for other in behind if other is not None and other not in chain]
        return True
