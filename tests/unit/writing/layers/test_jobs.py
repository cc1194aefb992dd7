"""What `jobs` promises: what is made is sent, within bounds, up to a first failure."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from embzarr._writing.layers.jobs import Jobs
from under_way import WAIT, BrokenError, Meter, fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._writing.layers.jobs import Job


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    """Jobs of at most a hundred bytes, ended after the test."""
    made = Jobs(100)
    yield made
    made.close()


def test_all_jobs_are_done_when_waited_for(jobs: Jobs) -> None:
    """After `wait`, every job has run, and more may follow."""
    done: list[int] = []

    for number in range(30):
        jobs.submit(10, lambda number=number: done.append(number))  # type: ignore[misc]  # mypy#1124
    jobs.wait()

    assert sorted(done) == list(range(30))
    jobs.submit(10, lambda: done.append(30))
    jobs.wait()
    assert done[-1] == 30


def test_jobs_stay_within_their_bytes(jobs: Jobs) -> None:
    """A writer that is faster than the store waits, so that memory does not grow."""
    meter = Meter()

    def work() -> None:
        meter.add(40)
        time.sleep(0.001)
        meter.remove(40)

    for _ in range(20):
        jobs.submit(40, work)
    jobs.wait()

    assert meter.most in {40, 80}


def test_a_job_larger_than_all_runs_alone(jobs: Jobs) -> None:
    """A shard beyond the budget is still written."""
    done: list[int] = []

    jobs.submit(10, lambda: done.append(10))
    jobs.submit(1000, lambda: done.append(1000))
    jobs.submit(10, lambda: done.append(11))
    jobs.wait()

    assert sorted(done) == [10, 11, 1000]


def test_a_failed_job_is_raised_by_wait(jobs: Jobs) -> None:
    """The error of a job in the background is not lost."""
    jobs.submit(1, fail)

    with pytest.raises(BrokenError):
        jobs.wait()


def test_a_failed_job_stops_what_follows(jobs: Jobs) -> None:
    """The next job is not started: the writer learns of the failure instead."""
    done: list[int] = []
    jobs.submit(100, fail)
    jobs._budget.take(100)  # returns once the job has ended
    jobs._budget.give(100)

    with pytest.raises(BrokenError):
        jobs.submit(1, lambda: done.append(1))

    assert done == []


def test_a_failure_stays_what_it_was() -> None:
    """Asked again, the answer is the failure of the job, not that others were cancelled."""
    jobs = Jobs(1000, workers=1)
    begin = threading.Event()
    done: list[int] = []

    def broken() -> None:
        assert begin.wait(WAIT)
        raise BrokenError

    jobs.submit(1, broken)
    for _ in range(50):
        jobs.submit(1, lambda: time.sleep(0.002))
    begin.set()

    for _ in range(3):
        with pytest.raises(BrokenError):
            jobs.wait()
        time.sleep(0.01)
    with pytest.raises(BrokenError):
        jobs.submit(1, lambda: done.append(1))
    jobs.close()
    assert done == []


def test_closing_starts_nothing_more() -> None:
    """What runs is waited for, and what waits is dropped."""
    jobs = Jobs(1000, workers=1)
    begun, go = threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        begun.set()
        assert go.wait(WAIT)
        done.append("running")

    jobs.submit(1, work)
    for _ in range(10):
        jobs.submit(1, lambda: done.append("waiting"))
    assert begun.wait(WAIT)
    threading.Timer(0.02, go.set).start()
    jobs.close()

    assert done == ["running"]


def test_what_is_made_is_sent(jobs: Jobs) -> None:
    """Each job that was made is run, and `wait` waits for it."""
    made: list[int] = []
    sent: list[int] = []

    def make(number: int) -> tuple[int, Job]:
        made.append(number)
        return 5, lambda: sent.append(made[made.index(number)])

    for number in range(30):
        jobs.make(10, partial(make, number))
    jobs.wait()

    assert sorted(sent) == list(range(30))


def test_all_may_be_made_while_it_is_still_sent(jobs: Jobs) -> None:
    """`made` waits for nothing but the making: what depends on that alone can go out meanwhile."""
    go, made, sent = threading.Event(), [], []

    def make(number: int) -> tuple[int, Job]:
        made.append(number)
        return 10, lambda: sent.append(go.wait(WAIT))

    for number in range(5):
        jobs.make(10, partial(make, number))
    jobs.made()

    assert (sorted(made), sent) == ([0, 1, 2, 3, 4], [])
    go.set()
    jobs.wait()
    assert sent == [True] * 5


def test_no_more_is_made_at_once_than_there_are_processors() -> None:
    """Making is work for processors, which more threads would only share out."""
    jobs, meter = Jobs(1000), Meter()

    def make() -> tuple[int, Job]:
        meter.add(1)
        time.sleep(0.002)
        meter.remove(1)
        return 0, lambda: None

    for _ in range(4 * (os.cpu_count() or 1)):
        jobs.make(1, make)
    jobs.wait()
    jobs.close()

    assert meter.most <= (os.cpu_count() or 1)


def test_bytes_that_are_given_back_after_making_let_more_begin(jobs: Jobs) -> None:
    """What is sent often needs less than making it did; nothing is given back twice."""
    together = threading.Barrier(4)  # of 40 bytes each, only two would fit

    for _ in range(4):
        jobs.make(40, lambda: (20, lambda: together.wait(WAIT)))
    jobs.wait()

    assert jobs._budget._used == 0


@pytest.mark.parametrize("after", ["make", "send"])
def test_what_fails_is_raised_and_nothing_more_is_made_or_sent(after: str) -> None:
    """A failure in either half stops both, and leaves no bytes claimed."""
    jobs, begin = Jobs(1000, workers=1), threading.Event()
    sent: list[int] = []

    def broken() -> tuple[int, Job]:
        assert begin.wait(WAIT)
        if after == "make":
            raise BrokenError
        return 1, fail

    jobs.make(2, broken)
    for number in range(20):
        jobs.make(2, lambda number=number: (1, lambda: sent.append(number)))  # type: ignore[misc]  # mypy#1124
    begin.set()

    with pytest.raises(BrokenError):
        jobs.wait()
    with pytest.raises(BrokenError):
        jobs.make(1, lambda: (0, lambda: sent.append(99)))
    assert sent == []
    assert jobs._budget._used == 0
    jobs.close()
