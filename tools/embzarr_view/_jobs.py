"""What takes longer than an answer: one thing at a time, that can be looked after."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import embzarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK_SECONDS: Final = 0.2
"""How often one that waits looks whether it is to end."""


class StoppedError(Exception):
    """Somebody asked for the end of it."""


@dataclass(slots=True)
class Job:
    """One piece of work, and how far it is."""

    about: dict[str, Any]
    """What it was asked for."""
    state: str = "running"
    """``running``, ``done``, ``stopped`` or ``failed``."""
    waits: bool = True
    """For the job of another kind, which must end first."""
    done: int = 0
    total: int = 0
    what: str = ""
    result: Any = None
    error: str | None = None
    seconds: float = 0.0
    is_to_end: threading.Event = field(default_factory=threading.Event)

    def advance(self, done: int, total: int, what: str = "") -> None:
        """Note how far it is.

        Raises:
            StoppedError: it is to end.
        """
        self.done, self.total, self.what = done, total, what
        if self.is_to_end.is_set():
            raise StoppedError

    def as_json(self) -> dict[str, Any]:
        """Return all of it as a JSON object."""
        named = ("about", "state", "waits", "done", "total", "what", "result", "error", "seconds")
        return {name: getattr(self, name) for name in named}


class Jobs:
    """The last job of each kind. One works at a time: it may take all memory that there is."""

    def __init__(self) -> None:
        """Have none."""
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def start(self, kind: str, about: dict[str, Any], work: Callable[[Job], Any]) -> dict[str, Any]:
        """Begin a job, unless one of its kind is running; return which one runs now."""
        with self._lock:
            running = self._jobs.get(kind)
            if running is not None and running.state == "running":
                return running.as_json()
            job = self._jobs[kind] = Job(about)
        threading.Thread(target=self._run, args=(job, work), daemon=True).start()
        return job.as_json()

    def look(self, kind: str) -> dict[str, Any] | None:
        """Return how far the last job of a kind is; None where there was none."""
        with self._lock:
            job = self._jobs.get(kind)
        return None if job is None else job.as_json()

    def stop(self, kind: str) -> dict[str, Any] | None:
        """Have the job of a kind end soon."""
        with self._lock:
            job = self._jobs.get(kind)
        if job is not None:
            job.is_to_end.set()
        return self.look(kind)

    def _run(self, job: Job, work: Callable[[Job], Any]) -> None:
        """Do the work, whatever becomes of it."""
        begin = time.monotonic()
        try:
            with self._alone(job):
                begin = time.monotonic()
                result = work(job)
        except Exception as exc:  # noqa: BLE001 - it is told, in a thread nobody else would
            state = "stopped" if job.is_to_end.is_set() else "failed"
            job.error = None if state == "stopped" else told(exc)
        else:
            state, job.result = "done", result
        job.seconds = time.monotonic() - begin
        job.state = state

    @contextmanager
    def _alone(self, job: Job) -> Iterator[None]:
        """Wait until no other job works, and keep others waiting until the block ends.

        Raises:
            StoppedError: it is to end before.
        """
        while not self._turn.acquire(timeout=_LOOK_SECONDS):
            job.advance(0, 0)
        try:
            job.waits = False
            yield
        finally:
            self._turn.release()


def told(exc: Exception) -> str:
    """Return what went wrong, without secrets, with its code."""
    if isinstance(exc, embzarr.EmbzarrError):
        return str(exc)
    return str(embzarr.EmbzarrError("internal", f"{type(exc).__name__}: {exc}"))
