"""What `Run.save_async` promises of tensors and files: those of the call, whatever comes after."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from gate import Gate
from oracle import make_vectors, make_words

ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)
WORDS, VECTORS = make_words(40), make_vectors(40, 8)


@pytest.fixture
def gate() -> Gate:
    """A store that can be held back."""
    return Gate(MemoryStore())


@pytest.fixture
def run(gate: Gate) -> Iterator[embzarr.Run]:
    """A run of it, closed at the end whatever its saves ended with."""
    found = embzarr.Run(gate)
    yield found
    gate.opened.set()
    with contextlib.suppress(embzarr.EmbzarrError):
        found.close()


def state(seed: int = 0) -> dict[str, Any]:
    """Return tensors of every kind of shape, order and type."""
    chance = np.random.default_rng(seed)
    large = chance.standard_normal((300, 200))
    return {
        "large": large.astype("f4"),
        "turned": large.T,
        "sparse rows": large[::3, ::2],
        "big-endian": large[:40].astype(">f4"),
        "vectors": chance.integers(0, 9, (3, 2, 1)),
        "empty": np.zeros((0, 5)),
        "number": np.array(chance.standard_normal()),
        "text": np.array(["a", "bcd"]),
    }


def copied(tensors: dict[str, Any]) -> dict[str, Any]:
    """Return copies that nobody changes."""
    return {name: np.array(one) for name, one in tensors.items()}


def check(found: embzarr.Checkpoint, tensors: dict[str, Any], files: dict[str, bytes]) -> None:
    """Compare all that a checkpoint holds beside its table."""
    assert found.tensors.keys() == tensors.keys()
    for name, one in found.tensors.load().items():
        np.testing.assert_array_equal(one, tensors[name], err_msg=name)
    assert {name: file.read() for name, file in found.files.items()} == files
    assert found.verify().ok


def test_tensors_and_files_are_those_of_the_call(
    run: embzarr.Run, gate: Gate, tmp_path: Path
) -> None:
    """Arrays, buffers and files that change while they are sent do not change what is saved."""
    gate.opened.clear()
    tensors, buffer, path = state(), bytearray(b"buffer"), tmp_path / "file"
    path.write_bytes(b"path")
    truth, model = copied(tensors), {"layers": [1]}
    with path.open("rb") as opened:
        given: dict[str, Any] = {"buffer": buffer, "path": path, "open": opened, "bytes": b"x" * 99}
        future = run.save_async(tensors=tensors, files=given, model=model, step=7)
    for one in tensors.values():
        one[...] = one.dtype.type()
    buffer[:] = b"other!"
    path.write_bytes(b"another, and longer")
    model["layers"].append(2)
    gate.opened.set()

    found = future.result()

    files = {"buffer": b"buffer", "path": b"path", "open": b"path", "bytes": b"x" * 99}
    check(found, truth, files)
    assert (found.step, found.model, len(found)) == (7, {"layers": [1]}, 0)


def test_no_memory_is_written_to_while_it_is_sent(run: embzarr.Run, gate: Gate) -> None:
    """The next save, asked for while one is under way, copies once that has ended."""
    expected = []
    for step in range(6):
        tensors = state(step)
        expected.append(copied(tensors))
        gate.opened.clear()
        threading.Timer(0.02, gate.opened.set).start()
        run.save_async(tensors=tensors, compression="none", step=step)
        gate.opened.set()
        for one in tensors.values():
            one[...] = one.dtype.type()
    run.close()

    for step, truth in enumerate(expected):
        check(run.open(step=step), truth, {})


def test_memory_is_used_again(run: embzarr.Run) -> None:
    """Whatever tensors are called, one buffer is kept; reserved, the first save finds it."""
    tensors = state()
    run.reserve(tensors=tensors)
    saver = run._saver
    assert saver
    (before,) = saver._snapshots._free.values()
    for step in range(3):
        again = {f"{name} of {step}": one for name, one in tensors.items()}
        check(run.save_async(tensors=again).result(), again, {})
        run.wait()
        (buffer,) = saver._snapshots._free.values()
        assert buffer is before


def test_a_delta_holds_what_differs(run: embzarr.Run) -> None:
    """Tensors by their digests, rows by their numbers; what is not named stays."""
    tensors, vectors = state(), VECTORS.copy()
    run.save_async(WORDS, vectors, tensors=tensors, files={"a": b"1", "b": b"2"}, model={"n": 1})
    tensors["large"][7] += 1
    vectors[3] = 9
    saved = run.save_async(
        WORDS,
        vectors,
        tensors=tensors,
        files={"a": b"1", "b": b"3"},
        changed=[3],
        policy=ALWAYS,
    ).result()

    check(saved, tensors, {"a": b"1", "b": b"3"})
    np.testing.assert_array_equal(saved.to_numpy(), vectors)
    layer = saved._commit.manifest.layers[-1]
    assert (list(layer.tensors), list(layer.files), layer.columns) == (
        ["large"],
        ["b"],
        ["vectors"],
    )
    assert saved.model == {"n": 1}

    only = run.save_async(tensors={"number": np.array(5.0)}, changed={}, policy=ALWAYS).result()
    check(only, {**tensors, "number": np.array(5.0)}, {"a": b"1", "b": b"3"})
    np.testing.assert_array_equal(only.to_numpy(), vectors)
    grown = run.save_async(
        [*WORDS, "new"], np.vstack([vectors, vectors[:1]]), changed=[0], policy=ALWAYS
    ).result()
    assert grown["new"].tolist() == vectors[0].tolist()
    check(grown, {**tensors, "number": np.array(5.0)}, {"a": b"1", "b": b"3"})


@pytest.mark.parametrize("most", [0, 63])
def test_a_model_without_a_table_is_laid_upon_the_one_before(run: embzarr.Run, most: int) -> None:
    """As a delta where the policy allows, else whole; a step without `changed` has nothing else."""
    policy = embzarr.DeltaPolicy(max_deltas=most, max_share=1000)
    tensors = state()
    run.save_async(tensors=tensors, files={"a": b"1"})
    tensors["number"] = np.array(3.0)
    saved = run.save_async(tensors=tensors, changed={}, policy=policy).result()
    assert saved.info().kind == ("delta" if most else "full")
    check(saved, tensors, {"a": b"1"})

    check(run.save_async(tensors={"w": np.ones(3)}).result(), {"w": np.ones(3)}, {})


def test_what_a_failed_save_should_have_held_is_in_the_next(run: embzarr.Run, gate: Gate) -> None:
    """As it was at that call, unless the next gives it anew; and no memory of it is lost."""
    tensors = state()
    run.save_async(tensors=tensors, files={"a": b"1"}).result()
    truth = copied(tensors)
    for number in (1.0, 2.0):  # twice: what the first should have held goes on
        gate.fails = True
        run.save_async(
            tensors={f"new {number}": np.full(9, number), "number": np.array(number)},
            files={"a": b"2"},
            model={"number": number},
            changed={},
            policy=ALWAYS,
        )
        with pytest.raises(embzarr.StoreError):
            run.wait()
        gate.fails = False
    saved = run.save_async(tensors={"new 1.0": np.full(9, 5.0)}, changed={}, policy=ALWAYS).result()

    truth |= {"new 1.0": np.full(9, 5.0), "new 2.0": np.full(9, 2.0), "number": np.array(2.0)}
    check(saved, truth, {"a": b"2"})
    assert saved.model == {"number": 2.0}


def test_a_full_step_owes_nothing(run: embzarr.Run, gate: Gate) -> None:
    """It has what it is given, whatever a failed one should have held."""
    gate.fails = True
    run.save_async(tensors=state())
    with pytest.raises(embzarr.StoreError):
        run.wait()
    gate.fails = False
    check(run.save_async(files={"a": b"1"}).result(), {}, {"a": b"1"})


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "input-argument"),
    "columns of no words": ({"columns": {"x": [1]}, "files": {"a": b""}}, "input-argument"),
    "objects": ({"tensors": {"x": np.array([None, 1])}}, "input-dtype"),
    "no name": ({"tensors": {"": np.ones(1)}}, "input-argument"),
    "a file that is not there": ({"files": {"x": "/nowhere/at/all"}}, "input-file"),
    "a file that is none": ({"files": {"x": 3}}, "input-argument"),
    "no mapping": ({"tensors": [np.ones(1)]}, "input-argument"),
    "a model that is no JSON": ({"files": {"x": b""}, "model": {"x": {1, 2}}}, "input-argument"),
    "words alone": ({"words": ["a"], "files": {"x": b""}}, "input-argument"),
}


@pytest.mark.parametrize(("given", "code"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_at_the_call(
    run: embzarr.Run, given: dict[str, Any], code: str
) -> None:
    """Nothing is begun, and the next save is not disturbed."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        run.save_async(**given)

    assert caught.value.code == code
    assert run.save_async(tensors={"w": np.ones(2)}).result().commit == 1
