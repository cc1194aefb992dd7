"""What `interrupts` promises: when an interrupt comes nothing hangs, and nothing else shows."""

from __future__ import annotations

import contextvars
import itertools
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr._storage import interrupts, parallel
from embzarr._storage.interrupts import Interrupted, Latch, Task
from embzarr._storage.open import open_store
from embzarr._storage.wrappers.counting import CountingStore
from embzarr._writing.layers.conversion import Conversion
from faulty import PassThrough
from interrupted import Boom, interrupted_at, signals
from oracle import make_vectors, make_words
from under_way import WAIT, BrokenError, fail

WORDS = make_words(300)
VECTORS = make_vectors(300, 4)
MANY = 2000
"""More bytecodes than any of these calls executes in the main thread."""


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """What interrupts the main thread from another one."""
    with signals() as found:
        yield found


# Latches ------------------------------------------------------------------------------------------
def test_a_latch_wakes_all_who_wait() -> None:
    """Those who come before it is set, and those who come after."""
    latch, woken = Latch(), []
    threads = [
        threading.Thread(target=lambda: woken.append(latch.wait(WAIT)), daemon=True)
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    latch.set()
    for thread in threads:
        thread.join(WAIT)

    assert woken == [True] * 8
    assert latch.wait()


@pytest.mark.parametrize("seconds", [0, -3.5, 0.001])
def test_a_latch_is_waited_for_so_long(seconds: float) -> None:
    """Then it is not set, and nobody is left waiting."""
    latch = Latch()

    assert not latch.wait(seconds)
    assert latch.waiting == []


def test_something_else_may_end_the_wait() -> None:
    """Whichever comes first; it tells which."""
    latch, other = Latch(), Latch()
    other.set()

    assert not latch.wait(unless=other)


# Apart --------------------------------------------------------------------------------------------
def test_the_main_thread_makes_no_call_itself() -> None:
    """What it returns, and what it raises, comes back; a thread other than it makes its own."""
    assert interrupts.apart(threading.get_ident) != threading.get_ident()
    with pytest.raises(BrokenError):
        interrupts.apart(fail)

    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(interrupts.apart(threading.get_ident)))
    thread.start()
    thread.join(WAIT)
    assert found == [thread.ident]


def test_context_variables_are_those_of_the_caller() -> None:
    """As numpy's way with overflow is one."""
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(5)
    with np.errstate(over="raise"):
        assert interrupts.apart(lambda: (variable.get(), np.geterr()["over"])) == (5, "raise")


def test_an_interrupt_at_any_bytecode_leaves_nothing_behind() -> None:
    """The call has ended or never begins, nothing else is raised, and the next call is made."""
    at, threads = 0, len(_frames())
    for at in itertools.count(1):
        calls: list[str] = []
        if not interrupted_at(at, partial(interrupts.apart, partial(_note, calls))):
            break
        assert calls in ([], ["begun", "ended"])
        assert interrupts.apart(lambda: 5) == 5
        assert calls in ([], ["begun", "ended"])

    assert 50 < at < MANY
    assert len(_frames()) <= threads + 5


def _note(calls: list[str]) -> None:
    calls += ["begun"]
    calls += ["ended"]


def _frames() -> dict[int, object]:
    import sys  # noqa: PLC0415 - for this alone

    return {**sys._current_frames()}


def test_an_interrupt_ends_the_work_and_then_surfaces(interrupt: Callable[[], None]) -> None:
    """Work that is at a request ends it, sends no other, and only then is the interrupt raised."""
    asked: list[str] = []

    class Store(PassThrough):
        def get(self, key: str) -> bytes:
            asked.append(key)
            interrupt()
            interrupts.current().wait(WAIT)  # type: ignore[union-attr]  # until the caller wakes
            asked.append("answered")
            return b""

    store = CountingStore(Store(open_store("memory://interrupted")))

    with pytest.raises(Boom):
        interrupts.apart(lambda: [store.get(key) for key in ("first", "second")])

    assert asked == ["first", "answered"]


def test_helpers_end_too(interrupt: Callable[[], None]) -> None:
    """Those of `each`, of calls that run together, and of calls ahead."""
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 2:
            interrupt()
        if item >= 2:
            interrupts.wait(Latch())

    for call in (
        lambda: parallel.each(work, range(1000)),
        lambda: parallel.together(*(partial(work, item) for item in range(5))),
        lambda: list(parallel.ahead(work, range(9))),
    ):
        begun.clear()
        with pytest.raises(Boom):
            interrupts.apart(call)
        assert len(begun) < 100


def test_a_second_interrupt_does_not_wait(interrupt: Callable[[], None]) -> None:
    """Whoever will not wait for a request to end need not."""
    go, ended = Latch(), Latch()

    def work() -> None:
        interrupt()
        interrupts.current().wait(WAIT)  # type: ignore[union-attr]  # the first has come
        interrupt()
        go.wait(WAIT)
        ended.set()

    with pytest.raises(Boom):
        interrupts.apart(work)
    assert not ended.is_set
    go.set()
    assert ended.wait(WAIT)


def test_a_handler_of_a_signal_may_call_too(tmp_path: Path) -> None:
    """What it asks for is done while the call that it interrupts is under way."""
    embzarr.save(tmp_path, WORDS, VECTORS)
    found: list[object] = []

    def handle(*_: object) -> None:
        found.append(embzarr.open(tmp_path).load(WORDS[:3]).vectors.tolist())

    before = signal.signal(signal.SIGUSR1, handle)
    main = threading.main_thread().ident
    assert main is not None

    def work() -> str:
        signal.pthread_kill(main, signal.SIGUSR1)
        while not found:
            interrupts.pause(0.001)
        return "ended"

    try:
        ended = interrupts.apart(work)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert ended == "ended"
    assert found == [VECTORS[:3].tolist()]


def test_work_goes_on_where_no_thread_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a process has too many, or comes to its end: one thing after the other, then."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(interrupts, "_free", [])
    monkeypatch.setattr(interrupts, "start_new_thread", refuse)
    monkeypatch.setattr(parallel, "_shared", parallel.Crew(8, stays=True))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with embzarr.Run(tmp_path) as run:
        run.save_async(WORDS, VECTORS)
        found = run.open()

        np.testing.assert_array_equal(found.load(WORDS[::7]).vectors, VECTORS[::7])
        np.testing.assert_array_equal(
            np.concatenate([batch.vectors for batch in found.stream(batch_bytes=200)]), VECTORS
        )
        assert found.verify().ok
        assert run.save_delta([1], VECTORS[[0]]).commit == 2
        assert run.gc(keep_last=1).expired == (1,)


# Tasks --------------------------------------------------------------------------------------------
def test_a_task_is_carried_out_once() -> None:
    """By the first who comes to it; whoever waits for one that nobody has begun begins it."""
    calls: list[int] = []
    task = Task(lambda: calls.append(threading.get_ident()))
    task.result()
    task.run()

    assert calls == [threading.get_ident()]


def test_a_task_that_was_given_up_is_never_begun() -> None:
    """Not by a thread that comes to it later either."""
    calls: list[int] = []
    task = Task(lambda: calls.append(1))

    assert task.give_up()
    task.run()
    assert calls == []


def test_what_puts_things_right_is_not_stopped() -> None:
    """Work whose caller was interrupted still removes what it left."""
    stop = Latch()
    stop.set()

    def work() -> str:
        with interrupts.unstopped():
            interrupts.check()
        with pytest.raises(Interrupted):
            interrupts.pause(WAIT)
        return "removed"

    assert interrupts.apart(work, stop) == "removed"


# Streams ------------------------------------------------------------------------------------------
def test_an_interrupted_stream_loses_nothing_unsaid() -> None:
    """At any bytecode: it goes on with the very next, or says that it cannot."""
    refused = 0
    for at in range(1, MANY, 5):
        stream, found = parallel.ahead(lambda item: item, range(5)), []
        found.append(next(stream))
        cut = interrupted_at(at, stream.__next__)
        if not cut:
            break
        try:
            found += list(stream)
        except embzarr.InvalidInputError as exc:
            refused += exc.code == "store-closed"
        else:
            assert found == [0, 1, 2, 3, 4]

    assert refused
    assert at > 50


def test_an_interrupt_between_two_batches_disturbs_no_stream(tmp_path: Path) -> None:
    """Whoever is interrupted while it works on a batch may ask for the next."""
    embzarr.save(tmp_path, WORDS, VECTORS)
    stream, found = embzarr.open(tmp_path).stream(batch_bytes=800), []
    found += [next(stream).vectors, next(stream).vectors]
    with signals() as interrupt, pytest.raises(Boom):
        interrupt()
    found += [batch.vectors for batch in stream]

    np.testing.assert_array_equal(np.concatenate(found), VECTORS)


# Callers ------------------------------------------------------------------------------------------
def test_words_are_taken_in_the_thread_of_the_caller(tmp_path: Path) -> None:
    """They may come from what no other thread may touch, such as a cursor of sqlite."""
    rows = sqlite3.connect(":memory:")
    rows.execute("create table words (word text)")
    rows.executemany("insert into words values (?)", [(word,) for word in WORDS])

    def cursor() -> Iterator[str]:
        return (word for (word,) in rows.execute("select word from words order by rowid"))

    saved = embzarr.save(tmp_path, cursor(), VECTORS)
    found = saved.load(cursor())
    with embzarr.create(tmp_path, 4) as writer:
        writer.append(cursor(), VECTORS)
    run = embzarr.Run(tmp_path)
    new = (f"new{word}" for word in cursor())
    run.save_delta(np.arange(300, 600), VECTORS, words=new)

    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert len(run.open()) == 600
    rows.close()


@pytest.mark.parametrize("kind", ["writer", "part"])
def test_a_writer_that_was_interrupted_goes_no_further(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, interrupt: Callable[[], None]
) -> None:
    """Rows may be half there: no more are taken, and none are committed."""
    begin: Callable[[], embzarr.Writer | embzarr.PartWriter]
    if kind == "writer":
        begin = partial(embzarr.create, tmp_path, 4)
    else:
        plan = embzarr.plan_step(tmp_path, 300, 4, 1)
        begin = partial(embzarr.write_part, tmp_path, plan, 0)

    def append() -> None:
        block = VECTORS[:100]
        if isinstance(writer, embzarr.Writer):
            writer.append(WORDS[:100], block)
        else:
            writer.append(block)

    def cut_off(*_: object, **__: object) -> None:
        interrupt()
        interrupts.wait(Latch())

    writer = begin()
    ExitStack().enter_context(writer)
    with monkeypatch.context() as patch:
        patch.setattr(Conversion, "stored", cut_off)
        with pytest.raises(Boom):
            append()

    with pytest.raises(embzarr.InvalidInputError) as caught:
        append()
    assert caught.value.code == "store-closed"
    with pytest.raises(embzarr.InvalidInputError), writer:
        pass
    assert embzarr.Run(tmp_path).commits() == []
    assert list(tmp_path.glob("parts/*/*.json")) == []


def test_a_request_is_not_sent_for_a_caller_who_was_interrupted() -> None:
    """Whatever is asked: every public call asks through a store that looks for that first."""
    store = CountingStore(open_store("memory://stopped"))
    store.put("x", b"1")
    stop = Latch()
    stop.set()
    asks: list[Callable[[], object]] = [
        lambda: store.get("x"),
        lambda: store.get_range("x", 0, 1),
        lambda: store.head("x"),
        lambda: store.list(""),
        lambda: store.put("y", b""),
        lambda: store.create("z", b""),
        lambda: store.delete("x"),
    ]
    for ask in asks:
        with pytest.raises(Interrupted):
            Task(ask, stop).result()

    assert [info.key for info in store.list("")] == ["x"]
