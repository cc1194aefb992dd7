"""What a reader asks of a store: sections "Finding a commit" and "Reading in part"."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import embzarr
from conformance.corpus import CHECKPOINTS
from conformance.recorder import Recorder
from embzarr._storage.open import open_store
from embzarr._storage.port import ObjectInfo
from faulty import PassThrough, SlowStore

HISTORY, TABLE = CHECKPOINTS / "history/store", CHECKPOINTS / "chunk-table/store"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A copy of the frozen store with three commits."""
    return shutil.copytree(HISTORY, tmp_path / "history")


def commit_file(root: Path, number: int) -> Path:
    """Return the file of a manifest."""
    return root / f"commits/{number:020d}.json"


def test_listing_and_hint_are_asked_together() -> None:
    """The newest commit costs one list and one get where both agree."""
    store = Recorder(open_store(HISTORY))
    embzarr.open(store)

    assert sorted(store.log) == [("get", "latest.json"), ("list", "commits/")]


def test_a_hint_that_lags_is_overtaken_by_the_listing(history: Path) -> None:
    """The highest number that is listed wins over an older hint."""
    shutil.copy(commit_file(history, 1), history / "latest.json")

    assert embzarr.open(history).commit == 3


class _Lagging(PassThrough):
    """Lists nothing of the newest commit yet."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        newest = commit_file(Path(), 3).as_posix()
        return (info for info in super().list(prefix) if info.key != newest)


def test_a_listing_that_lags_is_overtaken_by_the_hint(history: Path) -> None:
    """A commit that is there and that a hint tells of is the newest, listed or not."""
    assert embzarr.open(_Lagging(open_store(history))).commit == 3


@pytest.mark.parametrize("can_list", [True, False])
def test_a_hint_of_a_commit_that_is_not_there_counts_for_nothing(
    *, can_list: bool, history: Path
) -> None:
    """A copy of a store may have ``latest.json`` and not yet what it is a copy of."""
    commit_file(history, 3).unlink()

    assert embzarr.open(Recorder(open_store(history), can_list=can_list)).commit == 2


@pytest.mark.parametrize("hint", [1, 2, 3, None])
def test_a_store_that_cannot_list_is_walked(history: Path, hint: int | None) -> None:
    """Manifests are read from the hint on, or from 1, until one is missing."""
    (history / "latest.json").unlink()
    if hint:
        shutil.copy(commit_file(history, hint), history / "latest.json")
    store = Recorder(open_store(history), can_list=False)
    found = embzarr.open(store).commit
    asked = {key for key in store.keys("get") if key.startswith("commits/")}

    assert found == 3
    assert {commit_file(Path(), number).as_posix() for number in range((hint or 0) + 1, 5)} <= asked


def test_objects_of_other_names_are_ignored(history: Path) -> None:
    """What else lies among commits and tags is no commit and no tag."""
    (history / "commits/99999999999999999999.json.tmp").write_bytes(b"half")
    (history / "commits/4.json").write_bytes(b"not ours")
    (history / "tags/_draft.json").write_bytes(b"not ours")

    assert embzarr.open(history).commit == 3
    assert embzarr.Run(history).tags() == {"best": 2, "v1.0": 1}


def test_one_word_takes_three_round_trips_from_a_cold_start() -> None:
    """Manifest; lookup block and chunk table; vector."""
    checkpoint = embzarr.open(SlowStore(open_store(TABLE), 0.02))
    checkpoint["w289"]

    assert checkpoint.traffic.round_trips <= 3


def test_a_range_of_rows_reads_nothing_else() -> None:
    """Rows of one column need its chunk table and its shards, no word and no lookup."""
    store = Recorder(open_store(TABLE))
    checkpoint = embzarr.open(store)
    store.log.clear()
    checkpoint.load_rows(60, 70)
    layer = json.loads((TABLE / "latest.json").read_bytes())["layers"][0]["path"]

    assert {key.removeprefix(f"{layer}/") for key in store.keys("get")} == {
        "chunks/vectors/c/0/0",
        "vectors/c/0/0",
        "vectors/c/1/0",
    }


def test_a_store_without_zarr_json_is_read(history: Path) -> None:
    """The manifest alone tells all that a reader needs."""
    for path in history.rglob("zarr.json"):
        path.unlink()
    checkpoint = embzarr.open(history)

    assert checkpoint.words == embzarr.open(HISTORY).words
    assert (checkpoint.to_numpy() == embzarr.open(HISTORY).to_numpy()).all()


def test_a_link_out_of_the_root_is_not_followed(history: Path, tmp_path: Path) -> None:
    """An object that is a link to something outside is refused, not read."""
    outside = tmp_path / "outside.json"
    shutil.move(commit_file(history, 2), outside)
    commit_file(history, 2).symlink_to(outside)
    with pytest.raises(embzarr.DamagedError) as caught:
        embzarr.open(history, commit=2)

    assert caught.value.code == "key-escapes-root"


def test_a_tag_of_more_than_64_kib_is_refused(history: Path) -> None:
    """The size of a tag is judged before it is parsed."""
    tag = (history / "tags/best.json").read_bytes()
    (history / "tags/best.json").write_bytes(tag + b" " * (65_537 - len(tag)))
    with pytest.raises(embzarr.DamagedError) as caught:
        embzarr.open(history, tag="best")

    assert caught.value.code == "json-too-large"
