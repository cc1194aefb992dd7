"""Which store is asked: what is kept of one is never taken for another one's.

An identity is made of what decides who answers: the kind of store, the server, the bucket or the
root, the proxy, the certificates that are believed. Nothing that a store says of itself is in it,
and no secret, since its hash stands in the names of files.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import weakref
from collections.abc import Mapping
from dataclasses import dataclass

_SECRET = re.compile(r"key|secret|token|pass|sas|cred|sig|auth", re.IGNORECASE)
"""Names of what lets one in, and does not say where."""
_DECIDES = re.compile(
    r"(?:https?|all|no)_proxy"
    r"|(?:aws|google|azure|hadoop)_.*(?:url|endpoint|host|home|account|emulator|conf).*",
    re.IGNORECASE,
)
"""Variables of the environment that libraries ask for where to connect to."""

_own: dict[int, str] = {}
"""By `id`, of objects that live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Names one store; two that are equal ask the same party."""

    text: str
    lasting: bool
    """Whether it names the same store in other processes, too."""


def of_place(kind: str, *parts: object, options: Mapping[str, object] | None = None) -> Identity:
    """Return the identity of what is found by its address, in every process.

    Args:
        kind: ``s3``, ``local`` and so on.
        *parts: the address.
        options: of the connection; names that sound like a secret are left out.
    """
    told = [kind, *map(str, parts), *_plain(options or {}), *_plain(_environment())]
    return Identity(text=_hashed(repr(told)), lasting=True)


def of_folder(root: str) -> Identity:
    """Return the identity of a folder of this machine: another one of that name is another."""
    try:
        state = os.stat(root)  # noqa: PTH116 - a text in, two numbers out
        found = (state.st_dev, state.st_ino)
    except OSError:
        found = (0, 0)
    return of_place("local", platform.node(), root, *found)


def of_object(thing: object, path: str = "") -> Identity:
    """Return the identity of a store of which nothing is known: this object, while it lives."""
    name = _own.get(id(thing))
    if name is None:
        name = secrets.token_hex(32)
        try:
            weakref.finalize(thing, _own.pop, id(thing), None).atexit = False
        except TypeError:  # whether it lives cannot be told, and its `id` may be given again
            return Identity(text=name, lasting=False)
        name = _own.setdefault(id(thing), name)
    return Identity(text=_hashed(f"{name} {path}"), lasting=False)


def identity_of(store: object) -> Identity:
    """Return what a store says of whom it asks; one that says nothing is known by itself alone."""
    known = getattr(store, "identity", None)
    return known if isinstance(known, Identity) else of_object(store)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _environment() -> dict[str, object]:
    return {name: value for name, value in os.environ.items() if _DECIDES.fullmatch(name)}


def _plain(options: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return options by name, those of mappings in them too, without secrets."""
    found: list[tuple[str, object]] = []
    for name, value in sorted(options.items()):
        if isinstance(value, Mapping):
            found.append((name, _plain(value)))
        elif not _SECRET.search(name):
            found.append((name, str(value).rpartition("@")[2]))  # no user of a proxy
    return found
