"""Numbers at which nothing stands any more are closed, so that a history goes on behind them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._storage.open import open_store
from embzarr_tools.fixtures._plain import canonical, sha256
from embzarr_tools.fixtures._plain_commit import commit_key


def save(url: object, step: int) -> embzarr.Checkpoint:
    return embzarr.save(url, ["a", "b"], [[step, 0.0], [step, 1.0]], step=step)


def contents(client: MemoryStore) -> dict[str, bytes]:
    store = open_store(client)
    return {info.key: bytes(store.get(info.key)) for info in store.list("")}


def filled(objects: dict[str, bytes]) -> MemoryStore:
    client = MemoryStore()
    for key, data in objects.items():
        client.put(key, data)
    return client


@pytest.fixture
def whole() -> dict[str, bytes]:
    """Steps 1 to 4 in commits 1 to 4."""
    client = MemoryStore()
    for step in range(1, 5):
        save(client, step)
    return contents(client)


@pytest.fixture
def torn(whole: dict[str, bytes]) -> MemoryStore:
    """The same without commit 2."""
    return filled({key: data for key, data in whole.items() if key != commit_key(2)})


def test_a_lost_number_is_closed_and_the_history_goes_on(
    torn: MemoryStore, whole: dict[str, bytes]
) -> None:
    """A tombstone takes it: collecting, saving and verifying go on, and what is lost is told."""
    with pytest.raises(embzarr.NotFoundError, match="repair") as got:
        embzarr.Run(torn).gc()
    assert got.value.code == "commit-missing"
    dry = embzarr.repair(torn, dry_run=True)
    assert commit_key(2) not in contents(torn)
    report = embzarr.repair(torn, dry_run=False)

    assert report.actions == dry.actions
    assert [(action.kind, action.key) for action in report.actions] == [("close", commit_key(2))]
    assert [(p.code, p.key) for p in report.lost] == [("object-missing", commit_key(2))]
    stone = json.loads(contents(torn)[commit_key(2)])
    assert (stone["kind"], stone["was"], stone["by"]) == ("expired", "lost", 4)
    assert stone["sha256"] == sha256(whole[commit_key(2)])
    assert embzarr.repair(torn, dry_run=False).actions == ()
    run = embzarr.Run(torn)
    assert [commit.commit for commit in run.commits()] == [4, 3, 1]
    assert run.open(commit=3).verify().ok
    with pytest.raises(embzarr.NotFoundError, match="lost") as got:
        run.open(commit=2)
    assert got.value.code == "commit-expired"
    assert run.gc(keep_last=1).expired == (1, 3)
    assert save(torn, 5).verify().ok


def test_a_writer_that_began_before_a_lost_number_begins_again(torn: MemoryStore) -> None:
    """Nobody can tell it whether what is lost had revoked its data."""
    writer = ExitStack().enter_context(embzarr.create(torn, 2))
    writer.append(["a"], [[1.0, 2.0]])
    writer._base = embzarr._history.history.read(open_store(torn), 1)
    embzarr.repair(torn, dry_run=False)
    with pytest.raises(embzarr.ConflictError) as got:
        writer._commit()

    assert got.value.code == "history-expired"


def test_a_lost_commit_comes_back_from_a_mirror(torn: MemoryStore, whole: dict[str, bytes]) -> None:
    """A tombstone of a lost commit makes way for the manifest that its follower names."""
    embzarr.repair(torn, dry_run=False)
    report = embzarr.repair(torn, source=filled(whole), dry_run=False)

    assert report.ok
    assert contents(torn)[commit_key(2)] == whole[commit_key(2)]
    assert embzarr.Run(torn).open(step=2).verify().ok


def test_a_commit_in_a_gap_that_a_tag_names_comes_back_at_once(whole: dict[str, bytes]) -> None:
    """Its copy is known before its number is closed, so that a second repair finds nothing."""
    client = filled(whole)
    embzarr.Run(client).tag("best", step=2)
    gone = {commit_key(2), commit_key(3)}
    copy = filled({key: data for key, data in contents(client).items() if key not in gone})
    copy.put("latest.json", whole[commit_key(2)])
    embzarr.repair(copy)

    assert contents(copy)[commit_key(2)] == whole[commit_key(2)]
    assert embzarr.repair(copy).actions == ()
    assert embzarr.open(copy, tag="best").verify().ok


def test_a_tag_above_the_newest_makes_no_gap(whole: dict[str, bytes]) -> None:
    """What a tag claims of a number far away closes nothing before it."""
    copy = filled(whole)
    tag = {"format": "embzarr", "version": 1, "commit": 10**9, "sha256": "0" * 64}
    copy.put("tags/far.json", canonical(tag))
    report = embzarr.repair(copy)

    assert (report.head, report.actions) == (4, ())
    assert [problem.code for problem in report.lost] == ["tag-invalid"]


def test_a_lost_commit_whose_data_was_collected_stays_lost(
    torn: MemoryStore, whole: dict[str, bytes]
) -> None:
    """What a collection has revoked since is not named again."""
    embzarr.repair(torn, dry_run=False)
    embzarr.Run(torn).gc(older_than=0)
    embzarr.repair(torn, source=filled(whole), dry_run=False)

    assert json.loads(contents(torn)[commit_key(2)])["was"] == "lost"
    assert [commit.commit for commit in embzarr.Run(torn).commits()] == [4, 3, 1]


def test_a_whole_commit_that_only_its_copy_tells_of_is_the_newest(
    whole: dict[str, bytes],
) -> None:
    """A copy that has ``latest.json`` and all data, but not its manifest, loses nothing."""
    copy = filled({k: d for k, d in whole.items() if k not in {commit_key(3), commit_key(4)}})
    assert embzarr.open(copy).step == 2
    report = embzarr.repair(copy, dry_run=False)

    assert report.head == 4
    assert embzarr.open(copy).step == 4
    assert contents(copy)[commit_key(4)] == whole[commit_key(4)]
    assert json.loads(contents(copy)[commit_key(3)])["was"] == "lost"
    assert embzarr.Run(copy).gc(keep_last=1).expired == (1, 2)


def test_a_commit_that_only_its_copy_tells_of_needs_its_data(whole: dict[str, bytes]) -> None:
    """Where an object of it is missing the newest whole commit stays the newest."""
    gone = {commit_key(3), commit_key(4)}
    copy = filled({k: d for k, d in whole.items() if k not in gone and "4-" not in k})
    report = embzarr.repair(copy, dry_run=False)

    assert report.head == 2
    assert contents(copy)["latest.json"] == whole[commit_key(2)]
    assert commit_key(3) not in contents(copy)


def test_more_numbers_than_a_copy_can_lack_are_not_closed(whole: dict[str, bytes]) -> None:
    """A billion of them are told of, and nothing is written."""
    last = json.loads(whole[commit_key(4)])
    far = canonical({**last, "commit": 10**9, "parent": {**last["parent"], "commit": 10**9 - 1}})
    store = filled({**whole, commit_key(10**9): far, "latest.json": far})
    report = embzarr.repair(store, dry_run=False)

    assert [(p.code, p.key) for p in report.lost] == [("commit-missing", commit_key(5))]
    assert report.actions == ()


def test_a_history_that_leads_to_nothing_says_so(tmp_path: Path) -> None:
    """Where the newest commit is a tombstone and nothing is left, a store can be written to."""
    save(tmp_path, 1)
    save(tmp_path, 2)
    embzarr.Run(tmp_path).gc(keep_last=1)
    for number in (2, 3):
        (tmp_path / commit_key(number)).unlink()
    (tmp_path / "latest.json").unlink()
    with pytest.raises(embzarr.DamagedError):
        embzarr.open(tmp_path)
    report = embzarr.repair(tmp_path, dry_run=False)

    assert [(action.kind, action.key) for action in report.actions] == [("commit", commit_key(2))]
    assert embzarr.repair(tmp_path, dry_run=False).actions == ()
    with pytest.raises(embzarr.NotFoundError) as got:
        embzarr.open(tmp_path)
    assert got.value.code == "checkpoint-missing"
    assert embzarr.save(tmp_path, ["a"], [[1.0]]).commit == 3
    assert embzarr.Run(tmp_path).gc(older_than=0).unreadable == ()
    assert embzarr.open(tmp_path).verify().ok


def test_what_a_hint_leads_to_is_a_source_at_once(whole: dict[str, bytes]) -> None:
    """A copy that has of a later step only the hint and the layer: nothing is left to a second try.

    The same words are stored in both steps, and only there.
    """
    torn = filled(
        {
            key: data
            for key, data in whole.items()
            if key in {commit_key(1), "latest.json"} or key.startswith("steps/4-")
        }
    )
    report = embzarr.repair(torn)

    assert report.head == 4
    assert any(action.key.startswith("steps/1-") for action in report.actions)
    assert embzarr.repair(torn).actions == ()
