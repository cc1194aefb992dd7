"""Garbage collection: what goes, what stays, and who is told."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]  # no types
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]  # same

import embzarr
from embzarr._gc import collect
from embzarr._storage.open import open_store
from embzarr.errors import StoreError
from faulty import PassThrough, SlowStore

if TYPE_CHECKING:
    from embzarr._storage.port import Body


def save(url: object, step: int, rows: int = 2) -> embzarr.Checkpoint:
    words = [f"w{row}" for row in range(rows)]
    return embzarr.save(url, words, np.full((rows, 2), step, "f4"), step=step)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def steps_stored(root: Path) -> set[int]:
    folders = (path.name for path in (root / "steps").iterdir() if path.is_dir())
    return {int(name.partition("-")[0]) for name in folders}


def document(root: Path, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / f"commits/{number:020d}.json").read_bytes())
    return found


@pytest.fixture(scope="session")
def ten_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Steps 0, 10, ... 90, in ten commits; only to be copied."""
    folder = tmp_path_factory.mktemp("ten-steps")
    for step in range(0, 100, 10):
        save(folder, step)
    return folder


@pytest.fixture
def run(ten_steps: Path, tmp_path: Path) -> embzarr.Run:
    """A copy of them, which is as old as they are."""
    return embzarr.Run(shutil.copytree(ten_steps, tmp_path, dirs_exist_ok=True))


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ({}, {0, 10, 20, 30, 40, 50, 60, 70, 80, 90}),
        ({"keep_last": 3}, {30, 70, 80, 90}),
        ({"keep_every": 40}, {0, 30, 40, 80, 90}),
        ({"keep_last": 2, "keep_every": 50}, {0, 30, 50, 80, 90}),
        ({"keep_last": 100}, {0, 10, 20, 30, 40, 50, 60, 70, 80, 90}),
    ],
)
def test_what_is_kept(
    policy: dict[str, Any], kept: set[int], run: embzarr.Run, tmp_path: Path
) -> None:
    """The newest, those of round steps, and what has a name; the data of all others is gone."""
    run.tag("best", step=30)
    report = run.gc(**policy)

    assert {commit.step for commit in run.commits()} == kept == steps_stored(tmp_path)
    assert report.expired == tuple(step // 10 + 1 for step in range(0, 100, 10) if step not in kept)
    assert report.commit == (11 if len(kept) < 10 else None)
    for step in kept:
        assert run.open(step=step).verify().ok
        assert (run.open(step=step).to_numpy() == step).all()
    assert run.open().step == 90
    assert run.open(tag="best").step == 30


def test_a_step_saved_again_is_kept_once(tmp_path: Path) -> None:
    """Of a round step only the newest commit stays."""
    for step in (10, 10, 20, 21):
        save(tmp_path, step)
    report = embzarr.Run(tmp_path).gc(keep_every=10)

    assert report.expired == (1,)
    assert [c.commit for c in embzarr.Run(tmp_path).commits()] == [4, 3, 2]


def test_a_dry_run_tells_what_would_go_and_changes_nothing(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """Keys, sizes and numbers are those that the collection then deletes."""
    before = files(tmp_path)
    dry = run.gc(keep_last=1, dry_run=True)

    assert files(tmp_path) == before
    done = run.gc(keep_last=1)
    assert (dry.dry_run, dry.commit, done.dry_run, done.commit) == (True, None, False, 11)
    assert (dry.expired, dry.revoked, dry.bytes) == (done.expired, done.revoked, done.bytes)
    assert {i.key for i in dry.objects} == {i.key for i in done.objects} == before - files(tmp_path)
    assert dry.bytes > 1000


def test_expired_commits_are_told_from_missing_ones(run: embzarr.Run) -> None:
    """Who asks for an expired commit by number, step or tag learns that, and by which commit."""
    run.gc(keep_last=1)
    for named in ({"commit": 3}, {"step": 20}):
        with pytest.raises(embzarr.NotFoundError, match="garbage collection of commit 11") as got:
            run.open(**named)  # type: ignore[arg-type]
        assert got.value.code == "commit-expired"
    with pytest.raises(embzarr.NotFoundError, match="is a garbage collection") as got:
        run.open(commit=11)
    assert got.value.code == "commit-missing"
    with pytest.raises(embzarr.NotFoundError) as got:
        run.tag("late", commit=3)
    assert got.value.code == "commit-expired"
    assert run.tags() == {}


def test_numbers_go_on_after_a_collection(run: embzarr.Run, tmp_path: Path) -> None:
    """No number is used twice; the step follows that of the newest checkpoint."""
    run.gc(keep_last=1)
    checkpoint = embzarr.save(tmp_path, ["w"], [[1.0, 2.0]])

    assert (checkpoint.commit, checkpoint.step) == (12, 91)
    assert run.numbers() == [*range(12, 0, -1)]
    assert checkpoint.verify().ok
    assert embzarr.open(tmp_path, step=90).verify().ok


def test_a_checkpoint_whose_parent_expired_is_sound(run: embzarr.Run) -> None:
    """The tombstone keeps the identity by which the next commit names it."""
    run.gc(keep_last=1)

    assert run.open().verify().problems == ()


def test_collecting_twice_is_collecting_once(run: embzarr.Run) -> None:
    """Where nothing is to be done, no commit is made."""
    run.gc(keep_last=2)
    again = run.gc(keep_last=2)

    assert (again.commit, again.expired, again.objects) == (None, (), ())


@pytest.mark.slow
def test_a_store_that_keeps_collecting_reads_few_manifests(tmp_path: Path) -> None:
    """Tombstones that a collection knows of are not read again for a history."""
    run = embzarr.Run(tmp_path)
    for step in range(40):
        save(tmp_path, step)
        run.gc(keep_last=2)
    counted = embzarr.Run(tmp_path)
    counted._store.reset()
    assert [c.step for c in counted.commits()] == [39, 38]

    assert run.numbers()[0] == 78
    assert counted._store.traffic().requests < 30 + 38  # collections, and no more than a batch


@pytest.mark.parametrize("policy", [{"keep_last": 0}, {"keep_every": -1}, {"keep_last": True}])
def test_a_policy_that_keeps_nothing_is_refused(policy: dict[str, Any], run: embzarr.Run) -> None:
    """Whoever asks to keep nothing has made a mistake."""
    with pytest.raises(embzarr.InvalidInputError):
        run.gc(**policy)


def test_a_store_without_commits(tmp_path: Path) -> None:
    """There is nothing to follow."""
    with pytest.raises(embzarr.NotFoundError) as got:
        embzarr.Run(tmp_path).gc()
    assert got.value.code == "checkpoint-missing"


# Unfinished writes --------------------------------------------------------------------------------
def unfinished(root: Path) -> embzarr.Writer:
    """Begin a save and leave it; its objects are there."""
    writer = ExitStack().enter_context(embzarr.create(root, 2))
    writer.append(["a"], [[1.0, 2.0]])
    for column in writer._layer.columns.values():
        column.finish()
    writer._layer._files._jobs.wait()
    return writer


def test_an_unfinished_write_is_left_alone_while_it_is_young(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """What no commit names is deleted only after it has been silent for long."""
    writer = unfinished(tmp_path)
    folder = f"steps/91-{writer._layer.write_id}"
    assert run.gc().waiting == (folder,)
    assert run.gc(keep_last=1).waiting == (folder,)

    for path in (tmp_path / folder).rglob("*"):
        os.utime(path, (1, 1))
    report = run.gc()

    assert report.revoked == (folder,)
    assert {info.key.rpartition("/vectors")[0] for info in report.objects} == {folder}
    assert not (tmp_path / folder).exists()


def test_a_writer_whose_data_was_collected_is_told(run: embzarr.Run, tmp_path: Path) -> None:
    """It stops with a typed error, and nothing of it becomes visible."""
    writer = unfinished(tmp_path)
    run.gc(older_than=0)
    with pytest.raises(embzarr.ConflictError) as got:
        writer._commit()

    assert got.value.code == "write-revoked"
    assert run.open().step == 90
    assert len(run.commits()) == 10


def test_a_writer_passes_a_collection_that_left_it_alone(run: embzarr.Run, tmp_path: Path) -> None:
    """Collections and tombstones of checkpoints are no reason to stop."""
    writer = unfinished(tmp_path)
    run.gc(keep_last=1)
    save(tmp_path, 200)

    assert writer._commit().commit == 13
    assert run.open().verify().ok
    assert run.open().words == ["a"]


def test_a_writer_that_slept_through_two_collections_is_told(
    run: embzarr.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the revocation may have expired itself, a writer stops as well."""
    writer = unfinished(tmp_path)
    run.gc(older_than=0)
    monkeypatch.setattr(collect, "_AGED_SECONDS", -10)
    report = run.gc(keep_last=1)
    assert 11 in report.expired
    assert document(tmp_path, 11)["was"] == "collect"
    with pytest.raises(embzarr.ConflictError) as got:
        writer._commit()

    assert got.value.code == "history-expired"
    assert [c.step for c in run.commits()] == [90]


def test_a_collector_before_whom_a_commit_was_lost_surveys_anew(
    run: embzarr.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a repairer found nothing of may have been anything: nothing known before holds."""
    publish, told = collect._publish, []

    def late(*what: Any) -> object:
        monkeypatch.setattr(collect, "_publish", publish)
        for step in (100, 110):
            save(tmp_path, step)
        nothing = {"kind": "expired", "was": "lost", "by": 12, "write_id": "0" * 32, "step": None}
        common = {name: document(tmp_path, 11)[name] for name in ("format", "version", "store")}
        lost = {**common, **nothing, "commit": 11, "sha256": "0" * 64}
        (tmp_path / f"commits/{11:020d}.json").write_text(json.dumps(lost))
        try:
            return publish(*what)
        except embzarr.ConflictError as exc:
            told.append(exc.code)
            raise

    monkeypatch.setattr(collect, "_publish", late)
    run.gc(keep_last=2)

    assert told == ["history-expired"]
    assert [commit.step for commit in run.commits()] == [110, 90]


# In the middle of it ------------------------------------------------------------------------------
class Interrupted(PassThrough):
    """Calls a function before a write or a delete; it may raise."""

    def __init__(self, store: Any, before: Callable[[str, str], None]) -> None:
        super().__init__(store)
        self.before = before

    def put(self, key: str, data: Body) -> None:
        self.before("put", key)
        super().put(key, data)

    def create(self, key: str, data: Body) -> None:
        self.before("create", key)
        super().create(key, data)

    def delete(self, key: str) -> None:
        self.before("delete", key)
        super().delete(key)


@pytest.mark.usefixtures("run")
def test_nothing_is_deleted_before_the_collection_stands(tmp_path: Path) -> None:
    """First the collection, then tombstones, then objects below the folders it revokes."""
    log: list[tuple[str, str]] = []

    def note(verb: str, key: str) -> None:
        if not key.startswith("probe/"):
            log.append((verb, key))

    report = embzarr.Run(Interrupted(open_store(tmp_path), note)).gc(keep_last=8)

    assert log[0] == ("create", "commits/00000000000000000011.json")
    buried = {("put", f"commits/{number:020d}.json") for number in (1, 2)}
    assert set(log[1:3]) == buried
    assert all(verb == "delete" for verb, _ in log[3:])
    assert all(key.startswith(tuple(f"{name}/" for name in report.revoked)) for _, key in log[3:])
    assert len(log[3:]) == len(report.objects) > 10


def test_a_collection_is_planned_anew_after_another_commit(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """A checkpoint committed meanwhile is counted, and stays."""
    rivals = iter([100])

    def first_another(verb: str, key: str) -> None:
        if verb == "create" and key.startswith("commits/"):
            for step in rivals:
                save(tmp_path, step)

    report = embzarr.Run(Interrupted(open_store(tmp_path), first_another)).gc(keep_last=1)

    assert report.commit == 12
    assert report.expired == tuple(range(1, 11))
    assert [c.step for c in run.commits()] == [100]
    assert run.open().verify().ok


@pytest.mark.usefixtures("run")
@pytest.mark.slow
def test_a_collection_gives_up_where_others_never_stop(tmp_path: Path) -> None:
    """It ends with a typed error; nothing was deleted."""
    deleted: list[str] = []

    def always_another(verb: str, key: str) -> None:
        if verb == "create" and key.startswith("commits/"):
            save(tmp_path, 7)
        if verb == "delete" and not key.startswith("probe/"):
            deleted.append(key)

    with pytest.raises(embzarr.ConflictError) as got:
        embzarr.Run(Interrupted(open_store(tmp_path), always_another)).gc(keep_last=1)

    assert got.value.code == "commit-conflict"
    assert deleted == []


class _Dies(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", range(0, 25, 3))
def test_what_a_killed_collector_left_the_next_one_does(
    at: int, run: embzarr.Run, tmp_path: Path
) -> None:
    """Killed before any of its writes, a collection is finished by the next one."""
    left = iter(range(at))

    def die(_verb: str, _key: str) -> None:
        if next(left, None) is None:
            raise _Dies

    with pytest.raises(_Dies):
        embzarr.Run(Interrupted(open_store(tmp_path), die)).gc(keep_last=8)
    for commit in run.commits():
        assert run.open(commit=commit.commit).verify().ok
    run.gc(keep_last=8)

    assert {c.step for c in run.commits()} == {*range(20, 100, 10)} == steps_stored(tmp_path)
    assert [document(tmp_path, number)["kind"] for number in (1, 2)] == ["expired", "expired"]
    assert run.numbers() == [*range(11, 0, -1)]


@pytest.mark.usefixtures("run", "no_pauses")
def test_an_unknown_outcome_of_a_collection_deletes_nothing(tmp_path: Path) -> None:
    """A collector that cannot learn whether it has committed leaves all as it is."""

    def silent(verb: str, key: str) -> None:
        if key.startswith("commits/"):
            raise StoreError("store-failed", f"no answer to {verb}")

    before = files(tmp_path)
    with pytest.raises(StoreError) as got:
        embzarr.Run(Interrupted(open_store(tmp_path), silent)).gc(keep_last=1)

    assert got.value.code == "commit-unknown"
    assert files(tmp_path) == before


def test_nothing_is_collected_while_a_manifest_is_damaged(run: embzarr.Run, tmp_path: Path) -> None:
    """What a damaged manifest names nobody knows: it might be anything."""
    path = tmp_path / "commits/00000000000000000004.json"
    whole = path.read_bytes()
    before = files(tmp_path)
    for damage in (whole[:-1], None):
        path.write_bytes(damage) if damage else path.unlink()
        with pytest.raises((embzarr.DamagedError, embzarr.NotFoundError)):
            run.gc(keep_last=1)
    path.write_bytes(whole)

    assert files(tmp_path) == before


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Seven commits; the fourth, a delta upon the third, is unreadable, and in quarantine.

    The fifth is a delta upon it. The fourth manifest is kept beside the store.
    """
    root = tmp_path / "store"
    for step in (0, 10, 20):
        save(root, step)
    for step in (30, 40):
        embzarr.Run(root).save_delta([0], np.full((1, 2), step, "f4"), step=step)
    for step in (50, 60):
        save(root, step)
    path = root / "commits/00000000000000000004.json"
    path.rename(tmp_path / "whole.json")
    path.write_bytes(b"{}")
    embzarr.repair(root, dry_run=False)
    return root


def test_what_a_commit_in_quarantine_may_name_is_kept(damaged: Path, tmp_path: Path) -> None:
    """Later checkpoints are given up, and what they wrote; nothing that it may name, until it is
    restored."""
    (damaged / f"steps/30-{'a' * 32}").mkdir()
    (damaged / f"steps/30-{'a' * 32}/zarr.json").touch()
    run = embzarr.Run(damaged)
    dry = run.gc(keep_last=1, older_than=0, dry_run=True)
    report = run.gc(keep_last=1, older_than=0)

    assert report.unreadable == dry.unreadable == (4,)
    assert report.expired == dry.expired == (5, 6)
    assert steps_stored(damaged) == {0, 10, 20, 30, 60}
    assert report.waiting == (f"steps/30-{'a' * 32}",)
    for step in (0, 10, 20, 60):
        assert run.open(step=step).verify().ok

    (tmp_path / "whole.json").rename(damaged / "commits/00000000000000000004.json")
    assert embzarr.repair(damaged, dry_run=False).lost == ()
    assert run.open(step=30).verify().ok
    np.testing.assert_array_equal(run.open(step=30).to_numpy(), [[30, 30], [20, 20]])
    later = run.gc(keep_last=1, older_than=0)
    assert (later.expired, later.unreadable) == ((1, 2, 3, 4), ())
    assert steps_stored(damaged) == {60}


def test_what_was_numbered_when_it_was_committed_is_collected_too(damaged: Path) -> None:
    """Its folder has the number that would have been the next one when it was begun."""
    with embzarr.create(damaged, 2) as later, embzarr.create(damaged, 2) as first:
        first.append(["a"], np.ones((1, 2)))
        later.append(["a"], np.ones((1, 2)))
    save(damaged, 100)
    report = embzarr.Run(damaged).gc(keep_last=1, older_than=0)

    assert (first.checkpoint.step, later.checkpoint.step) == (61, 62)
    assert {first.checkpoint.commit, later.checkpoint.commit} <= {*report.expired}
    assert steps_stored(damaged) == {0, 10, 20, 30, 100}


def test_nothing_is_collected_while_the_newest_checkpoint_is_unreadable(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """An older checkpoint is not taken for the newest, whatever marks that one."""
    run.gc(keep_last=5)
    path = tmp_path / "commits/00000000000000000010.json"
    path.write_bytes(path.read_bytes()[:-1])
    mark = tmp_path / "quarantine/00000000000000000010.json"
    mark.parent.mkdir()
    mark.touch()
    before = files(tmp_path)
    with pytest.raises(embzarr.DamagedError, match=r"0010\.json"):
        run.gc(keep_last=1)

    assert files(tmp_path) == before


def test_a_commit_that_was_given_up_and_cannot_be_buried_hinders_nobody(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """Its collection is left undone, and what it may name is kept; others go on."""

    def die(verb: str, key: str) -> None:
        if verb == "put" and key.startswith("commits/"):
            raise _Dies

    with pytest.raises(_Dies):
        embzarr.Run(Interrupted(open_store(tmp_path), die)).gc(keep_last=8)
    path = tmp_path / "commits/00000000000000000002.json"
    path.write_bytes(path.read_bytes()[:-1])
    report = run.gc(keep_last=3)

    assert report.unreadable == (2,)
    assert report.expired == (3, 4, 5, 6, 7)
    assert steps_stored(tmp_path) == {0, 10, 70, 80, 90}
    for step in (70, 80, 90):
        assert run.open(step=step).verify().ok
    assert run.gc(keep_last=3).expired == ()


def test_files_of_killed_writers_that_no_listing_shows_go_too(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """Half a file of a writer that was killed while it wrote is removed once it is old enough."""
    folder = next((tmp_path / "steps").glob("90-*"))
    old, new = folder / f"vectors/c/0/0#{'a' * 32}", tmp_path / f"latest.json#{10**17}"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert run.gc(older_than=2**40, dry_run=True).objects == ()
    dry = run.gc(dry_run=True)
    assert old.exists()
    report = run.gc()

    assert [info.key for info in report.objects] == [old.relative_to(tmp_path).as_posix()]
    assert (report.commit, report.objects) == (None, dry.objects)
    assert (old.exists(), new.exists()) == (False, True)
    assert run.gc(older_than=0).objects == ()  # it may be in the making
    assert run.open().verify().ok


def test_files_that_were_to_be_renamed_go_too() -> None:
    """The same where a file gets its name by a rename, as on HDFS."""
    memory = MemoryFileSystem()
    store = DirFileSystem("/half-written", memory)
    embzarr.save(store, ["a"], [[1.0]])
    left = f"steps/7-{'b' * 32}/vectors/c/0/0.{'a' * 32}.tmp"
    memory.pipe_file(f"/half-written/{left}", b"half")
    assert embzarr.Run(store).gc().objects == ()
    file = memory.store[f"/half-written/{left}"]
    file.created = file.modified = datetime(2020, 1, 1, tzinfo=UTC)
    report = embzarr.Run(store).gc()

    assert [info.key for info in report.objects] == [left]
    assert not memory.exists(f"/half-written/{left}")
    assert embzarr.open(store).verify().ok
    memory.rm("/half-written", recursive=True)


# Names --------------------------------------------------------------------------------------------
def test_a_name_given_while_it_lands_spares_a_commit(run: embzarr.Run, tmp_path: Path) -> None:
    """A name written between plan and collection is found before anything is deleted."""

    def name_it(verb: str, key: str) -> None:
        if verb == "create" and key.startswith("commits/"):
            run.tag("late", commit=3)

    report = embzarr.Run(Interrupted(open_store(tmp_path), name_it)).gc(keep_last=8)

    assert report.expired == (1, 2)
    assert run.open(tag="late").verify().ok
    report = embzarr.Run(Interrupted(open_store(tmp_path), name_it)).gc(keep_last=6)
    assert report.expired == (4,)
    run.untag("late")
    assert 3 in run.gc(keep_last=6).expired


def test_a_name_given_in_the_middle_keeps_what_it_names(run: embzarr.Run, tmp_path: Path) -> None:
    """Who names a commit that was just given up keeps its data, until the name is gone."""

    def name_it(verb: str, key: str) -> None:
        if verb == "create" and key.startswith("commits/"):
            run.tag("late", commit=2)

    embzarr.Run(Interrupted(open_store(tmp_path), name_it)).gc(keep_last=8)
    assert run.open(tag="late").verify().ok
    assert run.gc(keep_last=8).objects == ()

    run.untag("late")
    assert run.gc(keep_last=8).objects != ()
    assert document(tmp_path, 2)["kind"] == "expired"


@pytest.mark.parametrize("before", [None, 9])
def test_a_name_for_a_commit_that_expires_meanwhile_is_taken_back(
    before: int | None, run: embzarr.Run, tmp_path: Path
) -> None:
    """Who is too late is told, and the name means what it did."""
    if before:
        run.tag("best", commit=before)

    def collect_first(verb: str, key: str) -> None:
        if verb == "put" and key == "tags/best.json":
            store.before = lambda _verb, _key: None
            run.gc(keep_last=2)

    store = Interrupted(open_store(tmp_path), collect_first)
    with pytest.raises(embzarr.NotFoundError) as got:
        embzarr.Run(store).tag("best", commit=4)

    assert got.value.code == "commit-expired"
    assert run.tags() == ({"best": before} if before else {})


def test_a_name_is_taken_away_once(run: embzarr.Run) -> None:
    """Without a name a commit may go; a name that is not there is an error."""
    run.tag("best", step=10)
    run.untag("best")
    with pytest.raises(embzarr.NotFoundError) as got:
        run.untag("best")

    assert got.value.code == "tag-missing"
    assert 2 in run.gc(keep_last=1).expired


# Readers ------------------------------------------------------------------------------------------
def test_a_reader_of_an_expired_checkpoint_is_told_so(run: embzarr.Run) -> None:
    """Data that goes while a checkpoint is open is no damage, and not reported as such."""
    checkpoint = run.open(step=10)
    run.gc(keep_last=1)
    with pytest.raises(embzarr.NotFoundError, match="garbage collection of commit 11") as got:
        checkpoint["w0"]

    assert got.value.code == "commit-expired"
    assert "commit-expired" in {problem.code for problem in checkpoint.verify().problems}


def test_a_lost_object_of_a_living_checkpoint_is_damage(run: embzarr.Run, tmp_path: Path) -> None:
    """Only a tombstone makes a missing object an expired one."""
    checkpoint = run.open()
    next((tmp_path / "steps").glob("90-*/vectors/c/0/0")).unlink()
    with pytest.raises(embzarr.DamagedError) as got:
        checkpoint.to_numpy()

    assert got.value.code == "object-missing"


def test_opening_after_a_collection_takes_one_request_more(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """The collection names the newest checkpoint; the next save makes it one round trip again."""
    run.gc(keep_last=1)
    slow = SlowStore(open_store(tmp_path), 0.03)
    # Listing and hint together, the collection, the manifest.
    assert embzarr.open(slow).traffic.round_trips == 3
    save(tmp_path, 100)
    assert embzarr.open(slow).traffic.round_trips == 1
