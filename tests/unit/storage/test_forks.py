"""What a forked child finds: no lock held, no thread to wait for, and nothing of its parent's."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr import Loaded
from embzarr._storage import forks, parallel
from embzarr._storage.libraries.client import Client
from embzarr._storage.open import open_store
from embzarr._storage.port import Store
from embzarr._storage.wrappers.counting import CountingStore
from faulty import PassThrough

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning"),
]

PATIENCE = 60
"""Seconds until a child is taken to hang; none comes near it."""
OF_ONE_CALL = {
    "_storage/forks.py",  # the lock itself
    "_writing/layers/array.py",  # of a writer, which a child refuses to use
    "_verify/report.py",  # of one `verify`
    "_copying/transfer.py",  # of one `copy`
    "_storage/backends/fsspec.py",  # of what a child opens anew
}
"""Modules that use plain locks, and why that is right."""
WORDS = [f"word{row}" for row in range(40)]
VECTORS = np.random.default_rng(3).normal(size=(40, 8)).astype("f4")


def in_child(work: Callable[[], object]) -> object:
    """Return what is true of `work` in a forked child: its value's truth, or how it ended."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        status = 2
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return {0: True, 1: False}.get(os.WEXITSTATUS(status), "failed")


@pytest.fixture
def hold() -> Iterator[Callable[..., None]]:
    """Have another thread take locks, and keep them for the length of the test."""
    free = threading.Event()
    threads: list[threading.Thread] = []

    def take(*locks: Any) -> None:
        taken = threading.Event()

        def keep() -> None:
            with contextlib.ExitStack() as held:
                for lock in locks:
                    held.enter_context(lock)
                taken.set()
                free.wait()

        threads.append(threading.Thread(target=keep))
        threads[-1].start()
        taken.wait()

    yield take
    free.set()
    for thread in threads:
        thread.join()


# Locks --------------------------------------------------------------------------------------------
def test_a_lock_that_a_thread_of_the_parent_holds_is_free_in_a_child(hold: Any) -> None:
    """Nobody in the child would ever give it back."""
    lock = forks.Lock()
    hold(lock)

    def work() -> bool:
        with lock:
            return True

    assert in_child(work) is True


def test_a_child_forked_inside_of_a_lock_leaves_it(hold: Any) -> None:
    """The one thread that the child has may itself have held it."""
    lock = forks.Lock()

    def work() -> bool:
        lock.__exit__()
        with lock:
            return True

    with lock:
        assert in_child(work) is True
    hold(lock)  # the parent's is free again


def test_every_lock_that_reads_and_saves_share_is_free_in_a_child(
    hold: Any, tmp_path: Path
) -> None:
    """Whatever a thread of the parent is at: all locks that there are in the process are taken."""
    cache = embzarr.Cache(folder=tmp_path / "cache")
    run = embzarr.Run(tmp_path / "run")
    embzarr.save(run._store, WORDS, VECTORS)
    checkpoint = embzarr.open(tmp_path / "run", cache=cache)
    np.testing.assert_array_equal(checkpoint[WORDS], VECTORS)
    hold(*[thing for thing in list(forks._inherited) if isinstance(thing, forks.Lock)])

    def work() -> bool:
        fresh = embzarr.open(tmp_path / "run", cache=cache)
        for opened in (checkpoint, fresh):
            np.testing.assert_array_equal(opened[WORDS], VECTORS)
        run.save_delta([3], VECTORS[[4]])
        return np.array_equal(run.open()["word3"], VECTORS[4])

    assert in_child(work) is True


def test_locks_that_outlive_a_call_are_those_that_a_fork_frees() -> None:
    """A plain one is taken for ever in a child: only what belongs to one call may use it."""
    folder = Path(embzarr.__file__).parent
    plain = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if "threading.Lock()" in path.read_text()
    }
    assert not [
        path for path in folder.rglob("*.py") if "import cached_property" in path.read_text()
    ]

    assert plain == OF_ONE_CALL


def test_what_another_thread_is_working_out_a_child_works_out_itself() -> None:
    """The child does not wait for it."""
    begun, free = threading.Event(), threading.Event()
    here = threading.get_ident()

    def work() -> int:
        if threading.get_ident() != here:
            begun.set()
            free.wait()
        return 5

    once = parallel.Later(work)
    thread = threading.Thread(target=once)
    thread.start()
    begun.wait()
    try:
        assert in_child(lambda: once() == 5) is True
    finally:
        free.set()
        thread.join()


def test_words_that_another_thread_is_reading_a_child_does_not_wait_for() -> None:
    """Not even those of another load: Python 3.11 has one lock for a property of all instances."""
    begun, free = threading.Event(), threading.Event()

    def read() -> tuple[str, ...]:
        begun.set()
        free.wait()
        return ("a",)

    slow = Loaded(np.arange(1), {}, read)
    other = Loaded(np.arange(1), {}, lambda: ("b",))
    thread = threading.Thread(target=lambda: slow.words)
    thread.start()
    begun.wait()
    try:
        assert in_child(lambda: other.words == ("b",)) is True
    finally:
        free.set()
        thread.join()


# Clients ------------------------------------------------------------------------------------------
def test_a_client_is_made_once_a_process_and_the_parents_never_dropped() -> None:
    """To drop one in a child would end the parent's connections."""

    class Made:
        pass

    made: list[int] = []
    dropped: list[int] = []

    def make() -> Made:
        thing = Made()
        made.append(os.getpid())
        weakref.finalize(thing, dropped.append, os.getpid()).atexit = False
        return thing

    client = Client(make)
    first = client()
    assert client() is first
    parent = os.getpid()
    lent = [first]
    del first

    def work() -> bool:
        lent.clear()
        own = client()
        return client() is own and made == [parent, os.getpid()] and not dropped

    assert in_child(work) is True
    assert made == [parent]


# Work of the parent -------------------------------------------------------------------------------
def test_a_stream_that_the_parent_began_goes_on_in_a_child(tmp_path: Path) -> None:
    """And in the parent as well."""
    checkpoint = embzarr.save(tmp_path, WORDS, VECTORS)
    batches = checkpoint.stream(batch_bytes=160)
    first = next(batches).vectors

    def rest() -> bool:
        parts = [first, *(batch.vectors for batch in batches)]
        return np.array_equal(np.concatenate(parts), VECTORS)

    assert in_child(rest) is True
    assert rest()


def test_a_child_neither_commits_nor_aborts_its_parents_save(tmp_path: Path) -> None:
    """Where the parent forks inside of a ``with`` block, the block ends in the child too."""
    with embzarr.create(tmp_path, 8) as writer:
        writer.append(WORDS[:20], VECTORS[:20])

        def work() -> bool:
            with pytest.raises(embzarr.InvalidInputError) as caught:
                writer.append(WORDS[20:], VECTORS[20:])
            writer.__exit__(None, None, None)
            writer.__exit__(SystemExit, SystemExit(), None)
            return caught.value.code == "store-closed"

        assert in_child(work) is True
        writer.append(WORDS[20:], VECTORS[20:])

    np.testing.assert_array_equal(embzarr.open(tmp_path).to_numpy(), VECTORS)
    assert len(embzarr.Run(tmp_path).numbers()) == 1


def test_a_child_leaves_its_parents_part_of_a_step_alone(tmp_path: Path) -> None:
    """No receipt is left by it, and the part is still open in the parent."""
    plan = embzarr.plan_step(tmp_path, len(WORDS), 8, parts=1)
    with embzarr.write_part(tmp_path, plan, 0) as part:
        part.append(VECTORS[:20])

        def work() -> bool:
            with pytest.raises(embzarr.InvalidInputError) as caught:
                part.append(VECTORS[20:])
            part.__exit__(None, None, None)
            return caught.value.code == "store-closed"

        assert in_child(work) is True
        assert embzarr.missing_parts(tmp_path, plan) == [0]
        part.append(VECTORS[20:])

    assert embzarr.missing_parts(tmp_path, plan) == []


class Held(PassThrough):
    """A store whose writes wait."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.begun, self.free = threading.Event(), threading.Event()

    def put(self, key: str, data: Any) -> None:
        """Wait, then write."""
        self.begun.set()
        self.free.wait()
        super().put(key, data)


@pytest.fixture
def saving(tmp_path: Path) -> Iterator[tuple[embzarr.Run, Future[embzarr.Checkpoint]]]:
    """A run whose save is under way in the background."""
    store = Held(open_store(tmp_path))
    with embzarr.Run(store) as run:
        future = run.save_async(WORDS, VECTORS)
        store.begun.wait()
        try:
            yield run, future
        finally:
            store.free.set()


def test_a_child_does_not_wait_for_what_its_parent_saves(saving: Any) -> None:
    """Neither by the run nor by what `save_async` returned, which says whose it is."""
    run, future = saving
    called: list[object] = []
    future.add_done_callback(called.append)

    def work() -> bool:
        run.wait()
        is_idle = not run.saving
        run.close()
        return is_idle and future.exception().code == "commit-unknown" and not called

    assert in_child(work) is True
    assert run.saving


def test_a_child_saves_by_itself_while_its_parent_saves(saving: Any, tmp_path: Path) -> None:
    """By the very run that is busy in the parent."""
    run, future = saving

    def work() -> bool:
        run._store._store.free.set()  # the child's own copy
        return bool(run.save_async(WORDS, VECTORS * 2, step=9).result().step == 9)

    assert in_child(work) is True
    np.testing.assert_array_equal(embzarr.open(tmp_path, step=9).to_numpy(), VECTORS * 2)
    assert not future.done()


# Memory -------------------------------------------------------------------------------------------
def test_a_child_has_stores_in_memory_as_they_were() -> None:
    """What it writes there is its own."""
    run = embzarr.Run("memory://forked")
    run.save_async(WORDS, VECTORS).result()
    run.close()

    def work() -> bool:
        same = np.array_equal(embzarr.open("memory://forked").to_numpy(), VECTORS)
        embzarr.save("memory://forked", WORDS, VECTORS * 2)
        return same and np.array_equal(run.open().to_numpy(), VECTORS * 2)

    assert in_child(work) is True
    np.testing.assert_array_equal(run.open().to_numpy(), VECTORS)


def test_an_object_in_the_parents_memory_is_refused_in_a_child() -> None:
    """A store of obstore's that nobody can make again, opened before the fork or after it."""
    import obstore  # noqa: PLC0415 - of this test only

    client = obstore.store.MemoryStore()
    store = CountingStore(open_store(client))
    store.put("a", b"1")

    def refused(opened: Callable[[], Store]) -> bool:
        with pytest.raises(embzarr.UnsupportedError) as caught:
            opened().get("a")
        return caught.value.code == "url-unsupported"

    def work() -> bool:
        return refused(lambda: store) and refused(lambda: open_store(client))

    assert in_child(work) is True
    assert bytes(store.get("a")) == b"1"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="event loops are found in /proc")
def test_a_child_loads_a_library_again_only_where_it_was_in_use() -> None:
    """By us or by the caller himself; what was only imported is as good as new."""
    program = """
import os, embzarr, obstore.store
from embzarr._storage.open import open_store
known = obstore.store.MemoryStore
def renewed():
    child = os.fork()
    if not child:
        open_store("https://127.0.0.1:9/run")
        os._exit(obstore.store.MemoryStore is not known)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert renewed() == 0
{use}
assert renewed() == 1
"""
    for use in (
        'open_store("https://127.0.0.1:9/run")',
        'obstore.put(obstore.store.MemoryStore(), "a", b"1")',
    ):
        command = [sys.executable, "-c", program.replace("{use}", use)]
        subprocess.run(command, check=True, timeout=PATIENCE)  # noqa: S603 - ours


def test_a_system_that_cannot_load_a_library_again_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the way on: spawn or forkserver."""
    open_store("https://127.0.0.1:9/run")
    monkeypatch.delattr(os, "memfd_create")

    def work() -> bool:
        with pytest.raises(embzarr.UnsupportedError, match="forkserver") as caught:
            open_store("https://127.0.0.1:9/run")
        return caught.value.code == "url-unsupported"

    assert in_child(work) is True


@pytest.mark.servers  # of which no one is asked; but the library is there where the servers are
def test_a_client_of_hdfs_does_not_hold_a_child_up() -> None:
    """A child lets go of what fsspec keeps, and waits for no thread of its parent as it does."""
    pytest.importorskip("hdfs_native")
    open_store("hdfs://127.0.0.1:1/run")
    gc.collect()

    assert in_child(lambda: True) is True


@pytest.mark.servers  # as above
def test_a_child_has_connections_of_its_own_to_hdfs() -> None:
    """The client keeps them in one list of its library, of which a child loads another copy."""
    hdfs_native = pytest.importorskip("hdfs_native")
    url, inherited = "hdfs://127.0.0.1:1/run", hdfs_native.RawClient
    open_store(url)

    def renews() -> bool:
        open_store(url)
        return hdfs_native.RawClient is not inherited

    assert in_child(lambda: renews() and in_child(renews) is True) is True
    assert hdfs_native.RawClient is inherited
