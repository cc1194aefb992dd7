"""What `verify` promises: whatever is changed in a store is found and named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import embzarr
from oracle import make_vectors, make_words

ROWS = 20_000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a chunk table, compressed, and a commit before it."""
    url = tmp_path_factory.mktemp("sound")
    vectors = np.repeat(make_vectors(ROWS, 1), 512, axis=1)  # small once it is compressed
    embzarr.save(url, ["before"], [[0.0]])
    embzarr.save(url, make_words(ROWS), vectors, counts=range(ROWS), compression="lz4")
    return url


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(sound, tmp_path / "run"))


def step_of(run: Path) -> Path:
    return next((run / "steps").glob("1-*"))


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


def test_a_flipped_bit_is_named_by_chunk_and_rows(run: Path) -> None:
    """One bit in the vectors is traced to its object, chunk and rows; loading them fails."""
    flip(step_of(run) / "vectors/c/0/0", 100_000)

    checkpoint = embzarr.open(run)
    (problem,) = checkpoint.verify().problems

    assert problem.code == "chunk-checksum"
    assert problem.key.endswith("vectors/c/0/0")
    assert problem.chunk is not None
    assert problem.rows == (problem.chunk * 64, problem.chunk * 64 + 64)
    with pytest.raises(embzarr.DamagedError, match=f"chunk {problem.chunk}:") as caught:
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
    """Sound objects in each other's place are not sound."""
    first, second = step_of(run) / "words/data/c/0", step_of(run) / "words/offsets/c/0"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)

    assert len(embzarr.open(run).verify().problems) == 2
