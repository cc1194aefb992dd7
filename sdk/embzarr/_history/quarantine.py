"""Marks commits that are damaged, without touching them. Spec section "Quarantine and repair"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from embzarr._format import Hex256, Instant, Positive, json, keys, spec
from embzarr.errors import NotFoundError

if TYPE_CHECKING:
    from embzarr._storage import Head, Readable


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that was found damaged."""

    code: str
    key: str


class Quarantine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record that marks a commit."""

    format: Literal["embzarr"]
    version: Literal[1]
    commit: Positive
    sha256: Hex256
    """SHA-256 of the bytes at the commit's key when it was marked."""
    created: Instant
    writer: Annotated[str, Meta(max_length=256)]
    faults: Annotated[list[Fault], Meta(max_length=spec.MAX_FAULTS)]
    """The first of what was found."""


_to_record = json.parser(Quarantine, "quarantine-invalid")


def encode(record: Quarantine) -> bytes:
    """Return the canonical bytes."""
    return json.dumps(msgspec.to_builtins(record))


def parse(data: bytes | bytearray | memoryview, *, what: str) -> Quarantine:
    """Read a record that a stranger may have written.

    Raises:
        DamagedError: code ``quarantine-invalid``, or that of the JSON.
    """
    document = json.loads(data, what=what, max_bytes=spec.MAX_QUARANTINE_BYTES)
    return _to_record(document, what)


def marked(store: Readable) -> list[int]:
    """Return the numbers of all commits in quarantine, newest first.

    Raises:
        UnsupportedError: the store cannot list.
    """
    found = (keys.quarantine_number(info.key) for info in store.list(f"{spec.QUARANTINE}/"))
    return sorted((number for number in found if number is not None), reverse=True)


def is_marked(store: Head, number: int) -> bool:
    """Tell whether a commit is in quarantine: the record's being there says it."""
    try:
        store.head(keys.quarantine_key(number))
    except NotFoundError:
        return False
    return True
