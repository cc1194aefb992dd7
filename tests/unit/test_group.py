"""What the plain Zarr view promises: what the manifest lists, or an error; never zeros."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype

import embzarr
from embzarr._format import chunk_coding, chunk_index
from embzarr._storage.open import open_store
from faulty import PassThrough
from servers.http_folder import running_http_folder

WORDS = [f"w{row:04}" for row in range(2000)]
VECTORS = np.random.default_rng(0).standard_normal((2000, 64), np.float32)
PROTOTYPE = default_buffer_prototype()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    embzarr.save(folder, WORDS, VECTORS, counts=np.arange(2000))
    return folder


def shard_of(run: Path, array: str = "vectors") -> Path:
    (path,) = run.glob(f"steps/*/{array}/c/0*/**/0") if array == "vectors" else run.glob(array)
    return path


def all_of(group: Any) -> dict[str, Any]:
    """Return every array of a group."""
    members = group.members(max_depth=None)
    return {name: np.asarray(node) for name, node in members if isinstance(node, zarr.Array)}


def read(group: Any) -> object:
    return np.asarray(group["vectors"])


def read_part(group: Any) -> object:
    return group["vectors"][7]


def _link(path: Path) -> None:
    secret = path.parents[6] / "secret"
    secret.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(secret)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


HARMS: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "lost": (Path.unlink, "object-missing"),
    "cut": (_cut, "object-truncated"),
    "empty": (_empty, "object-truncated"),
    "folder": (_folder, "object-missing"),
    "link": (_link, "key-escapes-root"),
    "pipe": (_pipe, "key-escapes-root"),
}


@pytest.mark.parametrize("reads", [read, read_part])
@pytest.mark.parametrize("harm", HARMS)
def test_a_shard_that_is_no_file_of_the_store_is_an_error(
    run: Path, harm: str, reads: Callable[[Any], object]
) -> None:
    """A lost or cut shard is not zeros, a link is not followed, a pipe is not waited for."""
    group = embzarr.open(run).group()
    harms, code = HARMS[harm]
    harms(shard_of(run))
    with pytest.raises(embzarr.DamagedError) as caught:
        reads(group)
    assert caught.value.code == code


@pytest.mark.parametrize("reads", [read, read_part])
@pytest.mark.parametrize("stored", ["none", "lz4"])
def test_another_shard_is_refused_where_it_is_sound_in_itself(
    tmp_path: Path, stored: str, reads: Callable[[Any], object]
) -> None:
    """Another store's shard, all of whose own checksums hold, is not what was recorded."""
    one, other = tmp_path / "one", tmp_path / "other"
    embzarr.save(one, WORDS, np.round(VECTORS), compression=stored)
    embzarr.save(other, WORDS, np.round(-VECTORS), compression=stored)
    data = shard_of(other).read_bytes()
    shard_of(one).write_bytes(data.ljust(shard_of(one).stat().st_size, b"x"))
    with pytest.raises(embzarr.DamagedError) as caught:
        reads(embzarr.open(one).group())
    assert caught.value.code in {"chunk-checksum", "shard-index"}


@pytest.mark.parametrize("reads", [read, read_part])
def test_an_index_that_says_that_chunks_are_empty_makes_no_zeros(
    run: Path, reads: Callable[[Any], object]
) -> None:
    """A shard whose index was written anew, checksum and all, is refused."""
    shard = shard_of(run)
    data, grid = shard.read_bytes(), embzarr.open(run)._commit.manifest.base.arrays["vectors"].grid
    empty = chunk_coding.index_bytes(chunk_index.from_lists([], [], []), grid)
    shard.write_bytes(data[: -len(empty)] + empty)
    with pytest.raises(embzarr.DamagedError) as caught:
        reads(embzarr.open(run).group())
    assert caught.value.code == "shard-index"


def test_a_chunk_table_is_read_once(tmp_path: Path) -> None:
    """Of an array with a table of its own, a row takes no more requests than Zarr needs."""
    wide = np.ones((300, 65536), np.float16)
    embzarr.save(tmp_path, WORDS[:300], wide, compression="none")
    checkpoint = embzarr.open(tmp_path)
    assert checkpoint._commit.manifest.base.arrays["vectors"].inline_index is None
    vectors: Any = checkpoint.group()["vectors"]
    assert vectors[0, 0] == 1
    before = checkpoint.traffic.requests

    assert vectors[5, 7] == 1

    assert checkpoint.traffic.requests - before == 2  # the index of the shard, and the chunk


def test_a_damaged_chunk_table_is_an_error(tmp_path: Path) -> None:
    """What would tell whether a part is sound cannot be read: as for our own loads."""
    wide = np.ones((300, 65536), np.float16)
    embzarr.save(tmp_path, WORDS[:300], wide, compression="none")
    (table,) = tmp_path.glob("steps/*/chunks/vectors/c/0/0")
    table.unlink()
    with pytest.raises(embzarr.DamagedError) as caught:
        read_part(embzarr.open(tmp_path).group())
    assert caught.value.code == "object-missing"


def test_metadata_is_what_the_manifest_says(run: Path) -> None:
    """A document that was changed cannot make rows of zeros, nor a link lead elsewhere."""
    expected = all_of(embzarr.open(run).group())
    attributes = embzarr.open(run).group().attrs.asdict()
    for path in run.glob("steps/*/**/zarr.json"):
        changed = path.read_bytes().replace(b"2000", b"9000")
        path.unlink()
        path.symlink_to("/etc/hostname")
        assert changed

    group = embzarr.open(run).group()

    found = all_of(group)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert group.attrs.asdict() == attributes


def test_what_the_manifest_does_not_list_is_not_there(run: Path) -> None:
    """A stranger's array beside ours is none of the step's."""
    layer = next((run / "steps").glob("0-*"))
    plain: Any = zarr.open_group(layer, mode="a", use_consolidated=False)
    plain.create_array("stranger", data=np.ones(3))

    group = embzarr.open(run).group()

    assert "stranger" not in group
    assert set(group.array_keys()) == {"vectors", "counts"}
    assert set(group.group_keys()) >= {"words", "lookup"}


PLACES = ("memory", "path", "obstore", "fsspec", "wrapped", "http")


@pytest.fixture(params=PLACES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A checkpoint of each kind of store."""
    place = str(request.param)
    if place == "http":
        embzarr.save(tmp_path / "run", WORDS, VECTORS)
        address = request.getfixturevalue("address")
        return embzarr.open(f"{address}/run")
    stores: dict[str, Callable[[], object]] = {
        "memory": lambda: "memory://group",
        "path": lambda: tmp_path,
        "obstore": lambda: open_store("memory://group-object").native,
        "fsspec": lambda: MemoryFileSystem(skip_instance_cache=True),
        "wrapped": lambda: PassThrough(open_store("memory://group-wrapped")),
    }
    store = stores[place]()
    embzarr.save(store, WORDS, VECTORS)
    return embzarr.open(store)


@pytest.fixture
def address(tmp_path: Path) -> Any:
    with running_http_folder(tmp_path) as address:
        yield address


def test_every_kind_of_store_has_the_view(opened: embzarr.Checkpoint) -> None:
    """Zarr reads the same through memory, folders, clients handed in, wrappers and the web."""
    group: Any = opened.group()
    np.testing.assert_array_equal(np.asarray(group["vectors"]), VECTORS, strict=True)
    np.testing.assert_array_equal(group["vectors"][3:1500:7], VECTORS[3:1500:7])
    assert bytes(np.asarray(group["words/data"])).decode() == "".join(WORDS)


def test_a_delta_is_the_group_of_its_layer(run: Path) -> None:
    """What the delta changed, and where its base lies."""
    base = embzarr.open(run).group().path
    embzarr.Run(run).save_delta(np.array([5]), VECTORS[:1])
    group: Any = embzarr.open(run).group()
    assert group["rows/vectors"][0] == 5
    np.testing.assert_array_equal(group["vectors"][0], VECTORS[0])
    assert group.attrs["embzarr"]["below"] == base


def test_an_expired_commit_says_so(run: Path) -> None:
    """What a collection took away is told as such."""
    group = embzarr.open(run).group()
    embzarr.save(run, WORDS, VECTORS)
    embzarr.Run(run).gc(keep_last=1, older_than=0)
    with pytest.raises(embzarr.NotFoundError) as caught:
        read(group)
    assert caught.value.code == "commit-expired"


# As Zarr uses a store -----------------------------------------------------------------------------
def test_the_store_lists_and_measures_by_the_manifest(run: Path) -> None:
    """Keys, folders and sizes are those of the files, and no request is made for them."""
    checkpoint = embzarr.open(run)
    store = checkpoint.group().store
    path = checkpoint.group().path
    before = checkpoint.traffic.requests

    async def ask() -> tuple[list[str], list[str], int, bool, bool]:
        keys = [key async for key in store.list()]
        names = [name async for name in store.list_dir(path)]
        size = await store.getsize_prefix(path)
        there = await store.exists(f"{path}/zarr.json")
        return keys, names, size, there, await store.exists("zarr.json")

    keys, names, size, there, root = asyncio.run(ask())

    files = {str(file.relative_to(run)): file for file in (run / path).rglob("*") if file.is_file()}
    assert keys == sorted(files)
    assert names == sorted(file.name for file in (run / path).iterdir())
    assert size == sum(file.stat().st_size for file in files.values())
    assert (there, root) == (True, False)
    assert checkpoint.traffic.requests == before


@pytest.mark.parametrize(
    ("part", "cut"),
    [
        (None, slice(None)),
        (RangeByteRequest(3, 50), slice(3, 50)),
        (RangeByteRequest(3, 2**40), slice(3, None)),
        (OffsetByteRequest(70), slice(70, None)),
        (OffsetByteRequest(2**40), slice(0, 0)),
        (SuffixByteRequest(9), slice(-9, None)),
        (SuffixByteRequest(2**40), slice(None)),
    ],
)
def test_parts_are_those_of_the_file(run: Path, part: Any, cut: slice) -> None:
    """Each way in which Zarr asks for a part gives the bytes that lie there, and none beyond."""
    store = embzarr.open(run).group().store
    for path in (shard_of(run), next(run.glob("steps/*/zarr.json"))):
        key = str(path.relative_to(run))

        async def ask(key: str = key) -> Any:
            return await store.get_partial_values(PROTOTYPE, [(key, part), ("other", part)])

        found, absent = asyncio.run(ask())
        assert found.to_bytes() == path.read_bytes()[cut]
        assert absent is None


def test_nothing_is_written(run: Path) -> None:
    """Neither by Zarr nor by the store itself."""
    group: Any = embzarr.open(run).group()
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    value = PROTOTYPE.buffer.from_bytes(b"x")
    writes: list[Callable[[], Any]] = [
        lambda: group["vectors"].__setitem__(0, 1),
        lambda: group.create_group("new"),
        lambda: asyncio.run(group.store.set("new", value)),
        lambda: asyncio.run(group.store.delete(f"{group.path}/zarr.json")),
    ]
    for write in writes:
        with pytest.raises(ValueError, match="read-only"):
            write()
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_stores_of_one_commit_are_equal(run: Path) -> None:
    """Others compare stores, to tell whether two arrays are one; a copy is another store."""
    first, again = (embzarr.open(run).group().store for _ in range(2))
    assert first == again
    copied = shutil.copytree(run, run.with_name("copy"))
    assert first != embzarr.open(copied).group().store
    assert hash(first) == hash(again)
    embzarr.save(run, WORDS, VECTORS)
    assert first != embzarr.open(run).group().store
    assert "embzarr layer" in repr(first)
