"""Who may read objects and no more, and what an archive does not hide."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import embzarr
from embzarr._history import history
from embzarr._storage.backends.memory import MemoryStore
from embzarr._storage.port import ObjectInfo
from embzarr.errors import AccessDeniedError, DamagedError, StoreError

WORDS = ["king", "queen"]


class Kept(MemoryStore):
    """One that asks who comes, as S3 does, and has an archive."""

    def __init__(self) -> None:
        super().__init__("memory://kept")
        self.allows_listing = True
        self.archived: set[str] = set()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Refuse, where listing is not allowed."""
        if not self.allows_listing:
            raise AccessDeniedError("access-denied", f"cannot list {prefix}")
        return super().list(prefix)

    def _found(self, key: str) -> bytes:
        if key in self.archived:
            raise OSError("InvalidObjectState: not valid for the object's storage class")
        try:
            return super()._found(key)
        except FileNotFoundError:
            if self.allows_listing:
                raise
            raise PermissionError(f"whether {key} is there is not told") from None


def key_of(number: int) -> str:
    return f"commits/{number:020}.json"


@pytest.fixture
def store() -> Kept:
    """A run of three checkpoints."""
    found = Kept()
    for step in (1, 2, 3):
        embzarr.save(found, WORDS, np.full((2, 3), step, "f4"), step=step)
    return found


@pytest.fixture
def unlisted(store: Kept) -> Kept:
    """The same, for one who may get objects."""
    store.allows_listing = False
    return store


class TestReader:
    """Has the right to get objects, and no other."""

    def test_is_given_the_newest(self, unlisted: Kept) -> None:
        """Neither the listing nor the number after the newest is needed."""
        assert embzarr.open(unlisted)["king"].tolist() == [3, 3, 3]

    def test_is_given_what_the_hint_does_not_tell_of(self, unlisted: Kept) -> None:
        """Commits after the one of ``latest.json`` are found by their numbers."""
        unlisted._objects["latest.json"] = unlisted._objects[key_of(1)]
        assert embzarr.open(unlisted).step == 3

    def test_is_given_the_newest_without_a_hint(self, unlisted: Kept) -> None:
        """By the numbers from 1 on."""
        del unlisted._objects["latest.json"]
        assert embzarr.open(unlisted).step == 3

    def test_is_given_each_step_and_commit(self, unlisted: Kept) -> None:
        """By their names as well."""
        assert embzarr.open(unlisted, step=2).commit == 2
        assert embzarr.open(unlisted, commit=1).step == 1
        assert [one.step for one in embzarr.Run(unlisted).commits()] == [3, 2, 1]

    def test_is_refused_what_is_not_there(self, unlisted: Kept) -> None:
        """Whether there is no run, or none for this reader, nobody says: it is no empty store."""
        unlisted._objects.clear()
        with pytest.raises(AccessDeniedError):
            embzarr.open(unlisted)

    def test_is_told_of_a_damaged_newest(self, unlisted: Kept) -> None:
        """A number that may be read is not passed over."""
        data, modified = unlisted._objects[key_of(3)]
        unlisted._objects[key_of(4)] = (data, modified)
        with pytest.raises(DamagedError):
            embzarr.open(unlisted)


def test_a_writer_builds_on_nothing_that_may_be_hidden(unlisted: Kept) -> None:
    """Who may not list is refused before anything is written."""
    before = dict(unlisted._objects)
    with pytest.raises(AccessDeniedError):
        embzarr.save(unlisted, WORDS, np.ones((2, 3), "f4"))
    assert unlisted._objects == before


class TestArchive:
    """The manifest of the oldest checkpoint was moved to an archive."""

    @pytest.fixture(autouse=True)
    def _archived(self, store: Kept) -> None:
        store.archived = {key_of(1)}

    def test_other_steps_are_found(self, store: Kept) -> None:
        """Newer and older than it."""
        assert embzarr.open(store, step=2).commit == 2
        store.archived = {key_of(2)}
        assert embzarr.open(store, step=1).commit == 1

    def test_its_step_is_told_to_be_archived(self, store: Kept) -> None:
        """And not to be missing, or denied."""
        with pytest.raises(StoreError, match="must be restored") as caught:
            embzarr.open(store, step=1)
        assert caught.value.code == "object-archived"

    def test_the_others_are_listed(self, store: Kept) -> None:
        """The archived one tells nothing of itself."""
        assert [one.step for one in embzarr.Run(store).commits()] == [3, 2]

    def test_a_collection_keeps_what_it_may_name(self, store: Kept) -> None:
        """What came after it can be given up, and it is told of."""
        before = {key for key in store._objects if key.startswith("steps/1-")}
        report = embzarr.Run(store).gc(keep_last=1, older_than=0)
        assert (report.expired, report.unreadable) == ((2,), (1,))
        assert before <= set(store._objects)
        assert embzarr.open(store)["king"].tolist() == [3, 3, 3]

    def test_a_newest_that_is_archived_is_told_of(self, store: Kept) -> None:
        """Nothing older is given in its place, and nothing is collected."""
        store.archived = {key_of(3), "latest.json"}
        for call in (lambda: embzarr.open(store), lambda: embzarr.Run(store).gc(keep_last=1)):
            with pytest.raises(StoreError) as caught:
                call()
            assert caught.value.code == "object-archived"

    def test_objects_of_a_step_are_told_to_be_archived(self, store: Kept) -> None:
        """On the way to a vector."""
        store.archived = {key for key in store._objects if "/vectors/" in key}
        with pytest.raises(StoreError, match="archive") as caught:
            embzarr.open(store)["king"]
        assert caught.value.code == "object-archived"


def test_a_strict_tip_asks_for_the_right_to_list(unlisted: Kept) -> None:
    """What is to be built upon is not found by a hint."""
    with pytest.raises(AccessDeniedError):
        history.tip(unlisted)
    assert history.tip(unlisted, reads_only=True)
