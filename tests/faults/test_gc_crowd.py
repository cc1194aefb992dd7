"""Garbage collection among writers and readers, and writers who race for one number."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._format.documents.manifests import Manifest, Parent, encode
from embzarr._history import committing, history
from embzarr._history.protocol import ANY, NONE, Claim
from embzarr._history.records import Commit
from embzarr._storage.open import open_store

if TYPE_CHECKING:
    from embzarr._storage.port import Store
    from faults.tally import Effort, Tally
    from servers.minio import Minio
    from servers.versitygw import Versitygw

pytestmark = pytest.mark.faults

WORDS = [f"w{row}" for row in range(40)]
MAY_BE_TOLD = {"commit-expired", "write-revoked", "history-expired"}
"""What a writer or reader may hear of a collection."""
_PAUSE = 0.1
"""Seconds between two saves or reads of one thread: a collection has to get a turn."""
_SAVES = 16
"""At most, beside one collection: on a busy machine writers would else be ahead of it for ever."""
_PATIENCE = 10
"""Seconds that a collection waits for a save before it."""
_LOOKED_AT = 3
"""Checkpoints verified after each collection."""


class Crowd:
    """Writers and readers of one store, until told to stop."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.over = threading.Event()
        self.did: Counter[str] = Counter()
        self.failures: list[str] = []
        self.lock = threading.Lock()
        self.steps = iter(range(1, 10**9))
        self.saves_left = 1

    def busy(self, work: Callable[[], str]) -> None:
        while not self.over.is_set():
            try:
                done = work()
            except embzarr.EmbzarrError as exc:
                done = f"told {exc.code}"
                if exc.code not in MAY_BE_TOLD:
                    self.failures.append(f"{work.__name__}: {exc}")
            except BaseException as exc:  # noqa: BLE001 - to be reported, whatever it is
                self.failures.append(f"{work.__name__}: {exc!r}")
                done = "failed"
            with self.lock:
                self.did[done] += 1
            self.over.wait(_PAUSE)

    def wait_for_a_save(self) -> None:
        """Let there be something to collect: on a quick machine collectors would else be idle."""
        seen, until = self.did["saves"], time.monotonic() + _PATIENCE
        while self.did["saves"] == seen and time.monotonic() < until:
            time.sleep(_PAUSE / 20)

    def write(self) -> str:
        with self.lock:
            if not self.saves_left:
                return "waits for a collection"
            self.saves_left -= 1
            step = next(self.steps)
        with embzarr.create(self.store, 4, step=step) as writer:
            for first in range(0, len(WORDS), 10):
                part = WORDS[first : first + 10]
                writer.append(part, np.full((len(part), 4), step, "f4"))
        return "saves"

    def read(self) -> str:
        checkpoint = embzarr.open(self.store)
        loaded = checkpoint.load_rows(0, len(checkpoint))
        if [*loaded] != WORDS or not np.all(loaded.vectors == checkpoint.step):
            self.failures.append(f"commit {checkpoint.commit} of step {checkpoint.step} is mixed")
        return "reads"


@pytest.mark.parts(8)
def test_collections_among_writers_and_readers(tally: Tally, *, full: Effort) -> None:
    """Beside four writers and four readers no live object is lost and no commit is seen broken."""
    cycles = full.times(200, 8)
    crowd = Crowd(MemoryStore())
    run = embzarr.Run(crowd.store)
    crowd.write()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(4):
            pool.submit(crowd.busy, crowd.write)
            pool.submit(crowd.busy, crowd.read)
        try:
            for cycle in range(cycles):
                crowd.saves_left = _SAVES
                crowd.wait_for_a_save()
                crowd.did[collected(run, older_than=0 if cycle % 4 == 0 else 3600)] += 1
                crowd.failures += broken(run)
        finally:
            crowd.over.set()
    run.gc(keep_last=2, older_than=0)
    kept = {folder.partition("/")[2].partition("/")[0] for folder in keys(crowd.store)}
    living = run.commits()
    if len(kept) != len(living) or broken(run):
        crowd.failures.append(f"{len(kept)} folders for {len(living)} checkpoints")

    tally(
        "collections beside 4 writers and 4 readers",
        cycles,
        failures=crowd.failures,
        of_which=crowd.did,
    )
    assert crowd.did["saves"] > cycles / 8
    assert crowd.did["reads"] > cycles / 8
    assert crowd.did["collections"] > cycles / 8


def collected(run: embzarr.Run, *, older_than: float) -> str:
    try:
        return "collections" if run.gc(keep_last=2, older_than=older_than).commit else "idle"
    except embzarr.ConflictError:
        return "overtaken"


def broken(run: embzarr.Run) -> list[str]:
    """Return the problems of all checkpoints that are still living after they were looked at."""
    found = []
    for commit in run.commits()[-_LOOKED_AT:]:
        try:
            problems = run.open(commit=commit.commit).verify().problems
        except embzarr.NotFoundError as exc:
            problems = () if exc.code == "commit-expired" else (exc,)  # type: ignore[assignment]
        if any(getattr(problem, "code", "") == "commit-expired" for problem in problems):
            continue
        found += [f"commit {commit.commit}: {problem}" for problem in problems]
    return found


def keys(store: MemoryStore) -> list[str]:
    listed = open_store(store).list("steps/")
    return [info.key for info in listed if info.key != "steps/zarr.json"]


# Races --------------------------------------------------------------------------------------------
def race(store: Store, rounds: int) -> tuple[Counter[str], list[str]]:
    """Let 32 writers go for one number, again and again: 28 that follow nobody, 4 that rebase."""
    first = embzarr.save(store, ["w"], [[1.0]])._commit
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    tip: Commit = first
    with ThreadPoolExecutor(32) as pool:
        for turn in range(rounds):
            barrier = threading.Barrier(32)
            found = [*pool.map(lambda n: compete(store, tip, barrier, rebases=n < 4), range(32))]  # noqa: B023 - done before the next turn
            outcomes.update(kind for kind, _ in found)
            numbers = sorted(number for kind, number in found if kind == "committed")
            expected = [*range(tip.number + 1, tip.number + 1 + len(numbers))]
            if numbers != expected or not 4 <= len(numbers) <= 5:
                failures.append(f"round {turn} after {tip.number}: {numbers}")
            if any(kind not in {"committed", "commit-superseded"} for kind, _ in found):
                failures.append(f"round {turn}: {found}")
            later = history.since(store, tip.number)
            if [record.number for record in later] != expected:
                failures.append(f"round {turn}: {len(later)} commits stand, not {len(expected)}")
            tip = later[-1]  # type: ignore[assignment]  # all are checkpoints
    return outcomes, failures


def compete(
    store: Store, tip: Commit, barrier: threading.Barrier, *, rebases: bool
) -> tuple[str, int]:
    """Go for the number after `tip`; return how it ended."""
    write_id = committing.new_id()

    def compose(parent: Parent | None, _: object) -> bytes:
        assert parent is not None
        old = tip.manifest
        fields: dict[str, Any] = {name: getattr(old, name) for name in Manifest.__struct_fields__}
        fields |= {"commit": parent.commit + 1, "parent": parent, "write_id": write_id}
        return encode(Manifest(**fields))

    claim = Claim(
        write_id=write_id,
        folders=frozenset(),
        seen=tip.number,
        passes=ANY if rebases else NONE,
    )
    barrier.wait()
    try:
        record, _ = committing.take_number(store, claim, tip, compose)
    except embzarr.EmbzarrError as exc:
        return exc.code, 0
    assert isinstance(record, Commit)
    assert record.manifest.write_id == write_id
    return "committed", record.number


def report_race(store: Store, where: str, rounds: int, tally: Tally) -> None:
    outcomes, failures = race(store, rounds)
    tally(f"rounds of 32 writers racing on {where}", rounds, failures=failures, of_which=outcomes)


@pytest.mark.usefixtures("parsed_once")
def test_races_on_a_local_store(tmp_path: Path, tally: Tally, *, full: Effort) -> None:
    """Of 32 writers one has a number; the others are told, or follow."""
    report_race(open_store(tmp_path), "a local store", full.times(200, 5), tally)


@pytest.mark.servers
@pytest.mark.usefixtures("parsed_once")
@pytest.mark.parts(3)
def test_races_on_minio(minio: Minio, minio_bucket_url: str, tally: Tally, *, full: Effort) -> None:
    """The same on MinIO."""
    store = open_store(minio_bucket_url, storage_options=minio.options)
    report_race(store, "MinIO", full.times(200, 20), tally)


@pytest.mark.servers
@pytest.mark.usefixtures("parsed_once")
@pytest.mark.parts(3)
def test_races_on_versitygw(versitygw: Versitygw, tally: Tally, *, full: Effort) -> None:
    """The same on versitygw."""
    url = versitygw.url(versitygw.new_bucket(), "runs/one")
    store = open_store(url, storage_options=versitygw.options)
    report_race(store, "versitygw", full.times(200, 20), tally)
