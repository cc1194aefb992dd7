"""What `repair` promises, one story each; every damage of every object is tried in tests/faults."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

import embzarr
from conformance.corpus import V1, load
from damage import (
    ROWS,
    STEPS,
    WORDS,
    contents,
    damaged,
    filled,
    flipped,
    make_run,
    swapped,
    vectors_of,
)
from embzarr._storage.open import open_store
from embzarr_tools.fixtures._broken_chunks import shard_index_disagrees, zstd_bomb
from faulty import FaultyStore, PassThrough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from damage import Objects
    from embzarr._storage.port import Body, Store
    from servers.s3 import S3Server

HEAD = f"commits/{3:020}.json"


@pytest.fixture(scope="module")
def sound() -> Objects:
    return make_run()


@pytest.fixture(autouse=True, params=["memory", pytest.param("minio", marks=pytest.mark.servers)])
def _place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where runs are repaired: in memory, or on a real server."""
    if request.param == "memory":
        yield
        return
    server: S3Server = request.getfixturevalue("minio")
    runs = itertools.count()
    with server.bucket() as bucket:

        def filled_there(objects: Objects) -> Store:
            url = server.url(bucket, f"run-{next(runs)}")
            store = open_store(url, storage_options=server.options)
            for key, data in objects.items():
                store.put(key, data)
            return store

        monkeypatch.setattr(request.module, "filled", filled_there)
        yield


def key_of(objects: Objects, step: int, name: str) -> str:
    (key,) = [key for key in objects if key.startswith(f"steps/{step}-") and key.endswith(name)]
    return key


def without(objects: Objects, *keys: str) -> dict[str, bytes]:
    return {key: data for key, data in objects.items() if key not in keys}


def without_vectors(objects: Objects, step: int = 30) -> dict[str, bytes]:
    return without(objects, key_of(objects, step, "/vectors/c/1/0"))


class Watched(PassThrough):
    """A store that remembers what was written, and lets something happen before a create."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.written: list[str] = []
        self.rival: list[int] = []

    def put(self, key: str, data: Body) -> None:
        self.written.append(key)
        super().put(key, data)

    def create(self, key: str, data: Body) -> None:
        if self.rival and key.startswith("commits/"):
            embzarr.save(self.store, ["rival"], vectors_of(1)[:1], step=self.rival.pop())
        self.written.append(key)
        super().create(key, data)

    def delete(self, key: str) -> None:
        self.written.append(key)
        super().delete(key)


def test_a_sound_run_is_left_alone(sound: Objects) -> None:
    """Where nothing is damaged nothing is written."""
    store = Watched(filled(sound))

    report = embzarr.repair(store, dry_run=False)

    assert (report.ok, report.actions, report.head, report.commits) == (True, (), 3, 3)
    assert store.written == []


def test_only_what_is_damaged_is_written(sound: Objects) -> None:
    """A repair writes the damaged object, and nothing else."""
    key = key_of(sound, 20, "/lookup/blocks/c/0/0")
    store = Watched(filled(damaged(sound, key, lambda data: flipped(data, 9))))

    report = embzarr.repair(store, dry_run=False)

    assert store.written == [key]
    assert [(action.kind, action.key) for action in report.actions] == [("restore", key)]
    assert contents(store) == sound


@pytest.mark.parametrize("what", ["rows/vectors/c/0", "lookup/blocks/c/0/0"])
def test_a_shard_that_the_manifest_has_a_copy_of_needs_no_mirror(what: str) -> None:
    """Row numbers of a delta follow from nothing else."""
    store = filled({})
    embzarr.save(store, WORDS, vectors_of(0))
    policy = embzarr.DeltaPolicy(max_share=1000)
    embzarr.Run(store).save_delta([7, ROWS], vectors_of(1)[:2], words=["new"], policy=policy)
    sound = contents(store)
    key = key_of(sound, 1, what)
    store = filled(without(sound, key))

    (action,) = embzarr.repair(store, dry_run=False).actions

    assert (action.kind, action.key) == ("restore", key)
    assert "from the manifest" in action.message
    assert contents(store) == sound


def test_progress_ends_with_everything(sound: Objects) -> None:
    """Progress counts the bytes of all layers."""
    seen: list[tuple[int, int]] = []

    embzarr.repair(filled(sound), progress=lambda done, total: seen.append((done, total)))

    layers = {key: data for key, data in sound.items() if key.count("/") > 1}
    assert seen[-1] == (sum(map(len, layers.values())),) * 2


def test_the_newest_sound_commit_takes_the_place_of_a_damaged_one(sound: Objects) -> None:
    """The layers of the step before become the newest commit, and the run goes on from there."""
    broken = without_vectors(sound)
    store = filled(broken)

    report = embzarr.repair(store, dry_run=False)

    assert report.head == 4
    newest = embzarr.open(store)
    assert (newest.commit, newest.step) == (4, 20)
    assert newest.verify().ok
    np.testing.assert_array_equal(newest.to_numpy(), vectors_of(20))
    assert {**contents(store), "latest.json": broken["latest.json"]}.items() >= broken.items()
    assert embzarr.save(store, WORDS, vectors_of(40), step=40).commit == 5
    assert [commit.step for commit in embzarr.Run(store).commits()] == [40, 20, 30, 20, 10]


def test_what_is_lost_is_told_by_row_and_word(sound: Objects) -> None:
    """Rows and words that only the lost object held are named."""
    report = embzarr.repair(filled(without_vectors(sound)))

    (problem,) = report.lost
    assert problem.code == "object-missing"
    assert problem.rows == (16, 32)
    assert problem.words == tuple(WORDS[16:24])


def test_a_manifest_that_is_lost_does_not_stop_the_run(sound: Objects) -> None:
    """With the newest manifest and its copy unreadable, readers and writers go on."""
    store = filled({**sound, HEAD: b"{", "latest.json": b"{"})
    with pytest.raises(embzarr.DamagedError):
        embzarr.open(store)
    with pytest.raises(embzarr.DamagedError):
        embzarr.Run(store).commits()

    report = embzarr.repair(store, dry_run=False)

    assert [problem.code for problem in report.lost] == ["json-invalid"]
    assert embzarr.open(store).verify().ok
    assert embzarr.open(store).step == 20
    assert contents(store)[HEAD] == b"{"
    assert [commit.commit for commit in embzarr.Run(store).commits()] == [4, 2, 1]
    assert embzarr.save(store, ["next"], vectors_of(1)[:1]).commit == 5
    assert embzarr.repair(store, dry_run=False).actions == ()


def test_a_step_is_opened_from_its_sound_commit(sound: Objects) -> None:
    """Of a step that was saved twice, the commit in quarantine is passed over."""
    store = filled(sound)
    embzarr.save(store, WORDS, vectors_of(99), step=20)
    store.delete(key_of_newest_vectors(store))

    embzarr.repair(store, dry_run=False)

    found = embzarr.open(store, step=20)
    assert found.commit != 4
    np.testing.assert_array_equal(found.to_numpy(), vectors_of(20))
    assert embzarr.open(store, commit=4).step == 20


def key_of_newest_vectors(store: Store) -> str:
    (layer,) = json.loads(bytes(store.get("latest.json")))["layers"]
    return f"{layer['path']}/vectors/c/0/0"


def test_a_mark_counts_whatever_is_in_it(sound: Objects) -> None:
    """A step is read from an unmarked commit; by number and tag a marked one opens all the same."""
    store = filled(sound)
    embzarr.save(store, WORDS, vectors_of(99), step=20)
    embzarr.Run(store).tag("last", commit=4)
    store.put(f"quarantine/{4:020}.json", b"x")

    assert embzarr.open(store, step=20).commit == 2
    assert embzarr.open(store, commit=4).commit == embzarr.open(store, tag="last").commit == 4


def test_the_record_tells_what_was_found(sound: Objects) -> None:
    """A mark names commit, identity and faults, as its schema says."""
    store = filled(without_vectors(sound))

    embzarr.repair(store, dry_run=False)

    record = json.loads(bytes(store.get(f"quarantine/{3:020}.json")))
    Draft202012Validator(load(V1 / "schema/quarantine.schema.json")).validate(record)
    assert record["sha256"] == hashlib.sha256(sound[HEAD]).hexdigest()
    key = key_of(sound, 30, "/vectors/c/1/0")
    assert record["faults"] == [{"code": "object-missing", "key": key}]


def test_a_manifest_of_another_history_is_not_believed(sound: Objects) -> None:
    """A manifest comes back only where its identity is recorded, or the newest follows its own."""
    first, other = f"commits/{1:020}.json", make_run()
    broken = {**sound, first: b"", HEAD: b"", "latest.json": b""}
    store = filled(broken)

    embzarr.repair(store, source=filled(other), dry_run=False)

    assert contents(store)[first] == contents(store)[HEAD] == b""
    embzarr.repair(store, source=filled(sound), dry_run=False)
    assert contents(store)[first] == sound[first]


@pytest.mark.parametrize("at", range(5))
def test_swapped_objects_survive_a_repair_that_is_cut_short(sound: Objects, at: int) -> None:
    """Bytes that lie in the wrong place are copied before their place is written over."""
    one, other = key_of(sound, 30, "/vectors/c/1/0"), key_of(sound, 10, "/vectors/c/1/0")
    store = filled(swapped(sound, one, other))

    with contextlib.suppress(embzarr.StoreError):
        embzarr.repair(FaultyStore(store, at=at, fault="not-sent"), dry_run=False)
    embzarr.repair(store, dry_run=False)

    assert contents(store) == sound


def test_a_step_that_is_damaged_everywhere_can_still_be_opened(sound: Objects) -> None:
    """What is left of a step in quarantine is read where the step has no other commit."""
    store = filled(without_vectors(sound))
    embzarr.repair(store, dry_run=False)

    left = embzarr.open(store, step=30)

    assert left.commit == 3
    np.testing.assert_array_equal(left.load_rows(0, 16).vectors, vectors_of(30)[:16])
    with pytest.raises(embzarr.DamagedError):
        left.load_rows(16, 17)


def test_a_mirror_that_is_found_later_ends_the_quarantine(sound: Objects) -> None:
    """Once its objects are back, a commit is marked no more."""
    store = filled(without_vectors(sound))
    embzarr.repair(store, dry_run=False)
    assert f"quarantine/{3:020}.json" in contents(store)

    report = embzarr.repair(store, source=filled(sound), dry_run=False)

    assert [action.kind for action in report.actions] == ["restore", "release"]
    assert embzarr.open(store, step=30).verify().ok
    assert f"quarantine/{3:020}.json" not in contents(store)


def test_two_damaged_copies_make_a_sound_one(sound: Objects) -> None:
    """Chunks are taken one by one: a source that is damaged elsewhere in the object helps."""
    key = key_of(sound, 30, "/vectors/c/1/0")
    ours = damaged(sound, key, lambda data: flipped(data, 8))
    theirs = damaged(sound, key, lambda data: data[: len(data) // 2])
    store = filled(ours)

    report = embzarr.repair(store, source=filled(theirs), dry_run=False)

    assert report.ok
    assert contents(store) == sound
    assert "sound parts" in report.actions[0].message
    assert "source" in report.actions[0].message


def test_the_same_data_in_another_run_is_a_source(sound: Objects) -> None:
    """A copy that was saved for itself, under other names, is found by its digests."""
    store, other = filled(without_vectors(sound)), filled(make_run())

    report = embzarr.repair(store, source=other, dry_run=False)

    assert report.ok
    assert contents(store) == sound


def test_a_damaged_source_does_no_harm(sound: Objects) -> None:
    """What the source has is believed by its digest only."""
    key = key_of(sound, 30, "/vectors/c/1/0")
    other = damaged(sound, key, lambda data: flipped(data, 8 * 10))
    broken = damaged(sound, key, lambda data: flipped(data, 8 * 12))
    store = filled(broken)

    report = embzarr.repair(store, source=filled(other), dry_run=False)

    assert not report.ok
    assert contents(store)[key] == broken[key]


def test_a_damaged_tag_comes_back_from_the_source(sound: Objects) -> None:
    """A tag that cannot be read is restored if the source's names a sound commit of ours."""
    broken = {**sound, "tags/best.json": b"x"}
    assert [problem.code for problem in embzarr.repair(filled(broken)).lost] == ["json-invalid"]
    store = filled(broken)

    assert embzarr.repair(store, source=filled(sound), dry_run=False).ok
    assert contents(store) == sound


def test_a_tag_of_a_damaged_commit_is_told(sound: Objects) -> None:
    """A tag is not moved, but told."""
    report = embzarr.repair(filled(without_vectors(sound, 20)))

    assert [problem.code for problem in report.lost] == ["object-missing", "tag-invalid"]
    assert "commit 2" in report.lost[1].message


def test_another_writer_is_not_overtaken(sound: Objects) -> None:
    """Where a commit is made meanwhile, that one stays the newest."""
    store = Watched(filled(without_vectors(sound)))
    store.rival = [77]

    report = embzarr.repair(store, dry_run=False)

    assert "commit" not in [action.kind for action in report.actions]
    assert embzarr.open(store).step == 77
    assert embzarr.repair(store, dry_run=False).actions == ()


def test_a_newer_version_is_left_alone(sound: Objects) -> None:
    """Nothing is written where the newest commit is not understood."""
    newest = {**json.loads(sound[HEAD]), "version": 2}
    data = json.dumps(newest).encode()
    store = Watched(filled({**without_vectors(sound, 10), HEAD: data, "latest.json": data}))

    with pytest.raises(embzarr.UnsupportedError):
        embzarr.repair(store, dry_run=False)
    assert store.written == []


def test_no_run_is_no_repair() -> None:
    """A place without a commit is an error, since the URL may be wrong."""
    with pytest.raises(embzarr.NotFoundError) as caught:
        embzarr.repair(filled({}))

    assert caught.value.code == "checkpoint-missing"


def test_a_flipped_digest_in_the_newest_manifest_is_found_by_its_copy(sound: Objects) -> None:
    """Of two readable manifests, the one is believed whose objects are as it says."""
    (layer,) = json.loads(sound[HEAD])["layers"]
    digest = layer["objects"]["vectors/c/0/0"]["sha256"].encode()
    changed = b"0" + digest[1:] if digest[:1] != b"0" else b"1" + digest[1:]
    store = filled({**sound, HEAD: sound[HEAD].replace(digest, changed)})

    report = embzarr.repair(store, dry_run=False)

    assert [(action.kind, action.key) for action in report.actions] == [("restore", HEAD)]
    assert contents(store) == sound


def test_somebody_elses_root_is_left_alone(sound: Objects) -> None:
    """A group at the root that is not ours is told, and not touched."""
    foreign = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {"a": 1}}).encode()
    store = filled({**sound, "zarr.json": foreign})

    report = embzarr.repair(store, dry_run=False)

    assert [problem.key for problem in report.lost] == ["zarr.json"]
    assert contents(store)["zarr.json"] == foreign


def test_nothing_sound_is_nothing_done(sound: Objects) -> None:
    """Where no step is whole, all are marked, none is preferred, and nothing else is written."""
    broken = dict(sound)
    for step in STEPS:
        broken = without_vectors(broken, step)
    store = filled(broken)

    report = embzarr.repair(store, dry_run=False)

    assert report.head is None
    assert {action.kind for action in report.actions} == {"quarantine"}
    assert contents(store).items() >= broken.items()


def test_a_size_beyond_all_bounds_is_no_danger(sound: Objects) -> None:
    """A manifest that claims objects of 8 PB leads to no allocation and no endless read."""
    manifest = json.loads(sound[HEAD])
    for digest in manifest["layers"][0]["objects"].values():
        digest["size"] = 2**53 - 1
    store = filled({**sound, HEAD: json.dumps(manifest).encode()})

    report = embzarr.repair(store, source=filled(sound), dry_run=False)

    assert report.ok, "the copy in latest.json tells the truth"
    assert contents(store) == sound


@pytest.mark.parametrize("hint", [b"", b"{}", "older"])
def test_a_damaged_hint_is_a_copy_of_the_newest_again(sound: Objects, hint: bytes | str) -> None:
    """``latest.json`` is written anew where it is damaged, gone or behind."""
    older = sound[f"commits/{2:020}.json"]
    store = filled({**sound, "latest.json": hint if isinstance(hint, bytes) else older})

    report = embzarr.repair(store, dry_run=False)

    assert [(action.kind, action.key) for action in report.actions] == [("restore", "latest.json")]
    assert contents(store) == sound


def test_what_a_collection_gave_up_is_left_alone(sound: Objects) -> None:
    """Expired commits, their tombstones and what is left of their objects are not restored."""
    store = filled(sound)
    embzarr.Run(store).untag("best")
    embzarr.Run(store).gc(keep_last=1, older_than=0)
    collected = contents(store)
    assert len(collected) < len(sound)

    report = embzarr.repair(store, source=filled(sound), dry_run=False)

    assert (report.ok, report.actions, report.head) == (True, (), 3)
    assert contents(store) == collected


def test_a_tombstone_is_not_a_lost_manifest(sound: Objects) -> None:
    """A damaged tombstone does not bring back the manifest that a mirror still has."""
    store = filled(sound)
    embzarr.Run(store).gc(keep_last=1, older_than=0)
    first = f"commits/{1:020}.json"
    store.put(first, b"{")

    embzarr.repair(store, source=filled(sound), dry_run=False)

    assert contents(store)[first] == b"{"
    assert embzarr.open(store).verify().ok


def test_a_damaged_newest_checkpoint_below_a_collection_is_replaced(sound: Objects) -> None:
    """Readers that a collection leads to a damaged checkpoint find the sound one before it."""
    store = filled(sound)
    embzarr.Run(store).gc(keep_last=2, older_than=0)
    store.delete(key_of(sound, 30, "/vectors/c/1/0"))

    report = embzarr.repair(store, dry_run=False)

    assert report.head == 5
    assert embzarr.open(store).step == 20
    assert embzarr.open(store).verify().ok
    assert embzarr.repair(store, dry_run=False).actions == ()


def test_a_layer_of_a_chain_is_restored(sound: Objects) -> None:
    """Of a delta, lookup and words of the appended rows are computed, and rows copied."""
    store = filled(sound)
    run, policy = embzarr.Run(store), embzarr.DeltaPolicy(max_share=1e9)
    run.save_delta([1, 5], vectors_of(77)[[1, 5]], policy=policy)
    values: dict[str, Any] = {"vectors": vectors_of(78)[:1], "counts": [7]}
    run.save_delta({"vectors": [ROWS], "counts": [ROWS]}, values, words=["new"], policy=policy)
    assert embzarr.open(store).info().kind == "delta"
    whole = contents(store)
    source, mended = filled(whole), store
    for key in sorted(set(whole) - set(sound)):
        if not key.startswith("steps/"):
            continue
        mended.put(key, flipped(whole[key], 4 * len(whole[key])))
        assert embzarr.repair(mended, source=source, dry_run=False).ok, key
        assert contents(mended) == whole
        alone = filled(damaged(whole, key, lambda _: None))
        is_told_twice = any(part in key for part in ("zarr.json", "/words/", "/lookup/"))
        is_lost = "/vectors/c/" in key and "/rows/" not in key
        report = embzarr.repair(alone, dry_run=False)
        assert report.ok or not is_told_twice, key
        assert not (report.ok and is_lost), key
        assert embzarr.open(alone).verify().ok


def test_the_hint_saves_the_newest_manifest_beside_another_that_is_lost(sound: Objects) -> None:
    """Nothing is known of a damaged parent, so that it speaks against nobody."""
    keys = sorted(key for key in sound if key.startswith("commits/"))[-2:]
    store = filled({**sound, **dict.fromkeys(keys, b"")})

    embzarr.repair(store, source=filled(sound), dry_run=False)

    assert contents(store) == sound


@pytest.mark.parametrize("make", [zstd_bomb, shard_index_disagrees])
def test_what_was_written_wrong_is_not_written_again(make: Callable[[], Objects]) -> None:
    """An object that has its recorded bytes is left alone, however wrong, and told of as lost."""
    objects = make()
    (problem,) = embzarr.open(filled(objects)).verify().problems
    store = filled(objects)
    report = embzarr.repair(store)

    assert problem.key not in {action.key for action in report.actions}
    assert [(lost.code, lost.key) for lost in report.lost] == [(problem.code, problem.key)]
    assert [action.kind for action in report.actions if action.kind != "restore"] == ["quarantine"]
    assert embzarr.repair(store).actions == ()


def test_a_mirror_in_which_nothing_is_was_mistaken(tmp_path: Path) -> None:
    """Nothing is said to be lost for a slip of the pen."""
    embzarr.save(tmp_path / "run", ["a"], np.ones((1, 2)))
    with pytest.raises(embzarr.NotFoundError, match="source: expected a copy of a run"):
        embzarr.repair(tmp_path / "run", source=tmp_path / "mirorr")
