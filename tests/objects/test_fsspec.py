"""Filesystems of fsspec: who may create, and what a write leaves behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from embzarr._storage.open import open_store
from embzarr._storage.requests import retry
from embzarr.errors import ConflictError, StoreError, UnsupportedError
from objects.places import OBJECTS, fill, fill_folder

if TYPE_CHECKING:
    from pathlib import Path


class Plain(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Files of its own under a name that nobody vouches for."""

    protocol = "plain"
    store: dict[str, Any] = {}  # noqa: RUF012 - the base has it so
    pseudo_dirs: list[str] = [""]  # noqa: RUF012 - the base has it so

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("plain://").strip("/") if path else ""


class Silent(Plain):
    """Renames as webhdfs does: onto an existing file, nothing, without a word."""

    store: dict[str, Any] = {}  # noqa: RUF012 - the base has it so

    def mv(self, path1: str, path2: str, **_: object) -> None:
        if not self.exists(path2):
            super().mv(path1, path2)


class TestCreate:
    def test_is_refused_where_nobody_knows_that_it_is_exclusive(self) -> None:
        store = open_store(DirFileSystem("/run", Plain()))
        store.put("a", b"1")
        with pytest.raises(UnsupportedError, match="single_writer=True") as caught:
            store.create("b", b"1")
        assert caught.value.code == "create-not-exclusive"
        assert [item.key for item in store.list("")] == ["a"]

    @pytest.mark.parametrize("kind", [Plain, Silent])
    def test_a_single_writer_may(self, kind: type[Plain]) -> None:
        store = open_store(DirFileSystem(f"/{kind.__name__}", kind()), single_writer=True)
        store.create("commits/1.json", b"first")
        with pytest.raises(ConflictError):
            store.create("commits/1.json", b"second")
        assert bytes(store.get("commits/1.json")) == b"first"
        assert [item.key for item in store.list("")] == ["commits/1.json"]

    def test_a_second_writer_after_all_is_found_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fs = Silent()
        store = open_store(DirFileSystem("/second", fs), single_writer=True)

        def overtake(path: str, data: bytes, **_: object) -> None:
            MemoryFileSystem.pipe_file(fs, path, data)
            MemoryFileSystem.pipe_file(fs, "/second/1.json", b"theirs")

        monkeypatch.setattr(fs, "pipe_file", overtake)
        with pytest.raises(ConflictError):
            store.create("1.json", b"ours")
        assert bytes(store.get("1.json")) == b"theirs"

    def test_a_temporary_name_is_not_listed_and_does_not_stay(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fs = Plain()
        store = open_store(DirFileSystem("/temporary", fs), single_writer=True)
        seen: list[list[str]] = []

        def rename(_: str, __: str, **___: object) -> None:
            seen.append([item.key for item in store.list("")])
            raise OSError("cut off")

        monkeypatch.setattr(fs, "mv", rename)
        with pytest.raises(StoreError):
            store.create("1.json", b"ours")
        assert seen == [[]]
        assert fs.find("/temporary") == []


class TestCaches:
    def test_threads_wait_for_the_first_download(self, tmp_path: Path) -> None:
        """A cache's file is there, and empty, while the first thread still fills it."""
        folder = fill_folder(tmp_path / "run")
        slow = threading.Event()

        class Slow(fsspec.get_filesystem_class("file")):  # type: ignore[misc]
            protocol = "slow"

            def get_file(self, path1: str, path2: str, **options: object) -> None:
                if isinstance(path2, str):
                    open(path2, "wb").close()  # noqa: PTH123 - as s3fs begins
                slow.wait(0.05)
                super().get_file(path1, path2, **options)

        cache = fsspec.filesystem("simplecache", fs=Slow(), cache_storage=str(tmp_path / "cache"))
        store = open_store(DirFileSystem(str(folder), cache))
        with ThreadPoolExecutor(8) as threads:
            found = threads.map(store.get, ["steps/7-0a/vectors/c/0"] * 8)
            assert {bytes(data) for data in found} == {OBJECTS["steps/7-0a/vectors/c/0"]}


class TestRanges:
    def test_a_filesystem_that_gives_the_whole_file_is_cut(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, fs = self.opened()
        monkeypatch.setattr(fs, "cat_file", lambda *_, **__: b"0123456789")
        assert bytes(store.get_range("a", 3, 4)) == b"3456"
        assert bytes(store.get_range("a", 3, 100)) == b"3456789"
        assert bytes(store.get_range("a", 30, 100)) == b""

    @pytest.mark.usefixtures("no_pauses")
    def test_one_that_gives_too_little_is_found_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        store, fs = self.opened()
        monkeypatch.setattr(fs, "cat_file", lambda *_, **__: b"01")
        with pytest.raises(StoreError):
            store.get_range("a", 3, 4)

    def opened(self) -> tuple[Any, Any]:
        fs = Plain(skip_instance_cache=True)
        store = open_store(DirFileSystem("/ranges", fs))
        store.put("a", b"0123456789")
        return store, fs


def test_listings_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """s3fs and others remember a listing, and so would miss another writer's commit."""
    fs = Plain()
    forgotten = []
    monkeypatch.setattr(fs, "invalidate_cache", lambda *_: forgotten.append(1))
    store = fill(open_store(DirFileSystem("/fresh", fs)))
    list(store.list(""))
    store.head("zarr.json")
    assert len(forgotten) == 2


class Busy(Plain):
    """Has every file replaced by a longer one as soon as it was read."""

    store: dict[str, Any] = {}  # noqa: RUF012 - the base has it so
    left = 0

    def cat_file(self, path: str, **how: Any) -> bytes:
        found: bytes = super().cat_file(path, **how)
        if Busy.left:
            Busy.left -= 1
            self.pipe_file(path, bytes(len(self.store[path].getvalue()) + 1))
        return found


@pytest.mark.parametrize("times", [1, 7, 50])
def test_what_others_replace_all_the_while_is_read(times: int) -> None:
    """As it was at some moment; it is no failure that its size was asked at another."""
    store = open_store(DirFileSystem("/run", Busy()))
    store.put("latest.json", b"x" * 100)
    Busy.left = times

    found = store.get("latest.json")

    assert len(found) == 100 + times


class Cutting(Plain):
    """Gives fewer bytes than there are."""

    store: dict[str, Any] = {}  # noqa: RUF012 - the base has it so
    asked = 0

    def cat_file(self, path: str, **how: Any) -> bytes:
        Cutting.asked += 1
        return bytes(super().cat_file(path, **how)[:-1])


def test_what_stays_cut_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon: nobody replaces it."""
    monkeypatch.setattr(retry, "_TRIES", 1)
    store = open_store(DirFileSystem("/run", Cutting()))
    store.put("latest.json", b"x" * 100)

    with pytest.raises(StoreError, match="99 bytes of 1048576 came from"):
        store.get("latest.json")
    assert Cutting.asked == 2
