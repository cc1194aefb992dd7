"""What a collector tries before it gives anything up: the right to delete, the time, and room."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import embzarr
from embzarr._gc import collect, survey, trial
from embzarr._storage.open import open_store
from embzarr._storage.port import ObjectInfo, size_of
from embzarr.errors import AccessDeniedError, StoreError
from faulty import PassThrough

if TYPE_CHECKING:
    from embzarr._storage.port import Body, Data

DAY = 86400.0


def save(url: object, step: int) -> embzarr.Checkpoint:
    return embzarr.save(url, ["a", "b"], np.full((2, 2), step, "f4"), step=step)


def files(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five steps, in commits 1 to 5."""
    for step in range(5):
        save(tmp_path, step)
    return tmp_path


# The clock ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("ahead", [2 * DAY, -2 * DAY])
def test_the_stores_clock_tells_what_is_abandoned(
    ahead: float, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector whose own clock runs two days ahead leaves a write alone that is under way."""
    writer = ExitStack().enter_context(embzarr.create(root, 2))
    writer.append(["a"], [[1.0, 2.0]])
    for column in writer._layer.columns.values():
        column.finish()
    writer._layer._files._jobs.wait()
    folder = f"steps/5-{writer._layer.write_id}"
    half = root / folder / f"vectors/c/0/1#{'a' * 32}"
    half.write_bytes(b"half")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    report = embzarr.Run(root).gc(keep_last=1)
    monkeypatch.undo()

    assert report.waiting == (folder,)
    assert half.exists()
    assert writer._commit().verify().ok


def test_what_is_old_by_the_stores_clock_goes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the collector's own clock lags two days behind."""
    old = root / f"steps/9-{'b' * 32}/zarr.json"
    old.parent.mkdir()
    old.write_bytes(b"{}")
    stamp = time.time() - 1.5 * DAY
    os.utime(old, (stamp, stamp))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 2 * DAY)

    assert embzarr.Run(root).gc().revoked == (f"steps/9-{'b' * 32}",)


class _Timeless(PassThrough):
    """Lists nothing of when objects were written."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return (ObjectInfo(key=info.key, size=info.size) for info in super().list(prefix))


def test_where_nobody_knows_the_time_nothing_is_abandoned(root: Path) -> None:
    """Only what is asked for whatever its age goes."""
    folder = root / f"steps/9-{'b' * 32}"
    folder.mkdir()
    (folder / "zarr.json").write_bytes(b"{}")
    run = embzarr.Run(_Timeless(open_store(root)))

    assert run.gc().revoked == ()
    assert run.gc(older_than=0).revoked == (f"steps/9-{'b' * 32}",)


# The right to delete ------------------------------------------------------------------------------
class _NoDelete(PassThrough):
    """Refuses to delete: what is there, or whatever one asks for."""

    even_nothing = True

    def delete(self, key: str) -> None:
        if self.even_nothing or any(info.key == key for info in self.store.list("probe/")):
            raise AccessDeniedError("access-denied", f"cannot delete {key}")


@pytest.mark.parametrize("even_nothing", [True, False])
def test_who_may_not_delete_gives_up_nothing(*, even_nothing: bool, root: Path) -> None:
    """It is refused before anything has expired, and at most an empty try is left."""
    before = files(root)
    store = _NoDelete(open_store(root))
    store.even_nothing = even_nothing
    with pytest.raises(AccessDeniedError):
        embzarr.Run(store).gc(keep_last=1)

    assert {key: data for key, data in files(root).items() if key[:6] != "probe/"} == before
    assert len(embzarr.Run(root).commits()) == 5
    assert len(files(root)) - len(before) == (0 if even_nothing else 1)


def test_a_dry_run_needs_no_right_at_all(root: Path) -> None:
    """It writes nothing and deletes nothing, and tells the same."""
    dry = embzarr.Run(root, read_only=True).gc(keep_last=1, dry_run=True)

    assert dry.expired == embzarr.Run(root).gc(keep_last=1).expired == (1, 2, 3, 4)


# Room ---------------------------------------------------------------------------------------------
class _Full(PassThrough):
    """Has room for so many bytes more, in blocks as a disk."""

    block = 4096

    def __init__(self, root: Path, blocks: int) -> None:
        super().__init__(open_store(root))
        self.root, self.left = root, blocks
        self.lock = threading.Lock()

    def put(self, key: str, data: Body) -> None:
        self._write(key, data)
        super().put(key, data)

    def create(self, key: str, data: Body) -> None:
        self._write(key, data)
        super().create(key, data)

    def delete(self, key: str) -> None:
        with self.lock:
            self.left += self._blocks(key)
        super().delete(key)

    def _write(self, key: str, data: Body) -> None:
        needed = -(-size_of(data) // self.block)
        with self.lock:
            if needed > self.left:
                raise StoreError("store-full", f"cannot write {key}: no space left on device")
            self.left += self._blocks(key) - needed

    def _blocks(self, key: str) -> int:
        path = self.root / key
        return -(-path.stat().st_size // self.block) if path.exists() else 0


def pad(root: Path) -> None:
    """Save once more, with a manifest of several blocks, as those of large tables are."""
    embzarr.save(root, ["a"], [[1.0, 2.0]], step=5, metadata={"notes": ["x" * 30] * 500})


def test_a_full_store_is_collected(root: Path) -> None:
    """At no byte free, the copy of the newest manifest makes room, and is put back afterwards."""
    pad(root)
    hint = (root / "latest.json").read_bytes()
    report = embzarr.Run(_Full(root, 0)).gc(keep_last=1)

    assert report.expired == (1, 2, 3, 4, 5)
    assert (root / "latest.json").read_bytes() == hint
    assert embzarr.open(root).verify().ok
    assert save(root, 6).verify().ok


def test_where_there_is_no_room_at_all_that_is_said(root: Path) -> None:
    """Nothing is half done: what is left to do the next collection does."""
    full = _Full(root, -1)
    with pytest.raises(StoreError) as got:
        embzarr.Run(full).gc(keep_last=1)

    assert got.value.code == "store-full"
    assert embzarr.open(root).verify().ok
    assert embzarr.Run(root).gc(keep_last=1).objects != ()
    assert embzarr.open(root).verify().ok
    assert [c.step for c in embzarr.Run(root).commits()] == [4]


@pytest.mark.parametrize("how", ["save", "delta", "compact"])
def test_a_save_whose_manifest_finds_no_room_is_refused_and_leaves_nothing(
    how: str, root: Path
) -> None:
    """It says so at once, and what it stored makes room again."""
    embzarr.Run(root).save_delta(
        [0], np.full((1, 2), 9, "f4"), policy=embzarr.DeltaPolicy(max_share=99)
    )
    before = files(root)

    class NoCommit(PassThrough):
        def create(self, key: str, data: Body) -> None:
            if key.startswith("commits/"):
                raise StoreError("store-full", f"cannot create {key}: no space left on device")
            super().create(key, data)

    store = NoCommit(open_store(root))
    run = embzarr.Run(store)
    writes: dict[str, Callable[[], object]] = {
        "save": lambda: save(store, 7),
        "delta": lambda: run.save_delta([0], np.full((1, 2), 7, "f4")),
        "compact": run.compact,
    }
    with pytest.raises(StoreError) as got:
        writes[how]()

    assert got.value.code == "store-full"
    assert files(root) == before
    assert embzarr.open(root).verify().ok


# Beside writers who never rest ------------------------------------------------------------------
class _Busy(PassThrough):
    """Somebody saves before every tenth request of a collector."""

    def __init__(self, root: Path) -> None:
        super().__init__(open_store(root))
        self.root, self.count, self.saving = root, 0, True

    def get_range(self, key: str, start: int, length: int) -> Data:
        self.count += 1
        if self.saving and self.count % 10 == 0:
            save(self.root, 100 + self.count)
        return super().get_range(key, start, length)


@pytest.mark.slow
def test_a_collection_comes_first_beside_writers_who_never_rest(tmp_path: Path) -> None:
    """With a history of thirty commits, of which each try used to read every one anew."""
    for step in range(30):
        save(tmp_path, step)
    store = _Busy(tmp_path)
    report = embzarr.Run(store).gc(keep_last=1)

    assert report.commit is not None
    assert len(report.expired) >= 29
    assert embzarr.open(tmp_path).verify().ok
    store.saving = False
    assert embzarr.Run(store).gc(keep_last=1, older_than=0).waiting == ()
    assert embzarr.open(tmp_path).verify().ok


def test_what_is_read_to_catch_up_is_what_is_new(root: Path) -> None:
    """A survey that has caught up is the survey of now."""
    run = embzarr.Run(root)
    before = survey.survey(open_store(root))
    run.gc(keep_last=3)
    run.tag("best", step=3)
    save(root, 9)
    caught, now = (
        survey.caught_up(open_store(root), before),
        survey.survey(open_store(root)),
    )

    assert (caught.tip, caught.tagged) == (now.tip, now.tagged)
    assert caught.records.keys() >= now.records.keys()
    given_up = frozenset[int]().union(*(entry.expires for entry in caught.entries))
    assert {e.number for e in now.entries if e.expired} <= given_up
    assert survey.caught_up(open_store(root), now) is now


def test_the_trial_leaves_nothing(root: Path) -> None:
    """It writes one object below ``probe/``, and removes it."""
    before = files(root)
    stamp = trial.store_time(open_store(root))

    assert files(root) == before
    assert stamp is not None
    assert abs(stamp - time.time()) < 60
    assert collect._ROUNDS == 100
