"""The comparison of models: every peer, every case, every link, in turns."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embzarr_bench import _figures, _links, _stage
from embzarr_bench._compare import Rounds
from embzarr_bench._errors import BenchError
from embzarr_bench._figures import Comparison
from embzarr_bench.models import _state
from embzarr_bench.models._cases import ModelCase
from embzarr_bench.models._job import ModelTask
from embzarr_bench.models._peers import ALL
from embzarr_bench.peers import OURS, versions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embzarr_bench._stage import Advance


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to compare."""

    cases: Sequence[str] | None = None
    """Names of cases; None for all."""
    peers: Sequence[str] | None = None
    """How the names of peers begin; None for all. embzarr is always among them."""
    latencies: Sequence[int] = (0,)
    """Milliseconds."""
    repeats: int = 5
    megabytes: int = 256
    """Of the state dict."""
    seed: int = 0


def compare(plan: Plan, *, progress: Advance) -> Comparison:
    """Measure and return the figures.

    Raises:
        BenchError: a program is missing, or the plan makes no sense.
        WrongResultError: somebody's answer differs from the truth.
    """
    for name in plan.cases or ():
        if name not in set(ModelCase):
            raise BenchError(f"no case {name!r}; known: {', '.join(ModelCase)}")
    if plan.repeats < 1 or plan.megabytes < 1:
        raise BenchError("expected at least one repeat and one MB")
    cases = [case for case in ModelCase if not plan.cases or case in plan.cases]
    peers, links = _chosen(plan.peers), _links.links(plan.latencies, [])
    with tempfile.TemporaryDirectory(prefix="embzarr-bench-") as folder:
        file = _state.make(Path(folder), megabytes=plan.megabytes, seed=plan.seed)
        setting: dict[str, object] = {
            "tensors": len(file.shapes),
            "bytes": file.path.stat().st_size,
            "repeats": plan.repeats,
            **_figures.machine(),
        }
        with _stage.staged(
            peers,
            links,
            task=lambda peer, names: ModelTask(peer=peer, file=file, environment=names),
        ) as stage:
            run = Rounds(stage, progress, lambda peer, case: case in ALL[peer].cases)
            run.prepare(cases)
            run.measure(cases, links, plan.repeats, seed=plan.seed)
    return Comparison(
        setting=setting,
        peers={
            name: f"{ALL[name].settings} ({versions_of(ALL[name].distributions)})"
            for name in peers
            if name not in stage.skipped
        },
        skipped=stage.skipped,
        failures=run.failures,
        figures=[_figures.figure(rounds) for rounds in run.rounds.values()],
    )


def _chosen(names: Sequence[str] | None) -> list[str]:
    """Return the peers whose names begin with one of `names`, and embzarr; all without names.

    Raises:
        BenchError: a name fits nobody.
    """
    for name in names or ():
        if not any(known.lower().startswith(name.lower()) for known in ALL):
            raise BenchError(f"no peer {name!r}; known: {', '.join(ALL)}")
    starts = tuple(name.lower() for name in (*(names or ("",)), OURS))
    return [known for known in ALL if known.lower().startswith(starts)]
