"""What each kind of store is known to give, so that only the others need be asked.

A commit is safe where an object can be created only if it is absent, by one of any number of
writers. What is known from a store's documentation or by trying stands in `KNOWN`; all else is
tried once by `embzarr._history.probe` before the first commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a store is known to give."""

    kind: str
    """``s3``, ``gcs``, ``local``, ``fsspec`` and so on; see `KNOWN`."""
    sound: bool | None
    """Whether create-if-absent, reading what was written, ranges and listings are known to be as
    they must; None: it has to be tried."""
    why: str
    """Where that is known from."""
    identity: str = ""
    """What an answer holds for: the server and bucket; empty where nothing is known of them."""


def _row(kind: str, why: str, *, sound: bool | None = True) -> Capabilities:
    return Capabilities(kind=kind, sound=sound, why=why)


_ROWS = (
    _row("s3", "If-None-Match on PUT since 2024-08, strongly consistent since 2020-12"),
    _row("r2", "conditional PUT and strong consistency are documented"),
    _row("gcs", "x-goog-if-generation-match: 0, strongly consistent"),
    _row("azure", "If-None-Match: * on Put Blob, strongly consistent"),
    _row("hdfs", "a temporary name, then a rename that does not overwrite"),
    _row("local", "a hard link to a complete file, which fails if the name is taken"),
    _row("memory", "one lock for the process"),
    _row("http", "read only", sound=False),
    _row("s3-compatible", "MinIO and versitygw keep it; Ceph and others by version", sound=None),
    _row("fsspec", "most look first and write then", sound=None),
    _row("unknown", "an object that was handed in", sound=None),
)

KNOWN: Mapping[str, Capabilities] = MappingProxyType({row.kind: row for row in _ROWS})
"""By kind."""


def capabilities_of(kind: str, identity: str = "") -> Capabilities:
    """Return what is known of a kind, for one server and bucket."""
    row = KNOWN[kind]
    return Capabilities(kind=kind, sound=row.sound, why=row.why, identity=identity)


def known_of(store: object) -> Capabilities:
    """Return what a store knows of itself."""
    known = getattr(store, "capabilities", None)
    return known if isinstance(known, Capabilities) else capabilities_of("unknown")


def s3_capabilities(endpoint: str | None, bucket: str) -> Capabilities:
    """Return what is known of a bucket by the server that it is on; None is Amazon's own."""
    host = urlsplit(endpoint).hostname or "" if endpoint else "amazonaws.com"
    kind = "s3-compatible"
    if host == "amazonaws.com" or host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        kind = "s3"
    elif host.endswith(".r2.cloudflarestorage.com"):
        kind = "r2"
    return capabilities_of(kind, f"{endpoint or ''} {bucket}")
