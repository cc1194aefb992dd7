"""One measurement, in a process of its own: prepare, time, then compare with the truth."""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr_bench import _lock, _memory
from embzarr_bench._cases import Case
from embzarr_bench._matrix import Matrix
from embzarr_bench.peers import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from embzarr_bench._cases import Request
    from embzarr_bench._cases import Work as Kind
    from embzarr_bench._matrix import MatrixFiles
    from embzarr_bench._place import Place
    from embzarr_bench.peers import Answer, Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a process is to do."""

    case: Kind
    place: Place
    setup: bool = False
    """Store what is then read, in place of the case's work."""
    check: bool = False
    """Read what was saved and compare, in place of saving it."""
    lock: bool = False
    """After the time of reading, measure for how long it holds the interpreter's lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it went."""

    seconds: float = 0.0
    peak: int | None = None
    """Bytes of memory above what was there before, without the result."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """Figures that only the peer knows."""
    held: float | None = None
    """Seconds for which reading holds the interpreter's lock, where that was asked for."""
    wrong: bool = False
    """Whether the answer differs from the truth."""
    failure: str = ""
    """The exception that ended it, or nothing."""
    modules: tuple[str, ...] = ()
    """What was imported on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What all jobs of a process have in common."""

    files: MatrixFiles
    matrix: Matrix
    requests: Mapping[Case, Request]

    def in_memory(self) -> Matrix:
        """Return the matrix as somebody has it who has just trained."""
        return Matrix(np.load(self.files.vectors), self.matrix.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixTask:
    """What a peer's process needs to know to store and read a matrix."""

    peer: str
    files: MatrixFiles
    requests: Mapping[Case, Request]
    environment: Mapping[str, str]

    def prepare(self) -> Callable[[Job], Outcome]:
        """Import the peer's packages, and return what does a job.

        Raises:
            PeerMissingError: one is not installed.
        """
        peer = ALL[self.peer]()
        work = Work(files=self.files, matrix=self.files.open(), requests=self.requests)
        return lambda job: carry_out(job, peer, work)


def carry_out(job: Job, peer: Peer, work: Work) -> Outcome:
    """Do a job; never raises but for interrupts."""
    return never_raising(lambda: _carry_out(job, peer, work))


def never_raising(work: Callable[[], Outcome]) -> Outcome:
    """Return how work went, and what was imported on the way; raises nothing but interrupts."""
    known = set(sys.modules)
    try:
        outcome = work()
    except Exception as exc:  # noqa: BLE001 - a peer that fails is left out, whatever it raises
        return Outcome(failure=f"{type(exc).__name__}: {exc}")
    late = tuple(name for name in sys.modules if name not in known)
    return replace(outcome, modules=late)


def _carry_out(job: Job, peer: Peer, work: Work) -> Outcome:
    if job.setup:
        peer.setup(job.place, work.in_memory(), compressed=Case(job.case).compressed)
        return Outcome()
    if Case(job.case).saves and not job.check:
        return _save(job, peer, work)
    return _read(job, peer, work)


def _read(job: Job, peer: Peer, work: Work) -> Outcome:
    request = work.requests[Case(job.case)]
    reading = peer.reading(job.place, request)
    gc.collect()
    memory, start = _memory.begin(), time.perf_counter()
    answer = reading()
    seconds, peak = time.perf_counter() - start, _memory.peak_above(memory)
    result = answer.nbytes if answer.vectors is None else answer.vectors.nbytes
    return Outcome(
        seconds=seconds,
        peak=None if peak is None else max(peak - result, 0),
        notes=answer.notes,
        held=_lock.held(reading) if job.lock else None,
        wrong=not is_right(answer, request, work.matrix),
    )


def _save(job: Job, peer: Peer, work: Work) -> Outcome:
    """Save from memory, where a user who has just trained has the matrix."""
    saving = peer.saving(job.place, work.in_memory(), compressed=Case(job.case).compressed)
    gc.collect()
    memory, start = _memory.begin(), time.perf_counter()
    notes = saving()
    seconds, peak = time.perf_counter() - start, _memory.peak_above(memory)
    return Outcome(seconds=seconds, peak=peak, notes=notes or {})


def is_right(answer: Answer, request: Request, matrix: Matrix) -> bool:
    """Tell whether an answer is what was asked for, number by number.

    Words of a range may come in any order, each with its own vector.
    """
    rows = request.rows
    if answer.words is not None:
        found = [matrix.row_of.get(word, -1) for word in answer.words]
        if sorted(found) != rows.tolist():
            return False
        rows = np.array(found)
    truth = matrix.vectors if request.case.whole else matrix.vectors[rows]
    if answer.check is not None:
        return answer.check(truth)
    return answer.vectors is not None and _same(answer.vectors, truth)


def _same(vectors: NDArray[Any], truth: NDArray[Any]) -> bool:
    return vectors.dtype == truth.dtype and np.array_equal(vectors, truth)
