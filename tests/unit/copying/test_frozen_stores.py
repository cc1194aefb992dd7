"""The frozen stores of the specification, sound ones and damaged ones, are copied or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import embzarr
from embzarr._storage.backends.memory import MemoryStore

SPEC = Path(__file__).parents[3] / "spec" / "v1"
SOUND = sorted(path.name for path in (SPEC / "checkpoints").iterdir())
INVALID = sorted(path.name for path in (SPEC / "invalid").iterdir())


def test_the_stores_are_there() -> None:
    """An empty list would prove nothing."""
    assert len(SOUND) > 20
    assert len(INVALID) > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_a_sound_store_is_copied_whole_and_one_by_one(name: str) -> None:
    """Byte by byte, also what another program wrote; and behind what is there already."""
    source = embzarr.Run(SPEC / "checkpoints" / name / "store", read_only=True)
    whole, other = MemoryStore("memory://whole"), MemoryStore("memory://other")
    embzarr.save(other, ["x"], [[1.0, 2.0]], step=0)

    embzarr.copy(source.url, whole)
    report = embzarr.copy(source.url, other, append=True, allow_new_dim=True)

    folder = SPEC / "checkpoints" / name / "store"
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    copied = {info.key: bytes(whole.get(info.key)) for info in whole.list("")}
    copied.pop("latest.json")  # a hint, which another writer has not left
    assert {key: path.read_bytes() for key, path in files.items() if key in copied} == copied
    assert {key for key in files if key.startswith(("commits/", "tags/"))} <= copied.keys()
    assert len(report.commits) == len(source.commits())
    before = [source.open(commit=told.commit).verify().ok for told in reversed(source.commits())]
    assert [embzarr.open(other, commit=n).verify().ok for n in report.commits] == before


@pytest.mark.slow
@pytest.mark.parametrize("name", INVALID)
def test_a_damaged_store_is_never_copied_as_if_it_were_sound(name: str) -> None:
    """A typed error and nothing to be seen, or bytes that are as their manifest says."""
    target = MemoryStore("memory://target")
    try:
        embzarr.copy(SPEC / "invalid" / name / "store", target)
    except embzarr.EmbzarrError:
        assert not list(target.list("commits/"))
        return
    for number in embzarr.Run(target).numbers():
        try:
            report = embzarr.open(target, commit=number).verify()
        except embzarr.EmbzarrError:
            continue
        assert "object-digest" not in {problem.code for problem in report.problems}
