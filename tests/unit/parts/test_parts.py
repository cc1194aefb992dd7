"""What `plan_step`, `write_part` and `publish` promise: many writers of a step, one commit."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from conformance.recorder import Recorder
from embzarr import ConflictError, DamagedError, InvalidInputError, NotFoundError, StepPlan
from embzarr._parts.receipts import key_of
from embzarr._storage.open import open_store
from embzarr._storage.port import Body, Data
from faulty import PassThrough, Sleeper
from oracle import make_vectors, make_words, read_step

ROWS, DIM, PARTS = 1000, 12, 4
WORDS = make_words(ROWS)
VECTORS = make_vectors(ROWS, DIM)
MOMENTS = make_vectors(ROWS, 3, seed=1)
COUNTS = np.arange(ROWS, dtype=np.uint32)[::-1].copy()


def plan_of(url: object, **settings: Any) -> StepPlan:
    chosen: dict[str, Any] = {"parts": PARTS, "columns": {"moments": ("float32", (3,))}, **settings}
    return embzarr.plan_step(url, ROWS, DIM, **chosen)


def write(url: object, plan: StepPlan, index: int, vectors: Any = VECTORS) -> None:
    with embzarr.write_part(url, plan, index) as part:
        for start in range(part.start, part.stop, 100):
            rows = slice(start, min(start + 100, part.stop))
            part.append(vectors[rows], moments=MOMENTS[rows])


def write_all(url: object, plan: StepPlan) -> None:
    for index in range(plan.parts):
        write(url, plan, index)


def objects_of(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


# The result ---------------------------------------------------------------------------------------
def test_parts_become_one_checkpoint(tmp_path: Path) -> None:
    """Parts written in any order read as if one process had saved the whole."""
    plan = StepPlan.from_json(plan_of(tmp_path, step=7).to_json())
    for index in (2, 0, 3, 1):
        write(tmp_path, plan, index)

    checkpoint = embzarr.publish(tmp_path, plan, WORDS, counts=COUNTS, metadata={"a": 1})

    assert (checkpoint.step, checkpoint.commit, checkpoint.metadata) == (7, 1, {"a": 1})
    assert checkpoint.words == WORDS
    np.testing.assert_array_equal(checkpoint.to_numpy(), VECTORS)
    loaded = checkpoint.load(WORDS[::-7], columns=("vectors", "moments", "counts"))
    np.testing.assert_array_equal(loaded.columns["moments"], MOMENTS[::-7])
    np.testing.assert_array_equal(loaded.columns["counts"], COUNTS[::-7])
    assert checkpoint.verify().problems == ()
    words, vectors = read_step(tmp_path, checkpoint.info().layers[0].path)
    assert words == WORDS
    np.testing.assert_array_equal(vectors, VECTORS)


def test_nothing_shows_before_it_is_published(tmp_path: Path) -> None:
    """Parts alone are no checkpoint, nor do they hide the one before."""
    embzarr.save(tmp_path, ["old"], VECTORS[:1], step=1)
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)

    assert embzarr.open(tmp_path).step == 1
    assert plan.step == 2
    assert embzarr.publish(tmp_path, plan, WORDS).commit == 2


def test_a_large_part_has_chunk_tables(tmp_path: Path) -> None:
    """More chunks than a manifest lists are found by a table that the publisher writes."""
    rows = 9000
    words, vectors = make_words(rows), make_vectors(rows, 1024)
    plan = embzarr.plan_step(tmp_path, rows, 1024, parts=3, compression="zstd:1")
    for index in range(3):
        with embzarr.write_part(tmp_path, plan, index) as part:
            part.append(vectors[part.start : part.stop])

    checkpoint = embzarr.publish(tmp_path, plan, words)

    manifest = json.loads((tmp_path / "latest.json").read_bytes())
    assert manifest["layers"][0]["arrays"]["vectors"]["index"] == "chunks/vectors"
    assert checkpoint.verify().ok
    np.testing.assert_array_equal(checkpoint.load(words[::999]).vectors, vectors[::999])
    np.testing.assert_array_equal(read_step(tmp_path, plan.path)[1], vectors)


def test_fewer_rows_than_parts(tmp_path: Path) -> None:
    """The last parts may have no rows; they leave a receipt all the same."""
    plan = embzarr.plan_step(tmp_path, 2, 3, parts=4)
    for index in range(4):
        with embzarr.write_part(tmp_path, plan, index) as part:
            part.append(np.full((part.stop - part.start, 3), index))

    checkpoint = embzarr.publish(tmp_path, plan, ["a", "b"])

    assert [plan.rows_of(index) for index in range(4)] == [(0, 1), (1, 2), (2, 2), (2, 2)]
    np.testing.assert_array_equal(checkpoint.to_numpy(), [[0, 0, 0], [1, 1, 1]])
    assert checkpoint.verify().ok


def test_no_rows_at_all(tmp_path: Path) -> None:
    """A step without rows can be planned, too."""
    plan = embzarr.plan_step(tmp_path, 0, 3, parts=2)
    for index in range(2):
        with embzarr.write_part(tmp_path, plan, index):
            pass

    checkpoint = embzarr.publish(tmp_path, plan, [])

    assert len(checkpoint) == 0
    assert checkpoint.verify().ok


def test_what_a_conversion_cost_is_added_up(tmp_path: Path) -> None:
    """Parts stored in half precision tell the error of the whole, as one save does."""
    plan = embzarr.plan_step(tmp_path / "parts", ROWS, DIM, parts=3, dtype="float16")
    for index in range(3):
        with embzarr.write_part(tmp_path / "parts", plan, index) as part:
            part.append(VECTORS[part.start : part.stop])

    found = embzarr.publish(tmp_path / "parts", plan, WORDS)
    whole = embzarr.save(tmp_path / "whole", WORDS, VECTORS, dtype="float16")

    def told(checkpoint: embzarr.Checkpoint) -> tuple[Any, ...]:
        column = checkpoint.info().columns[0]
        errors = (column.max_abs_error, column.rms_error, column.relative_error)
        return (column.source_dtype, *errors)

    assert told(found) == told(whole)
    assert told(found)[0] == "float32"


def test_lexical_parts_must_be_in_order(tmp_path: Path) -> None:
    """Words of a step that is called lexical must come in byte order."""
    plan = embzarr.plan_step(tmp_path, 2, 1, parts=1)
    with embzarr.write_part(tmp_path, plan, 0) as part:
        part.append([[1], [2]])

    with pytest.raises(InvalidInputError, match="byte order"):
        embzarr.publish(tmp_path, plan, ["b", "a"], placement="lexical")
    with pytest.raises(InvalidInputError, match="given"):
        embzarr.publish(tmp_path, plan, ["b", "a"], placement="hash")  # type: ignore[arg-type]  # on purpose
    assert embzarr.publish(tmp_path, plan, ["a", "b"], placement="lexical").load_range("a", "b")


def test_parts_and_publishers_only_create(tmp_path: Path) -> None:
    """Nothing below the step is ever put over something, nor deleted."""
    store = Recorder(open_store(tmp_path))
    plan = plan_of(store)
    write_all(store, plan)
    embzarr.publish(store, plan, WORDS, counts=COUNTS)

    assert store.keys("put") == ["latest.json"]
    assert store.keys("delete") == []
    created = [key for key in store.keys("create") if key.startswith(plan.path)]
    assert len(set(created)) == len(created) == len(objects_of(tmp_path / plan.path))


def test_receipts_are_not_objects_of_the_layer(tmp_path: Path) -> None:
    """The manifest lists what one process would have written, byte for byte the same."""
    plan = plan_of(tmp_path, columns=None)
    for index in range(PARTS):
        with embzarr.write_part(tmp_path, plan, index) as part:
            part.append(VECTORS[part.start : part.stop])
    embzarr.publish(tmp_path, plan, WORDS)

    (layer,) = json.loads((tmp_path / "latest.json").read_bytes())["layers"]
    stored = objects_of(tmp_path / plan.path)
    assert {name for name in stored if name not in layer["objects"]} == {
        f"parts/{index}.json" for index in range(PARTS)
    }
    assert {name: hashlib.sha256(stored[name]).hexdigest() for name in layer["objects"]} == {
        name: digest["sha256"] for name, digest in layer["objects"].items()
    }


# Parts that are missing, and tried again ----------------------------------------------------------
def test_missing_parts_are_named(tmp_path: Path) -> None:
    """A publisher that is too early is told what to wait for, and can ask for it by numbers."""
    plan = plan_of(tmp_path)
    write(tmp_path, plan, 1)

    assert embzarr.missing_parts(tmp_path, plan) == [0, 2, 3]
    with pytest.raises(NotFoundError, match="0, 2, 3") as caught:
        embzarr.publish(tmp_path, plan, WORDS)
    assert caught.value.code == "part-missing"

    for index in (0, 2, 3):
        write(tmp_path, plan, index)
    assert embzarr.missing_parts(tmp_path, plan) == []
    assert embzarr.publish(tmp_path, plan, WORDS).commit == 1
    assert embzarr.missing_parts(tmp_path, plan) == []


def test_a_part_that_failed_is_written_again(tmp_path: Path) -> None:
    """An attempt that died in the middle leaves no receipt; the next one goes over it."""
    plan = plan_of(tmp_path, compression="lz4")
    died = ExitStack().enter_context(embzarr.write_part(tmp_path, plan, 0))
    died.append(VECTORS[: died.stop], moments=MOMENTS[: died.stop])
    end = time.monotonic() + 30
    while not objects_of(tmp_path / plan.path) and time.monotonic() < end:
        time.sleep(0.001)  # what is sent goes in the background
    died.__exit__(RuntimeError)
    left = objects_of(tmp_path / plan.path)

    write_all(tmp_path, plan)
    write(tmp_path, plan, 0)

    assert left
    assert left.items() <= objects_of(tmp_path / plan.path).items()
    assert embzarr.publish(tmp_path, plan, WORDS).verify().ok


def test_a_part_with_other_rows_replaces_nothing(tmp_path: Path) -> None:
    """A zombie, or a trainer that is not deterministic, cannot change what stands, at any time."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    before = objects_of(tmp_path)
    with pytest.raises(ConflictError, match=r"vectors/c/\d+/0") as caught:
        write(tmp_path, plan, 1, vectors=-VECTORS)

    assert caught.value.code == "part-conflict"
    assert "plan the step anew" in str(caught.value)
    assert objects_of(tmp_path) == before
    checkpoint = embzarr.publish(tmp_path, plan, WORDS)
    published = objects_of(tmp_path)
    with pytest.raises(ConflictError):
        write(tmp_path, plan, 1, vectors=-VECTORS)
    assert objects_of(tmp_path) == published
    assert checkpoint.verify().ok


@pytest.mark.parametrize("key", ["vectors/c/1/0", "moments/c/1/0", "parts/1.json"])
def test_two_attempts_at_once(tmp_path: Path, key: str) -> None:
    """Wherever a second attempt overtakes the first, both end well and the part is whole."""
    plan = plan_of(tmp_path)
    store = Sleeper(open_store(tmp_path), key, lambda: write(tmp_path, plan, 1))
    write_all(store, plan)

    checkpoint = embzarr.publish(tmp_path, plan, WORDS)
    assert checkpoint.verify().ok
    np.testing.assert_array_equal(checkpoint.to_numpy(), VECTORS)


def test_attempts_that_cut_their_blocks_otherwise_agree(tmp_path: Path) -> None:
    """Losses are added up in another order then; the receipt of the first stands."""
    plan = embzarr.plan_step(tmp_path, ROWS, DIM, parts=1, dtype="float16")
    for size in (7, 1000, 13):
        with embzarr.write_part(tmp_path, plan, 0) as part:
            for start in range(0, ROWS, size):
                part.append(VECTORS[start : start + size])

    assert embzarr.publish(tmp_path, plan, WORDS).verify().ok


# Publishers ---------------------------------------------------------------------------------------
def test_publishing_again_gives_the_same_commit(tmp_path: Path) -> None:
    """One write is one commit, however often it is published and whatever came after."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    first = embzarr.publish(tmp_path, plan, WORDS)
    embzarr.save(tmp_path, ["new"], VECTORS[:1])
    before = objects_of(tmp_path)

    second = embzarr.publish(tmp_path, plan, WORDS)

    assert second.commit == first.commit == 1
    assert objects_of(tmp_path) == before


def test_a_publisher_that_is_overtaken_by_another(tmp_path: Path) -> None:
    """Two publishers at once make one commit, and both are told of it."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)

    def publish(store: object, who: str) -> embzarr.Checkpoint:
        return embzarr.publish(store, plan, WORDS, counts=COUNTS, metadata={"who": who})

    others: list[embzarr.Checkpoint] = []
    store = Sleeper(
        open_store(tmp_path), "00001.json", lambda: others.append(publish(tmp_path, "other"))
    )
    ours = publish(store, "ours")

    assert [ours.commit, others[0].commit] == [1, 1]
    assert ours.metadata == others[0].metadata == {"who": "other"}
    assert embzarr.Run(tmp_path).numbers() == [1]
    assert ours.verify().ok


def test_the_hint_is_what_stands_not_what_the_second_publisher_sent(tmp_path: Path) -> None:
    """Killed publishers once left a hint of a manifest that had lost its number to another's."""
    test_a_publisher_that_is_overtaken_by_another(tmp_path)

    commit = tmp_path / "commits/00000000000000000001.json"
    assert (tmp_path / "latest.json").read_bytes() == commit.read_bytes()
    assert embzarr.open(tmp_path).verify().problems == ()


def test_publishers_that_do_not_agree(tmp_path: Path) -> None:
    """A publisher with other words than one that died replaces nothing."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)

    class Dying(PassThrough):
        def create(self, key: str, data: Body) -> None:
            if key.startswith("commits/"):
                raise KeyboardInterrupt
            super().create(key, data)

    with pytest.raises(KeyboardInterrupt):
        embzarr.publish(Dying(open_store(tmp_path)), plan, WORDS)
    before = objects_of(tmp_path)
    with pytest.raises(ConflictError) as caught:
        embzarr.publish(tmp_path, plan, WORDS[::-1])

    assert caught.value.code == "part-conflict"
    assert objects_of(tmp_path) == before
    assert embzarr.publish(tmp_path, plan, WORDS).verify().ok


def test_other_checkpoints_may_come_between(tmp_path: Path) -> None:
    """A full step follows whatever was saved while it was written."""
    plan = plan_of(tmp_path, step=50)
    write_all(tmp_path, plan)
    embzarr.save(tmp_path, ["a"], VECTORS[:1], step=40)
    embzarr.save(tmp_path, ["a"], VECTORS[1:2], step=41)

    assert embzarr.publish(tmp_path, plan, WORDS).commit == 3
    assert embzarr.open(tmp_path).step == 50


# Collections --------------------------------------------------------------------------------------
def test_a_step_that_was_collected_is_not_published(tmp_path: Path) -> None:
    """A collection that takes the parts for abandoned stops the publisher, not the collection."""
    embzarr.save(tmp_path, ["a"], VECTORS[:1])
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    report = embzarr.Run(tmp_path).gc(older_than=0)

    assert report.revoked == (plan.path,)
    for ask in (
        lambda: embzarr.publish(tmp_path, plan, WORDS),
        lambda: embzarr.missing_parts(tmp_path, plan),
    ):
        with pytest.raises(ConflictError) as caught:
            ask()
        assert caught.value.code == "write-revoked"

    write_all(tmp_path, plan)  # a zombie does not know
    with pytest.raises(ConflictError):
        embzarr.publish(tmp_path, plan, WORDS)
    assert embzarr.Run(tmp_path).gc(older_than=0).objects
    assert not (tmp_path / plan.path).exists()


def test_a_step_that_is_collected_while_it_is_published_is_no_damage(tmp_path: Path) -> None:
    """What a collection has deleted meanwhile is not told as damage of the store."""
    embzarr.save(tmp_path, ["a"], VECTORS[:1])
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    store = Sleeper(
        open_store(tmp_path),
        "words/offsets/zarr.json",
        lambda: embzarr.Run(tmp_path).gc(older_than=0),
    )

    with pytest.raises(ConflictError, match="write-revoked"):
        embzarr.publish(store, plan, WORDS)


def test_an_attempt_that_slept_while_its_step_was_collected_ends_well(tmp_path: Path) -> None:
    """What it found to be there may be gone when it looks: it is written, and collected, anew."""
    embzarr.save(tmp_path, ["a"], VECTORS[:1])
    plan = plan_of(tmp_path)
    write(tmp_path, plan, 1)

    class Dozing(PassThrough):
        def head(self, key: str) -> Any:
            if (tmp_path / plan.path).exists():
                embzarr.Run(tmp_path).gc(older_than=0)
            return super().head(key)

    write(Dozing(open_store(tmp_path)), plan, 1)

    with pytest.raises(ConflictError):
        embzarr.missing_parts(tmp_path, plan)
    assert embzarr.Run(tmp_path).gc(older_than=0).objects
    assert not (tmp_path / plan.path).exists()


def test_a_receipt_that_a_collection_takes_away_under_a_waking_attempt_is_left_anew(
    tmp_path: Path,
) -> None:
    """It was there when the attempt wanted to leave its own, and gone when it looked whose."""
    embzarr.save(tmp_path, ["a"], VECTORS[:1])
    plan = plan_of(tmp_path)
    write(tmp_path, plan, 1)

    class Dozing(PassThrough):
        def get_range(self, key: str, start: int, length: int) -> Data:
            if key == key_of(plan, 1) and (tmp_path / key).exists():
                embzarr.Run(tmp_path).gc(older_than=0)
            return super().get_range(key, start, length)

    write(Dozing(open_store(tmp_path)), plan, 1)

    assert (tmp_path / key_of(plan, 1)).exists()
    assert embzarr.Run(tmp_path).gc(older_than=0).objects
    assert not (tmp_path / plan.path).exists()


def test_a_step_in_the_making_is_left_alone(tmp_path: Path) -> None:
    """Parts that were written lately are waited for."""
    embzarr.save(tmp_path, ["a"], VECTORS[:1])
    plan = plan_of(tmp_path)
    write(tmp_path, plan, 0)

    assert embzarr.Run(tmp_path).gc().waiting == (plan.path,)
    for index in (1, 2, 3):
        write(tmp_path, plan, index)
    assert embzarr.publish(tmp_path, plan, WORDS).verify().ok


def test_receipts_go_with_their_step(tmp_path: Path) -> None:
    """A step that is given up leaves no receipts behind."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    embzarr.publish(tmp_path, plan, WORDS)
    embzarr.save(tmp_path, ["a"], VECTORS[:1])

    embzarr.Run(tmp_path).gc(keep_last=1)

    assert not (tmp_path / plan.path).exists()
    with pytest.raises(NotFoundError) as caught:
        embzarr.publish(tmp_path, plan, WORDS)
    assert caught.value.code == "commit-expired"


# What is refused ----------------------------------------------------------------------------------
def test_rows_must_be_those_of_the_part(tmp_path: Path) -> None:
    """A part with rows too few or too many leaves no receipt."""
    plan = plan_of(tmp_path, columns=None)
    with (
        pytest.raises(InvalidInputError, match="expected 256 rows, found 255"),
        embzarr.write_part(tmp_path, plan, 0) as part,
    ):
        part.append(VECTORS[:255])
    with (
        pytest.raises(InvalidInputError, match="found 257"),
        embzarr.write_part(tmp_path, plan, 0) as part,
    ):
        part.append(VECTORS[:257])
    with pytest.raises(InvalidInputError, match="finished"):
        part.append(VECTORS[:1])

    assert embzarr.missing_parts(tmp_path, plan) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        ({"vectors": VECTORS[:5]}, "input-argument"),
        ({"vectors": VECTORS[:5], "moments": MOMENTS[:4]}, "input-rows"),
        ({"vectors": VECTORS[:5, :3], "moments": MOMENTS[:5]}, "input-shape"),
        ({"vectors": VECTORS[:5] * np.nan, "moments": MOMENTS[:5]}, "input-nonfinite"),
        ({"vectors": 1.0, "moments": MOMENTS[:5]}, "input-rows"),
    ],
)
def test_blocks_must_fit(tmp_path: Path, blocks: dict[str, Any], code: str) -> None:
    """Blocks are judged as those of `create` are."""
    plan = plan_of(tmp_path)
    with (
        pytest.raises(InvalidInputError) as caught,
        embzarr.write_part(tmp_path, plan, 0) as part,
    ):
        part.append(**blocks)
    assert caught.value.code == code


def test_a_part_without_a_block_takes_nothing(tmp_path: Path) -> None:
    """What it took would never be there for the one who publishes."""
    part = embzarr.write_part(tmp_path, plan_of(tmp_path), 0)

    with pytest.raises(InvalidInputError, match=r"with embzarr\.write_part") as caught:
        part.append(np.ones((1, 2), "f4"))
    assert caught.value.code == "store-closed"


@pytest.mark.parametrize("index", [-1, 4, True])
def test_no_such_part(tmp_path: Path, index: int) -> None:
    """Parts have numbers from 0."""
    with pytest.raises(InvalidInputError, match="from 0 to 3"):
        embzarr.write_part(tmp_path, plan_of(tmp_path), index)


def test_another_store(tmp_path: Path) -> None:
    """A plan is for one store: an empty one, or another run's, is refused."""
    plan = plan_of(tmp_path / "one")
    embzarr.save(tmp_path / "two", ["a"], VECTORS[:1])

    for url in (tmp_path / "two", tmp_path / "none"):
        for ask in (
            lambda url=url: embzarr.write_part(url, plan, 0),
            lambda url=url: embzarr.publish(url, plan, WORDS),
        ):
            with pytest.raises(InvalidInputError, match="the plan is of store"):
                ask()
    assert not (tmp_path / "none").exists()


def test_another_history(tmp_path: Path) -> None:
    """A store that was rolled back behind the plan's base is not published to."""
    embzarr.save(tmp_path / "a", ["a"], VECTORS[:1])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for name in ("a", "b"):
        embzarr.save(tmp_path / name, ["a"], VECTORS[1:2])
    plan = plan_of(tmp_path / "a")

    with pytest.raises(ConflictError, match="not the one that the plan names"):
        embzarr.publish(tmp_path / "b", plan, WORDS)


def test_a_base_that_expired_is_known_by_its_tombstone(tmp_path: Path) -> None:
    """What came before a step does it no harm by being given up; where it is gone, nobody knows."""
    embzarr.save(tmp_path, ["a"], VECTORS[:1])
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    embzarr.save(tmp_path, ["a"], VECTORS[1:2])
    report = embzarr.Run(tmp_path).gc(keep_last=1)
    gone = Path(shutil.copytree(tmp_path, tmp_path / "gone"))
    (gone / "commits" / f"{1:020}.json").unlink()

    assert report.expired == (1,)
    with pytest.raises(NotFoundError) as caught:
        embzarr.publish(gone, plan, WORDS)
    assert caught.value.code == "commit-missing"
    assert embzarr.publish(tmp_path, plan, WORDS).commit == 4


def test_words_and_columns_must_fit(tmp_path: Path) -> None:
    """What the publisher adds has one row for each of the step's, and names of its own."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"words": WORDS[1:]}, "a word for each of 1000 rows, found 999"),
        ({"words": [*WORDS[1:], WORDS[1]]}, "every word may stand once"),
        ({"counts": COUNTS[1:]}, "a row for each"),
        ({"columns": {"moments": MOMENTS}}, "the parts hold"),
        ({"columns": {"parts": MOMENTS}}, "a column's name"),
        ({"counts": COUNTS, "columns": {"counts": COUNTS}}, "given twice"),
    ]

    for given, message in wrong:
        with pytest.raises(InvalidInputError, match=message):
            embzarr.publish(tmp_path, plan, **{"words": WORDS, **given})
    assert embzarr.publish(tmp_path, plan, WORDS).verify().ok


def test_an_object_that_is_gone(tmp_path: Path) -> None:
    """A receipt whose object somebody deleted is not believed."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    (tmp_path / plan.path / "vectors/c/2/0").unlink()

    with pytest.raises(DamagedError, match="vectors/c/2/0") as caught:
        embzarr.publish(tmp_path, plan, WORDS)
    assert caught.value.code == "object-missing"
    assert embzarr.Run(tmp_path).numbers() == []


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"parts": 0}, "input-argument"),
        ({"parts": 20_000}, "input-argument"),
        ({"columns": {"parts": "int8"}}, "input-argument"),
        ({"columns": {"vectors": "int8"}}, "input-argument"),
        ({"dtype": "int8"}, "input-dtype"),
        ({"compression": "gzip"}, "input-argument"),
        ({"step": -1}, "input-argument"),
    ],
)
def test_plans_that_cannot_be(tmp_path: Path, settings: dict[str, Any], code: str) -> None:
    """A plan is refused before anything is written."""
    with pytest.raises(InvalidInputError) as caught:
        plan_of(tmp_path, **settings)
    assert caught.value.code == code


@pytest.mark.parametrize(("rows", "dim"), [(-1, 4), (True, 4), (5, 0)])
def test_tables_that_cannot_be(tmp_path: Path, rows: int, dim: int) -> None:
    """A table has no less than no rows, and one number at least in each."""
    with pytest.raises(InvalidInputError):
        embzarr.plan_step(tmp_path, rows, dim, parts=2)


PATCHES: dict[str, Any] = {
    "another kind": {"kind": "full"},
    "an unknown member": {"more": 1},
    "no parts": {"parts": 0},
    "parts beyond the limit": {"parts": 16385},
    "parts that do not hold the rows": {"rows": 100_000},
    "a part that cuts a shard": {"part_rows": 251},
    "rows beyond an integer": {"rows": 2**53},
    "no columns": {"columns": []},
    "a store id of another form": {"store": "x"},
}
COLUMNS: dict[str, Any] = {
    "a chunk that is no power of two": {"chunk": 3},
    "a reserved name": {"name": "parts"},
    "another first column": {"name": "moments"},
    "a path for a name": {"name": "../vectors"},
    "vectors of whole numbers": {"dtype": "int8"},
    "vectors of another rank": {"row_shape": []},
    "chunks beyond the limit": {"row_shape": [2**40]},
    "too many chunks in a shard": {"shard": 2**21},
    "a dimension of none": {"row_shape": [0]},
}


def refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="not a plan"):
        StepPlan.from_json(json.dumps(document))


@pytest.mark.parametrize("what", PATCHES)
def test_texts_that_are_no_plan(tmp_path: Path, what: str) -> None:
    """A plan that came as text is judged before it is used."""
    refused({**json.loads(plan_of(tmp_path).to_json()), **PATCHES[what]})


@pytest.mark.parametrize("what", COLUMNS)
def test_columns_that_cannot_be_planned(tmp_path: Path, what: str) -> None:
    """The same of its columns."""
    document = json.loads(plan_of(tmp_path).to_json())
    document["columns"][0] |= COLUMNS[what]
    refused(document)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a":1,"a":2}', "[" * 100, " " * 300_000])
def test_texts_that_are_no_json(text: str) -> None:
    """Nor may it be anything else."""
    with pytest.raises(InvalidInputError, match="not a plan"):
        StepPlan.from_json(text)


def test_types_and_codecs_of_later_versions(tmp_path: Path) -> None:
    """A plan of a later version says what is needed."""
    for change in ({"dtype": "float8"}, {"codec": {"name": "pcodec"}}):
        document = json.loads(plan_of(tmp_path).to_json())
        document["columns"][1] |= change
        with pytest.raises(embzarr.UnsupportedError):
            StepPlan.from_json(json.dumps(document))


def test_a_plan_is_small(tmp_path: Path) -> None:
    """It fits into an argument or a message, however many rows and parts there are."""
    plan = embzarr.plan_step(tmp_path, 10**9, 300, parts=16_384)

    assert len(plan.to_json()) < 1000
    assert StepPlan.from_json(plan.to_json()) == plan
    assert hash(plan.identity) == hash(StepPlan.from_json(plan.to_json().encode()).identity)


# Hostile receipts ---------------------------------------------------------------------------------
def _swap(document: dict[str, Any]) -> None:
    document["objects"]["vectors/c/9/0"] = document["objects"].pop("vectors/c/1/0")


def _escape(document: dict[str, Any]) -> None:
    document["objects"]["../../zarr.json"] = document["objects"].pop("vectors/c/1/0")


def _one_more(document: dict[str, Any]) -> None:
    document["objects"]["words/data/c/0"] = {"size": 1, "sha256": "0" * 64}


RECEIPTS: dict[str, tuple[Any, str]] = {
    "of another plan": (lambda d: d.update(plan="0" * 64), "part-invalid"),
    "of another part": (lambda d: d.update(part=2), "part-invalid"),
    "with a shard of another part": (_swap, "part-invalid"),
    "with a key that leaves the step": (_escape, "part-invalid"),
    "with an object too many": (_one_more, "part-invalid"),
    "without objects": (lambda d: d.update(objects={}), "part-invalid"),
    "without the places of a column": (lambda d: d["places"].pop("moments"), "part-invalid"),
    "with a place too few": (lambda d: d["places"]["vectors"]["offset"].pop(), "part-invalid"),
    "with losses of no column": (
        lambda d: d["losses"].update(
            more={
                "source_dtype": "float32",
                "max_abs_error": 0.0,
                "count": 0,
                "squares": 0.0,
                "source_squares": 0.0,
            }
        ),
        "part-invalid",
    ),
    "with an unknown member": (lambda d: d.update(more=1), "part-invalid"),
    "of a later version": (lambda d: d.update(version=2), "part-invalid"),
    "with a chunk beyond its shard": (
        lambda d: d["places"]["vectors"]["offset"].__setitem__(-1, 10**9),
        "chunk-range",
    ),
    "with chunks that overlap": (
        lambda d: d["places"]["vectors"]["offset"].__setitem__(1, 0),
        "chunk-range",
    ),
    "with a size below its chunks": (
        lambda d: d["objects"]["vectors/c/1/0"].update(size=1),
        "chunk-range",
    ),
    "with a size that is not the object's": (
        lambda d: d["objects"]["vectors/c/1/0"].update(size=10**6),
        "object-size",
    ),
}


@pytest.mark.parametrize("what", RECEIPTS)
def test_hostile_receipts(tmp_path: Path, what: str) -> None:
    """Nothing is committed on the word of a receipt that cannot be true."""
    plan = plan_of(tmp_path, columns={"moments": ("float32", (3,))})
    write_all(tmp_path, plan)
    change, code = RECEIPTS[what]
    path = tmp_path / key_of(plan, 1)
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))

    with pytest.raises(DamagedError) as caught:
        embzarr.publish(tmp_path, plan, WORDS)
    assert caught.value.code == code
    assert embzarr.Run(tmp_path).numbers() == []


def test_a_huge_receipt_is_not_read(tmp_path: Path) -> None:
    """What the plan allows bounds what is read."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    with (tmp_path / key_of(plan, 1)).open("wb") as file:
        file.truncate(2**36)

    with pytest.raises(DamagedError) as caught:
        embzarr.publish(tmp_path, plan, WORDS)
    assert caught.value.code == "json-too-large"


def test_a_receipt_with_white_space(tmp_path: Path) -> None:
    """JSON that is not canonical is accepted, as everywhere."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    path = tmp_path / key_of(plan, 1)
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=4))

    assert embzarr.publish(tmp_path, plan, WORDS).verify().ok
