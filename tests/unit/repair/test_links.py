"""Links in the store that is repaired: followed nowhere, told of, and no reason to give up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import embzarr
from damage import make_run, vectors_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from damage import Objects

SECRET = b"not yours"
COUNTS = "counts/c/0"


@pytest.fixture(scope="module")
def sound() -> Objects:
    return make_run()


def key_of(objects: Objects, step: int, name: str) -> str:
    found = [k for k in objects if k.startswith(f"steps/{step}-") and k.endswith(f"/{name}")]
    return min(found, key=len)


PLACES: dict[str, Callable[[Objects], str]] = {
    "a shard": lambda objects: key_of(objects, 10, "vectors/c/0/0"),
    "a shard of the newest": lambda objects: key_of(objects, 30, "vectors/c/0/0"),
    "words": lambda objects: key_of(objects, 30, "words/data/c/0"),
    "a document": lambda objects: key_of(objects, 20, "vectors/zarr.json"),
    "a folder of an array": lambda objects: key_of(objects, 20, "vectors/zarr.json")[:-10],
    "the folder of a step": lambda objects: key_of(objects, 20, "words/zarr.json")[:-16],
    "an old manifest": lambda _: f"commits/{2:020}.json",
    "the newest manifest": lambda _: f"commits/{3:020}.json",
    "the hint": lambda _: "latest.json",
    "the root": lambda _: "zarr.json",
    "the group of steps": lambda _: "steps/zarr.json",
    "a mark": lambda _: f"quarantine/{1:020}.json",
    "all marks": lambda _: "quarantine",
    "all names": lambda _: "tags",
}

LINKS: dict[str, Callable[[Path, Path], None]] = {
    "out of the store": lambda path, secret: path.symlink_to(secret),
    "to nothing": lambda path, _: path.symlink_to("nothing"),
    "to itself": lambda path, _: path.symlink_to(path.name),
}


def laid_out(folder: Path, objects: Objects, place: str, make: Callable[[Path, Path], None]) -> str:
    """Write a run with one shard gone that can be restored, and a link somewhere else."""
    link = PLACES[place](objects)
    for key, data in objects.items():
        if key.startswith(f"{link}/") or key in {link, key_of(objects, 30, COUNTS)}:
            continue
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    secret = folder.parent / "secret"
    if any(key.startswith(f"{link}/") for key in objects) or "." not in link:
        secret.mkdir()
        (secret / "file").write_bytes(SECRET)
    else:
        secret.write_bytes(SECRET)
    (folder / link).parent.mkdir(parents=True, exist_ok=True)
    make(folder / link, secret)
    return link


FEW = ("a shard", "the folder of a step", "the newest manifest", "the root", "all marks")
CASES = [
    *((place, "out of the store") for place in PLACES),
    *((place, how) for place in FEW for how in ("to nothing", "to itself")),
]


@pytest.mark.parametrize(("place", "how"), CASES)
def test_the_rest_is_repaired(place: str, how: str, sound: Objects, tmp_path: Path) -> None:
    """A link is told of where it stands in the way; what is damaged elsewhere is restored."""
    run, secret = tmp_path / "run", tmp_path / "secret"
    link = laid_out(run, sound, place, LINKS[how])
    planned = embzarr.repair(run, dry_run=True)
    assert not (run / key_of(sound, 30, COUNTS)).exists()
    report = embzarr.repair(run)

    file = secret / "file" if secret.is_dir() else secret
    assert file.read_bytes() == SECRET
    assert [*secret.parent.rglob("secret*")] == [secret]
    if place != "the newest manifest":  # else there is no commit of which the shard is
        assert (run / key_of(sound, 30, COUNTS)).read_bytes() == sound[key_of(sound, 30, COUNTS)]
        head = embzarr.open(run)
        np.testing.assert_array_equal(head.to_numpy(), vectors_of(head.step))
    if how == "out of the store":
        told = [problem for problem in report.lost if problem.code == "key-escapes-root"]
        assert any(problem.key.startswith(link) for problem in told), report.lost
        assert (run / link).readlink() == secret
        assert {p.key for p in planned.lost} == {p.key for p in report.lost}
    assert embzarr.repair(run).actions == ()


def test_a_lost_shard_is_told_of_with_its_rows(sound: Objects, tmp_path: Path) -> None:
    """Whoever repairs or verifies hears which rows a link has cost."""
    link = laid_out(tmp_path / "run", sound, "a shard", LINKS["out of the store"])
    report = embzarr.repair(tmp_path / "run")
    verified = embzarr.open(tmp_path / "run", step=10).verify()

    for problems in (report.lost, verified.problems):
        (found,) = [problem for problem in problems if problem.key == link]
        assert found.code == "key-escapes-root"
        assert found.rows == (0, 16)
        assert found.words
