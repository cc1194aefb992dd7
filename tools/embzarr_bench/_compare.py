"""The comparison: every peer, every case, every link, in turns, so that noise meets all alike."""

from __future__ import annotations

import itertools
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embzarr_bench import _cases, _figures, _links, _lock, _matrix, _stage
from embzarr_bench._cases import Case, Sizes
from embzarr_bench._errors import BenchError
from embzarr_bench._figures import Comparison
from embzarr_bench._matrix import MatrixFiles
from embzarr_bench._stage import PeerFailure
from embzarr_bench.peers import ALL, chosen, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embzarr_bench._cases import Work
    from embzarr_bench._figures import Measurement
    from embzarr_bench._links import Link
    from embzarr_bench._stage import Advance, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to compare."""

    cases: Sequence[str] | None = None
    """Names of cases; None for all."""
    peers: Sequence[str] | None = None
    """How the names of peers begin; None for all. embzarr is always among them."""
    latencies: Sequence[int] = (0, 20)
    """Milliseconds."""
    bandwidths: Sequence[int] = ()
    """Millions of bytes a second."""
    repeats: int = 5
    rows: int = 200_000
    dim: int = 300
    matrix: Path | None = None
    """A ``.npy`` file in place of a made-up matrix."""
    words: Path | None = None
    """Its words, a line each, the commonest first."""
    text: Path | None = None
    """A text, for words and for what a user asks for: its halves are two texts of one kind."""
    sizes: Sizes = field(default_factory=Sizes)
    seed: int = 0
    lock: bool = False
    """Whether to measure for how long reads hold the interpreter's lock."""
    stays: bool = False
    """Whether one process of a peer's does all its measurements."""


def compare(plan: Plan, *, progress: Advance) -> Comparison:
    """Measure and return the figures.

    Raises:
        BenchError: a program is missing, or the plan makes no sense.
        WrongResultError: somebody's answer differs from the truth.
    """
    cases = _chosen_cases(plan.cases)
    peers = chosen(list(plan.peers) if plan.peers else None)
    links = _links.links(plan.latencies, plan.bandwidths)
    if plan.repeats < 1:
        raise BenchError("expected at least one repeat")
    if plan.lock:
        _lock.require()
    with tempfile.TemporaryDirectory(prefix="embzarr-bench-") as folder:
        files, text = _prepared(plan, Path(folder))
        matrix = files.open()
        requests = _cases.requests(matrix, plan.sizes, cases=cases, text=text, seed=plan.seed)
        setting: dict[str, object] = {
            "rows": len(matrix),
            "dim": matrix.vectors.shape[1],
            "dtype": matrix.vectors.dtype.name,
            "repeats": plan.repeats,
            "one_process": plan.stays,
            "asked": {case: len(request.rows) for case, request in requests.items()},
            "sizes": asdict(plan.sizes),
            "seed": plan.seed,
            **_figures.machine(),
        }
        tasks = _stage.matrix_tasks(files, requests)
        with _stage.staged(peers, links, task=tasks, lock=plan.lock, stays=plan.stays) as stage:
            run = Rounds(stage, progress, _does)
            run.prepare(cases)
            run.measure(cases, links, plan.repeats, seed=plan.seed)
    return Comparison(
        setting=setting,
        peers={
            name: f"{ALL[name].settings} ({versions(name)})"
            for name in peers
            if name not in stage.skipped
        },
        skipped=stage.skipped,
        failures=run.failures,
        figures=[_figures.figure(rounds) for rounds in run.rounds.values()],
    )


def _chosen_cases(names: Sequence[str] | None) -> list[Case]:
    """Return the cases of these names.

    Raises:
        BenchError: there is no such case.
    """
    for name in names or ():
        if name not in set(Case):
            raise BenchError(f"no case {name!r}; known: {', '.join(Case)}")
    return [case for case in Case if not names or case in names]


def _prepared(plan: Plan, folder: Path) -> tuple[MatrixFiles, Path | None]:
    """Return the matrix and the text in which a user's words are counted.

    A text gives a made-up matrix its words by the first half of it, and the user's by the second:
    the user's text is of the same kind as that which was trained on, and not the same.
    """
    if (plan.matrix is None) != (plan.words is None):
        raise BenchError("a matrix and its words go together")
    if plan.matrix and plan.words:
        return MatrixFiles(vectors=plan.matrix.absolute(), words=plan.words.absolute()), plan.text
    learnt, own = _matrix.halves(plan.text, folder) if plan.text else (None, None)
    return _matrix.make(folder, rows=plan.rows, dim=plan.dim, text=learnt), own


class Rounds:
    """The measurements as they come in."""

    def __init__(self, stage: Stage, progress: Advance, does: Callable[[str, Work], bool]) -> None:
        """Prepare to measure.

        Args:
            stage: who works where.
            progress: shows how far it is.
            does: tells whether a peer does a piece of work.
        """
        self.failures: list[str] = []
        self.rounds: dict[tuple[Link, Work, str], list[Measurement]] = defaultdict(list)
        self._does = does
        self._stage = stage
        self._progress = progress
        self._failed: set[tuple[str, Work]] = set()

    def prepare(self, cases: Sequence[Work]) -> None:
        """Let all store, then do every piece of work once untimed."""
        pairs = self._pairs(cases)
        link = next(iter(self._stage.addresses))
        stored: set[tuple[str, bool]] = set()
        for done, (peer, case) in enumerate(pairs):
            self._progress(done, len(pairs), f"before: {peer}, {case}")
            with self._noting(peer, case):
                if not case.saves and (peer, case.compressed) not in stored:
                    self._stage.store(peer, case)
                    stored.add((peer, case.compressed))
                self._stage.measure(peer, case, link)

    def measure(
        self, cases: Sequence[Work], links: Sequence[Link], repeats: int, *, seed: int
    ) -> None:
        """Do all work `repeats` times; each time, the peers in a new random order."""
        chance = np.random.default_rng(seed)
        groups = [
            (number, link, case, chance.permutation(self._peers(case)).tolist())
            for number, link, case in itertools.product(range(repeats), links, cases)
        ]
        turns = [(*group, peer) for *group, peers in groups for peer in peers]
        for done, (number, link, case, peer) in enumerate(turns):
            self._progress(done, len(turns), f"{number + 1} of {repeats}: {link}, {case}, {peer}")
            if (peer, case) not in self._failed:
                with self._noting(peer, case):
                    measured = self._stage.measure(peer, case, link)
                    self.rounds[link, case, peer].append(measured)

    @contextmanager
    def _noting(self, peer: str, case: Work) -> Iterator[None]:
        """Note a failure, after which the peer is not asked for this work again."""
        try:
            yield
        except PeerFailure as failure:
            self._failed.add((peer, case))
            self.failures.append(f"{peer}, {case}: {failure}")

    def _pairs(self, cases: Sequence[Work]) -> list[tuple[str, Work]]:
        return [
            (peer, case) for peer in self._stage.workers for case in cases if self._does(peer, case)
        ]

    def _peers(self, case: Work) -> list[str]:
        return [peer for peer in self._stage.workers if self._does(peer, case)]


def _does(peer: str, case: Work) -> bool:
    return case in ALL[peer].cases
