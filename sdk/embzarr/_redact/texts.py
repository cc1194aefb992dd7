"""Texts of any origin without what looks like a secret, wherever it stands in them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from embzarr._redact.names import MASK, Doubt, doubt_of, is_plain, looks_random
from embzarr._redact.urls import masked_url

if TYPE_CHECKING:
    from collections.abc import Callable

# All of these take time in step with the text: repetitions give nothing back.
_URL = re.compile(r"(?<![A-Za-z0-9+.-])([0-9+.-]*+)([A-Za-z][A-Za-z0-9+.-]*+:/{2,}+[^\s\"'<>]++)")
_BARE_USER = re.compile(r"(?<![:/\w])//[^/\s\"'<>@]++@")
_HEADER = re.compile(
    r"(?<![\w-])((?:proxy-)?authorization|(?:set-)?cookie"
    r"|x-[a-z-]*?(?:key|token|secret|signature|credential)[a-z-]*+)"
    r"([\"']?\s*[:=]\s*b?[\"']?)(?=[^\s\"'])[^\"'\r\n]++",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(?<!\w)(basic|bearer)(\s+)([A-Za-z0-9._~+/=-]{8,}+)", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?<![\w.-])([\w.-]++)(\s?=\s?)"
    r"(\"(?:\\.|[^\"\\])*+\"|'(?:\\.|[^'\\])*+'|\"[^\"]*+\"|'[^']*+'"
    r"|(?:[^&\s\"'<>;]|;(?![\w.-]++=))++)"
)
_MEMBER = re.compile(
    r"(?<!\\)(?P<q>\\*+[\"'])(?P<name>[\w.-]{1,64}+)(?P=q)(?P<is>\s*:\s*b?)"
    # JSON in JSON: a quote within has twice the backslashes of those around, and one more.
    r"(?P<v>(?P<b>\\*+)[\"'])(?P<value>(?:(?P=b)(?P=b)\\[\\\"']|(?!(?P=v)).)*+)(?P=v)"
)
_ELEMENT = re.compile(r"<([A-Za-z][\w-]{0,63}+)>([^<]++)</")
_DRAWN = re.compile(  # as AWS draws secrets
    r"(?<![\w/+=.-])(?=[A-Za-z0-9/+]{40}(?![\w/+=.-]))"
    r"(?=[^A-Z]{0,39}[A-Z])(?=[^a-z]{0,39}[a-z])(?=[^0-9]{0,39}[0-9])[A-Za-z0-9/+]{40}"
)
_TOKENS = {
    "A": re.compile(r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    "gh": re.compile(r"(?<!\w)gh[pousr]_\w{20,}+"),
    "github_": re.compile(r"(?<!\w)github_pat_\w{20,}+"),
    "hf_": re.compile(r"(?<!\w)hf_[A-Za-z0-9]{20,}+"),
    "glpat-": re.compile(r"(?<!\w)glpat-[\w-]{16,}+"),
    "xox": re.compile(r"(?<!\w)xox[abprs]-[\w-]{10,}+"),
    "sk-": re.compile(r"(?<!\w)sk-[\w-]{20,}+"),
    "AIza": re.compile(r"(?<!\w)AIza[\w-]{30,}+"),
    "ya29.": re.compile(r"(?<!\w)ya29\.[\w-]{10,}+"),
    "eyJ": re.compile(r"(?<!\w)eyJ[\w-]{5,}+\.[\w-]{5,}+\.[\w-]*+"),
    "PRIVATE KEY": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    ),
}
"""What tokens of services look like, each under a text that it must hold."""
_DRAWN_LENGTH = 40
_SHORTEST_BEARER = 20


def masked(text: str, *, wary: bool = False, url: Callable[[str], str] = masked_url) -> str:
    """Return the text with a mask over URLs' users and parameters, keys, passwords and tokens.

    Args:
        text: any text.
        wary: whether doubtful names, such as ``key=``, are enough.
        url: what becomes of a URL.

    Example:
        >>> embzarr.errors.masked("cannot open https://me:secret@host/run")
        'cannot open https://***@host/run'
    """
    if "//" in text:
        text = _URL.sub(lambda found: f"{found[1]}{url(found[2])}", text)
        text = _BARE_USER.sub(f"//{MASK}@", text)
    text = _without_tokens(text)
    if "</" in text:
        text = _ELEMENT.sub(lambda found: _hide_element(found, wary=wary), text)
    if ":" in text and ("'" in text or '"' in text):
        text = _MEMBER.sub(lambda found: _hide_member(found, wary=wary), text)
    return (
        _ASSIGNED.sub(lambda found: _hide_assigned(found, wary=wary), text) if "=" in text else text
    )


def _without_tokens(text: str) -> str:
    """Return the text without what is secret wherever it stands: headers, keys, tokens."""
    lower = text.lower()
    if "authorization" in lower or "cookie" in lower or "x-" in lower:
        text = _HEADER.sub(rf"\1\2{MASK}", text)
    for needed, pattern in _TOKENS.items():
        if needed in text:
            text = pattern.sub(MASK, text)
    if len(text) >= _DRAWN_LENGTH:
        text = _DRAWN.sub(MASK, text)
    return _SCHEME.sub(_hide_scheme, text) if "basic" in lower or "bearer" in lower else text


def is_secret(name: str, value: str, *, wary: bool) -> bool:
    """Tell whether a value is to be hidden, by its name and its looks."""
    doubt = doubt_of(name)
    if doubt is Doubt.HARMLESS or is_plain(value):
        return False
    return doubt is Doubt.SURE or wary or looks_random(value)


def _hide_assigned(found: re.Match[str], *, wary: bool) -> str:
    name, equals, value = found.groups()
    mark = value[0] if value[0] in "\"'" else ""
    hidden = is_secret(name, value.strip("\"'"), wary=wary)
    return f"{name}{equals}{mark}{MASK}{mark}" if hidden else found[0]


def _hide_member(found: re.Match[str], *, wary: bool) -> str:
    (begin, end), start, shown = found.span("value"), found.start(), MASK
    if not is_secret(found["name"], found["value"], wary=wary):
        # It may be JSON itself, or a log's line that quotes some.
        shown = _MEMBER.sub(lambda inner: _hide_member(inner, wary=wary), found["value"])
    return f"{found[0][: begin - start]}{shown}{found[0][end - start :]}"


def _hide_element(found: re.Match[str], *, wary: bool) -> str:
    hidden = is_secret(found[1], found[2], wary=wary)
    return f"<{found[1]}>{MASK}</" if hidden else found[0]


def _hide_scheme(found: re.Match[str]) -> str:
    scheme, blank, value = found.groups()
    secret = _is_basic(value) if scheme.lower() == "basic" else _is_bearer(value)
    return f"{scheme}{blank}{MASK}" if secret else found[0]


def _is_basic(value: str) -> bool:
    """Tell whether it is the base64 of user and password."""
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _is_bearer(value: str) -> bool:
    return len(value) >= _SHORTEST_BEARER or any(letter.isdigit() for letter in value)
