"""What the commit protocol promises when answers are lost and others write too."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Body, ObjectInfo
from embzarr.errors import UnsupportedError
from faulty import Fault, FaultyStore, PassThrough

WRITES = 14
"""More than a small save makes."""


@pytest.mark.parametrize("fault", ["not-sent", "answer-lost"])
@pytest.mark.parametrize("at", range(WRITES))
def test_every_failing_write(at: int, fault: Fault, tmp_path: Path) -> None:
    """Whichever write fails, the save raises and is invisible, or it stands whole."""
    embzarr.save(tmp_path, ["old"], [[1.0]])
    store = FaultyStore(open_store(tmp_path), at=at, fault=fault)

    try:
        embzarr.save(store, ["new"], [[2.0]])
        saved = True
    except embzarr.StoreError:
        saved = False

    seen = embzarr.open(tmp_path)
    assert seen.words == (["new"] if saved else ["old"])
    assert seen.verify().ok
    assert saved == (store.hit is None or not store.hit.startswith("put steps/"))


def test_a_lost_answer_of_the_commit_itself_is_resolved(tmp_path: Path) -> None:
    """A manifest that was created although the store said otherwise is found to be ours."""
    for at in range(WRITES):
        store = FaultyStore(open_store(tmp_path / str(at)), at=at, fault="answer-lost")
        try:
            checkpoint = embzarr.save(store, ["w"], [[1.0]])
        except embzarr.StoreError:
            continue
        if store.hit and store.hit.startswith("create commits/"):
            assert checkpoint.commit == 1
            assert len(embzarr.Run(tmp_path / str(at)).commits()) == 1
            return
    pytest.fail("no write was the manifest's")


def test_racing_writers_all_commit_under_their_own_numbers(tmp_path: Path) -> None:
    """Sixteen writers at once make sixteen commits, one number each, none lost."""

    def save(step: int) -> int:
        return embzarr.save(tmp_path, [f"w{step}"], [[float(step)]], step=step).commit

    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(save, range(16)))

    assert sorted(numbers) == list(range(1, 17))
    run = embzarr.Run(tmp_path)
    assert {c.step: c.commit for c in run.commits()} == dict(enumerate(numbers))
    for step in range(16):
        assert run.open(step=step).words == [f"w{step}"]
        assert run.open(step=step).verify().ok


def test_a_stale_hint_does_not_hide_a_commit(tmp_path: Path) -> None:
    """The listing wins over a hint that lags behind."""
    embzarr.save(tmp_path, ["a"], [[1.0]])
    hint = (tmp_path / "latest.json").read_bytes()
    embzarr.save(tmp_path, ["b"], [[1.0]])
    (tmp_path / "latest.json").write_bytes(hint)

    assert embzarr.open(tmp_path).words == ["b"]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"format":"other"}', None])
def test_a_damaged_hint_costs_nothing(damage: bytes | None, tmp_path: Path) -> None:
    """A hint that is torn, foreign or gone is not needed."""
    embzarr.save(tmp_path, ["a"], [[1.0]])
    (tmp_path / "latest.json").unlink()
    if damage is not None:
        (tmp_path / "latest.json").write_bytes(damage)

    assert embzarr.open(tmp_path).words == ["a"]


@pytest.mark.parametrize(
    ("letters", "damaged"),
    [
        (b'"version":1', b'"version":9'),
        (b'"kind":"full"', b'"kind":"fuxl"'),
        (b'"writer"', b'"writex"'),
        (b'"dtype":"float32"', b'"dtype":"floax32"'),
    ],
)
def test_a_damaged_letter_of_the_hint_is_no_later_version(
    letters: bytes, damaged: bytes, tmp_path: Path
) -> None:
    """What a hint seems to ask for is not believed: the commit itself is read."""
    embzarr.save(tmp_path, ["a"], [[1.0]])
    hint = tmp_path / "latest.json"
    hint.write_bytes(hint.read_bytes().replace(letters, damaged, 1))

    assert embzarr.open(tmp_path).words == ["a"]


class _NoListing(PassThrough):
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        raise UnsupportedError("store-cannot-list", f"cannot list {prefix}")


@pytest.mark.parametrize("hint", ["fresh", "stale", "gone"])
def test_a_store_that_cannot_list(hint: str, tmp_path: Path) -> None:
    """Without listings the newest commit is found by walking on from the hint."""
    embzarr.save(tmp_path, ["a"], [[1.0]])
    stale = (tmp_path / "latest.json").read_bytes()
    embzarr.save(tmp_path, ["b"], [[1.0]])
    embzarr.save(tmp_path, ["c"], [[1.0]])
    if hint == "stale":
        (tmp_path / "latest.json").write_bytes(stale)
    if hint == "gone":
        (tmp_path / "latest.json").unlink()
    store = _NoListing(open_store(tmp_path))

    assert embzarr.open(store).words == ["c"]
    assert [c.commit for c in embzarr.Run(store).commits()] == [3, 2, 1]


class _Silent(PassThrough):
    """Takes every manifest and never answers, and shows none."""

    def create(self, key: str, data: Body) -> None:
        if key.startswith("commits/"):
            raise embzarr.StoreError("store-failed", "no answer")
        super().create(key, data)


@pytest.mark.usefixtures("no_pauses")
def test_an_unknown_outcome_deletes_nothing(tmp_path: Path) -> None:
    """Where nobody can say whether the commit was made, its data stays."""
    with pytest.raises(embzarr.StoreError) as caught:
        embzarr.save(_Silent(open_store(tmp_path)), ["a"], [[1.0]])

    assert caught.value.code == "commit-unknown"
    assert any(info.key.startswith("steps/0-") for info in open_store(tmp_path).list(""))
