"""What `verify` promises: whatever is changed in a store is found and named."""

from __future__ import annotations

import json
import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.parallel import ByteBudget
from embzarr._storage.port import Data, ObjectInfo, Store
from embzarr._verify import shards
from faulty import PassThrough
from oracle import make_vectors, make_words

ROWS = 20_000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a chunk table, compressed, and a commit before it."""
    url = tmp_path_factory.mktemp("sound")
    vectors = np.repeat(make_vectors(ROWS, 1), 512, axis=1)  # small once it is compressed
    embzarr.save(url, ["before"], np.zeros((1, 512)))
    embzarr.save(url, make_words(ROWS), vectors, counts=range(ROWS), compression="lz4")
    return url


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(sound, tmp_path / "run"))


def step_of(run: Path) -> Path:
    return next((run / "steps").glob("1-*"))


def files(run: Path, folder: str) -> list[Path]:
    return [path for path in (step_of(run) / folder).rglob("*") if path.is_file()]


class NoListing(PassThrough):
    """A store that cannot enumerate its objects, such as a plain web server."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        raise embzarr.UnsupportedError("store-cannot-list", prefix)


class Weighed(PassThrough):
    """A store that knows how many bytes of its answers each thread still holds."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.held: Counter[int] = Counter()

    def get_range(self, key: str, start: int, length: int) -> Data:
        data = np.frombuffer(self.store.get_range(key, start, length), np.uint8).copy()
        thread = threading.get_ident()
        self.held[thread] += data.nbytes
        weakref.finalize(data, self.held.subtract, {thread: data.nbytes})
        return data.data


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_sound(run: Path) -> None:
    """An untouched checkpoint is sound, and everything of it was read."""
    seen: list[tuple[int, int]] = []

    report = embzarr.open(run).verify(progress=lambda done, total: seen.append((done, total)))

    assert report.ok
    files = [path for path in step_of(run).rglob("*") if path.is_file()]
    assert report.objects == len(files)
    assert report.bytes == sum(path.stat().st_size for path in files)
    assert seen[-1] == (report.bytes, report.bytes)
    assert report.chunks > ROWS / 64


def test_every_byte_is_read_once(run: Path) -> None:
    """Besides the objects only words, lookup, chunk table and manifests are read again."""
    checkpoint = embzarr.open(run)
    opened = checkpoint.traffic

    report = checkpoint.verify()

    again = [p.stat().st_size for n in ("words", "lookup", "chunks") for p in files(run, n)]
    manifests = sum(path.stat().st_size for path in (run / "commits").iterdir())
    manifests += 2 * (run / "latest.json").stat().st_size  # compared with what it is a copy of
    read = checkpoint.traffic.bytes_read - opened.bytes_read
    assert read <= report.bytes + sum(again) + manifests
    # One request an object of less than a piece: none asks for its size.
    assert checkpoint.traffic.requests - opened.requests <= report.objects + 20


def test_quick_asks_for_sizes_in_one_listing(run: Path) -> None:
    """A quick look at a sound checkpoint costs its manifests and a listing."""
    checkpoint = embzarr.open(run)
    opened = checkpoint.traffic

    report = checkpoint.verify(quick=True)

    assert (report.ok, report.quick, report.chunks) == (True, True, 0)
    assert report.bytes == sum(path.stat().st_size for path in files(run, ""))
    assert checkpoint.traffic.requests - opened.requests == 3


@pytest.mark.parametrize(("damage", "code"), [("gone", "object-missing"), ("cut", "object-size")])
def test_quick_names_what_is_gone_or_cut(damage: str, code: str, run: Path) -> None:
    """Without reading a byte, an object that is not there or too short is named."""
    path = step_of(run) / "counts/c/0"
    data = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(data[:-1])

    (problem,) = embzarr.open(run).verify(quick=True).problems

    assert (problem.code, problem.key) == (code, path.relative_to(run).as_posix())


def test_quick_works_without_a_listing(run: Path) -> None:
    """On a store that cannot list, each object is asked for its size."""
    (step_of(run) / "counts/c/0").unlink()

    (problem,) = embzarr.open(NoListing(open_store(run))).verify(quick=True).problems

    assert problem.code == "object-missing"


def test_memory_is_what_was_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for room for a piece holds none of those before."""
    monkeypatch.setattr(shards, "_PIECE_BYTES", 2**20)
    embzarr.save(tmp_path, tensors={"t": make_vectors(2**20, 1)}, compression="none")
    store = Weighed(open_store(tmp_path))
    held, take = [], ByteBudget.take

    def taking(budget: ByteBudget, size: int) -> None:
        held.append(store.held[threading.get_ident()])
        take(budget, size)

    monkeypatch.setattr(ByteBudget, "take", taking)
    assert embzarr.open(store).verify().ok
    assert len(held) > 4
    assert set(held) == {0}


def test_lost_rows_are_told_by_word(run: Path) -> None:
    """Rows of a damaged chunk, or of an object that is gone, come with the first of their words."""
    words = make_words(ROWS)
    flip(step_of(run) / "vectors/c/0/0", 100_000)
    (step_of(run) / "counts/c/0").unlink()

    counts, vectors = embzarr.open(run).verify().problems

    assert (counts.rows, counts.words) == ((0, ROWS), tuple(words[:8]))
    assert vectors.rows
    assert vectors.words == tuple(words[vectors.rows[0] : vectors.rows[0] + 8])


def test_a_cut_object_loses_the_rows_beyond_its_end(run: Path) -> None:
    """Of an object that was cut, the rows of the chunks that went are told, and no others."""
    path = step_of(run) / "vectors/c/2/0"
    path.write_bytes(path.read_bytes()[:-10_000])

    (problem,) = embzarr.open(run).verify().problems

    assert problem.code == "object-size"
    assert problem.rows
    first, last = problem.rows
    assert ROWS // 2 < first < last
    assert np.array_equal(
        embzarr.open(run).load_rows(0, first).vectors,
        np.repeat(make_vectors(ROWS, 1), 512, axis=1)[:first],
    )


def test_a_damaged_chunk_table_does_not_call_its_chunks_damaged(run: Path) -> None:
    """The objects that the table leads to are still compared with their digests."""
    table = step_of(run) / "chunks/vectors/c/0/0"
    flip(table, 5)

    (problem,) = embzarr.open(run).verify().problems

    assert problem.key == table.relative_to(run).as_posix()


def test_a_size_beyond_all_bounds_ends_at_once(run: Path) -> None:
    """A manifest that claims an object of 8 PB costs no more than the bytes that are there."""
    head = run / f"commits/{2:020}.json"
    manifest = json.loads(head.read_bytes())
    manifest["layers"][0]["objects"]["zarr.json"]["size"] = 2**53 - 1
    head.write_text(json.dumps(manifest))
    (run / "latest.json").unlink()

    (problem,) = embzarr.open(run).verify().problems

    assert (problem.code, problem.key.rsplit("/", 1)[1]) == ("object-size", "zarr.json")


def test_a_flipped_bit_is_named_by_chunk_and_rows(run: Path) -> None:
    """One bit in the vectors is traced to its object, chunk and rows; loading them fails."""
    flip(step_of(run) / "vectors/c/0/0", 100_000)

    checkpoint = embzarr.open(run)
    (problem,) = checkpoint.verify().problems

    assert problem.code == "chunk-checksum"
    assert problem.key.endswith("vectors/c/0/0")
    assert problem.chunk is not None
    assert problem.rows == (problem.chunk * 64, problem.chunk * 64 + 64)
    with pytest.raises(embzarr.DamagedError, match=f"chunk {problem.chunk}, rows ") as caught:
        checkpoint.load_rows(*problem.rows)
    assert caught.value.code == "chunk-checksum"


@pytest.mark.parametrize(
    "name",
    [
        "vectors/c/0/0",
        "counts/c/0",
        "words/data/c/0",
        "words/offsets/c/0",
        "lookup/blocks/c/0/0",
        "chunks/vectors/c/0/0",
        "zarr.json",
        "vectors/zarr.json",
        "words/zarr.json",
    ],
)
@pytest.mark.parametrize("damage", ["first-bit", "last-bit", "cut", "longer", "gone"])
def test_every_object_and_damage(name: str, damage: str, run: Path) -> None:
    """Whichever object is damaged, and however, it is named."""
    path = step_of(run) / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(data[:-1])
    elif damage == "longer":
        path.write_bytes(data + b"\0")
    else:
        flip(path, 0 if damage == "first-bit" else len(data) - 1)

    problems = embzarr.open(run).verify().problems

    expected = {"cut": {"object-size"}, "longer": {"object-size"}, "gone": {"object-missing"}}
    codes = {p.code for p in problems if p.key.endswith(f"/{name}")}
    assert codes <= expected.get(damage, codes)
    assert codes, f"{name} is not named"


def test_a_missing_chunk_is_never_zeros(run: Path) -> None:
    """Where an object is gone, loading its rows raises."""
    (step_of(run) / "vectors/c/0/0").unlink()

    with pytest.raises(embzarr.DamagedError) as caught:
        embzarr.open(run).load_rows(0, 10)

    assert caught.value.code == "object-missing"


def test_a_cut_object_is_never_short(run: Path) -> None:
    """Where an object was cut, loading what is gone raises."""
    path = step_of(run) / "vectors/c/0/0"
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(embzarr.DamagedError) as caught:
        embzarr.open(run).load_rows(0, ROWS)

    assert caught.value.code == "object-truncated"


def test_a_changed_parent_is_named(run: Path) -> None:
    """A commit notices that its predecessor was rewritten."""
    path = run / "commits/00000000000000000001.json"
    manifest = json.loads(path.read_bytes())
    manifest["metadata"] = {"forged": True}
    path.write_text(json.dumps(manifest))

    (problem,) = embzarr.open(run).verify().problems

    assert problem.code == "manifest-mismatch"


def test_swapped_objects_are_named(run: Path) -> None:
    """Sound objects in each other's place are not sound, nor is what they hold instead."""
    first, second = step_of(run) / "words/data/c/0", step_of(run) / "words/offsets/c/0"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)

    problems = embzarr.open(run).verify().problems
    path = first.parents[2].relative_to(run).as_posix()
    sizes = {problem.key for problem in problems if problem.code == "object-size"}
    assert sizes == {f"{path}/data/c/0", f"{path}/offsets/c/0"}
    assert {problem.key for problem in problems} == sizes
    assert {problem.code for problem in problems} == {"object-size", "chunk-checksum"}


def test_damage_in_an_object_of_another_size_is_told_as_well(run: Path) -> None:
    """The chunks that lie before its end are checked; those beyond it are told by its size."""
    path = step_of(run) / "vectors/c/0/0"
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data[: len(data) // 2])

    told = [(found.code, found.chunk) for found in embzarr.open(run).verify().problems]
    assert told == [("object-size", None), ("chunk-checksum", 0)]


def test_a_damaged_index_is_told_beside_a_damaged_chunk(run: Path) -> None:
    """Whoever mends the chunk alone is not left with a shard that other Zarr readers refuse."""
    path = step_of(run) / "vectors/c/0/0"
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    data[-1] ^= 1
    path.write_bytes(data)

    told = [(found.code, found.chunk) for found in embzarr.open(run).verify().problems]
    assert sorted(told, key=str) == [("chunk-checksum", 0), ("shard-index", None)]


def test_a_table_of_impossible_places_loses_the_rows_of_its_shard_alone(tmp_path: Path) -> None:
    """A table whose own digests are right is believed no more than a reader believes it."""
    folder = Path(__file__).parents[3] / "spec/v1/invalid/table-outside-shard-verified/store"
    store = Path(shutil.copytree(folder, tmp_path / "run"))

    (problem,) = embzarr.open(store).verify().problems

    with pytest.raises(embzarr.DamagedError) as caught:
        embzarr.open(store).load_rows(2, 4)
    assert caught.value.code == problem.code == "chunk-range"
    assert problem.places == (0, 8)
    assert len(embzarr.open(store).load_rows(8, 10)) == 2
