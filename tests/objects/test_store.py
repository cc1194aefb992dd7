"""What every store promises, over every kind of store."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embzarr._storage.port import pieces
from embzarr.errors import ConflictError, DamagedError, NotFoundError, UnsupportedError
from objects.places import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from embzarr._storage.port import Store

SHARD = "steps/7-0a/vectors/c/0"
LARGE = "steps/7-0a/vectors/c/1"
WRITERS = 16

ESCAPES = ("../x", "a/../../x", "/etc/passwd", "", "a//b", "./a", "a/.", "a\\b", "a\0b", "s3://b/x")


def listed(store: Store, prefix: str) -> dict[str, int]:
    return {item.key: item.size for item in store.list(prefix)}


class TestReading:
    def test_get_gives_every_object_whole(self, filled: Store) -> None:
        assert {key: bytes(filled.get(key)) for key in OBJECTS} == OBJECTS

    def test_get_gives_contiguous_bytes(self, filled: Store) -> None:
        view = memoryview(filled.get(SHARD))
        assert (view.format, view.ndim, view.contiguous) == ("B", 1, True)

    def test_a_range_is_a_slice_and_ends_with_the_object(self, filled: Store) -> None:
        inside = [(0, 1), (0, 10_240), (5, 300), (10_239, 1)]
        beyond = [(10_000, 1000), (10_240, 5), (99_999, 5)]
        for start, length in inside + beyond:
            found = bytes(filled.get_range(SHARD, start, length))
            assert found == OBJECTS[SHARD][start : start + length]

    def test_an_empty_range_is_empty(self, filled: Store) -> None:
        assert bytes(filled.get_range(SHARD, 7, 0)) == b""
        assert bytes(filled.get_range("empty", 0, 8)) == b""

    def test_pieces_are_a_range_as_it_comes_in(self, filled: Store) -> None:
        """Also of an object of many pieces, with a beginning and an end within it or beyond."""
        size = len(OBJECTS[LARGE])
        inside = [(0, size), (3, 300_000), (size - 5, 5), (7, 0)]
        beyond = [(size - 300_000, 400_000), (size, 300_000), (size + 9, 300_000), (size, 5)]
        for start, length in inside + beyond:
            found = b"".join(pieces(filled, LARGE, start, length))
            assert found == OBJECTS[LARGE][start : start + length]

    def test_pieces_of_a_missing_object_are_not_found(self, filled: Store) -> None:
        for length in (4, 400_000):
            with pytest.raises(NotFoundError, match="absent") as caught:
                [*pieces(filled, "absent", 0, length)]
            assert caught.value.code == "object-missing"
            with pytest.raises(DamagedError):
                [*pieces(filled, "../x", 0, length)]

    def test_head_gives_the_size(self, filled: Store) -> None:
        assert {key: filled.head(key).size for key in OBJECTS} == {
            key: len(data) for key, data in OBJECTS.items()
        }

    def test_a_missing_object_is_not_found(self, filled: Store) -> None:
        reads = (filled.get, filled.head, lambda key: filled.get_range(key, 0, 4))
        missing = ("absent", "commits/3.json", "steps/7-0a/vectors/c/0/1")
        for read, key in itertools.product(reads, missing):
            with pytest.raises(NotFoundError) as caught:
                read(key)
            assert caught.value.code == "object-missing"
            assert key in str(caught.value)
            assert filled.url in str(caught.value)

    def test_a_key_cannot_leave_the_root(self, filled: Store) -> None:
        reads = (filled.get, filled.head, lambda key: filled.get_range(key, 0, 4))
        for read, key in itertools.product(reads, ESCAPES):
            with pytest.raises(DamagedError) as caught:
                read(key)
            assert caught.value.code == "key-escapes-root"

    def test_many_threads_read_at_once(self, filled: Store) -> None:
        def read(number: int) -> bool:
            start = 100 * number
            return bytes(filled.get_range(SHARD, start, 100)) == OBJECTS[SHARD][start : start + 100]

        with ThreadPoolExecutor(WRITERS) as threads:
            assert all(threads.map(read, range(64)))


class TestListing:
    def test_the_whole_store(self, listable: Store) -> None:
        assert listed(listable, "") == {key: len(data) for key, data in OBJECTS.items()}

    def test_a_folder_and_what_is_below_it(self, listable: Store) -> None:
        assert sorted(listed(listable, "commits/")) == sorted(
            key for key in OBJECTS if key.startswith("commits/")
        )
        assert len(listed(listable, "steps/")) == 3
        assert len(listed(listable, "steps/7-0a/vectors/c/")) == 2

    def test_a_missing_folder_is_empty(self, listable: Store) -> None:
        assert listed(listable, "tags/") == {}
        assert listed(listable, "comm/") == {}

    def test_a_prefix_is_a_folder_inside(self, listable: Store) -> None:
        for prefix in ("commits", "../", "/", "a//"):
            with pytest.raises(DamagedError) as caught:
                list(listable.list(prefix))
            assert caught.value.code == "key-escapes-root"


class TestWriting:
    def test_an_unwritten_store_is_empty(self, free: Store) -> None:
        assert listed(free, "") == {}
        assert listed(free, "commits/") == {}
        with pytest.raises(NotFoundError):
            free.get("latest.json")

    @pytest.mark.parametrize(
        "data",
        [b"", b"x", bytearray(b"xyz"), memoryview(b"vwxyz")[2:], memoryview(b"abcdefgh").cast("I")],
        ids=["empty", "bytes", "bytearray", "view", "view-of-words"],
    )
    def test_put_takes_any_bytes(self, free: Store, data: bytes | bytearray | memoryview) -> None:
        free.put("a/b", data)
        assert bytes(free.get("a/b")) == bytes(data)

    @pytest.mark.parametrize("write", ["put", "create"])
    def test_pieces_are_one_object(self, free: Store, write: str) -> None:
        numbers = np.arange(1000, dtype="<f4")
        body = [memoryview(b"ab"), b"", bytearray(b"c"), numbers.data, b"de", numbers[7:].data]
        getattr(free, write)("a/b", body)
        assert bytes(free.get("a/b")) == b"abc%bde%b" % (numbers.tobytes(), numbers[7:].tobytes())
        assert listed(free, "") == {"a/b": 5 + 4000 + 3972}

    def test_many_pieces_are_one_object(self, free: Store) -> None:
        pieces = [bytes([number % 256]) * (4 + 100_000 * (number % 2)) for number in range(200)]
        free.put("c/0", list(pieces))
        assert bytes(free.get("c/0")) == b"".join(pieces)

    @pytest.mark.parametrize("write", ["put", "create"])
    @pytest.mark.parametrize("in_pieces", [True, False])
    def test_memory_may_be_used_again_once_written(
        self, free: Store, write: str, *, in_pieces: bool
    ) -> None:
        memory = np.full(300_000, 1, np.uint8)
        body = [memory[:100].data, memory[100:].data] if in_pieces else memory.data
        getattr(free, write)("a/b", body)
        memory[:] = 2
        assert bytes(free.get("a/b")) == b"\1" * 300_000

    def test_put_replaces(self, free: Store) -> None:
        free.put("latest.json", b"a longer one")
        free.put("latest.json", b"short")
        assert bytes(free.get("latest.json")) == b"short"
        assert listed(free, "") == {"latest.json": 5}

    def test_put_of_many_parts(self, free: Store) -> None:
        data = bytes(range(256)) * (80 * 1024)  # 20 MiB: two parts on S3
        free.put("c/0", data)
        assert free.head("c/0").size == len(data)
        assert bytes(free.get_range("c/0", len(data) - 300, 999)) == data[-300:]
        assert bytes(free.get("c/0")) == data

    def test_create_writes_once(self, free: Store) -> None:
        free.create("commits/1.json", b"first")
        with pytest.raises(ConflictError) as caught:
            free.create("commits/1.json", b"second")
        assert caught.value.code == "object-exists"
        assert "commits/1.json" in str(caught.value)
        assert bytes(free.get("commits/1.json")) == b"first"

    def test_create_again_after_delete(self, free: Store) -> None:
        free.create("x", b"1")
        free.delete("x")
        free.create("x", b"2")
        assert bytes(free.get("x")) == b"2"

    def test_delete_takes_one_object_and_none(self, free: Store) -> None:
        free.put("a/b", b"1")
        free.put("a/c", b"2")
        free.delete("a/b")
        free.delete("a/b")
        free.delete("never/was")
        assert listed(free, "") == {"a/c": 1}

    def test_what_is_written_is_listed_at_once(self, free: Store) -> None:
        for number in range(5):
            free.create(f"commits/{number}.json", b"{}")
            assert len(listed(free, "commits/")) == number + 1

    def test_a_key_cannot_leave_the_root(self, free: Store) -> None:
        writes: tuple[Callable[[str], None], ...] = (
            lambda key: free.put(key, b""),
            lambda key: free.create(key, b""),
            free.delete,
        )
        for write, key in itertools.product(writes, ESCAPES):
            with pytest.raises(DamagedError) as caught:
                write(key)
            assert caught.value.code == "key-escapes-root"


class TestRaces:
    def test_one_of_many_creators_wins(self, racing: Store) -> None:
        for number in range(5):
            assert len(self.race(racing, f"commits/{number}.json")) == 1

    @staticmethod
    def race(store: Store, key: str) -> list[bytes]:
        together = threading.Barrier(WRITERS)

        def create(number: int) -> bytes | None:
            data = f"writer {number}".encode() * 100
            together.wait()
            try:
                store.create(key, data)
            except ConflictError:
                return None
            return data

        with ThreadPoolExecutor(WRITERS) as threads:
            winners = [data for data in threads.map(create, range(WRITERS)) if data]
        assert bytes(store.get(key)) in winners
        return winners

    def test_readers_never_meet_half_a_write(self, free: Store) -> None:
        versions = [bytes([number]) * 100_000 for number in range(20)]
        free.put("latest.json", versions[0])

        def read(_: int) -> bool:
            return bytes(free.get("latest.json")) in versions

        with ThreadPoolExecutor(4) as threads:
            seen = threads.map(read, range(60))
            for data in versions:
                free.put("latest.json", data)
            assert all(seen)


class TestReadOnly:
    def test_no_verb_writes(self, read_only: Store) -> None:
        writes: tuple[Callable[[], None], ...] = (
            lambda: read_only.put("new", b""),
            lambda: read_only.create("new", b""),
            lambda: read_only.delete("zarr.json"),
        )
        for write in writes:
            with pytest.raises(UnsupportedError) as caught:
                write()
            assert caught.value.code == "store-read-only"
        assert bytes(read_only.get("zarr.json")) == b"{}"

    def test_the_web_says_that_it_cannot_list(self, web: Store) -> None:
        with pytest.raises(UnsupportedError) as caught:
            list(web.list(""))
        assert caught.value.code == "store-cannot-list"


class TestNaming:
    def test_repr_and_url_name_the_place(self, filled: Store) -> None:
        assert filled.url in repr(filled)
        assert "://" in filled.url

    def test_native_is_what_stands_underneath(self, filled: Store) -> None:
        assert type(filled.native).__module__.partition(".")[0] in {"obstore", "fsspec"}
