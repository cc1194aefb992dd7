"""Tags: names for commits, which may be moved. Spec section "Tags"."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from embzarr._format import Parent, json, keys, spec
from embzarr._history import history, records
from embzarr._history.records import Collected, Expired, expired
from embzarr._storage import get_at_most, unless_missing
from embzarr.errors import DamagedError, EmbzarrError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._history.records import Commit
    from embzarr._storage import Readable, Store

_SHOWN: Final = 10
"""Tags that are named where the one asked for is not there."""


class _Tag(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["embzarr"]
    version: Literal[1]
    target: Parent


_to_tag = json.parser(_Tag, "tag-invalid")


def find_tag(store: Readable, name: str) -> Commit:
    """Return the commit that a tag names.

    Raises:
        NotFoundError: code ``tag-missing``; codes ``commit-missing`` and ``commit-expired`` where
            the tag is there and its commit is not.
        DamagedError: the tag is damaged, or its commit is no longer the one that was tagged.
    """
    key = keys.tag_key(name)
    try:
        data = get_at_most(store, key, spec.MAX_TAG_BYTES)
    except NotFoundError as exc:
        raise _missing(store, name) from exc
    parent = parse_tag(data, key)
    try:
        commit = history.read(store, parent.commit)
    except NotFoundError as exc:
        raise NotFoundError(exc.code, f"{key}: {exc.args[0]}") from exc
    if commit.sha256 != parent.sha256:
        raise DamagedError(
            "tag-invalid", f"{key}: commit {parent.commit} is not the one that was tagged"
        )
    return commit


def parse_tag(data: bytes | bytearray | memoryview, what: str) -> Parent:
    """Return the commit and identity that a tag holds.

    Raises:
        DamagedError: code ``tag-invalid``.
    """
    document = json.loads(data, what=what, max_bytes=spec.MAX_TAG_BYTES)
    return _to_tag(document, what).target


def read_all(store: Readable) -> dict[str, Parent]:
    """Return the commit and identity of each tag, by name.

    Raises:
        DamagedError: code ``tag-invalid``.
        UnsupportedError: the store cannot list.
    """
    found: dict[str, Parent] = {}
    for name in _names(store):
        key = keys.tag_key(name)
        with contextlib.suppress(NotFoundError):  # removed since it was listed
            found[name] = parse_tag(get_at_most(store, key, spec.MAX_TAG_BYTES), key)
    return dict(sorted(found.items()))


def _names(store: Readable) -> Iterator[str]:
    listed = (keys.tag_name(info.key) for info in store.list(f"{spec.TAGS}/"))
    return (name for name in listed if name is not None)


def _missing(store: Readable, name: str) -> NotFoundError:
    """Return the error of a tag that is not there, with some that are where they can be listed."""
    message = f"no tag {name!r}"
    with contextlib.suppress(EmbzarrError):
        shown = sorted(_names(store))
        more = ", and others" if len(shown) > _SHOWN else ""
        message += f"; tags: {', '.join(map(repr, shown[:_SHOWN])) or 'none'}{more}"
    return NotFoundError("tag-missing", message)


def write_tag(store: Store, name: str, commit: Commit) -> None:
    """Let a name mean a commit, replacing what it meant.

    Raises:
        NotFoundError: code ``commit-expired``: a garbage collection gave the commit up meanwhile;
            the name means what it did before.
    """
    key = keys.tag_key(name)
    before = _bytes_of(store, key)
    target = Parent(commit=commit.number, sha256=commit.sha256)
    tag = _Tag(format="embzarr", version=1, target=target)
    store.put(key, json.dumps(msgspec.to_builtins(tag)))
    # A collection that landed before the name stood may have missed it; one that lands from now on
    # finds it, if not when it plans then before it deletes.
    given_up = _given_up(store, commit.number)
    if given_up is None:
        return
    if before is None:
        store.delete(key)
    else:
        store.put(key, before)
    raise given_up


def _given_up(store: Readable, number: int) -> NotFoundError | None:
    for record in history.since(store, number):
        if isinstance(record, Collected) and number in record.collection.expires:
            return expired(f"commit {number}", by=record.number)
    # A collection that has expired itself had left a tombstone here before.
    now = records.read(store, number)
    return now.error() if isinstance(now, Expired) else None


def remove_tag(store: Store, name: str) -> None:
    """Take a name away; the commit stays.

    Raises:
        NotFoundError: code ``tag-missing``.
    """
    key = keys.tag_key(name)
    if _bytes_of(store, key) is None:
        raise _missing(store, name)
    store.delete(key)


def _bytes_of(store: Readable, key: str) -> bytes | None:
    return unless_missing(lambda: bytes(get_at_most(store, key, spec.MAX_TAG_BYTES)))
