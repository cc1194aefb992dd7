"""A process for each peer, which starts a new one for each measurement, or does all of them.

It imports the peer's packages, and else nothing happens in it: a measurement runs in a copy of it
(`fork`), with no client, connection, cache or thread of an earlier one, and with no import to wait
for. What a package imports late is imported here after the first, untimed round. One that stays
does the measurements itself: what a peer keeps for the next, it has.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import sys
import warnings
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from embzarr_bench._errors import BenchError, PeerMissingError
from embzarr_bench._job import Job, Outcome
from embzarr_bench.servers._program import signals_held_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

LIMIT = 300.0
"""Seconds after which a measurement is given up."""
_ENDS_WITHIN = 5.0
_OF_ACCOUNTS = "AWS_"


class Task(Protocol):
    """What a peer's process needs to know once; it is sent there."""

    @property
    def environment(self) -> Mapping[str, str]:
        """In place of all ``AWS_`` variables."""
        ...

    def prepare(self) -> Callable[[Job], Outcome]:
        """Import the peer's packages, and return what does a job.

        Raises:
            PeerMissingError: one is not installed.
        """
        ...


class Worker:
    """The near end of a peer's process."""

    def __init__(self, channel: Connection) -> None:
        """Talk over `channel`."""
        self._channel = channel

    def run(self, job: Job) -> Outcome:
        """Do a job in a new process and return how it went."""
        self._channel.send(job)
        return self._receive()

    def ready(self) -> str:
        """Wait until the packages are imported; return why they cannot be, or nothing."""
        return self._receive().failure

    def _receive(self) -> Outcome:
        try:
            outcome = self._channel.recv()
        except EOFError:
            raise BenchError("a peer's process has ended") from None
        assert isinstance(outcome, Outcome)  # noqa: S101 - what `_serve` sends
        return outcome


@contextmanager
def working(task: Task, *, stays: bool = False) -> Iterator[Worker]:
    """Run a peer's process until the block ends.

    Args:
        task: what it needs to know.
        stays: whether it does all measurements itself.
    """
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=_serve, args=(far, task, stays), daemon=False)
    with ExitStack() as ends:
        with signals_held_back():
            process.start()
            ends.callback(_end, process, near)
        far.close()
        yield Worker(near)


def _end(process: SpawnProcess, near: Connection) -> None:
    near.close()
    process.join(_ENDS_WITHIN)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


def _serve(channel: Connection, task: Task, stays: bool) -> None:  # noqa: FBT001 - of a process
    """Do jobs until the other end closes."""
    for name in [name for name in os.environ if name.startswith(_OF_ACCOUNTS)]:
        del os.environ[name]
    os.environ.update(task.environment)
    try:
        work = task.prepare()
        # Lance warns of forks, which harm what has begun: nothing has, when we fork.
        warnings.filterwarnings("ignore", message=".*fork", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
    except PeerMissingError as exc:
        channel.send(Outcome(failure=str(exc)))
        return
    channel.send(Outcome())
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            job = channel.recv()
            outcome = work(job) if stays else _in_a_copy(job, work)
            _import(outcome.modules)
            channel.send(outcome)


def _in_a_copy(job: Job, work: Callable[[Job], Outcome]) -> Outcome:
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(far, job, work))
    gc.freeze()  # else the copy's collector writes to all that is shared, which copies it
    process.start()
    far.close()
    try:
        return _outcome(near)
    finally:
        process.join(_ENDS_WITHIN)
        if process.is_alive():
            process.kill()
            process.join()
        near.close()


def _outcome(near: Connection) -> Outcome:
    try:
        if not near.poll(LIMIT):
            return Outcome(failure=f"no answer within {LIMIT:.0f} s")
        outcome = near.recv()
    except EOFError:
        return Outcome(failure="the process died")
    assert isinstance(outcome, Outcome)  # noqa: S101 - what `_answer` sends
    return outcome


def _answer(far: Connection, job: Job, work: Callable[[Job], Outcome]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the terminal's own end: no traceback of ours
    far.send(work(job))
    far.close()


def _import(modules: tuple[str, ...]) -> None:
    for name in modules:
        if name not in sys.modules:
            with suppress(Exception):  # what cannot be imported by name stays late
                importlib.import_module(name)
