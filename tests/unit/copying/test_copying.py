"""What copying between stores promises: whole or not at all, and only what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._storage.backends.memory import MemoryStore
from faulty import PassThrough

WORDS = [f"w{number}" for number in range(300)]
DIM = 8


def table(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((len(WORDS), DIM), np.float32)


@pytest.fixture
def run(tmp_path: Path) -> embzarr.Run:
    """A run of a full step, two deltas upon it, and another full step, the second tagged."""
    run = embzarr.Run(tmp_path / "source")
    run.save(WORDS, table(1), step=1, metadata={"a": 1})
    run.save_delta([3], table(2)[:1], step=2)
    run.save_delta([4, 5], table(3)[:2], step=3)
    run.save(WORDS, table(4), step=4)
    run.tag("best", step=2)
    return run


def files(folder: Path) -> dict[str, str]:
    """Return the digest of each file below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


def test_a_whole_run_becomes_the_same_store(run: embzarr.Run, tmp_path: Path) -> None:
    """Each file of it, byte by byte, which a verification finds sound."""
    report = embzarr.copy(run.url, tmp_path / "copy")

    assert files(tmp_path / "copy") == files(tmp_path / "source")
    assert (report.commits, report.present, report.mirrored) == ((1, 2, 3, 4), (), True)
    assert (report.tags, report.tags_kept) == (("best",), ())
    copied = embzarr.Run(tmp_path / "copy")
    assert all(copied.open(commit=number).verify().ok for number in (1, 2, 3, 4))


def test_a_copy_follows_its_source(run: embzarr.Run, tmp_path: Path) -> None:
    """Only what came since is sent; a second time nothing is."""
    embzarr.copy(run.url, tmp_path / "copy")
    run.save_delta([7], table(5)[:1], step=5)
    run.tag("best", step=5)

    report = embzarr.copy(run.url, tmp_path / "copy")
    again = embzarr.copy(run.url, tmp_path / "copy")

    assert files(tmp_path / "copy") == files(tmp_path / "source")
    assert (report.commits, report.tags) == ((5,), ("best",))
    assert report.objects == len(run.open().info().layers and _objects(run, 5, -1))
    assert (again.commits, again.objects, again.tags) == ((), 0, ())


def _objects(run: embzarr.Run, step: int, layer: int) -> range:
    return range(run.open(step=step).info().layers[layer].objects)


def test_a_collection_at_the_source_is_carried_on_at_the_copy(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """What was given up there has a tombstone here, and the next collection here takes the rest."""
    embzarr.copy(run.url, tmp_path / "copy")
    run.gc(keep_last=1)

    embzarr.copy(run.url, tmp_path / "copy")
    copied = embzarr.Run(tmp_path / "copy")

    assert [commit.step for commit in copied.commits()] == [4, 2]
    with pytest.raises(embzarr.NotFoundError, match="given up"):
        copied.open(step=3)
    copied.gc(older_than=0)
    assert {path for path in files(tmp_path / "copy") if path.startswith("steps/")} == {
        path for path in files(tmp_path / "source") if path.startswith("steps/")
    }
    assert copied.open(step=2).verify().ok


@pytest.mark.parametrize("named", [{"step": 3}, {"commit": 3}, {"tag": "mine"}])
def test_one_checkpoint_gets_the_next_number(
    run: embzarr.Run, tmp_path: Path, named: dict[str, Any]
) -> None:
    """A chain stays a chain; metadata and tag come with it; what is there stays."""
    run.tag("mine", step=3)
    other = embzarr.Run(tmp_path / "other")
    other.save(["x"], np.ones((1, DIM), np.float32), step=9)

    report = embzarr.copy(run.url, tmp_path / "other", **named, append=True)

    found = other.open()
    assert (report.commits, report.mirrored, found.step) == ((2,), False, 3)
    assert len(found.info().layers) == 3
    assert found.verify().ok
    assert found.to_numpy().tobytes() == run.open(step=3).to_numpy().tobytes()
    assert other.tags() == {"mine": 2}
    assert other.open(commit=1).step == 9


def test_layers_that_are_there_are_not_sent_again(run: embzarr.Run, tmp_path: Path) -> None:
    """A longer chain upon layers that were copied sends its last one; the same step nothing."""
    embzarr.copy(run.url, tmp_path / "other", step=2)

    more = embzarr.copy(run.url, tmp_path / "other", step=3)
    same = embzarr.copy(run.url, tmp_path / "other", step=3)
    assert more.objects == len(_objects(run, 3, -1))
    assert (same.commits, same.present, same.objects) == ((), (2,), 0)


def test_a_whole_run_follows_what_is_there(run: embzarr.Run, tmp_path: Path) -> None:
    """Each checkpoint once, oldest first, under the numbers of the destination."""
    other = embzarr.Run(tmp_path / "other")
    other.save(["x"], np.ones((1, DIM), np.float32), step=9)
    other.tag("best")

    report = embzarr.copy(run.url, other.url, append=True)

    assert [(c.commit, c.step) for c in other.commits()] == [(5, 4), (4, 3), (3, 2), (2, 1), (1, 9)]
    assert (report.commits, report.tags_kept) == ((2, 3, 4, 5), ("best",))
    assert other.tags() == {"best": 1}
    assert all(other.open(commit=number).verify().ok for number in range(1, 6))
    assert embzarr.copy(run.url, other.url, append=True).commits == ()


def test_what_was_given_up_at_the_destination_comes_back_under_another_folder(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """A collection there goes on emptying the folders that it revoked."""
    other = embzarr.Run(tmp_path / "other")
    embzarr.copy(run.url, other.url, step=1, append=True)
    other.save(["x"], np.ones((1, DIM), np.float32), step=9)
    other.gc(keep_last=1)

    embzarr.copy(run.url, other.url, step=1, append=True)
    other.gc(older_than=0)

    assert other.open(step=1).verify().ok


def test_a_damaged_object_is_not_copied(run: embzarr.Run, tmp_path: Path) -> None:
    """Nothing is to be seen, and once it is mended the copy goes on."""
    (path,) = (tmp_path / "source").glob("steps/4-*/vectors/c/0/0")
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))

    with pytest.raises(embzarr.DamagedError, match="vectors/c/0/0 of the source") as caught:
        embzarr.copy(run.url, tmp_path / "copy")
    assert caught.value.code == "object-digest"
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "copy")
    path.write_bytes(sound)
    report = embzarr.copy(run.url, tmp_path / "copy")
    assert report.objects_present > 0
    assert files(tmp_path / "copy") == files(tmp_path / "source")


def test_what_an_earlier_try_left_is_read_before_it_is_believed(
    run: embzarr.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object of the right size with other bytes is put again."""
    with monkeypatch.context() as patch:
        patch.setattr(embzarr._copying.copying._Mirroring, "_commit_all", _killed)
        with pytest.raises(KeyboardInterrupt):
            embzarr.copy(run.url, tmp_path / "copy")
    (path,) = (tmp_path / "copy").glob("steps/4-*/vectors/c/0/0")
    path.write_bytes(bytes(path.stat().st_size))

    report = embzarr.copy(run.url, tmp_path / "copy")

    assert report.objects == 1
    assert files(tmp_path / "copy") == files(tmp_path / "source")


def _killed(_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_with_a_commit_in_quarantine_is_copied_without_it(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """Under numbers of its own, since a commit is left out."""
    (path,) = (tmp_path / "source").glob("steps/4-*/vectors/c/0/0")
    path.write_bytes(b"")
    embzarr.repair(run.url)

    report = embzarr.copy(run.url, tmp_path / "copy")

    copied = embzarr.Run(tmp_path / "copy")
    assert not report.mirrored
    assert {commit.step for commit in copied.commits()} == {1, 2, 3}
    assert all(copied.open(commit=number).verify().ok for number in report.commits)


def test_a_copy_that_went_its_own_way_is_followed(run: embzarr.Run, tmp_path: Path) -> None:
    """It is no longer the same history: what is missing gets its next numbers."""
    embzarr.copy(run.url, tmp_path / "copy")
    copied = embzarr.Run(tmp_path / "copy")
    copied.save(WORDS, table(8), step=50)
    run.save(WORDS, table(9), step=60)

    report = embzarr.copy(run.url, tmp_path / "copy", append=True)

    assert (report.commits, report.present) == ((6,), (1, 2, 3, 4))
    assert [commit.step for commit in copied.commits()][:2] == [60, 50]


def test_progress_reaches_the_total(run: embzarr.Run, tmp_path: Path) -> None:
    """It never goes back, and ends with all bytes."""
    seen: list[tuple[int, int]] = []
    report = embzarr.copy(
        run.url, tmp_path / "copy", progress=lambda done, total: seen.append((done, total))
    )
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {report.bytes}
    assert seen[-1][0] == report.bytes


def test_an_empty_source_is_told(tmp_path: Path) -> None:
    """Nothing is made at the destination."""
    with pytest.raises(embzarr.NotFoundError, match="no checkpoint"):
        embzarr.copy(tmp_path / "none", tmp_path / "copy")
    assert not (tmp_path / "copy" / "commits").exists()


def test_runs_are_found_by_their_folders(run: embzarr.Run, tmp_path: Path) -> None:
    """As deep as asked, through memory and fsspec as well."""
    embzarr.save(tmp_path / "a/b/c/d", ["x"], np.ones((1, 2)))
    embzarr.save("memory://bucket/team/one", ["x"], np.ones((1, 2)))

    assert embzarr.find_runs(tmp_path) == ["a/b/c/d", "source"][1:]
    assert embzarr.find_runs(tmp_path, depth=4) == ["a/b/c/d", "source"]
    assert embzarr.find_runs(run.url) == [""]
    assert embzarr.find_runs(f"simplecache::file://{tmp_path}", depth=4) == ["a/b/c/d", "source"]
    assert embzarr.find_runs(tmp_path / "nothing") == []
    embzarr.save(tmp_path, ["at the top"], np.ones((1, 2)))
    assert embzarr.find_runs(tmp_path) == ["", "source"]


def test_another_run_is_followed_only_where_that_is_meant(run: embzarr.Run, tmp_path: Path) -> None:
    """Its readers would find other words; what is there of the same run is no other."""
    embzarr.save(tmp_path / "other", ["x"], np.ones((1, run.open().dim), "f4"))
    with pytest.raises(embzarr.InvalidInputError, match="append=True"):
        embzarr.copy(run.url, tmp_path / "other")
    assert embzarr.open(tmp_path / "other").words == ["x"]
    embzarr.copy(run.url, tmp_path / "some", step=1)
    assert embzarr.copy(run.url, tmp_path / "some", step=2).commits == (2,)


def test_vectors_of_another_length_have_most_often_the_wrong_place(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """They are refused unless it is meant, and nothing is stored."""
    embzarr.save(tmp_path / "other", ["x"], np.ones((1, 2)))

    with pytest.raises(embzarr.InvalidInputError) as caught:
        embzarr.copy(run.url, tmp_path / "other", step=4, append=True)
    assert caught.value.code == "input-shape"
    assert not list((tmp_path / "other").glob("steps/4-*"))
    assert embzarr.copy(
        run.url, tmp_path / "other", step=4, allow_new_dim=True, append=True
    ).commits == (2,)


class Cut(PassThrough):
    """A store that takes so many writes and no more, the last one perhaps without saying so."""

    def __init__(self, store: Any, writes: int, *, silent: bool) -> None:
        super().__init__(store)
        self._left = writes
        self._silent = silent

    def put(self, key: str, data: Any) -> None:
        self._one(lambda: self.store.put(key, data))

    def create(self, key: str, data: Any) -> None:
        self._one(lambda: self.store.create(key, data))

    def _one(self, write: Callable[[], None]) -> None:
        self._left -= 1
        if self._left < 0 and not self._silent:
            raise embzarr.StoreError("store-failed", "cut")
        if self._left >= 0:
            write()
        if self._left == 0 and self._silent:
            raise embzarr.StoreError("store-failed", "no answer")
        if self._left < 0:
            raise embzarr.StoreError("store-failed", "cut")


@pytest.mark.slow
@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("begun", [False, True])
def test_a_copy_that_is_cut_anywhere_shows_whole_commits_and_goes_on(
    run: embzarr.Run, *, begun: bool, silent: bool
) -> None:
    """After each number of writes: what is to be seen is sound, and the next call does the rest."""
    writes, done = 0, False
    while not done:
        store = MemoryStore(f"cut-{begun}-{silent}-{writes}")
        if begun:
            embzarr.save(store, ["x"], np.ones((1, DIM), np.float32), step=9)
        try:
            embzarr.copy(run.url, Cut(store, writes, silent=silent), append=begun)
            done = True
        except embzarr.StoreError:
            pass
        copied = embzarr.Run(store)
        assert all(copied.open(commit=n).verify().ok for n in copied.numbers())
        embzarr.copy(run.url, store, append=begun)
        assert [commit.step for commit in copied.commits()][:4] == [4, 3, 2, 1]
        assert all(copied.open(commit=n).verify().ok for n in copied.numbers())
        writes += 1
    assert writes > 40


def test_a_folder_of_runs_does_not_become_one(run: embzarr.Run, tmp_path: Path) -> None:
    """Unless it is said so: who looks there would find the one run, and not the others."""
    embzarr.save(tmp_path / "mirror/glove", ["a"], np.ones((1, 2)))
    (tmp_path / "mirror/empty").mkdir()
    before = files(tmp_path / "mirror")
    with pytest.raises(
        embzarr.InvalidInputError, match="a folder of runs, 'glove': copy"
    ) as caught:
        embzarr.copy(run.url, tmp_path / "mirror")

    assert caught.value.code == "input-argument"
    assert files(tmp_path / "mirror") == before
    assert embzarr.copy(run.url, tmp_path / "mirror/mine").commits == (1, 2, 3, 4)
    assert embzarr.copy(run.url, tmp_path / "mirror", append=True).commits == (1, 2, 3, 4)
    assert embzarr.copy(run.url, tmp_path / "mirror").commits == ()
    assert embzarr.find_runs(tmp_path / "mirror") == ["", "glove", "mine"]
