"""What a store was opened with, kept out of all that is said of it, in every spelling."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

from embzarr._redact.names import MASK, is_plain, is_secret_option
from embzarr._redact.texts import masked
from embzarr._redact.urls import redact_url, secrets_in_url

_SHORTEST = 4
"""Shorter values are no secrets worth the name, and masking them would blacken every message."""
_LONG = 8
"""Shorter ones are masked as whole words only."""
_DEEPEST = 8
_STORES = re.compile(r"AWS_|AZURE_|GOOGLE_|GCS_|GCP_|S3_|HF_|HDFS_|.*_PROXY$", re.IGNORECASE)
_USERS = ("user", "username", "login", "client_id", "key", "access_key_id")
_PASSWORDS = ("password", "passwd", "pass", "pw", "secret", "client_secret", "secret_access_key")


def secrets_in_options(options: Mapping[str, object]) -> Iterator[str]:
    """Yield every text below a name that sounds like a secret, at any depth."""
    yield from _of_mapping(options, _DEEPEST)


def secrets_of_environment() -> Iterator[str]:
    """Yield what stores and proxies find in this process's environment."""
    named = {name: value for name, value in os.environ.items() if _STORES.match(name)}
    yield from secrets_in_options(named)


def _of_mapping(options: Mapping[str, object], depth: int) -> Iterator[str]:
    for name, value in options.items():
        yield from _of_member(str(name), value, depth)
    yield from _pairs(options)


def _of_member(name: str, value: object, depth: int) -> Iterator[str]:
    if is_secret_option(name):
        yield from _texts(value, depth)
    elif isinstance(value, Mapping) and depth:
        yield from _of_mapping(value, depth - 1)
    elif isinstance(value, list | tuple) and depth:
        for item in value:
            yield from _of_member(name, item, depth - 1)
    elif isinstance(value, str | bytes):
        text = _text(value)
        yield from secrets_in_url(text)
        yield from _of_json(text, depth)


def _texts(value: object, depth: int) -> Iterator[str]:
    """Yield every text of a value that is secret."""
    if isinstance(value, str | bytes | bytearray | memoryview):
        yield from _of_text(_text(value), depth)
    elif isinstance(value, Mapping) and depth:
        for name, inner in value.items():
            yield from _texts_of_member(str(name), inner, depth)
    elif isinstance(value, Iterable) and depth:
        for inner in value:
            yield from _texts(inner, depth - 1)


def _texts_of_member(name: str, value: object, depth: int) -> Iterator[str]:
    shown = not is_secret_option(name) and name.lower() in _SHOWN
    yield from () if shown else _texts(value, depth - 1)


_SHOWN = frozenset({"type", "user-agent", "accept", "content-type", "host", "project_id", "region"})


def _of_text(text: str, depth: int) -> Iterator[str]:
    if redact_url(text) == text and re.match(r"[A-Za-z][\w+.-]*://", text):
        return  # a place: of a token's server, of a login
    yield text
    yield from (line for line in text.splitlines() if len(line) >= _LONG)
    yield from secrets_in_url(text)
    yield from _of_json(text, depth)


def _of_json(text: str, depth: int) -> Iterator[str]:
    """Yield the secrets of a JSON text, such as a service account's."""
    if not depth or not text.lstrip().startswith(("{", "[")):
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _of_member("", document, depth - 1)


def _pairs(options: Mapping[str, object]) -> Iterator[str]:
    """Yield user and password as a header of basic authentication joins them."""
    users = [options[name] for name in _USERS if isinstance(options.get(name), str)]
    passwords = [options[name] for name in _PASSWORDS if isinstance(options.get(name), str)]
    yield from (f"{user}:{password}" for user in users for password in passwords)


def _text(value: str | bytes | bytearray | memoryview) -> str:
    return value if isinstance(value, str) else bytes(value).decode(errors="backslashreplace")


def _spellings(secret: str) -> Iterator[str]:
    """Yield a secret as URLs, headers, JSON, XML and Python's repr write it."""
    data = secret.encode(errors="surrogatepass")
    encoded = [quote(data, ""), quote(data, "/"), quote_plus(data), quote(quote(data, ""), "")]
    yield secret
    yield unquote(secret)
    yield from encoded
    yield from (re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in encoded)
    yield from (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    yield repr(secret)[1:-1]
    yield repr(data)[2:-1]
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    for form in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        yield form.decode().rstrip("=")
    yield data.hex()


class Redactor:
    """Takes known secrets, and whatever looks like one, out of a text.

    Its ``repr`` shows nothing, since it stands in frames that a debugger or a crash report prints.
    """

    __slots__ = ("_secrets", "_spelled")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Keep the secrets; their spellings are made for the first text."""
        self._secrets = frozenset(
            secret for secret in secrets if len(secret) >= _SHORTEST and not is_plain(secret)
        )
        self._spelled: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say only what this is."""
        return "Redactor()"

    def clean(self, text: str) -> str:
        """Return the text with every secret masked."""
        if self._secrets and not self._spelled:
            self._spelled = _spellings_of(self._secrets)
        for form in self._spelled:
            if form in text:
                text = _without(form, text)
        return masked(text, wary=True)

    def cause(self, exc: BaseException) -> BaseException | None:
        """Return an exception as the cause of ours, or None where a traceback must not print it.

        That is where it shows a secret, or what a terminal obeys: a server's answer may stand in
        it. Where there are secrets it loses its frames, whose variables a crash report prints.
        """
        chain = _chain_of(exc)
        if not all(self._is_clean(link) for link in chain):
            return None
        if self._secrets:
            for link in chain:
                link.__traceback__ = None
        return exc

    def _is_clean(self, exc: BaseException) -> bool:
        shown = [str(exc), *map(str, getattr(exc, "__notes__", ()))]
        if exc.args != (shown[0],):
            shown.append(repr(exc))
        return all(_is_plain_text(text) and self.clean(text) == text for text in shown)


def _is_plain_text(text: str) -> bool:
    return text.replace("\n", "").replace("\t", "").isprintable()


def _spellings_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return all spellings, the longest first."""
    forms = {form for secret in secrets for form in _spellings(secret) if len(form) >= _SHORTEST}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _without(form: str, text: str) -> str:
    if len(form) >= _LONG:
        return text.replace(form, MASK)
    return re.sub(rf"(?<![^\W_]){re.escape(form)}(?![^\W_])", MASK, text)


def _chain_of(exc: BaseException) -> list[BaseException]:
    """Return an exception and all that a traceback prints with it."""
    chain = [exc]
    for link in chain:
        behind = (link.__cause__, link.__context__, *getattr(link, "exceptions", ()))
        chain += [other for other in behind if other is not None and other not in chain]
    return chain
