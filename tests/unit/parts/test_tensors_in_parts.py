"""What parts promise of tensors and files: many writers of a model, one commit."""

from __future__ import annotations

import gc
import json
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

import embzarr
from conformance.recorder import Recorder
from embzarr import (
    ConflictError,
    DamagedError,
    InvalidInputError,
    NotFoundError,
    StepPlan,
    StoreError,
)
from embzarr._format import spec
from embzarr._parts.receipts import key_of
from embzarr._storage.open import open_store
from faulty import Sleeper
from oracle import make_vectors, make_words

PARTS = 3
WORDS = make_words(100)
VECTORS = make_vectors(100, 8)
SHARED = make_vectors(5000, 16, seed=1)
"""Of which each part writes a range."""
KINDS: dict[str, Any] = {"shared": ("float32", SHARED.shape)}

Tensors = dict[str, NDArray[Any]]


def tensors_of(part: int) -> Tensors:
    """Return whole tensors of a part: large and small ones, of every kind of shape and type."""
    return {
        f"layers.{part}.weight": make_vectors(300, 200, seed=part),
        f"layers.{part}.bias": np.arange(7, dtype="f4") + part,
        f"layers.{part}.gain": np.ones(2, "f4") * part,
        f"layers.{part}.step": np.array(part),
        f"layers.{part}.nothing": np.empty((0, 3), "f2"),
        f"layers.{part}.flags": np.array([[True, False]]),
        f"layers.{part}.when": np.array([0, part], "datetime64[s]"),
        f"layers.{part}.half": np.ones(3, ml_dtypes.bfloat16),
        f"layers/{part}/猫": np.arange(4, dtype=">i2"),
    }


ALL: Tensors = {name: array for part in range(PARTS) for name, array in tensors_of(part).items()}
FILES = {"0.txt": b"zero", "1.bin": bytes(100_000), "2": b""}


def plan_of(url: object, **settings: Any) -> StepPlan:
    """Plan a step without a table."""
    chosen: dict[str, Any] = {"parts": PARTS, "tensors": KINDS, **settings}
    return embzarr.plan_step(url, **chosen)


def write(url: object, plan: StepPlan, index: int, tensors: Tensors | None = None) -> None:
    """Write a part: its range in blocks, its tensors in two calls, and one file."""
    given = [*(tensors_of(index) if tensors is None else tensors).items()]
    with embzarr.write_part(url, StepPlan.from_json(plan.to_json()), index) as part:
        start, stop = plan.rows_of(index, tensor="shared") if plan.tensors else (0, 0)
        for row in range(start, stop, 700):
            part.append_tensor("shared", SHARED[row : min(row + 700, stop)])
        part.add(tensors=dict(given[:3]))
        part.add(tensors=dict(given[3:]), files=dict([[*FILES.items()][index]]))


def write_all(url: object, plan: StepPlan) -> None:
    """Write all parts, the last one first."""
    for index in reversed(range(plan.parts)):
        write(url, plan, index)


def objects_of(root: Path) -> dict[str, bytes]:
    """Return all objects of a folder."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def assert_holds(checkpoint: embzarr.Checkpoint, tensors: Tensors) -> None:
    """Compare all tensors with what was given, one by one and together."""
    assert {*checkpoint.tensors} == {*tensors}
    together = checkpoint.tensors.load()
    for name, array in tensors.items():
        for found in (checkpoint.tensors[name].load(), together[name]):
            assert found.shape == array.shape
            assert found.dtype == array.dtype.newbyteorder("=")
            np.testing.assert_array_equal(found, array)


# The result ---------------------------------------------------------------------------------------
def test_tensors_and_files_of_all_parts_become_one_checkpoint(tmp_path: Path) -> None:
    """Written by many, and by nobody but the publisher, it reads as one save of the whole."""
    plan = plan_of(tmp_path, step=7)
    write_all(tmp_path, plan)

    checkpoint = embzarr.publish(
        tmp_path,
        plan,
        tensors={"own": np.ones(2)},
        files={"own": b"own"},
        model={"class": "x"},
        metadata={"a": 1},
    )

    assert (checkpoint.step, checkpoint.commit) == (7, 1)
    assert (checkpoint.model, checkpoint.metadata) == ({"class": "x"}, {"a": 1})
    assert_holds(checkpoint, {**ALL, "shared": SHARED, "own": np.ones(2)})
    assert {name: file.read() for name, file in checkpoint.files.items()} == FILES | {"own": b"own"}
    assert checkpoint.verify().problems == ()
    with pytest.raises(NotFoundError, match="table-missing"):
        checkpoint["king"]


def test_a_plain_zarr_reader_finds_large_tensors_by_their_names(tmp_path: Path) -> None:
    """Those of a part, and one that all have written, stand where one save puts them."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    embzarr.publish(tmp_path, plan)

    for name, array in {"shared": SHARED, "layers.1.weight": ALL["layers.1.weight"]}.items():
        found = zarr.open_array(tmp_path / plan.path, path=f"tensors/{name}", mode="r")
        np.testing.assert_array_equal(np.asarray(found), array)
    small = zarr.open_array(tmp_path / plan.path, path="small/float32.2", mode="r")
    np.testing.assert_array_equal(np.asarray(small)[:7], ALL["layers.2.bias"])


def test_a_table_and_tensors_in_one_step(tmp_path: Path) -> None:
    """Rows, ranges of a tensor, whole tensors: each part has its share of all."""
    plan = embzarr.plan_step(tmp_path, 100, 8, PARTS, tensors=KINDS)
    for index in range(PARTS):
        with embzarr.write_part(tmp_path, plan, index) as part:
            first, last = plan.rows_of(index, tensor="shared")
            part.append_tensor("shared", SHARED[first:last])
            part.add(tensors=tensors_of(index))
            part.append(VECTORS[part.start : part.stop])

    checkpoint = embzarr.publish(tmp_path, plan, WORDS, counts=np.arange(100))

    assert_holds(checkpoint, {**ALL, "shared": SHARED})
    np.testing.assert_array_equal(checkpoint.to_numpy(), VECTORS)
    assert checkpoint.words == WORDS
    assert checkpoint.verify().problems == ()


@pytest.mark.parametrize("compression", ["none", "zstd:1", "blosc:lz4:bitshuffle"])
def test_compression_and_chunks_are_those_of_the_plan(tmp_path: Path, compression: str) -> None:
    """Of whole tensors and of ranges; thousands of chunks have tables."""
    plan = plan_of(tmp_path, compression=compression, chunk_bytes=1024)
    write_all(tmp_path, plan)
    checkpoint = embzarr.publish(tmp_path, plan)

    (layer,) = json.loads((tmp_path / "latest.json").read_bytes())["layers"]
    names = {"none": "none", "zstd:1": "zstd"}
    for name in ("tensors/shared", "tensors/layers.0.weight", "small/float32.0"):
        assert layer["arrays"][name]["codec"]["name"] == names.get(compression, "blosc")
    assert layer["arrays"]["tensors/shared"]["index"] == "chunks/tensors.shared"
    assert layer["arrays"]["tensors/layers.0.weight"]["index"] == "chunks/tensors.layers.0.weight"
    assert_holds(checkpoint, {**ALL, "shared": SHARED})
    assert checkpoint.verify().problems == ()


def test_types_of_a_framework_are_kept_in_ranges_and_whole(tmp_path: Path) -> None:
    """Numbers of one byte that have no data type here are bytes with a name."""
    numbers = np.arange(-8, 8).astype(ml_dtypes.float8_e4m3fn).reshape(8, 2)
    plan = plan_of(tmp_path, parts=2, tensors={"q": (numbers.dtype, numbers.shape)})
    for index in range(2):
        with embzarr.write_part(tmp_path, plan, index) as part:
            first, last = plan.rows_of(index, tensor="q")
            part.append_tensor("q", numbers[first:last])
            part.add(tensors={f"whole{index}": numbers})

    checkpoint = embzarr.publish(tmp_path, plan)

    for name in ("q", "whole0", "whole1"):
        assert checkpoint.tensors[name].type == "float8_e4m3fn"
        assert checkpoint.tensors[name].load(raw=True).tobytes() == numbers.tobytes()


@pytest.mark.slow
def test_thousands_of_small_tensors_cost_few_requests(tmp_path: Path) -> None:
    """A part sends an array for each data type and a receipt; they are read together again."""
    store = Recorder(open_store(tmp_path))
    plan = embzarr.plan_step(store, parts=2)
    begun = len(store.log)
    given = {f"{part}.{at}": np.full(5, at, "f4") for part in range(2) for at in range(2000)}
    for index in range(2):
        with embzarr.write_part(store, plan, index) as part:
            for name, array in [*given.items()][index * 2000 :][:2000]:
                part.add(tensors={name: array})
    created = [key for verb, key in store.log[begun:] if verb == "create"]

    checkpoint = embzarr.publish(store, plan)
    published = len(store.log)
    assert_holds(checkpoint, given)

    assert created == [
        f"{plan.path}/{name}"
        for index in range(2)
        for name in (f"small/float32.{index}/c/0", f"parts/{index}.json")
    ]
    # The first of 4,000 by itself, and all together.
    assert len(store.log) - published < 4000 + 10
    published = len(store.log)
    checkpoint.tensors.load()
    assert len(store.log) - published <= 2


def test_what_is_small_keeps_nothing_large_in_memory(tmp_path: Path) -> None:
    """A few numbers of a large array are copied, so that the array can go before the part ends."""
    plan = embzarr.plan_step(tmp_path, parts=1)
    with embzarr.write_part(tmp_path, plan, 0) as part:
        large = np.ones(1_000_000)
        gone = weakref.ref(large)
        part.add(tensors={"few": large[:10]})
        del large
        gc.collect()
        assert gone() is None

    assert_holds(embzarr.publish(tmp_path, plan), {"few": np.ones(10)})


def test_very_many_tensors_are_told_in_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes a manifest large stands beside it, as that of one save does."""
    monkeypatch.setattr(spec, "SPLIT_BYTES", 4096)
    monkeypatch.setattr(spec, "PAGE_BYTES", 1024)
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    checkpoint = embzarr.publish(tmp_path, plan)

    (layer,) = json.loads((tmp_path / "latest.json").read_bytes())["layers"]
    assert {page["kind"] for page in layer["pages"]} == {"contents", "objects"}
    assert_holds(checkpoint, {**ALL, "shared": SHARED})
    assert checkpoint.verify().problems == ()


def test_the_rest_of_the_sdk_takes_such_a_step_like_any_other(tmp_path: Path) -> None:
    """A delta upon it, a compaction, a copy, a collection, a repair, a description."""
    url, copy = tmp_path / "run", tmp_path / "copy"
    embzarr.save(url, tensors={"old": np.ones(3)})
    plan = plan_of(url)
    write_all(url, plan)
    embzarr.publish(url, plan)
    expected = {**ALL, "shared": SHARED, "layers.0.bias": np.zeros(7, "f4")}

    run = embzarr.Run(url)
    run.save_delta(tensors=expected, policy=embzarr.DeltaPolicy(max_deltas=9))
    assert_holds(run.open(), expected)
    assert run.open().info().layers[-1].kind == "delta"
    run.compact()
    assert_holds(run.open(), expected)
    embzarr.copy(url, copy)
    assert_holds(embzarr.open(copy), expected)
    report = run.gc(keep_last=1, older_than=0)
    assert plan.path in report.revoked
    assert not (url / plan.path).exists()
    assert not embzarr.repair(copy).actions
    assert embzarr.open(copy).verify().problems == ()


def test_damage_to_a_tensor_of_a_part_is_found_and_mended(tmp_path: Path) -> None:
    """A flipped bit is told with its key, and taken from a copy."""
    url, copy = tmp_path / "run", tmp_path / "copy"
    plan = plan_of(url)
    write_all(url, plan)
    checkpoint = embzarr.publish(url, plan)
    embzarr.copy(url, copy)
    key = f"{plan.path}/small/float32.1/c/0"
    data = bytearray((url / key).read_bytes())
    data[3] ^= 1
    (url / key).write_bytes(data)

    assert {problem.key for problem in checkpoint.verify().problems} == {key}
    with pytest.raises(DamagedError):
        checkpoint.tensors["layers.1.bias"].load()
    embzarr.repair(url, source=copy)
    assert embzarr.open(url).verify().problems == ()
    assert_holds(embzarr.open(url), {**ALL, "shared": SHARED})


# Parts that are missing, tried again, or at odds --------------------------------------------------
def test_missing_parts_are_named(tmp_path: Path) -> None:
    """A part that has nothing at all leaves a receipt, too."""
    plan = embzarr.plan_step(tmp_path, parts=PARTS)
    write(tmp_path, plan, 1)

    assert embzarr.missing_parts(tmp_path, plan) == [0, 2]
    with pytest.raises(NotFoundError, match="0, 2"):
        embzarr.publish(tmp_path, plan)
    for index in (0, 2):
        with embzarr.write_part(tmp_path, plan, index):
            pass
    assert_holds(embzarr.publish(tmp_path, plan), tensors_of(1))
    assert embzarr.missing_parts(tmp_path, plan) == []


@pytest.mark.parametrize(
    "key",
    ["small/float32.1/c/0", "tensors/layers.1.weight/c/0/0", "shared/c/1/0", "parts/1.json"],
)
def test_two_attempts_at_once(tmp_path: Path, key: str) -> None:
    """Wherever a second attempt overtakes the first, both end well and the part is whole."""
    plan = plan_of(tmp_path)
    store = Sleeper(open_store(tmp_path), key, lambda: write(tmp_path, plan, 1))
    write_all(store, plan)
    before = objects_of(tmp_path / plan.path)
    write_all(tmp_path, plan)

    assert objects_of(tmp_path / plan.path) == before
    assert_holds(embzarr.publish(tmp_path, plan), {**ALL, "shared": SHARED})


def test_an_attempt_with_other_numbers_replaces_nothing(tmp_path: Path) -> None:
    """Large or small, other numbers, another order, or one more: the first attempt stands."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    before = objects_of(tmp_path)
    given = tensors_of(1)
    others: list[Tensors] = [
        {**given, "layers.1.weight": -given["layers.1.weight"]},
        {**given, "layers.1.bias": -given["layers.1.bias"]},
        {name: array for name, array in given.items() if "weight" not in name},
        {**given, "layers.1.step": np.array([1])},
        dict(reversed(given.items())),
    ]
    for tensors in others:
        with pytest.raises(ConflictError) as caught:
            write(tmp_path, plan, 1, tensors)
        assert caught.value.code == "part-conflict"
        assert objects_of(tmp_path) == before

    assert_holds(embzarr.publish(tmp_path, plan), {**ALL, "shared": SHARED})


def test_what_an_attempt_left_that_no_receipt_names_does_no_harm(tmp_path: Path) -> None:
    """It is not listed, and goes with the layer."""
    embzarr.save(tmp_path, tensors={"old": np.ones(3)})
    plan = plan_of(tmp_path)
    died = ExitStack().enter_context(embzarr.write_part(tmp_path, plan, 0))
    died.add(tensors={"another": make_vectors(300, 200, seed=9)})
    died._files.wait()
    died.__exit__(RuntimeError)
    write_all(tmp_path, plan)

    checkpoint = embzarr.publish(tmp_path, plan)

    assert (tmp_path / plan.path / "tensors/another/c/0/0").exists()
    assert checkpoint.verify().problems == ()
    assert_holds(checkpoint, {**ALL, "shared": SHARED})
    embzarr.save(tmp_path, tensors={"new": np.ones(3)})
    embzarr.Run(tmp_path).gc(keep_last=1, older_than=0)
    assert not (tmp_path / plan.path).exists()


def test_a_folder_in_the_place_of_an_object_ends_the_attempt(tmp_path: Path) -> None:
    """It takes the name and cannot be read: no more an object that a collection took away."""
    plan = embzarr.plan_step(tmp_path, parts=1)
    (tmp_path / plan.path / "small/float64.0/c/0").mkdir(parents=True)

    with (
        pytest.raises(StoreError, match="c/0: its name is taken"),
        embzarr.write_part(tmp_path, plan, 0) as part,
    ):
        part.add(tensors={"w": np.ones(3)})

    assert embzarr.missing_parts(tmp_path, plan) == [0]


@pytest.mark.parametrize("kind", ["large", "small", "file"])
def test_a_name_that_two_parts_give_is_refused_with_both(tmp_path: Path, kind: str) -> None:
    """Also where both gave the same numbers."""
    plan = embzarr.plan_step(tmp_path, parts=2)
    twice: Any = {
        "large": {"tensors": {"w": make_vectors(300, 200)}},
        "small": {"tensors": {"w": np.ones(3)}},
        "file": {"files": {"w": b"w"}},
    }[kind]
    for index in range(2):
        with embzarr.write_part(tmp_path, plan, index) as part:
            part.add(**twice)

    with pytest.raises(ConflictError, match="'w' is given by part 0 and by part 1") as caught:
        embzarr.publish(tmp_path, plan)

    assert caught.value.code == "part-conflict"
    assert embzarr.Run(tmp_path).numbers() == []


def test_a_large_tensor_that_two_parts_give_with_other_numbers_is_told_at_once(
    tmp_path: Path,
) -> None:
    """The second one to write it is stopped: told who was first, or where that one goes on."""
    plan = embzarr.plan_step(tmp_path, parts=2)
    first = ExitStack().enter_context(embzarr.write_part(tmp_path, plan, 0))
    first.add(tensors={"w": make_vectors(300, 200)})
    first._files.wait()

    def write_second() -> None:
        with embzarr.write_part(tmp_path, plan, 1) as part:
            part.add(tensors={"v": np.ones(1), "w": -make_vectors(300, 200)})

    with pytest.raises(ConflictError, match=r"tensors/w/c/0/0: another attempt, or another part"):
        write_second()
    first.__exit__(None)
    with pytest.raises(ConflictError, match="'w' is given by part 0 and by part 1") as caught:
        write_second()
    assert caught.value.code == "part-conflict"


def test_a_name_that_a_part_and_the_publisher_give_is_refused(tmp_path: Path) -> None:
    """And the publisher may leave it out."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)

    wrong: list[dict[str, Any]] = [
        {"tensors": {"layers.0.bias": np.ones(1)}},
        {"files": {"0.txt": b"0"}},
    ]
    for given in wrong:
        with pytest.raises(ConflictError, match="by part 0 and by the publisher"):
            embzarr.publish(tmp_path, plan, **given)
    with pytest.raises(ConflictError, match="'shared' is given by the plan and by the publisher"):
        embzarr.publish(tmp_path, plan, tensors={"shared": np.ones(1)})
    assert embzarr.publish(tmp_path, plan).commit == 1


def test_publishing_again_gives_the_same_commit(tmp_path: Path) -> None:
    """However often, and with other tensors of the publisher, too."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    first = embzarr.publish(tmp_path, plan)
    before = objects_of(tmp_path)

    assert embzarr.publish(tmp_path, plan, tensors={"more": np.ones(1)}).commit == first.commit
    assert objects_of(tmp_path) == before


def test_a_step_that_was_collected_is_not_published(tmp_path: Path) -> None:
    """Its objects go, those of small tensors and receipts among them."""
    embzarr.save(tmp_path, tensors={"old": np.ones(3)})
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)

    assert embzarr.Run(tmp_path).gc(older_than=0).revoked == (plan.path,)

    assert not (tmp_path / plan.path).exists()
    with pytest.raises(ConflictError, match="write-revoked"):
        embzarr.publish(tmp_path, plan)


def test_an_object_that_went_away_is_found_missing(tmp_path: Path) -> None:
    """No commit names what is not there."""
    plan = plan_of(tmp_path)
    write_all(tmp_path, plan)
    (tmp_path / plan.path / "small/float32.2/c/0").unlink()

    with pytest.raises(DamagedError, match=r"float32\.2/c/0"):
        embzarr.publish(tmp_path, plan)
    assert embzarr.Run(tmp_path).numbers() == []


def test_two_receipts_with_one_array_are_refused(tmp_path: Path) -> None:
    """A stranger may have written them: one array would hold two tensors."""
    plan = embzarr.plan_step(tmp_path, parts=2)
    with embzarr.write_part(tmp_path, plan, 0) as part:
        part.add(tensors={"w": make_vectors(300, 200)})
    receipt = json.loads((tmp_path / key_of(plan, 0)).read_bytes())
    receipt |= {"part": 1, "tensors": {"v": receipt["tensors"]["w"]}}
    (tmp_path / key_of(plan, 1)).write_text(json.dumps(receipt))

    with pytest.raises(ConflictError, match="array 'tensors/w' is given by part 0 and by part 1"):
        embzarr.publish(tmp_path, plan)


# What is refused ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"rows": 3}, "input-argument"),
        ({"dim": 3}, "input-argument"),
        ({"columns": {"a": "f4"}}, "input-argument"),
        ({"tensors": [("f4", (3,))]}, "input-argument"),
        ({"tensors": {"w": "f4"}}, "input-argument"),
        ({"tensors": {"w": ("f4", 3)}}, "input-argument"),
        ({"tensors": {"": ("f4", (3,))}}, "input-argument"),
        ({"tensors": {"w": ("f4", (3, 0))}}, "input-argument"),
        ({"tensors": {"w": ("f4", ())}}, "input-shape"),
        ({"tensors": {"w": ("f4", (1,) * 9)}}, "input-shape"),
        ({"tensors": {"w": ("O", (3,))}}, "input-dtype"),
        ({"tensors": {"w": ("f4", (3, 2**40))}}, "input-argument"),
        ({"tensors": {"w": ("f4", (2**40, 2**20))}}, "input-argument"),
    ],
)
def test_what_cannot_be_planned(tmp_path: Path, settings: dict[str, Any], code: str) -> None:
    """It is told before anything is written but the store's own documents."""
    with pytest.raises(InvalidInputError) as caught:
        plan_of(tmp_path, **settings)
    assert caught.value.code == code


def test_what_a_part_refuses(tmp_path: Path) -> None:
    """Other rows than planned, another type, a name twice; the part goes on without it."""
    plan = plan_of(tmp_path, parts=1)
    with embzarr.write_part(tmp_path, plan, 0) as part:
        part.add(tensors={"a": np.ones(3)}, files={"a": b"a"})
        refused: list[tuple[str, Any]] = [
            ("input-argument", lambda: part.append_tensor("another", SHARED)),
            ("input-dtype", lambda: part.append_tensor("shared", SHARED.astype("f8"))),
            ("input-shape", lambda: part.append_tensor("shared", SHARED[:, :3])),
            ("input-shape", lambda: part.append_tensor("shared", np.float32(1))),
            ("input-rows", lambda: part.append_tensor("shared", np.ones((5001, 16), "f4"))),
            ("input-argument", lambda: part.append(VECTORS)),
            ("input-argument", lambda: part.add(tensors={"shared": SHARED})),
            ("input-argument", lambda: part.add(tensors={"b": np.ones(3), "a": np.ones(3)})),
            ("input-argument", lambda: part.add(files={"a": b"b"})),
            ("input-dtype", lambda: part.add(tensors={"c": np.array([object()])})),
        ]
        for code, work in refused:
            with pytest.raises(InvalidInputError) as caught:
                work()
            assert caught.value.code == code
        part.append_tensor("shared", SHARED)

    assert_holds(embzarr.publish(tmp_path, plan), {"a": np.ones(3), "shared": SHARED})


def test_a_range_that_is_not_full_leaves_no_receipt(tmp_path: Path) -> None:
    """It is told how many rows are missing, and of which tensor."""
    plan = plan_of(tmp_path, parts=1)
    with (
        pytest.raises(InvalidInputError, match="tensor 'shared': expected 5000 rows, found 4999"),
        embzarr.write_part(tmp_path, plan, 0) as part,
    ):
        part.append_tensor("shared", SHARED[:-1])
    assert embzarr.missing_parts(tmp_path, plan) == [0]


def test_a_file_that_fails_midway_leaves_the_part_to_be_begun_anew(tmp_path: Path) -> None:
    """What was taken of it would else stand among what comes after."""
    plan = embzarr.plan_step(tmp_path, parts=1)
    part = ExitStack().enter_context(embzarr.write_part(tmp_path, plan, 0))
    with pytest.raises(InvalidInputError, match="missing"):
        part.add(files={"a": b"a", "b": tmp_path / "missing"})

    with pytest.raises(InvalidInputError, match="begin it anew"):
        part.add(files={"c": b"c"})
    with pytest.raises(InvalidInputError, match="begin it anew"):
        part.__exit__(None)
    assert embzarr.missing_parts(tmp_path, plan) == [0]


def test_what_a_publisher_refuses(tmp_path: Path) -> None:
    """Words without a table, a table without words, and a step of nothing."""
    plan = plan_of(tmp_path / "tensors")
    write_all(tmp_path / "tensors", plan)
    wrong: list[dict[str, Any]] = [{"words": ["a"]}, {"words": []}, {"counts": [1]}]
    for given in wrong:
        with pytest.raises(InvalidInputError, match="no table"):
            embzarr.publish(tmp_path / "tensors", plan, **given)

    table = embzarr.plan_step(tmp_path / "table", 1, 8, 1)
    with embzarr.write_part(tmp_path / "table", table, 0) as part:
        part.append(VECTORS[:1])
    with pytest.raises(InvalidInputError, match="expected words"):
        embzarr.publish(tmp_path / "table", table)

    nothing = embzarr.plan_step(tmp_path / "nothing", parts=1)
    with embzarr.write_part(tmp_path / "nothing", nothing, 0):
        pass
    with pytest.raises(InvalidInputError, match="expected tensors or files"):
        embzarr.publish(tmp_path / "nothing", nothing)
    assert embzarr.publish(tmp_path / "nothing", nothing, files={"a": b"a"}).commit == 1


def test_a_step_without_a_table_may_not_follow_vectors_by_mistake(tmp_path: Path) -> None:
    """As with a save of tensors alone."""
    embzarr.save(tmp_path, WORDS, VECTORS)

    with pytest.raises(InvalidInputError, match="allow_new_dim"):
        plan_of(tmp_path)
    assert plan_of(tmp_path, allow_new_dim=True).step == 1


def test_a_receipt_that_no_publisher_may_read_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More names than it can tell of are refused where they are written."""
    monkeypatch.setattr(spec, "MAX_RECEIPT_BYTES", 4096)
    plan = embzarr.plan_step(tmp_path, parts=1)

    with (
        pytest.raises(InvalidInputError, match="plan more parts"),
        embzarr.write_part(tmp_path, plan, 0) as part,
    ):
        part.add(tensors={f"{at}": np.ones(1) for at in range(100)})
    assert embzarr.missing_parts(tmp_path, plan) == [0]


@pytest.mark.parametrize("name", [["w"], {"w": 1}, 5, None, b"w"])
def test_a_name_that_is_no_text_is_refused_at_the_door(tmp_path: Path, name: Any) -> None:
    """Whatever it is: it need not be of a kind that a dict can look for."""
    plan = embzarr.plan_step(tmp_path, parts=1, tensors={"w": ("f4", (3,))})

    with embzarr.write_part(tmp_path, plan, 0) as part:
        with pytest.raises(InvalidInputError, match="expected a tensor of the plan, 'w'"):
            part.append_tensor(name, np.ones(3, "f4"))
        part.append_tensor("w", np.ones(3, "f4"))
    if name is not None:
        with pytest.raises(InvalidInputError, match="expected a tensor of the plan, 'w'"):
            plan.rows_of(0, tensor=name)

    assert_holds(embzarr.publish(tmp_path, plan), {"w": np.ones(3, "f4")})


def test_what_a_plan_cannot_tell_of_is_said_in_words_of_its_arguments(tmp_path: Path) -> None:
    """Of the argument and its bound, as no text of a plan was given."""
    many = {f"layers.{at}.weight": ("float32", (4096, 4096)) for at in range(2000)}
    for told, settings in (
        ("parts: expected a whole number from 1 to 16384, found int 16385", {"parts": 16385}),
        (
            "tensor 'w': size: expected .* found int 9007199254740992",
            {"tensors": {"w": ("f4", (2**53, 2))}},
        ),
        ("expected tensors and columns that a plan of 262144 bytes can tell of", {"tensors": many}),
    ):
        with pytest.raises(InvalidInputError, match=f"^{told}"):
            embzarr.plan_step(tmp_path, **settings)  # as given
    assert embzarr.plan_step(tmp_path, parts=16384).parts == 16384


def test_rows_without_their_dimension_are_told_from_the_shape_of_one(tmp_path: Path) -> None:
    """One row that is given as rows is of no row's shape, and the message shows both."""
    plan = embzarr.plan_step(tmp_path, parts=1, tensors={"w": ("float32", (1, 2))})
    writer = ExitStack().enter_context(embzarr.write_part(tmp_path, plan, 0))

    with pytest.raises(
        InvalidInputError, match=r"array of rows of shape \(2,\), found one of shape"
    ):
        writer.append_tensor("w", np.ones(2, "f4"))
    writer.__exit__(RuntimeError)


def test_a_writer_says_which_part_it_writes(tmp_path: Path) -> None:
    """Its number, that of all, and the rows of the table, if there is one."""
    table, model = (embzarr.plan_step(tmp_path, 100, 8, 2), embzarr.plan_step(tmp_path, parts=2))
    writers = [embzarr.write_part(tmp_path, plan, 1) for plan in (table, model)]
    start, stop = table.rows_of(1)

    assert list(map(repr, writers)) == [
        f"<embzarr.PartWriter part 1 of 2, rows {start}:{stop}>",
        "<embzarr.PartWriter part 1 of 2>",
    ]
