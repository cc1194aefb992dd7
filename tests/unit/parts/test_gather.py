"""Shares of any size become one commit, or none: what a Spark job writes by, without Spark."""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr import ConflictError, InvalidInputError, StoreError
from embzarr._history import Target
from embzarr._parts import (
    Share,
    ShareWriter,
    discard,
    gather,
    gather_delta,
    plan_shares,
)
from embzarr._parts.shares import SharedStep
from embzarr._storage import open_store
from embzarr._storage.port import Body, Data, ObjectInfo, Store
from embzarr._writing import DeltaOptions, DeltaPolicy
from faults.tally import Effort, Tally
from faulty import PassThrough, RecordingStore
from oracle import make_vectors, make_words, read_step

ROWS, DIM = 1000, 12
WORDS = make_words(ROWS)
VECTORS = make_vectors(ROWS, DIM)
COUNTS = np.arange(ROWS, dtype=np.int64)[::-1].copy()
CUTS = [(0, 1), (1, 700), (700, 700), (700, 1000)]
"""Shares as engines make them: of one row, of many, of none."""


def target_of(place: object) -> Target:
    return Target(url=place, options=None, single_writer=False)


def plan_of(place: object, **how: Any) -> SharedStep:
    chosen: dict[str, Any] = {"dtype": "float32", "columns": {"counts": "int64"}, **how}
    return plan_shares(target_of(place), **chosen)


def write(place: object, plan: SharedStep, start: int, stop: int) -> Share:
    with ShareWriter(target_of(place), plan) as writer:
        for at in range(start, stop, 100):
            rows = slice(at, min(at + 100, stop))
            writer.append(WORDS[rows], {"vectors": VECTORS[rows], "counts": COUNTS[rows]})
    found: Share = pickle.loads(pickle.dumps(writer.share))  # noqa: S301 - as an engine sends it
    return found


def write_all(
    place: object, plan: SharedStep, cuts: Iterable[tuple[int, int]] = CUTS
) -> list[Share]:
    return [write(place, plan, *cut) for cut in cuts]


def options(plan: SharedStep) -> DeltaOptions:
    return DeltaOptions(
        step=plan.step,
        metadata={},
        lossy=None,
        policy=DeltaPolicy(),
        compression="auto",
        allow_nonfinite=False,
    )


def objects_below(root: Path, path: str) -> list[Path]:
    return [file for file in (root / path).rglob("*") if file.is_file()]


def test_shares_become_one_checkpoint(tmp_path: Path) -> None:
    """In the order of the shares, whatever their sizes, as plain zarr reads it; they are gone."""
    plan = pickle.loads(pickle.dumps(plan_of(tmp_path, step=7)))  # noqa: S301 - as an engine does
    shares = write_all(tmp_path, plan)
    held = {
        name.partition("/c/")[0] for share in shares if share.layer for name in share.layer.objects
    }
    assert held == {"vectors", "counts", "words/data", "words/offsets"}  # all of which is read

    found = gather(target_of(tmp_path), plan, shares, metadata={"a": 1})

    assert (found.step, found.commit, found.metadata) == (7, 1, {"a": 1})
    assert found.verify().problems == ()
    words, vectors = read_step(tmp_path, found.info().layers[0].path)
    assert words == WORDS
    assert vectors.tobytes() == VECTORS.tobytes()
    assert found.load_rows(None, None, columns=("counts",)).columns["counts"].tolist() == [*COUNTS]
    assert [share.rows for share in shares] == [1, 699, 0, 300]
    assert not any(objects_below(tmp_path, share.layer.path) for share in shares if share.layer)


def test_words_are_read_once_in_however_many_batches_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch asks for its rows alone, so that it takes one round trip and not four."""
    plan = plan_of(tmp_path, columns={})
    share = write_vectors(tmp_path, plan, WORDS, VECTORS)
    gathering = sys.modules[gather.__module__]
    monkeypatch.setattr(gathering, "_BATCH_BYTES", 100 * VECTORS[0].nbytes)
    store = RecordingStore(open_store(tmp_path))

    found = gather(target_of(store), plan, [share], metadata={})

    assert share.layer
    of_share = [key for key in store.asked if key.startswith(share.layer.path)]
    below = [key[len(share.layer.path) + 1 :].partition("/c/")[0] for key in of_share]
    assert np.array_equal(found.to_numpy(), VECTORS)
    assert Counter(below) == {"words/offsets": 1, "words/data": 1, "vectors": 10}


def test_losses_of_a_narrower_type_are_told(tmp_path: Path) -> None:
    """What the tasks' conversion cost is in the manifest, though the driver converted nothing."""
    plan = plan_of(tmp_path, dtype="float16")
    found = gather(target_of(tmp_path), plan, write_all(tmp_path, plan), metadata={})
    saved = embzarr.save(tmp_path / "other", WORDS, VECTORS, dtype="float16")
    assert np.array_equal(found.to_numpy(), saved.to_numpy())
    lossy = found._commit.manifest.base.arrays["vectors"].lossy
    assert lossy is not None
    assert 0 < lossy.max_abs_error < 0.01


def test_a_second_call_returns_the_commit(tmp_path: Path) -> None:
    """A driver that was told nothing asks again; discarding, as an abort does, harms nothing."""
    plan = plan_of(tmp_path)
    shares = write_all(tmp_path, plan)
    first = gather(target_of(tmp_path), plan, shares, metadata={})
    discard(target_of(tmp_path), shares)
    again = gather(target_of(tmp_path), plan, shares, metadata={})
    assert (again.commit, embzarr.Run(tmp_path).numbers()) == (first.commit, [1])
    assert again.verify().ok


def test_words_twice_are_named_with_their_partitions(tmp_path: Path) -> None:
    """Before anything is committed."""
    embzarr.save(tmp_path, ["old"], VECTORS[:1], counts=[1])
    plan = plan_of(tmp_path)
    shares = write_all(tmp_path, plan, [(0, 10), (10, 20), (5, 12)])
    with pytest.raises(InvalidInputError, match="in partitions 0 and 2") as caught:
        gather(target_of(tmp_path), plan, shares, metadata={})
    assert (caught.value.code, repr(WORDS[5]) in str(caught.value)) == (
        "input-duplicate-word",
        True,
    )
    assert embzarr.open(tmp_path).words == ["old"]


def test_shares_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Vectors of another length in another partition; no rows at all."""
    plan = plan_of(tmp_path, columns={})
    shares: list[Share] = []
    for dim in (4, 5, 4):
        with ShareWriter(target_of(tmp_path), plan) as writer:
            writer.append([f"of {dim} {len(shares)}"], {"vectors": np.ones((1, dim))})
        shares.append(writer.share)
    with pytest.raises(InvalidInputError, match=r"partition 1: .*\[4\].*\[5\]"):
        gather(target_of(tmp_path), plan, shares, metadata={})
    with pytest.raises(InvalidInputError, match="found none"):
        gather(target_of(tmp_path), plan, [Share(layer=None)], metadata={})
    embzarr.save(tmp_path / "held", ["a"], np.ones((1, 3)))
    later = plan_of(tmp_path / "held", columns={})
    with pytest.raises(InvalidInputError, match=r"expected rows of shape \(3,\)"):
        write_vectors(tmp_path / "held", later, ["word"], np.ones((1, 4)))
    wider = plan_of(tmp_path / "held", allow_new_dim=True)
    assert write_vectors(tmp_path / "held", wider, ["word"], np.ones((1, 4))).rows


def write_vectors(place: object, plan: SharedStep, words: list[str], vectors: Any) -> Share:
    with ShareWriter(target_of(place), plan) as writer:
        block = {name: np.ones(len(words), np.int64) for name in plan.columns}
        writer.append(words, {"vectors": vectors, **block})
    return writer.share


def test_a_failed_share_leaves_nothing(tmp_path: Path) -> None:
    """An error in the block removes what was stored."""
    wrong = COUNTS.astype(float)
    wrong[700] = np.inf
    writer = ShareWriter(target_of(tmp_path), plan_of(tmp_path))

    def fill() -> None:
        with writer:
            writer.append(WORDS[:700], {"vectors": VECTORS[:700], "counts": COUNTS[:700]})
            writer.append(WORDS[700:], {"vectors": VECTORS[700:], "counts": wrong[700:]})

    with pytest.raises(InvalidInputError):
        fill()
    assert not [*tmp_path.rglob("c/*")]


@pytest.mark.parametrize("placement", ["lexical", "hash:8"])
def test_rows_must_come_in_the_order_of_a_placement(placement: str, tmp_path: Path) -> None:
    """Rows that do are saved as such, and others refused, naming the first word."""
    sorted_by = embzarr.save(tmp_path / "sorted", WORDS, VECTORS, placement=placement)
    words, vectors = list(sorted_by), sorted_by.to_numpy()
    plan = plan_of(tmp_path, columns={})
    with ShareWriter(target_of(tmp_path), plan) as writer:
        writer.append(words, {"vectors": vectors})
    found = gather(target_of(tmp_path), plan, [writer.share], metadata={}, placement=placement)
    for index in range(3):
        part = found.load_part(index, 3, by="hash" if ":" in placement else "rows")
        same = sorted_by.load_part(index, 3, by="hash" if ":" in placement else "rows")
        assert part.words == same.words
    wrong = plan_of(tmp_path)
    shares = write_all(tmp_path, wrong)
    with pytest.raises(InvalidInputError, match="belongs elsewhere"):
        gather(target_of(tmp_path), wrong, shares, metadata={}, placement=placement)


# Deltas -------------------------------------------------------------------------------------------
def test_a_delta_updates_and_appends(tmp_path: Path) -> None:
    """Words that are there get new values, others come after, in order; the rest stays."""
    embzarr.save(tmp_path, WORDS[:600], VECTORS[:600], counts=COUNTS[:600].astype("u4"))
    plan = plan_of(tmp_path, upon=True)
    assert (plan.is_delta, plan.columns) == (True, {"counts": "uint32"})
    shares: list[Share] = []
    for start, stop in ((650, 700), (590, 650)):
        with ShareWriter(target_of(tmp_path), plan) as writer:
            rows = slice(start, stop)
            writer.append(WORDS[rows], {"vectors": -VECTORS[rows], "counts": COUNTS[rows]})
        shares.append(writer.share)

    found = gather_delta(target_of(tmp_path), plan, shares, options(plan))

    assert [layer.kind for layer in found.info().layers] == ["full", "delta"]
    assert list(found) == [*WORDS[:600], *WORDS[650:700], *WORDS[600:650]]
    assert np.array_equal(found[WORDS[:590]], VECTORS[:590])
    assert np.array_equal(found[WORDS[590:700]], -VECTORS[590:700])
    assert found.verify().ok


def test_a_delta_upon_a_commit_that_is_not_the_newest_is_refused(tmp_path: Path) -> None:
    """Whoever commits between plan and commit is not undone."""
    embzarr.save(tmp_path, WORDS[:9], VECTORS[:9], counts=COUNTS[:9])
    plan = plan_of(tmp_path, upon=True)
    shares = write_all(tmp_path, plan, [(5, 12)])
    embzarr.save(tmp_path, WORDS[:8], VECTORS[:8], counts=COUNTS[:8])
    with pytest.raises(ConflictError) as caught:
        gather_delta(target_of(tmp_path), plan, shares, options(plan))
    assert (caught.value.code, len(embzarr.open(tmp_path))) == ("commit-superseded", 8)


def test_other_columns_than_the_commits_are_refused(tmp_path: Path) -> None:
    """When the write is planned, before a task begins."""
    embzarr.save(tmp_path, WORDS[:9], VECTORS[:9], counts=COUNTS[:9])
    with pytest.raises(InvalidInputError, match=r"\['counts'\] beside vectors; found \[\]"):
        plan_of(tmp_path, upon=True, columns={})


def test_a_collection_that_took_the_shares_is_told(tmp_path: Path) -> None:
    """A job that slept longer than a collector waits commits nothing."""
    embzarr.save(tmp_path, WORDS[:9], VECTORS[:9], counts=COUNTS[:9])
    plan = plan_of(tmp_path)
    shares = write_all(tmp_path, plan)
    embzarr.Run(tmp_path).gc(keep_last=1, older_than=0)
    with pytest.raises(ConflictError) as caught:
        gather(target_of(tmp_path), plan, shares, metadata={})
    assert caught.value.code == "write-revoked"
    assert len(embzarr.open(tmp_path)) == 9


# Kills --------------------------------------------------------------------------------------------
class Dying(PassThrough):
    """After so many writes nothing more gets through, as of a process that was killed."""

    def __init__(self, store: Store, writes: int, *, is_done: bool) -> None:
        super().__init__(store)
        self.left = writes
        self._is_done = is_done
        """Whether the last write takes effect, its answer being lost."""

    def _write(self, write: Any, *given: Any) -> None:
        self.left -= 1
        if self.left > 0 or (self.left == 0 and self._is_done):
            write(*given)
        if self.left <= 0:
            raise StoreError("store-failed", "killed")

    def _read(self) -> None:
        if self.left <= 0:
            raise StoreError("store-failed", "killed")

    def put(self, key: str, data: Body) -> None:
        self._write(self.store.put, key, data)

    def create(self, key: str, data: Body) -> None:
        self._write(self.store.create, key, data)

    def delete(self, key: str) -> None:
        self._write(self.store.delete, key)

    def get(self, key: str) -> Data:
        self._read()
        return self.store.get(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        self._read()
        return self.store.get_range(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        self._read()
        return self.store.head(key)


CALM = [(0, 300), (300, 400), (400, 1000)]


def job(place: object, plan: SharedStep, *, upon: bool) -> None:
    shares = write_all(place, plan, CALM)
    if upon:
        gather_delta(target_of(place), plan, shares, options(plan))
    else:
        gather(target_of(place), plan, shares, metadata={})


def survives(place: Path, store: Dying, *, upon: bool) -> str:
    """Kill a job, look, run another, collect; return what was wrong, or nothing."""
    with suppress(StoreError):  # once it has committed, what it cannot remove is no failure
        job(store, plan_of(place, upon=upon), upon=upon)
    found = embzarr.open(place)
    if (found.commit, len(found)) not in {(1, 400), (2, ROWS)} or not found.verify().ok:
        return f"{place.name}: left {found}"
    job(place, plan_of(place, upon=upon), upon=upon)
    run = embzarr.Run(place)
    if not np.array_equal(run.open()[WORDS], VECTORS):
        return f"{place.name}: another job saved other vectors"
    run.gc(keep_last=1, older_than=0)
    kept = {layer.path for layer in run.open().info().layers}
    folders = [f"steps/{path.name}" for path in (place / "steps").iterdir() if path.is_dir()]
    left = {path for path in folders if objects_below(place, path)} - kept
    return f"{place.name}: a collection left {left}" if left else ""


@pytest.mark.faults
@pytest.mark.parametrize("upon", [False, True], ids=["overwrite", "append"])
@pytest.mark.parametrize("is_done", [False, True], ids=["not sent", "answer lost"])
def test_a_kill_after_any_write(
    upon: bool,  # noqa: FBT001 - a parameter
    is_done: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    tally: Tally,
    *,
    full: Effort,
) -> None:
    """The old step or the new one, whole; the next job succeeds; a collection leaves no orphan."""

    def begun(name: str, writes: int) -> Dying:
        place = tmp_path / name
        embzarr.save(place, WORDS[:400], VECTORS[:400] * 2, counts=COUNTS[:400])
        return Dying(open_store(place), writes, is_done=is_done)

    whole = begun("whole", 1000)
    job(whole, plan_of(tmp_path / "whole", upon=upon), upon=upon)
    tries = full.some(range(1, 1000 - whole.left), 9)
    found = [survives(tmp_path / str(at), begun(str(at), at), upon=upon) for at in tries]
    failures = [failure for failure in found if failure]
    tally("kills of a step of shares after each write", len(tries), failures=failures)
