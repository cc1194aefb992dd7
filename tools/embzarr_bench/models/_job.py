"""One measurement of a model, in a process of its own; see `embzarr_bench._job`."""

from __future__ import annotations

import gc
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr_bench import _memory
from embzarr_bench._job import Job, Outcome, never_raising
from embzarr_bench.models import _state
from embzarr_bench.models._cases import ModelCase
from embzarr_bench.models._peers import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from embzarr_bench.models._peers import Loaded, ModelPeer
    from embzarr_bench.models._state import State, StateFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTask:
    """What a peer's process needs to know to keep a model."""

    peer: str
    file: StateFile
    environment: Mapping[str, str]

    def prepare(self) -> Callable[[Job], Outcome]:
        """Import the peer's packages, and return what does a job.

        Raises:
            PeerMissingError: one is not installed.
        """
        # What libraries warn of is told to whoever uses them, not to whoever measures.
        warnings.simplefilter("ignore")
        peer = ALL[self.peer]()
        return lambda job: never_raising(lambda: _carry_out(job, peer, self.file))


def _carry_out(job: Job, peer: ModelPeer, file: StateFile) -> Outcome:
    case = ModelCase(job.case)
    if job.setup:
        peer.setup(job.place, file.open(in_memory=True))
        return Outcome()
    if case.saves and not job.check:
        return _save(case, job, peer, file)
    return _load(case, job, peer, file)


def _save(case: ModelCase, job: Job, peer: ModelPeer, file: StateFile) -> Outcome:
    """Save from memory, where a user who trains has the state."""
    saving = peer.saving(case, job.place, file.open(in_memory=True))
    gc.collect()
    memory, start, cpu = _memory.begin(), time.perf_counter(), time.process_time()
    notes = saving()
    seconds, peak = time.perf_counter() - start, _memory.peak_above(memory)
    return Outcome(seconds=seconds, peak=peak, notes={**(notes or {}), **_used(cpu)})


def _load(case: ModelCase, job: Job, peer: ModelPeer, file: StateFile) -> Outcome:
    state = file.open()
    asked = {ModelCase.SAVE: ModelCase.LOAD, ModelCase.SAVE_STEP: ModelCase.LOAD_STEP}
    loading = peer.loading(asked.get(case, case), job.place, state)
    gc.collect()
    memory, start, cpu = _memory.begin(), time.perf_counter(), time.process_time()
    loaded = loading()
    seconds, peak = time.perf_counter() - start, _memory.peak_above(memory)
    notes = {**loaded.notes, **_used(cpu)}
    return Outcome(
        seconds=seconds,
        peak=None if peak is None else max(peak - loaded.size, 0),
        notes=notes,
        wrong=not _is_right(loaded, _truth(case, state)),
    )


def _used(before: float) -> dict[str, int]:
    """Return the processor time that this process has used since."""
    return {"cpu_ms": round((time.process_time() - before) * 1000)}


def _truth(case: ModelCase, state: State) -> State:
    if case in {ModelCase.SAVE_STEP, ModelCase.LOAD_STEP}:
        return _state.changed(state)
    if case is ModelCase.TENSOR:
        return {_state.ONE_TENSOR: state[_state.ONE_TENSOR]}
    small = {ModelCase.MANY: _state.many, ModelCase.ONE: _state.one}
    return small[case]() if case in small else state


def _is_right(loaded: Loaded, truth: State) -> bool:
    """Tell whether every tensor is what was stored, number by number."""
    if loaded.check is not None:
        return loaded.check()
    if loaded.state.keys() != truth.keys():
        return False
    return all(_same(np.asarray(loaded.state[name]), one) for name, one in truth.items())


def _same(found: Any, one: Any) -> bool:  # noqa: ANN401 - arrays
    return bool(found.dtype == one.dtype and np.array_equal(found, one))
