"""What a writer has under way in the background: shards are made, and then sent."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from embzarr._storage import WORKERS, ByteBudget, Crew, Task, interrupts

if TYPE_CHECKING:
    from collections.abc import Callable

Job: TypeAlias = "Callable[[], object]"


class Jobs:
    """Work in the background, a bounded number of bytes at a time.

    Some threads wait for the store; as many as there are processors make what is sent to it. After
    the first failure nothing more is started.
    """

    def __init__(self, limit: int, workers: int = WORKERS) -> None:
        """Allow `limit` bytes under way."""
        self._budget = ByteBudget(limit)
        self._senders = Crew(workers)
        self._makers = Crew(min(workers, os.cpu_count() or 1))
        self._is_closed = False
        self._ended = threading.Condition()
        self._making = 0
        self._sending = 0
        self._failures: list[BaseException] = []

    def submit(self, size: int, job: Job) -> None:
        """Run a job in a thread; wait first where `size` more bytes would be too many.

        Raises:
            Exception: what an earlier job raised, once all have ended.
        """
        self._admit(size)
        self._send(size, job)

    def make(self, size: int, work: Callable[[], tuple[int, Job]]) -> None:
        """Run `work` in a thread, and then the job that it returns.

        Args:
            size: bytes that it needs; where they would be too many, wait first.
            work: returns how many of them the job still needs, and the job.

        Raises:
            Exception: what an earlier job raised, once all have ended.
        """
        self._admit(size)
        with self._ended:
            self._making += 1
        self._makers.add(Task(partial(self._make, size, work)))

    def made(self) -> None:
        """Wait until everything is made; some of it may still be under way.

        Raises:
            Exception: what the first job that failed so far raised.
        """
        with self._ended:
            self._ended.wait_for(lambda: not self._making)
        self._raise_failure()

    def wait(self) -> None:
        """Wait for all jobs.

        Raises:
            Exception: what the first job that failed raised.
        """
        self._await_all()
        self._raise_failure()

    def close(self) -> None:
        """Start nothing more and wait for what runs."""
        self._is_closed = True
        self._await_all()

    def _await_all(self) -> None:
        with self._ended:
            self._ended.wait_for(lambda: not self._making and not self._sending)

    def _admit(self, size: int) -> None:
        if self._failures:
            self.wait()
        self._budget.take(size)

    def _make(self, size: int, work: Callable[[], tuple[int, Job]]) -> None:
        left = 0
        try:
            if self._goes_on():
                left, job = work()
                self._send(left, job)
        except BaseException as exc:  # noqa: BLE001 - raised in the writer's thread
            self._failures.append(exc)
        self._budget.give(size - left)
        with self._ended:
            self._making -= 1
            self._ended.notify_all()

    def _send(self, size: int, job: Job) -> None:
        with self._ended:
            self._sending += 1
        self._senders.add(Task(partial(self._run, size, job)))

    def _run(self, size: int, job: Job) -> None:
        try:
            if self._goes_on():
                job()
        except BaseException as exc:  # noqa: BLE001 - raised in the writer's thread
            self._failures.append(exc)
        self._budget.give(size)
        with self._ended:
            self._sending -= 1
            self._ended.notify_all()

    def _goes_on(self) -> bool:
        interrupts.check()
        return not self._failures and not self._is_closed

    def _raise_failure(self) -> None:
        if self._failures:
            raise self._failures[0]
