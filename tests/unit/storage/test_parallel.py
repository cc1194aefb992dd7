"""What `parallel` promises: all work done, in order and within bounds, up to a first failure."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embzarr
from embzarr._storage import parallel
from embzarr._storage.parallel import ByteBudget
from under_way import WAIT, BrokenError, Meter, fail


# Each ---------------------------------------------------------------------------------------------
@given(st.lists(st.integers(), max_size=40))
def test_results_come_in_the_order_of_the_items(items: list[int]) -> None:
    """The outcome is that of a list comprehension."""
    assert parallel.each(lambda item: item * 2, items) == [item * 2 for item in items]


def test_items_that_end_out_of_order_keep_their_places() -> None:
    """A slow first item does not move behind the quick ones."""
    slow = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert slow.wait(WAIT)
        elif item == 3:
            slow.set()
        return item

    assert parallel.each(work, range(4)) == [0, 1, 2, 3]


def test_items_run_at_the_same_time() -> None:
    """Sixteen items meet at one barrier: each waits until all have begun."""
    barrier = threading.Barrier(parallel.WORKERS)

    places = parallel.each(lambda _: barrier.wait(WAIT), range(parallel.WORKERS))

    assert sorted(places) == list(range(parallel.WORKERS))


def test_no_more_threads_run_than_workers() -> None:
    """A hundred items take turns."""
    meter = Meter()

    def work(_: int) -> None:
        meter.add(1)
        time.sleep(0.001)
        meter.remove(1)

    parallel.each(work, range(100))

    assert 1 <= meter.most <= parallel.WORKERS


@pytest.mark.parametrize("items", [[], ["only"]])
def test_few_items_need_no_thread(items: list[str]) -> None:
    """Nothing, or one thing, is done where it is asked for."""
    threads = parallel.each(lambda _: threading.get_ident(), items)

    assert threads == [threading.get_ident()] * len(items)


@pytest.mark.parametrize("count", [1, 2, 50])
def test_a_failure_is_raised_as_it_was(count: int) -> None:
    """The caller gets the very error of the work."""
    error = BrokenError("item 0")

    def work(item: int) -> None:
        if item == 0:
            raise error

    with pytest.raises(BrokenError) as caught:
        parallel.each(work, range(count))

    assert caught.value is error


def test_nothing_is_started_after_a_failure() -> None:
    """What had begun is waited for; of the rest, hardly anything is begun."""
    running: list[int] = []
    ended: list[int] = []

    def work(item: int) -> None:
        running.append(item)
        if item == 0:
            raise BrokenError
        time.sleep(0.02)
        ended.append(item)

    with pytest.raises(BrokenError):
        parallel.each(work, range(1000))

    assert len(running) < 100
    assert sorted([0, *ended]) == sorted(running)


def test_calls_run_together() -> None:
    """Independent calls overlap, and the failure of one is raised."""
    barrier = threading.Barrier(2)
    met: list[int] = []

    parallel.together(
        lambda: met.append(barrier.wait(WAIT)), lambda: met.append(barrier.wait(WAIT))
    )

    assert sorted(met) == [0, 1]
    with pytest.raises(BrokenError):
        parallel.together(lambda: None, fail)


def claiming(budget: ByteBudget, size: int) -> threading.Event:
    """Claim bytes in a thread, and return what is set once they are given."""
    got = threading.Event()

    def claim() -> None:
        budget.take(size)
        got.set()

    threading.Thread(target=claim, daemon=True).start()
    return got


# ByteBudget ---------------------------------------------------------------------------------------
@settings(max_examples=20)
@given(st.integers(1, 50), st.lists(st.integers(0, 80), max_size=40))
def test_a_budget_is_kept_by_many_threads(limit: int, sizes: list[int]) -> None:
    """Whatever is claimed at once fits, or is a single claim; at the end all is given back."""
    budget, meter = ByteBudget(limit), Meter()

    def work(size: int) -> None:
        with budget.claim(size):
            meter.add(size)
            time.sleep(0.0002)
            meter.remove(size)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, sizes, timeout=WAIT))

    assert meter.alone_or_less <= limit
    assert meter.most <= max([limit, *sizes])
    assert budget._used == 0


def test_a_claim_that_fits_does_not_wait() -> None:
    """Claims up to just the limit are given at once."""
    budget = ByteBudget(10)

    budget.take(4)
    budget.take(6)

    assert budget._used == 10


@pytest.mark.parametrize("size", [1, 10, 11, 1000])
def test_a_claim_that_does_not_fit_waits(size: int) -> None:
    """It is given when bytes come back; one beyond the limit when it is alone."""
    budget = ByteBudget(10)
    budget.take(4)
    budget.take(6)

    got = claiming(budget, size)

    assert not got.wait(0.02)
    budget.give(6)
    budget.give(4)
    assert got.wait(WAIT)
    assert budget._used == size


def test_a_large_claim_waits_until_it_is_alone() -> None:
    """More than the limit is not given beside even one other byte."""
    budget = ByteBudget(10)
    budget.take(1)

    got = claiming(budget, 11)

    assert not got.wait(0.02)
    budget.give(1)
    assert got.wait(WAIT)
    assert budget._used == 11


def test_a_failed_block_gives_its_bytes_back() -> None:
    """An error inside a claim leaves nothing claimed."""
    budget = ByteBudget(10)

    with pytest.raises(BrokenError), budget.claim(10):
        fail()

    assert budget._used == 0


# Ahead --------------------------------------------------------------------------------------------
@given(st.lists(st.integers(), max_size=20))
def test_ahead_yields_everything_in_order(items: list[int]) -> None:
    """The outcome is that of a loop."""
    assert list(parallel.ahead(lambda item: -item, items)) == [-item for item in items]


def test_one_item_is_computed_ahead() -> None:
    """While one is in use the next is fetched, and no third."""
    started = [threading.Event() for _ in range(5)]

    def work(item: int) -> int:
        started[item].set()
        return item

    results = parallel.ahead(work, range(5))

    assert next(results) == 0
    assert started[1].wait(WAIT)
    time.sleep(0.02)
    assert [event.is_set() for event in started] == [True, True, False, False, False]
    assert list(results) == [1, 2, 3, 4]


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    """A stream that nobody reads costs nothing."""
    started: list[int] = []

    results = parallel.ahead(started.append, range(3))

    assert started == []
    assert list(results) == [None, None, None]


def test_a_failure_ahead_comes_in_its_place() -> None:
    """What lies before the failed item is still delivered."""

    def work(item: int) -> int:
        if item == 2:
            raise BrokenError
        return item

    results = parallel.ahead(work, range(5))

    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(BrokenError):
        next(results)


def test_a_reader_may_stop_early() -> None:
    """Leaving a stream ends its thread, and computes no more than the one ahead."""
    started: list[int] = []
    before = set(threading.enumerate())
    results = parallel.ahead(started.append, range(100))

    next(results)
    results.close()

    assert len(started) <= 2
    assert set(threading.enumerate()) <= before


# The shared pool ----------------------------------------------------------------------------------
def test_work_inside_of_work_does_not_wait_for_itself() -> None:
    """More nested work than there are threads ends, and is right."""
    sums = parallel.each(lambda n: sum(parallel.each(lambda m: n * m, range(20))), range(200))

    assert sums == [190 * n for n in range(200)]


def test_calls_together_may_each_use_the_pool() -> None:
    """Calls that run together fan out on their own."""
    found: dict[int, list[int]] = {}

    def call(n: int) -> None:
        found[n] = parallel.each(lambda m: n * m, range(50))

    parallel.together(*(partial(call, n) for n in range(4)))

    assert found == {n: [n * m for m in range(50)] for n in range(4)}


def test_calls_together_raise_the_first_failure_when_all_have_ended() -> None:
    """A failure waits for the other calls."""
    ended: list[str] = []

    def fail() -> None:
        raise ValueError("first")

    def slow() -> None:
        time.sleep(0.05)
        ended.append("slow")

    with pytest.raises(ValueError, match="first"):
        parallel.together(fail, slow)
    assert ended == ["slow"]


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_starts_threads_of_its_own() -> None:
    """A child of a process that has used the pool, as data loaders fork them, does not hang."""
    assert parallel.each(str, range(100)) == [str(n) for n in range(100)]

    child = os.fork()
    if child == 0:
        os._exit(0 if parallel.each(str, range(100)) == [str(n) for n in range(100)] else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0


# Folders ------------------------------------------------------------------------------------------
def test_what_is_quick_starts_no_thread(tmp_path: Path) -> None:
    """A folder is verified, and its history read, by the thread that asks."""
    for step in range(3):
        embzarr.save(tmp_path, ["a", "b"], [[1.0], [2.0]], step=step)
    before = set(threading.enumerate())
    started: list[threading.Thread] = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", started.append)
        assert embzarr.open(tmp_path).verify().ok
        assert len(embzarr.Run(tmp_path).commits()) == 3

    assert (started, set(threading.enumerate()) - before) == ([], set())


def test_who_works_alone_is_helped_where_it_takes_long() -> None:
    """A folder may lie on another machine: then many things take far less than one by one."""
    seen: set[int] = set()

    def slow(number: int) -> int:
        seen.add(threading.get_ident())
        time.sleep(0.005)
        return number

    assert parallel.each(slow, range(200), alone=True) == list(range(200))
    assert len(seen) > 3
