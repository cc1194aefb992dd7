"""JSON that is stored without credentials: what a run was told is no place for its keys.

A presigned URL, or one with a password in it, is often what a run was told to read its texts from,
and all options of a program are soon written into `metadata`. Who does so means what was used, not
to hand out the key.
"""

from __future__ import annotations

import itertools
from typing import Any

from embzarr._redact.names import MASK, Doubt, doubt_of, is_plain
from embzarr._redact.texts import is_secret, masked
from embzarr._redact.urls import is_url, stored_url


def without_secrets(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON whose texts hold no user, password, signature, key or token.

    A URL loses them, and what else it says stays, harmless parameters too; elsewhere a mask stands
    in their place.
    """
    if isinstance(value, str):
        return masked(stored_url(value) if is_url(value) else value, url=stored_url)
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return value


def _object(members: dict[Any, Any]) -> dict[Any, Any]:
    # "key" and "token" are what they seem where a "secret" stands beside them.
    wary = any(_is_sure(str(name), value) for name, value in members.items())
    found: dict[Any, Any] = {}
    for name, value in members.items():
        hidden = isinstance(value, str) and is_secret(str(name), value, wary=wary)
        found[_free(without_secrets(name), found)] = MASK if hidden else without_secrets(value)
    return found


def _free(name: Any, taken: dict[Any, Any]) -> Any:  # noqa: ANN401 - a name of JSON
    """Return a name that no member has: two URLs may be one without their secrets."""
    numbers = (f"{name} ({number})" for number in itertools.count(2))
    return name if name not in taken else next(one for one in numbers if one not in taken)


def _is_sure(name: str, value: object) -> bool:
    return isinstance(value, str) and doubt_of(name) is Doubt.SURE and not is_plain(value)
