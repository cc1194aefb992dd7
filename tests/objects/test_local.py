"""What a folder must do besides what every store must."""

from __future__ import annotations

import errno
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import embzarr
from embzarr._storage.open import open_store
from embzarr.errors import (
    DamagedError,
    InvalidInputError,
    NotFoundError,
    StoreError,
    UnsupportedError,
)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside of every store."""
    path = tmp_path / "outside" / "secret"
    path.parent.mkdir()
    path.write_bytes(b"not yours")
    return path


def test_reading_makes_no_folder(tmp_path: Path) -> None:
    store = open_store(tmp_path / "absent" / "run")
    with pytest.raises(NotFoundError):
        store.get("latest.json")
    with pytest.raises(NotFoundError):
        _ = store.native
    assert list(store.list("commits/")) == []
    assert not (tmp_path / "absent").exists()


def test_a_refused_write_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DamagedError):
        open_store(tmp_path / "absent").put("../x", b"")
    assert not (tmp_path / "absent").exists()


def test_a_store_opened_before_its_folder_was_made_reads(tmp_path: Path) -> None:
    reader = open_store(tmp_path / "run")
    assert list(reader.list("")) == []
    open_store(tmp_path / "run").put("a", b"1")
    assert bytes(reader.get("a")) == b"1"


def test_files_are_plain_files(tmp_path: Path) -> None:
    open_store(tmp_path / "run").put("steps/1-a/c/0", b"123")
    assert (tmp_path / "run" / "steps" / "1-a" / "c" / "0").read_bytes() == b"123"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["0"]


def test_deleting_leaves_no_empty_folders_but_the_root(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.put("steps/1-a/c/0", b"123")
    store.delete("steps/1-a/c/0")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_writers_do_not_mind_who_deletes_beside_them(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    def write_and_delete(number: int) -> None:
        for turn in range(150):
            key = f"steps/{turn % 2}/c/{number}"
            store.put(key, b"1")
            store.create(f"{key}.json", b"2")
            assert bytes(store.get(key)) == b"1"
            store.delete(key)
            store.delete(f"{key}.json")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write_and_delete, range(8)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spelling", ["runs/x", "./runs/x", "runs/x/", "runs/../runs/x"])
def test_relative_paths_are_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(spelling)
    monkeypatch.chdir("/")
    store.put("a", b"1")
    assert (tmp_path / "runs" / "x" / "a").exists()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    open_store("~/runs/x").put("a", b"1")
    assert (tmp_path / "runs" / "x" / "a").exists()


def test_file_urls_are_decoded(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c?d%20e"
    for url in (folder.as_uri(), folder.as_uri().replace("file://", "file://localhost")):
        open_store(url).put("a", b"1")
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("url", ["file://runs/x", "file://", "s3:/bucket/x"])
def test_what_only_looks_like_a_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        open_store(url)
    assert caught.value.code == "input-argument"


def test_a_url_with_one_slash_is_told_what_is_meant() -> None:
    with pytest.raises(InvalidInputError, match=r"two slashes .*expected s3://bucket/x, found one"):
        open_store("s3:/bucket/x")


class TestLinks:
    def test_a_link_to_a_file_outside_is_not_read(self, tmp_path: Path, secret: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "zarr.json").symlink_to(secret)
        self.refuses(tmp_path / "run", "zarr.json")

    def test_nor_through_a_link_to_a_folder_outside(self, tmp_path: Path, secret: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "steps").symlink_to(secret.parent)
        self.refuses(tmp_path / "run", "steps/secret")
        with pytest.raises(DamagedError):
            list(open_store(tmp_path / "run").list("steps/"))

    def test_nor_into_a_folder_whose_name_begins_alike(self, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run-2").mkdir()
        (tmp_path / "run-2" / "a").write_bytes(b"1")
        (tmp_path / "run" / "a").symlink_to(tmp_path / "run-2" / "a")
        self.refuses(tmp_path / "run", "a")

    def refuses(self, root: Path, key: str) -> None:
        store = open_store(root)
        for ask in (store.get, store.head, lambda key: store.get_range(key, 0, 3)):
            with pytest.raises(DamagedError) as caught:
                ask(key)
            assert caught.value.code == "key-escapes-root"
        for write in (store.put, store.create):
            with pytest.raises(DamagedError):
                write(key, b"")

    def test_none_is_listed(self, tmp_path: Path, secret: Path) -> None:
        run = tmp_path / "run"
        run.mkdir()
        (run / "a").write_bytes(b"1")
        (run / "file").symlink_to(secret)
        (run / "folder").symlink_to(secret.parent)
        (run / "loop").symlink_to(run)
        assert [item.key for item in open_store(run).list("")] == ["a"]

    def test_the_root_itself_may_be_one(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "run").symlink_to(tmp_path / "disk")
        store = open_store(tmp_path / "run")
        store.put("a", b"1")
        assert bytes(store.get("a")) == b"1"
        assert (tmp_path / "disk" / "a").exists()


def test_a_file_still_being_written_is_not_listed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.put("c/0", b"1")
    (tmp_path / "c" / "1#0123456789abcdef0123456789abcdef").write_bytes(b"half")
    assert [item.key for item in store.list("")] == ["c/0"]


class TestDurability:
    """What stands on the disk stands there whole, and before whatever names it."""

    @pytest.fixture
    def log(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
        """What is asked of the disk, in order: ``fsync``, ``link`` and ``replace``, with names."""
        log: list[tuple[str, str]] = []
        fsync, link, replace = os.fsync, os.link, Path.replace

        def name_of(file: int) -> str:
            return re.sub(r"#[0-9a-f]{32}$", "#", str(Path(f"/proc/self/fd/{file}").readlink()))

        def note_fsync(file: int) -> None:
            log.append(("fsync", name_of(file)))
            fsync(file)

        def note_link(source: Path, target: Path) -> None:
            log.append(("link", str(target)))
            link(source, target)

        def note_replace(source: Path, target: Path) -> Path:
            log.append(("replace", str(target)))
            return replace(source, target)

        monkeypatch.setattr(os, "fsync", note_fsync)
        monkeypatch.setattr(os, "link", note_link)
        monkeypatch.setattr(Path, "replace", note_replace)
        return log

    def test_bytes_reach_the_disk_before_names_and_names_before_the_commit(
        self, tmp_path: Path, log: list[tuple[str, str]]
    ) -> None:
        store = open_store(tmp_path / "run")
        store.put("steps/1-a/c/0", b"1")
        store.put("steps/1-a/c/1", b"2")
        assert log == [
            ("fsync", f"{tmp_path}/run/steps/1-a/c/0#"),
            ("replace", f"{tmp_path}/run/steps/1-a/c/0"),
            ("fsync", f"{tmp_path}/run/steps/1-a/c/1#"),
            ("replace", f"{tmp_path}/run/steps/1-a/c/1"),
        ]
        log.clear()
        store.create("commits/1.json", b"3")

        made = at(log, ("link", f"{tmp_path}/run/commits/1.json"))
        for folder in ("/run/steps/1-a/c", "/run/steps/1-a", "/run/steps", "/run", ""):
            assert at(log, ("fsync", f"{tmp_path}{folder}")) < made
        assert log[made - 1] == ("fsync", f"{tmp_path}/run/commits/1.json#")
        assert ("fsync", f"{tmp_path}/run/commits") in log[made:]

    def test_a_save_writes_each_folder_out_once_before_its_commit(
        self, tmp_path: Path, log: list[tuple[str, str]]
    ) -> None:
        embzarr.save(tmp_path / "run", ["a"], [[1.0]])
        log.clear()  # beside a store's first save its root is made, which writes folders out too
        embzarr.save(tmp_path / "run", ["a"], [[2.0]])
        folders = [name for verb, name in log if verb == "fsync" and "#" not in name]
        layer = [name for name in folders if "/steps/1-" in name]

        assert len(layer) == len(set(layer)) > 3
        made = at(log, ("link", f"{tmp_path}/run/commits/00000000000000000002.json"))
        assert all(at(log, ("fsync", name)) < made for name in layer)

    def test_a_file_system_without_links_is_told_apart(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        store = open_store(tmp_path)
        store.put("a", b"1")
        with pytest.raises(UnsupportedError) as caught:
            store.create("b", b"2")

        assert caught.value.code == "create-not-exclusive"
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_a_full_disk_leaves_nothing_half_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        store = open_store(tmp_path)
        store.put("a", b"1")
        monkeypatch.setattr(os, "write", full)
        for write in (store.put, store.create):
            with pytest.raises(StoreError, match="No space left"):
                write("b", b"2")

        assert [path.name for path in tmp_path.iterdir()] == ["a"]


def at(log: list[tuple[str, str]], entry: tuple[str, str]) -> int:
    return log.index(entry)
