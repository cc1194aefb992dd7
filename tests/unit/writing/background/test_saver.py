"""What `Run.save_async` promises: a consistent copy, commits in order, and errors that surface."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._writing import unsaved
from gate import Gate
from interrupted import Boom, signals
from oracle import make_vectors, make_words

WORDS = make_words(400)
VECTORS = make_vectors(400, 8)
COUNTS = np.arange(400)
ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)


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


def test_what_is_saved_is_what_was_there_at_the_call(run: embzarr.Run, gate: Gate) -> None:
    """Arrays that change while the save is under way do not change what is saved."""
    gate.opened.clear()
    vectors, counts = VECTORS.copy(), COUNTS.copy()
    future = run.save_async(WORDS, vectors, columns={"counts": counts}, metadata={"epoch": 1})
    vectors.fill(0)
    counts.fill(0)
    assert run.saving
    gate.opened.set()

    saved = future.result()
    found = saved.load_rows(0, 400, columns=("vectors", "counts"))

    np.testing.assert_array_equal(found.vectors, VECTORS)
    np.testing.assert_array_equal(found.columns["counts"], COUNTS)
    assert saved.metadata == {"epoch": 1}
    assert not run.saving


def test_changed_rows_are_saved_as_deltas(run: embzarr.Run) -> None:
    """By numbers or by a mask, for all columns or for each; all else is as it was."""
    vectors, counts = VECTORS.copy(), COUNTS.copy()
    columns = {"counts": counts}
    mask = np.zeros(400, np.bool_)
    mask[[5, 8]] = True
    run.save_async(WORDS, vectors, columns=columns, policy=ALWAYS)
    marked: list[Any] = [[7, 3, 7], {"vectors": mask, "counts": [399]}]
    for changed in marked:
        vectors += 1
        counts += 1
        last = run.save_async(WORDS, vectors, columns=columns, changed=changed, policy=ALWAYS)

    saved = last.result()

    expected, expected_counts = VECTORS.copy(), COUNTS.copy()
    expected[[3, 7]] = (VECTORS + 1)[[3, 7]]
    expected[[5, 8]] = (VECTORS + np.float32(1) + np.float32(1))[[5, 8]]
    expected_counts[[3, 7]] += 1
    expected_counts[399] += 2
    assert saved.info().kind == "delta"
    assert [layer.rows for layer in saved.info().layers] == [400, 2, 2]
    found = saved.load_rows(0, 400, columns=("vectors", "counts"))
    np.testing.assert_array_equal(found.vectors, expected)
    np.testing.assert_array_equal(found.columns["counts"], expected_counts)


def test_words_grow(run: embzarr.Run) -> None:
    """Appended words go into the delta with all of their columns, marked or not."""
    run.save_async(WORDS[:390], VECTORS[:390], policy=ALWAYS)
    saved = run.save_async(WORDS, VECTORS, changed=[0], policy=ALWAYS).result()

    assert saved.info().kind == "delta"
    assert saved.words == WORDS
    np.testing.assert_array_equal(saved.to_numpy(), VECTORS)
    assert saved.verify().ok


def test_other_words_are_no_delta(run: embzarr.Run) -> None:
    """A word that is another one now is refused: its row would keep the old name."""
    run.save_async(WORDS, VECTORS)
    other = ["other", *WORDS[1:]]

    with pytest.raises(embzarr.InvalidInputError, match="appended") as caught:
        run.save_async(other, VECTORS, changed=[0], policy=ALWAYS).result()

    assert caught.value.code == "input-argument"
    assert len(run.numbers()) == 1


@pytest.mark.parametrize(
    ("vectors", "columns"),
    [
        pytest.param(VECTORS[:, :4], {}, id="another dimension"),
        pytest.param(VECTORS.astype("f8"), {}, id="another type"),
        pytest.param(VECTORS, {"counts": COUNTS}, id="another column"),
        pytest.param(VECTORS[:300], {}, id="fewer words"),
    ],
)
def test_another_table_is_a_full_step(run: embzarr.Run, vectors: Any, columns: Any) -> None:
    """What cannot be laid upon the commit before is saved whole."""
    run.save_async(WORDS, VECTORS)
    words = WORDS[: len(vectors)]
    saved = run.save_async(
        words, vectors, columns=columns, changed=[0], policy=ALWAYS, allow_new_dim=True
    ).result()

    assert saved.info().kind == "full"
    np.testing.assert_array_equal(saved.to_numpy(), vectors)


def test_a_delta_lies_upon_the_commit_that_is_named(run: embzarr.Run, gate: Gate) -> None:
    """A run that goes on after a restart names the checkpoint that it goes on from."""
    base = embzarr.save(gate, WORDS, VECTORS)
    vectors = VECTORS + 1
    saved = run.save_async(WORDS, vectors, changed=[9], base=base, policy=ALWAYS).result()

    assert saved.info().layers[0].path == base.info().layers[0].path
    np.testing.assert_array_equal(saved.to_numpy()[[8, 9]], [VECTORS[8], vectors[9]])


def test_the_next_save_waits_for_the_one_before(run: embzarr.Run, gate: Gate) -> None:
    """At most one is under way, and commits come in the order of the calls."""
    gate.opened.clear()
    first = run.save_async(WORDS, VECTORS, step=1)
    threading.Timer(0.2, gate.opened.set).start()
    second = run.save_async(WORDS, VECTORS + 1, step=2)

    assert first.done()
    assert [first.result().commit, second.result().commit] == [1, 2]
    assert [commit.step for commit in run.commits()] == [2, 1]


def test_an_error_is_raised_by_the_future_and_by_the_next_call(
    run: embzarr.Run, gate: Gate
) -> None:
    """Once each; and all rows that either call named are in the save after it."""
    run.save_async(WORDS, VECTORS).result()
    vectors = VECTORS + np.arange(4, dtype="f4").reshape(4, 1, 1)
    gate.fails = True
    lost = run.save_async(WORDS, vectors[1], changed=[1, 9], policy=ALWAYS)
    with pytest.raises(embzarr.StoreError):
        lost.result()
    with pytest.raises(embzarr.StoreError):
        run.save_async(WORDS, vectors[2], changed=[2], policy=ALWAYS)
    gate.fails = False
    saved = run.save_async(WORDS, vectors[3], changed=[3, 9], policy=ALWAYS).result()

    expected = VECTORS.copy()
    expected[[1, 2, 3, 9]] = vectors[3][[1, 2, 3, 9]]
    assert (saved.commit, saved.info().kind) == (2, "delta")
    np.testing.assert_array_equal(saved.to_numpy(), expected)


def test_a_full_step_that_failed_is_made_up_for(run: embzarr.Run, gate: Gate) -> None:
    """Where all rows may have changed, the rows that a later call names are not enough."""
    run.save_async(WORDS, VECTORS).result()
    gate.fails = True
    lost = run.save_async(WORDS, VECTORS + 1)
    with pytest.raises(embzarr.StoreError):
        run.wait()
    run.wait()
    gate.fails = False
    saved = run.save_async(WORDS, VECTORS + 1, changed=[3], policy=ALWAYS).result()

    assert isinstance(lost.exception(), embzarr.StoreError)
    assert saved.info().kind == "full"
    np.testing.assert_array_equal(saved.to_numpy(), VECTORS + 1)


def test_nothing_is_laid_upon_a_commit_that_may_not_stand(run: embzarr.Run, gate: Gate) -> None:
    """After an answer that was lost the next save is whole, whichever commit is the newest."""
    run.save_async(WORDS, VECTORS).result()
    gate.fails_behind_a_commit = True
    lost = run.save_async(WORDS, VECTORS + 1, changed=[1], policy=ALWAYS)
    with pytest.raises(embzarr.StoreError) as caught:
        run.wait()
    gate.fails = gate.fails_behind_a_commit = False
    saved = run.save_async(WORDS, VECTORS + 2, changed=[2], policy=ALWAYS).result()

    assert caught.value is lost.exception()
    assert caught.value.code == "commit-unknown"
    assert saved.info().kind == "full"
    np.testing.assert_array_equal(saved.to_numpy(), VECTORS + 2)


def test_a_delta_behind_another_writer_is_refused(run: embzarr.Run, gate: Gate) -> None:
    """The other's commit is not built upon, and the save after is a full step."""
    run.save_async(WORDS, VECTORS).result()
    embzarr.save(gate, ["other"], VECTORS[:1])
    lost = run.save_async(WORDS, VECTORS, changed=[1], policy=ALWAYS)
    with pytest.raises(embzarr.ConflictError) as caught:
        lost.result()
    with pytest.raises(embzarr.ConflictError):
        run.close()

    assert caught.value.code == "commit-superseded"
    assert run.open().words == ["other"]


def interrupt_soon(interrupt: Callable[[], None]) -> None:
    """Interrupt the main thread, which is about to wait."""

    def later() -> None:
        time.sleep(0.05)
        interrupt()

    # Not a timer: the main thread would wait for it to start by what an interrupt breaks.
    _thread.start_new_thread(later, ())


def test_an_interrupted_wait_leaves_a_save_what_it_reads(run: embzarr.Run, gate: Gate) -> None:
    """It goes on with memory of its own; the next call waits for it, and both are as they were."""
    gate.opened.clear()
    first = run.save_async(WORDS, VECTORS, step=1, compression="none")
    with signals() as interrupt:
        for ask in (run.wait, first.result, lambda: run.save_async(WORDS, VECTORS + 9), run.close):
            interrupt_soon(interrupt)
            with pytest.raises(Boom):
                ask()
    assert run.saving
    threading.Timer(0.1, gate.opened.set).start()
    second = run.save_async(WORDS, VECTORS + 1, step=2, compression="none")

    assert [first.result().step, second.result().step] == [1, 2]
    np.testing.assert_array_equal(run.open(step=1).to_numpy(), VECTORS)
    np.testing.assert_array_equal(run.open(step=2).to_numpy(), VECTORS + 1)
    assert [commit.step for commit in run.commits()] == [2, 1]


def test_an_interrupted_wait_hides_no_failure(run: embzarr.Run, gate: Gate) -> None:
    """Whoever was interrupted before it was told is told by the next call."""
    gate.opened.clear()
    gate.fails = True
    run.save_async(WORDS, VECTORS)
    with signals() as interrupt:
        interrupt_soon(interrupt)
        with pytest.raises(Boom):
            run.wait()
    gate.opened.set()

    with pytest.raises(embzarr.StoreError):
        run.wait()
    run.wait()


def test_a_save_has_ended_when_its_callbacks_have(run: embzarr.Run) -> None:
    """They are called in the thread that saves, before it saves again, and before a run closes."""
    order: list[str] = []

    def note(future: Any) -> None:
        time.sleep(0.05)
        order.append(f"called for {future.result().step}")

    first = run.save_async(WORDS, VECTORS, step=1)
    first.add_done_callback(note)
    second = run.save_async(WORDS, VECTORS, step=2)
    second.add_done_callback(lambda _: order.append("called for 2"))
    second.result()
    run.close()

    assert order == ["called for 1", "called for 2"]
    first.add_done_callback(lambda _: order.append("at once"))
    assert order[-1] == "at once"


def test_a_callback_may_save(run: embzarr.Run) -> None:
    """What it asks for waits for no thread that waits for it."""
    later: list[Any] = []

    def again(_: object) -> None:
        run.wait()
        later.append(run.save_delta([0], VECTORS[[1]]))
        later.append(run.save_async(WORDS, VECTORS, step=7))
        ended.set()

    ended = threading.Event()
    run.save_async(WORDS, VECTORS, step=5).add_done_callback(again)

    assert ended.wait(30)
    assert (later[0].commit, later[1].result(30).commit) == (2, 3)


def test_what_comes_back_is_a_future(run: embzarr.Run, gate: Gate) -> None:
    """As `concurrent.futures` and asyncio know it; it cannot be cancelled."""
    gate.opened.clear()
    future = run.save_async(WORDS, VECTORS)
    assert not future.cancel()
    assert future.running()
    with pytest.raises(TimeoutError):
        future.result(timeout=0)
    gate.opened.set()

    assert wait([future], 30).done == {future}
    assert future.exception() is None

    async def await_it() -> embzarr.Checkpoint:
        return await asyncio.wrap_future(future)

    assert asyncio.run(await_it()).commit == future.result().commit == 1


def test_a_callback_that_fails_is_logged(
    run: embzarr.Run, caplog: pytest.LogCaptureFixture
) -> None:
    """It does the save no harm."""
    run.save_async(WORDS, VECTORS).add_done_callback(lambda _: 1 // 0)
    run.close()

    assert "ZeroDivisionError" in caplog.text
    assert len(run.numbers()) == 1


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_waits_for_no_save_of_its_parent(run: embzarr.Run, gate: Gate) -> None:
    """It has not the thread; it is told, and its end waits for nothing."""
    gate.opened.clear()
    future = run.save_async(WORDS, VECTORS)
    child = os.fork()
    if child == 0:
        failure = future.exception()
        told = isinstance(failure, embzarr.StoreError) and failure.code == "commit-unknown"
        told &= not run.saving
        unsaved._finish()
        os._exit(0 if told else 1)
    _, status = os.waitpid(child, 0)
    gate.opened.set()

    assert status == 0
    assert future.result().commit == 1


def save_and_fail(gate: Gate, then: Callable[[], object] = lambda: None) -> None:
    """Save to a store that is away, in a block that goes on with `then`."""
    with embzarr.Run(gate) as run:
        gate.fails = True
        run.save_async(WORDS, VECTORS)
        then()


def test_leaving_a_block_waits(gate: Gate) -> None:
    """The last save is committed when the block has ended; its error is raised there."""
    with embzarr.Run(gate) as run:
        future = run.save_async(WORDS, VECTORS)
    assert future.done()
    assert embzarr.open(gate).words == WORDS

    with pytest.raises(embzarr.StoreError):
        save_and_fail(gate)


def test_an_error_of_the_block_is_the_one_that_is_raised(gate: Gate) -> None:
    """What went wrong in the block is not hidden by what went wrong behind it."""
    with pytest.raises(ZeroDivisionError):
        save_and_fail(gate, lambda: 1 // 0)


def test_other_saves_of_the_run_wait(run: embzarr.Run, gate: Gate) -> None:
    """A delta and a compaction build upon what is under way."""
    gate.opened.clear()
    run.save_async(WORDS, VECTORS)
    threading.Timer(0.1, gate.opened.set).start()

    assert run.save_delta([0], VECTORS[[1]]).commit == 2
    assert run.compact().commit == 3


def test_memory_may_be_reserved(run: embzarr.Run) -> None:
    """Before the first save, for arrays that fit the words; nothing is saved."""
    run.reserve(WORDS, VECTORS, {"counts": COUNTS})
    with pytest.raises(embzarr.InvalidInputError):
        run.reserve(WORDS, VECTORS, {"counts": COUNTS[:3]})
    assert run.numbers() == []

    assert run.save_async(WORDS, VECTORS, columns={"counts": COUNTS}).result().commit == 1


BAD: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "too few vectors": (WORDS, VECTORS[:3], {}, "input-rows"),
    "too few counts": (WORDS, VECTORS, {"columns": {"counts": COUNTS[:3]}}, "input-rows"),
    "objects": (WORDS, VECTORS, {"columns": {"x": np.array([None] * 400)}}, "input-dtype"),
    "vectors twice": (WORDS, VECTORS, {"columns": {"vectors": VECTORS}}, "input-argument"),
    "whole numbers": (WORDS, VECTORS.astype(np.int64), {}, "input-dtype"),
    "a row beyond": (WORDS, VECTORS, {"changed": [400]}, "input-rows"),
    "a negative row": (WORDS, VECTORS, {"changed": [-1]}, "input-rows"),
    "a short mask": (WORDS, VECTORS, {"changed": np.ones(3, np.bool_)}, "input-dtype"),
    "an unknown column": (WORDS, VECTORS, {"changed": {"bias": [1]}}, "input-argument"),
}


@pytest.mark.parametrize(("words", "vectors", "options", "code"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_at_the_call(
    run: embzarr.Run, words: Any, vectors: Any, options: dict[str, Any], code: str
) -> None:
    """Nothing is begun, and the next save is not disturbed."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        run.save_async(words, vectors, **options)

    assert caught.value.code == code
    assert run.save_async(WORDS, VECTORS).result().commit == 1
