"""What `cache` promises: sound chunks of the store that is asked, within bounds, in our files."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from cached_chunks import STORE, chunk, fill

if TYPE_CHECKING:
    from pathlib import Path

    from embzarr._reading.cache import ChunkName, StoreCache

WORDS = [f"w{row:05}" for row in range(4096)]
VECTORS = np.random.default_rng(0).standard_normal((4096, 64), np.float32)


def saved(name: str) -> str:
    url = f"memory://{name}"
    embzarr.save(url, WORDS, VECTORS, compression="none")
    return url


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in a folder, as processes may share what was read of it."""
    root = tmp_path_factory.mktemp("stored") / "run"
    embzarr.save(root, WORDS, VECTORS, compression="none")
    return root


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def folder_in(cache: Path) -> Path:
    """Return the folder in which chunks are kept."""
    return cache / f"embzarr-chunks-{os.geteuid()}"


# As a reader uses it ------------------------------------------------------------------------------
def test_a_word_that_was_read_is_read_no_more(request: pytest.FixtureRequest) -> None:
    """The second time neither its block nor its chunk is asked for."""
    checkpoint = embzarr.open(saved(request.node.name))
    first = checkpoint["w00100"]
    before = checkpoint.traffic.requests

    np.testing.assert_array_equal(checkpoint["w00100"], first)

    assert checkpoint.traffic.requests == before


def test_without_a_cache_all_is_read_again(request: pytest.FixtureRequest) -> None:
    """A cache of no bytes keeps no vectors."""
    checkpoint = embzarr.open(saved(request.node.name), cache=embzarr.Cache(0))
    for _ in range(2):
        before = checkpoint.traffic.requests
        np.testing.assert_array_equal(checkpoint["w00100"], VECTORS[100])
    assert checkpoint.traffic.requests == before + 1


def test_what_is_kept_and_what_is_not_make_one_answer(request: pytest.FixtureRequest) -> None:
    """Only chunks that are lacking are fetched; the caller's order stays."""
    checkpoint = embzarr.open(saved(request.node.name))
    asked = WORDS[::-97]
    checkpoint.load(asked[:9])
    before = checkpoint.traffic.bytes_read

    loaded = checkpoint.load([*asked, *asked[:3]])

    np.testing.assert_array_equal(loaded.vectors[:-3], VECTORS[::-97])
    assert 0 < checkpoint.traffic.bytes_read - before < VECTORS.nbytes


def test_a_whole_load_drives_nothing_out(request: pytest.FixtureRequest) -> None:
    """What is larger than a quarter of the cache is not kept."""
    checkpoint = embzarr.open(saved(request.node.name), cache=embzarr.Cache(VECTORS.nbytes))
    checkpoint["w00100"]
    np.testing.assert_array_equal(checkpoint.to_numpy(), VECTORS)
    before = checkpoint.traffic.requests
    checkpoint["w00100"]
    assert checkpoint.traffic.requests == before


def test_many_tensors_drive_nothing_out_that_together_are_large(tmp_path: Path) -> None:
    """Each of them is small, but what is read at once is kept or not as a whole."""
    random = np.random.default_rng(0)
    tensors = {f"t{at}": random.random((200, 500), np.float32) for at in range(8)}
    embzarr.save(tmp_path, tensors=tensors)
    cache = embzarr.Cache(8 * tensors["t0"].nbytes)
    checkpoint = embzarr.open(tmp_path, cache=cache)
    checkpoint.tensors["t0"].load()
    kept = repr(cache)
    assert "(0 of" not in kept

    found = checkpoint.tensors.load()

    assert all((found[name] == tensor).all() for name, tensor in tensors.items())
    assert repr(cache) == kept


def test_checkpoints_of_one_store_share_a_cache(request: pytest.FixtureRequest) -> None:
    """What one checkpoint read, another of the same store need not ask for; of another it must."""
    cache = embzarr.Cache()
    embzarr.open(saved(f"{request.node.name}-a"), cache=cache).load(WORDS[:10])
    same = embzarr.open(f"memory://{request.node.name}-a", cache=cache)
    other = embzarr.open(saved(f"{request.node.name}-b"), cache=cache)
    opened = same.traffic.requests, other.traffic.requests

    for checkpoint in (same, other):
        np.testing.assert_array_equal(checkpoint.load(WORDS[:10]).vectors, VECTORS[:10])

    assert same.traffic.requests == opened[0]
    assert other.traffic.requests > opened[1]


def test_a_store_that_is_an_object_is_known_by_itself() -> None:
    """Opened twice it shares what was read; what is like it, and is another one, does not."""
    cache, clients = embzarr.Cache(), (MemoryStore(), MemoryStore())
    for client in clients:
        embzarr.save(client, WORDS, VECTORS)
    embzarr.open(clients[0], cache=cache).load(WORDS[:10])
    same, other = (embzarr.open(client, cache=cache) for client in clients)
    before = same.traffic.requests, other.traffic.requests

    same.load(WORDS[:10])
    other.load(WORDS[:10])

    assert same.traffic.requests == before[0]
    assert other.traffic.requests > before[1]


def test_verify_reads_the_store(request: pytest.FixtureRequest) -> None:
    """What is kept says nothing of what is stored."""
    checkpoint = embzarr.open(saved(request.node.name))
    checkpoint.load(WORDS[:10])
    before = checkpoint.traffic.bytes_read
    assert checkpoint.verify().ok
    assert checkpoint.traffic.bytes_read - before > VECTORS.nbytes


# On disk ------------------------------------------------------------------------------------------
def test_a_folder_outlives_its_process(stored: Path, tmp_path: Path) -> None:
    """Another cache of the same folder needs neither lookup nor vectors from the store."""
    embzarr.open(stored, cache=embzarr.Cache(folder=tmp_path)).load(WORDS[:50])
    again = embzarr.open(stored, cache=embzarr.Cache(0, folder=tmp_path))
    opened = again.traffic.requests

    np.testing.assert_array_equal(again.load(WORDS[:50]).vectors, VECTORS[:50])

    assert again.traffic.requests == opened


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "label"])
def test_a_damaged_file_is_fetched_again(stored: Path, tmp_path: Path, harm: str) -> None:
    """A file that was cut or changed is never believed, and is replaced by a sound one."""
    embzarr.open(stored, cache=embzarr.Cache(folder=tmp_path)).load(WORDS[:50])
    sound = {path: path.read_bytes() for path in files_of(tmp_path)}
    for path, data in sound.items():
        flipped, other = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], bytes(32) + data[32:]
        path.write_bytes({"cut": data[:-1], "flip": flipped, "empty": b"", "label": other}[harm])

    found = embzarr.open(stored, cache=embzarr.Cache(0, folder=tmp_path)).load(WORDS[:50])

    np.testing.assert_array_equal(found.vectors, VECTORS[:50])
    assert {path: path.read_bytes() for path in files_of(tmp_path)} == sound


def test_what_only_this_process_knows_is_not_kept_on_disk(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A memory store of this name is another one in every other process."""
    cache = embzarr.Cache(folder=tmp_path)
    embzarr.open(saved(request.node.name), cache=cache).load(WORDS[:50])
    assert not files_of(tmp_path)


def test_only_our_files_are_counted_and_removed(tmp_path: Path) -> None:
    """In a home folder full of large and old files of others, none is touched."""
    own = folder_in(tmp_path)
    strange = [
        tmp_path / "ab" / "notes.txt",
        tmp_path / "cd" / ("0" * 64),
        own / "README",
        own / "ab" / f"{'0' * 64}.chunk",
        own / f"{'0' * 63}.chunk",
    ]
    own.mkdir(mode=0o700)
    for path in strange:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(50_000))
        os.utime(path, (0, 0))

    fill(tmp_path, 0)

    assert all(path.read_bytes() == bytes(50_000) for path in strange)
    kept = [path for path in files_of(own) if path not in strange]
    assert 80 < len(kept) <= 100 + 13


def test_a_writer_that_was_killed_leaves_nothing_for_ever(tmp_path: Path) -> None:
    """Half-written files of ours are counted, and removed when it is their turn."""
    own = folder_in(tmp_path)
    own.mkdir(mode=0o700)
    half = own / f"{'0' * 32}.tmp"
    half.write_bytes(bytes(50_000))
    os.utime(half, (0, 0))
    fill(tmp_path, 0)
    assert not half.exists()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, mode: int) -> None:
    """What anybody may have put there is neither read nor added to."""
    cache = embzarr.Cache(0, folder=tmp_path).of(STORE, on_disk=True)
    name, data = chunk(1)
    cache.keep(name, data)
    assert cache.find(name) == data

    folder_in(tmp_path).chmod(mode)

    assert cache.find(name) is None
    cache.keep(*chunk(2))
    assert len(files_of(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_no_failure(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Where nothing can be kept, reading goes on."""
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    checkpoint = embzarr.open(saved(request.node.name), cache=embzarr.Cache(folder=blocked))
    np.testing.assert_array_equal(checkpoint["w00007"], VECTORS[7])


def test_processes_share_a_folder_within_its_limit(tmp_path: Path) -> None:
    """Four processes write, read and sweep at once; every file is whole, and they are few."""
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=fill, args=(tmp_path, 150 * n)) for n in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join()

    assert [other.exitcode for other in others] == [0] * 4
    files = files_of(tmp_path)
    assert {path.stat().st_size for path in files} == {1000 + 32}
    assert 0 < len(files) <= 100 + 4 * 13


# In memory ----------------------------------------------------------------------------------------
def test_what_was_used_longest_ago_goes_first() -> None:
    """Ten chunks fit; one that was asked for again stays."""
    cache = embzarr.Cache(10_000).of(STORE, on_disk=True)
    chunks = [chunk(number) for number in range(11)]
    for name, stored in chunks[:10]:
        cache.keep(name, stored)
    assert kept(cache, *chunks[0])

    cache.keep(*chunks[10])

    assert kept(cache, *chunks[0])
    assert not kept(cache, *chunks[1])
    assert kept(cache, *chunks[10])


def kept(cache: StoreCache, name: ChunkName, stored: bytes) -> bool:
    found = cache.find(name)
    assert found in {None, stored}
    return found is not None


def test_stores_share_no_chunk_whatever_its_name() -> None:
    """A chunk that one store gave is not given out for another one, alike in all else."""
    cache = embzarr.Cache()
    name, data = chunk(1)
    cache.of(STORE, on_disk=True).keep(name, data)
    assert cache.of(STORE, on_disk=True).find(name) == data
    assert cache.of("another", on_disk=True).find(name) is None


@pytest.mark.parametrize(("memory", "disk"), [(-1, 0), (0, -1)])
def test_a_negative_size_is_refused(tmp_path: Path, memory: int, disk: int) -> None:
    with pytest.raises(
        embzarr.InvalidInputError, match=r"_bytes: expected a whole number from 0, found int -1"
    ):
        embzarr.Cache(memory, folder=tmp_path, folder_bytes=disk)
