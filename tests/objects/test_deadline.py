"""The clock of our own."""

from __future__ import annotations

import threading
import time

import pytest

from embzarr._storage.backends import hdfs
from embzarr._storage.libraries import deadline
from embzarr._storage.libraries.deadline import LARGE_SECONDS, LITTLE_SECONDS, seconds_for, within
from embzarr.errors import StoreError


def test_what_is_quick_is_passed_on() -> None:
    """What a call returns or raises is the caller's."""
    assert within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 // 0)
    with pytest.raises(SystemExit):
        within(10, lambda: exec("raise SystemExit"))  # noqa: S102 - in one expression


def test_what_is_late_is_left_alone() -> None:
    """The caller goes on at the deadline, and what comes later is dropped."""
    go = threading.Event()
    begun = time.monotonic()
    with pytest.raises(StoreError, match=r"within 0\.05 s"):
        within(0.05, lambda: go.wait(60))
    assert time.monotonic() - begun < 30
    go.set()


def test_a_process_without_threads_to_spare_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """That no thread can be started is the store's error, not a RuntimeError."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(StoreError, match="can't start new thread"):
        within(1, lambda: 1)


def test_a_deadline_follows_from_what_is_moved() -> None:
    """A minute for two megabytes, five for a shard, and more for more."""
    assert seconds_for(0) == seconds_for(2**21) == LITTLE_SECONDS
    assert seconds_for(2**21 + 1) == seconds_for(2**26) == LARGE_SECONDS
    assert seconds_for(2**26 + 1) == 2 * LARGE_SECONDS


def test_a_write_to_hdfs_is_given_up_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard of 16 MiB gets 36 seconds, where other stores have minutes; never more than they."""
    assert hdfs.seconds_for(16 * 2**20) == 36.0
    assert hdfs.seconds_for(0) == 20.0
    assert hdfs.seconds_for(2**24) < deadline.seconds_for(2**24)
    monkeypatch.setattr(deadline, "LITTLE_SECONDS", 4.0)
    assert hdfs.seconds_for(1000) == 4.0
