"""What `_cache` promises: chunks come from it only where they are sound, and it stays in bounds."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import numpy as np
import pytest

import embzarr
from embzarr import _digest
from embzarr._cache import ChunkName

if TYPE_CHECKING:
    from pathlib import Path

    from embzarr import Cache

WORDS = [f"w{row:05}" for row in range(4096)]
VECTORS = np.random.default_rng(0).standard_normal((4096, 64), np.float32)


def chunk(number: int, size: int = 1000) -> tuple[ChunkName, bytes, int]:
    """Return the name, the stored bytes and the checksum of a made-up chunk."""
    body = number.to_bytes(4, "little") * (size // 4 - 1)
    crc = _digest.crc32c(body)
    return ChunkName(f"{number:064x}", 0, size), body + crc.to_bytes(4, "little"), crc


def saved(name: str) -> str:
    url = f"memory://{name}"
    embzarr.save(url, WORDS, VECTORS, compression="none")
    return url


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


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


def test_checkpoints_share_a_cache_by_what_they_hold(request: pytest.FixtureRequest) -> None:
    """The same bytes in another store are not fetched again; other bytes are."""
    cache = embzarr.Cache()
    embzarr.open(saved(f"{request.node.name}-a"), cache=cache).load(WORDS[:10])
    same = embzarr.open(saved(f"{request.node.name}-b"), cache=cache)
    embzarr.save(f"memory://{request.node.name}-c", WORDS, -VECTORS, compression="none")
    other = embzarr.open(f"memory://{request.node.name}-c", cache=cache)
    opened = same.traffic.requests

    same.load_rows(0, 10)

    assert same.traffic.requests == opened
    np.testing.assert_array_equal(other.load(WORDS[:10]).vectors, -VECTORS[:10])


def test_verify_reads_the_store(request: pytest.FixtureRequest) -> None:
    """What is kept says nothing of what is stored."""
    checkpoint = embzarr.open(saved(request.node.name))
    checkpoint.load(WORDS[:10])
    before = checkpoint.traffic.bytes_read
    assert checkpoint.verify().ok
    assert checkpoint.traffic.bytes_read - before > VECTORS.nbytes


# On disk ------------------------------------------------------------------------------------------
def test_a_folder_outlives_its_process(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Another cache of the same folder needs neither lookup nor vectors from the store."""
    url = saved(request.node.name)
    embzarr.open(url, cache=embzarr.Cache(folder=tmp_path)).load(WORDS[:50])
    again = embzarr.open(url, cache=embzarr.Cache(0, folder=tmp_path))
    opened = again.traffic.requests

    np.testing.assert_array_equal(again.load(WORDS[:50]).vectors, VECTORS[:50])

    assert again.traffic.requests == opened


@pytest.mark.parametrize("harm", ["cut", "flip", "empty"])
def test_a_damaged_file_is_fetched_again(
    request: pytest.FixtureRequest, tmp_path: Path, harm: str
) -> None:
    """A file that was cut or changed is never believed, and is replaced by a sound one."""
    url = saved(f"{request.node.name}-{harm}")
    embzarr.open(url, cache=embzarr.Cache(folder=tmp_path)).load(WORDS[:50])
    sound = {path: path.read_bytes() for path in files_of(tmp_path)}
    for path, data in sound.items():
        flipped = bytes([data[0] ^ 1]) + data[1:]
        path.write_bytes({"cut": data[:-1], "flip": flipped, "empty": b""}[harm])

    found = embzarr.open(url, cache=embzarr.Cache(0, folder=tmp_path)).load(WORDS[:50])

    np.testing.assert_array_equal(found.vectors, VECTORS[:50])
    assert {path: path.read_bytes() for path in files_of(tmp_path)} == sound


def test_a_folder_that_cannot_be_written_is_no_failure(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Where nothing can be kept, reading goes on."""
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    checkpoint = embzarr.open(saved(request.node.name), cache=embzarr.Cache(folder=blocked))
    np.testing.assert_array_equal(checkpoint["w00007"], VECTORS[7])


def _fill(folder: Path, first: int) -> None:
    cache = embzarr.Cache(0, folder=folder, folder_bytes=100_000)
    for number in range(first, first + 300):
        name, stored, crc = chunk(number)
        cache.keep(name, stored)
        found = cache.find(name, crc)
        assert found is None or found == stored  # another process may have swept it


def test_processes_share_a_folder_within_its_limit(tmp_path: Path) -> None:
    """Four processes write, read and sweep at once; every file is whole, and they are few."""
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_fill, args=(tmp_path, 150 * n)) for n in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join()

    assert [other.exitcode for other in others] == [0] * 4
    files = files_of(tmp_path)
    assert {path.stat().st_size for path in files} == {1000}
    assert 0 < len(files) <= 100 + 4 * 13


# In memory ----------------------------------------------------------------------------------------
def test_what_was_used_longest_ago_goes_first() -> None:
    """Ten chunks fit; one that was asked for again stays."""
    cache = embzarr.Cache(10_000)
    chunks = [chunk(number) for number in range(11)]
    for name, stored, _ in chunks[:10]:
        cache.keep(name, stored)
    assert kept(cache, *chunks[0])

    cache.keep(*chunks[10][:2])

    assert kept(cache, *chunks[0])
    assert not kept(cache, *chunks[1])
    assert kept(cache, *chunks[10])


def kept(cache: Cache, name: ChunkName, stored: bytes, crc: int) -> bool:
    found = cache.find(name, crc)
    assert found in {None, stored}
    return found is not None


@pytest.mark.parametrize(("memory", "disk"), [(-1, 0), (0, -1)])
def test_a_negative_size_is_refused(tmp_path: Path, memory: int, disk: int) -> None:
    with pytest.raises(embzarr.InvalidInputError, match="0 bytes or more; found -1"):
        embzarr.Cache(memory, folder=tmp_path, folder_bytes=disk)
