"""What `collections` promises: a record of what was given up, or none whose lists cannot be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from embzarr._format import Collection, Tombstone, collections
from embzarr._format.documents.manifests import Parent
from embzarr.errors import DamagedError

RECORD: dict[str, Any] = {
    "format": "embzarr",
    "version": 1,
    "store": "0" * 32,
    "commit": 9,
    "write_id": "1" * 32,
    "parent": {"commit": 8, "sha256": "2" * 64},
    "kind": "collect",
    "created": "2026-01-01T00:00:00Z",
    "writer": "test",
    "newest": None,
    "revokes": ["steps/1-a", "steps/2-b"],
    "expires": [3, 6],
    "expired": [[1, 2], [4, 5], [8, 8]],
}
STONE: dict[str, Any] = {
    "format": "embzarr",
    "version": 1,
    "store": "0" * 32,
    "commit": 3,
    "write_id": "1" * 32,
    "kind": "expired",
    "was": "full",
    "step": 7,
    "sha256": "3" * 64,
    "by": 4,
}


def parsed(**members: Any) -> Collection:
    """Return what is understood of a record that differs from a sound one in some members."""
    return collections.collection_of({**RECORD, **members}, what="commit 9")


def test_a_record_is_read_as_it_was_written() -> None:
    """Its lists as they are."""
    found = parsed()

    assert msgspec.json.decode(collections.encode(found)) == RECORD
    assert found.parent == Parent(commit=8, sha256="2" * 64)
    assert parsed(expires=[], expired=[], revokes=[]).expires == []
    assert parsed(expires=[8], expired=[[1, 7]]).expired == [[1, 7]]


@pytest.mark.parametrize(
    "members",
    [
        {"parent": {"commit": 7, "sha256": "2" * 64}},
        {"parent": {"commit": 9, "sha256": "2" * 64}},
        {"revokes": ["commits/1"]},
        {"revokes": ["steps/2-b", "steps/1-a"]},
        {"revokes": ["steps/1-a", "steps/1-a"]},
        {"expires": [6, 3]},
        {"expires": [3, 3]},
        {"expires": [3, 9]},
        {"expires": [3, 10]},
        {"expires": [2]},
        {"expires": [4]},
        {"expires": [], "expired": [[1, 3], [2, 5]]},
        {"expires": [], "expired": [[1, 3], [3, 5]]},
        {"expires": [], "expired": [[3, 1]]},
        {"expires": [], "expired": [[3, 9]]},
        {"expires": [0]},
        {"expired": [[1]]},
    ],
)
def test_lists_rise_and_do_not_overlap(members: dict[str, Any]) -> None:
    """Nothing twice, nothing at or after the collection itself, no folder elsewhere."""
    with pytest.raises(DamagedError) as caught:
        parsed(**members)
    assert caught.value.code == "manifest-invalid"


def test_a_tombstone_was_made_by_a_later_commit() -> None:
    """Not by itself, nor by one before it."""
    found = collections.tombstone_of(STONE, what="commit 3")

    assert (type(found), found.by) == (Tombstone, 4)
    for by in (2, 3):
        with pytest.raises(DamagedError, match="expired by the earlier"):
            collections.tombstone_of({**STONE, "by": by}, what="commit 3")
