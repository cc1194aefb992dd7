"""What `repair` writes anew, where another version of a library stored the same in other bytes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
from damage import ROWS, STEPS, WORDS, contents, filled, make_foreign_run, vectors_of
from embzarr._storage.open import open_store
from embzarr._storage.port import parts_of
from faulty import FaultyStore, PassThrough

if TYPE_CHECKING:
    from collections.abc import Callable

    from damage import Objects
    from embzarr._storage.port import Body, Store

LOOKUP, WORDS_DATA = "lookup/blocks/c/0/0", "words/data/c/1"
TOLD_TWICE = (
    LOOKUP, WORDS_DATA, "words/offsets/c/0", "chunks/vectors/c/0/0",
    "chunks/words.data/c/0/0", "zarr.json", "vectors/zarr.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def sound() -> Objects:
    return make_foreign_run()


def without(objects: Objects, *names: str, steps: tuple[int, ...] = STEPS) -> dict[str, bytes]:
    """Take objects away of each of the steps, which hold the same words."""
    gone = {(f"{step}", name) for step in steps for name in names}

    def is_gone(key: str) -> bool:
        folder, _, name = key.removeprefix("steps/").partition("/")
        return (folder.partition("-")[0], name) in gone

    return {key: data for key, data in objects.items() if not is_gone(key)}


def done(report: embzarr.RepairReport) -> list[tuple[str, str]]:
    return [(action.kind, action.key) for action in report.actions]


def unnamed(store: Store) -> set[str]:
    """Return what a collection would take for abandoned."""
    return {*embzarr.Run(store).gc(older_than=0, dry_run=True).revoked}


class Meddling(PassThrough):
    """Does something before a manifest is created, and something to what is put."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.before: Callable[[], object] = lambda: None
        self.spoil: Callable[[str, bytes], bytes] = lambda _, data: data

    def put(self, key: str, data: Body) -> None:
        super().put(key, self.spoil(key, b"".join(parts_of(data))))

    def create(self, key: str, data: Body) -> None:
        if key.startswith("commits/"):
            act, self.before = self.before, lambda: None
            act()
        super().create(key, data)


@pytest.mark.parametrize("name", TOLD_TWICE)
def test_what_comes_out_in_other_bytes_is_committed_anew(sound: Objects, name: str) -> None:
    """The damaged step is the newest again, whole; all that was there stays as it was."""
    broken = without(sound, name)
    store = filled(broken)

    planned = embzarr.repair(store, dry_run=True)
    assert contents(store) == broken
    report = embzarr.repair(store, dry_run=False)

    lost = [problem.key for problem in report.lost]
    assert done(report) == done(planned)
    assert [kind for kind, _ in done(report)] == [
        *["quarantine"] * 3,
        "rewrite",
        "commit",
        "restore",
    ]
    assert done(report)[3][1] in lost
    newest = embzarr.open(store)
    assert (newest.commit, newest.step, report.head) == (4, 30, 4)
    assert newest.verify().ok
    assert newest.words == WORDS
    np.testing.assert_array_equal(newest.load(WORDS[::-3]).vectors, vectors_of(30)[::-3])
    plain = newest.group()
    np.testing.assert_array_equal(np.asarray(plain["vectors"]), vectors_of(30))
    np.testing.assert_array_equal(np.asarray(plain["counts"]), range(ROWS))
    old = {key: data for key, data in broken.items() if key != "latest.json"}
    assert contents(store).items() >= old.items()
    assert unnamed(store) == set()
    again = embzarr.repair(store, dry_run=False)
    assert (again.actions, [problem.key for problem in again.lost]) == ((), lost)


def test_the_bytes_are_other_ones(sound: Objects) -> None:
    """Else these tests would be about nothing: the run verifies, and ours are not its bytes."""
    store = filled(sound)
    assert embzarr.repair(store, dry_run=True).ok
    again = embzarr.open(open_store(embzarr.open(store)._store.native))
    written = filled({})
    embzarr.save(written, again.words, again.to_numpy(), step=30)
    theirs = {data for key, data in sound.items() if key.endswith(LOOKUP)}
    ours = {data for key, data in contents(written).items() if key.endswith(LOOKUP)}
    assert len(theirs) == len(ours) == 1
    assert theirs != ours


def test_other_bytes_are_the_last_resort(sound: Objects) -> None:
    """Where a copy is found the object gets it, and nothing is written anew."""
    store = filled(without(sound, LOOKUP, steps=(30,)))

    report = embzarr.repair(store, dry_run=False)

    assert [kind for kind, _ in done(report)] == ["restore"]
    assert contents(store) == sound


def test_a_value_that_is_lost_is_not_made_up(sound: Objects) -> None:
    """Words that neither the lookup nor the words tell are lost: nothing is committed."""
    broken = without(sound, LOOKUP, WORDS_DATA)
    store = filled(broken)

    report = embzarr.repair(store, dry_run=False)

    assert {kind for kind, _ in done(report)} == {"quarantine"}
    assert report.head is None
    assert contents(store).items() >= broken.items()


def test_a_chain_is_written_anew_from_the_damaged_layer_up(sound: Objects) -> None:
    """Layers upon a damaged one name it, so that they are written anew as well; others stay."""
    store = filled(sound)
    run, policy = embzarr.Run(store), embzarr.DeltaPolicy(max_share=1e9)
    expected = np.concatenate([vectors_of(30), vectors_of(78)[:1]])
    run.save_delta([1, 5], vectors_of(77)[[1, 5]], step=31, policy=policy)
    expected[[1, 5]] = vectors_of(77)[[1, 5]]
    own: dict[str, Any] = {"vectors": expected[ROWS:], "counts": [7]}
    run.save_delta(
        {"vectors": [ROWS], "counts": [ROWS]}, own, words=["new"], step=31, policy=policy
    )
    before = run.open().info().layers
    store = filled(without(contents(store), LOOKUP, steps=STEPS))

    report = embzarr.repair(store, dry_run=False)

    newest = embzarr.open(store)
    assert report.head == newest.commit == 6
    assert newest.verify().ok
    assert newest.words == [*WORDS, "new"]
    np.testing.assert_array_equal(newest.to_numpy(), expected)
    np.testing.assert_array_equal(newest.load(["new", WORDS[5]]).vectors, expected[[ROWS, 5]])
    after = newest.info().layers
    assert len(after) == len(before) == 3
    assert unnamed(store) == set()
    assert embzarr.repair(store, dry_run=False).actions == ()


@pytest.mark.parametrize("at", range(1, 30, 6))
def test_a_repair_that_is_cut_short_is_made_good_by_the_next(sound: Objects, at: int) -> None:
    """Whichever write fails, the next repair ends as if nothing had been."""
    broken = without(sound, LOOKUP)
    store = filled(broken)

    with contextlib.suppress(embzarr.StoreError):
        embzarr.repair(FaultyStore(store, at=at, fault="not-sent"), dry_run=False)
    report = embzarr.repair(store, dry_run=False)

    assert report.head == 4
    np.testing.assert_array_equal(embzarr.open(store).to_numpy(), vectors_of(30))
    assert embzarr.open(store).verify().ok
    assert contents(store).items() >= without(broken, steps=()).items() - {
        ("latest.json", broken["latest.json"])
    }


def test_another_writer_is_not_overtaken_by_what_was_written_anew(sound: Objects) -> None:
    """A checkpoint that is committed meanwhile stays the newest; what was written is collected."""
    store = Meddling(filled(without(sound, LOOKUP)))
    store.before = lambda: embzarr.save(
        store.store, ["rival"], [[1.0]], step=77, allow_new_dim=True
    )

    report = embzarr.repair(store, dry_run=False)

    assert "commit" not in [kind for kind, _ in done(report)]
    assert embzarr.open(store).step == 77
    assert embzarr.repair(store, dry_run=False).actions == ()
    embzarr.Run(store).gc(older_than=0)
    assert unnamed(store) == set()


def test_what_a_collection_took_meanwhile_is_not_committed(sound: Objects) -> None:
    """A collection that takes the fresh folder for abandoned wins; the next repair begins anew."""
    store = Meddling(filled(without(sound, LOOKUP)))
    store.before = lambda: embzarr.Run(store.store).gc(older_than=0)

    assert embzarr.repair(store, dry_run=False).head is None

    assert [commit.step for commit in embzarr.Run(store).commits()] == [30, 20, 10]
    assert embzarr.repair(store, dry_run=False).head == 5
    assert embzarr.open(store).verify().ok
    np.testing.assert_array_equal(embzarr.open(store).to_numpy(), vectors_of(30))


def test_what_does_not_arrive_is_not_committed(sound: Objects) -> None:
    """What was written is read back first: a store that spoils it gets no commit of it."""
    broken = without(sound, LOOKUP)
    store = Meddling(filled(broken))
    store.spoil = lambda key, data: bytes(len(data)) if "/vectors/c/1" in key else data

    with pytest.raises(embzarr.DamagedError):
        embzarr.repair(store, dry_run=False)

    left = {key for key in contents(store) if not key.startswith("quarantine/")}
    assert left == broken.keys()


def test_what_is_sound_is_copied_as_it_is(sound: Objects) -> None:
    """All of the fresh folder but the lookup and the documents is to the byte as it was."""
    store = filled(without(sound, LOOKUP))

    embzarr.repair(store, dry_run=False)

    found = contents(store)
    fresh = {key for key in found.keys() - sound.keys() if key.startswith("steps/30-")}
    names = {key.split("/", 2)[2]: found[key] for key in fresh if not key.endswith("zarr.json")}
    assert LOOKUP in names
    known = {key.split("/", 2)[2]: d for key, d in sound.items() if key.startswith("steps/30-")}
    assert {name for name, data in names.items() if data != known[name]} == {LOOKUP}
    # So few chunks need no table, as a writer goes who is not told otherwise.
    tables = {name for name in known if name.startswith("chunks/")}
    assert names.keys() == {x for x in known if not x.endswith("zarr.json")} - tables
