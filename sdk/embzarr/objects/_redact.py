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
_SECRET_PARAMETER = re.compile(
    r"([\w.-]*(?:secret|token|pass|pwd|cred|sig|auth|key)[\w.-]*=)[^&\s\"'<>]+", re.IGNORECASE
)
_USERINFO = re.compile(r"(?<=//)[^/\s\"'@]+@")
# In these schemes the part before "@" names the container and the part behind it the account.
_CONTAINER_SCHEMES = ("abfs", "abfss")


def redact_url(url: str) -> str:
    """Return the URL, chained or not, without user, password, query and fragment."""
    return "::".join(_redact_link(link) for link in url.split("::"))


def _redact_link(link: str) -> str:
    scheme, separator, rest = link.partition("://")
    if not separator:
        return link
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at and (scheme not in _CONTAINER_SCHEMES or ":" in user):
        authority = host
    return f"{scheme}://{authority}{slash}{path}"


def secrets_in_url(url: str) -> Iterator[str]:
    """Yield what `redact_url` takes out, whole and in its parts."""
    for link in url.split("::"):
        rest, _, query = link.partition("://")[2].partition("?")
        userinfo, at, _ = rest.partition("/")[0].rpartition("@")
        if at and not link.startswith(_CONTAINER_SCHEMES):
            yield userinfo
            yield from userinfo.split(":", 1)
        if query:
            yield query
            yield from (value for _, value in parse_qsl(query))


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

    def printable(self, exc: BaseException | None) -> bool:
        """Tell whether a traceback of this exception and of all behind it shows no secret."""
        seen: set[int] = set()
        while exc is not None and id(exc) not in seen:
            seen.add(id(exc))
            text = f"{exc!s}\n{exc!r}"
            if self.clean(text) != text or not self.printable(exc.__cause__):
                return False
            exc = exc.__context__
        return True
