"""Tags: names for commits, which may be moved. Spec section "Tags"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from embzarr import _history, _json, _keys, _schema
from embzarr._manifest import Parent
from embzarr.errors import DamagedError, NotFoundError
from embzarr.objects import get_at_most

if TYPE_CHECKING:
    from embzarr._history import Commit
    from embzarr.objects import Readable, Store


class _Tag(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["embzarr"]
    version: Literal[1]
    target: Parent


_to_tag = _json.converter(_Tag)


def find_tag(store: Readable, name: str) -> Commit:
    """Return the commit that a tag names.

    Raises:
        NotFoundError: code ``tag-missing``.
        DamagedError: the tag is damaged, or its commit is no longer the one that was tagged.
    """
    key = _keys.tag_key(name)
    try:
        data = get_at_most(store, key, _schema.MAX_TAG_BYTES)
    except NotFoundError as exc:
        raise NotFoundError("tag-missing", f"no tag {name!r}") from exc
    parent = parse_tag(data, key)
    commit = _history.read(store, parent.commit)
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
    document = _json.loads(data, what=what, max_bytes=_schema.MAX_TAG_BYTES)
    try:
        return _to_tag(document).target
    except msgspec.ValidationError as exc:
        raise DamagedError("tag-invalid", f"{what}: {exc}") from exc


def write_tag(store: Store, name: str, commit: Commit) -> None:
    """Let a name mean a commit, replacing what it meant."""
    target = Parent(commit=commit.number, sha256=commit.sha256)
    tag = _Tag(format="embzarr", version=1, target=target)
    store.put(_keys.tag_key(name), _json.dumps(msgspec.to_builtins(tag)))
