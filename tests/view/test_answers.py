"""What the page shows is what the SDK answers, read in parts, and shows as it is."""

from __future__ import annotations

import gc
import json
import shutil
import sys
import threading
import time
import types
import warnings
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

import embzarr
import embzarr_eval
from embzarr_view import _map
from embzarr_view._answers import Answers, Asked
from embzarr_view._changed import compared
from embzarr_view._history import History
from embzarr_view._jobs import Job, Jobs
from embzarr_view._opened import Opened
from embzarr_view._words import neighbours
from tools.asking import flip_bit
from view.runs import DIM, HOSTILE, KINGS, SCRIPT, STEPS, WORDS


class Page:
    """Asks as the page does, and takes only what JSON can hold."""

    def __init__(self, url: object, files: Sequence[Path] = ()) -> None:
        self._answers = Answers(Opened(str(url)), files)

    def ask(self, name: str, **given: object) -> Any:
        """Return an answer; no letter of it steers anything, none of its texts is long."""
        asked = Asked({key: str(value) for key, value in given.items()})
        found = (self._answers.questions | self._answers.orders)[name](asked)
        for text in texts(found):
            assert text.replace("\n", "").isprintable()
            assert len(text) <= 2_000
        return json.loads(json.dumps(found, allow_nan=False))

    def done(self, kind: str) -> Any:
        """Wait for a job."""
        while (job := self.ask("job", kind=kind))["state"] == "running":
            pass
        return job


def texts(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found]
    if isinstance(found, dict):
        return [text for pair in found.items() for one in pair for text in texts(one)]
    if isinstance(found, list | tuple):
        return [text for one in found for text in texts(one)]
    return []


@pytest.fixture
def page(looked_at: Path) -> Page:
    return Page(looked_at)


def test_steps_are_told_with_what_their_metadata_counts(page: Page, looked_at: Path) -> None:
    """Newest first, each with size, kind, tags and writer; losses as lines, counters not."""
    found = page.ask("history")
    commits = embzarr.Run(looked_at).commits()

    told = [
        (one["commit"], one["step"], one["kind"], one["bytes_written"]) for one in found["steps"]
    ]
    assert told == [(c.commit, c.step, c.kind, c.bytes_stored) for c in commits]
    assert [one["tags"] for one in found["steps"] if one["tags"]] == [["best"]]
    assert {"full", "delta"} <= {one["kind"] for one in found["steps"]}
    lines = {one["path"]: one["points"] for one in found["series"]}
    assert [*lines][:3] == [f"trainer.metrics.{n}" for n in ("loss", "alpha", "words_per_second")]
    assert lines["trainer.metrics.loss"] == [[n * 100, 3 / n] for n in range(1, STEPS + 1)]
    assert "trainer.metrics.step" not in lines
    assert SCRIPT in lines


def test_older_steps_come_when_asked_for(page: Page, looked_at: Path) -> None:
    """A page of steps ends before the number that was given."""
    newest = page.ask("history")
    older = page.ask("history", before=5)
    assert [one["commit"] for one in older["steps"]] == [4, 3, 2, 1]
    assert newest["older"] is None
    assert page.ask("newest") == {"newest": STEPS}

    history, before, commits = History(Opened(str(looked_at))), None, list[int]()
    while True:
        found = history.page(before, most=7)
        commits += [one["commit"] for one in found["steps"]]
        if (before := found["older"]) is None:
            break
    assert commits == list(range(STEPS, 0, -1))


def test_a_damaged_commit_is_told_beside_the_others(looked_at: Path, tmp_path: Path) -> None:
    """The history goes on around a manifest that cannot be read."""
    run = Path(shutil.copytree(looked_at, tmp_path / "run"))
    (run / "commits").joinpath(
        sorted(path.name for path in (run / "commits").iterdir())[6]
    ).write_text("{")

    steps = Page(run).ask("history")["steps"]
    broken = [one for one in steps if "error" in one]
    assert len(steps) == STEPS
    assert len(broken) == 1
    assert broken[0]["error"].endswith("]")


@pytest.mark.parametrize("row", [0, len(KINGS), len(WORDS) - 1])
def test_a_word_is_told_by_its_row(page: Page, looked_at: Path, row: int) -> None:
    """Its vector and count are those of the newest step."""
    found = page.ask("word", row=row)
    vector = embzarr.open(looked_at)[WORDS[row]]

    assert found["word"] == WORDS[row]
    assert found["count"] == (len(WORDS) - row) ** 2
    np.testing.assert_allclose(found["vector"], vector, rtol=1e-6)
    np.testing.assert_allclose(found["length"], np.linalg.norm(vector), rtol=1e-5)


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_found_by_their_rows(page: Page, word: str) -> None:
    """What is long is cut, and what steers is spelled out; the row leads to it all the same."""
    row = WORDS.index(word)
    assert page.ask("word", row=row)["letters"] == len(word)
    assert page.ask("word", row=row)["bytes"] == len(word.encode())
    assert len(page.ask("neighbours", row=row)["near"]) == 15


def test_neighbours_are_those_of_the_sdk(page: Page, looked_at: Path) -> None:
    """With their rows, nearest first."""
    found = page.ask("neighbours", row=0, commit=1)
    expected = embzarr.open(looked_at, commit=1).most_similar("king", topn=15)

    rows = [(WORDS[one["row"]], one["cosine"]) for one in found["near"]]
    assert [word for word, _ in rows] == [word for word, _ in expected]
    np.testing.assert_allclose([c for _, c in rows], [c for _, c in expected], rtol=1e-5)
    assert found["near"][0]["word"] == "queen"
    assert found["among"] == len(WORDS)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("kin", ["king", "kingdom", "kin"]),
        ("猫", ["猫", "猫咪"]),
        ("w29", ["w29", *(f"w{n}" for n in range(290, 300))]),
        ("nothing", []),
    ],
)
def test_words_are_completed(page: Page, prefix: str, expected: list[str]) -> None:
    """The first rows come first, which are the commonest."""
    found = page.ask("complete", prefix=prefix)["words"]
    assert [one["word"] for one in found] == expected
    assert [WORDS[one["row"]] for one in found] == expected


def test_the_commonest_words_are_read_ahead(looked_at: Path) -> None:
    """What begins many of them is completed without a request."""
    opened = Opened(str(looked_at))
    answers = Answers(opened)
    answers.read_ahead().join()
    before = opened.checkpoint(STEPS).traffic

    found = answers.questions["complete"](Asked({"commit": str(STEPS), "prefix": "w1"}))

    assert [one["word"] for one in found["words"]] == [w for w in WORDS if w.startswith("w1")][:12]
    assert opened.checkpoint(STEPS).traffic == before


@pytest.mark.parametrize("kind", ["tensors", "damaged"])
def test_what_cannot_be_read_ahead_is_told_to_who_asks(tmp_path: Path, kind: str) -> None:
    """Reading ahead fails silently, and the page is there all the same."""
    embzarr.save(tmp_path, **({"tensors": {"a": np.ones(3)}} if kind == "tensors" else _table()))
    for shard in tmp_path.glob("steps/*/words/*/c/0"):
        shard.write_bytes(b"")
    answers = Answers(Opened(str(tmp_path)))
    answers.read_ahead().join()

    with pytest.raises(embzarr.EmbzarrError):
        answers.questions["complete"](Asked({"prefix": "a"}))


def _table() -> dict[str, Any]:
    return {"words": ["a", "b"], "vectors": np.eye(2, dtype="f4")}


def test_words_beyond_the_commonest_are_completed_too(
    looked_at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no first row has comes by the lookup, each word once."""
    monkeypatch.setattr("embzarr_view._words._COMMON_ROWS", 1)
    found = Page(looked_at).ask("complete", prefix="ki")["words"]
    assert [one["word"] for one in found] == ["king", "kin", "kingdom"]


def test_a_drift_is_told_over_the_steps(page: Page, looked_at: Path) -> None:
    """The cosine with the vector of now, at each step, and NaN as nothing."""
    commits = [1, 5, STEPS]
    found = page.ask("drift", rows="2,0", commits="1,5,20")
    steps = [embzarr.open(looked_at, commit=commit) for commit in commits]
    for line, word in zip(found["cosines"], ("kin", "king"), strict=True):
        expected = [_cosine(one[word], steps[-1][word]) for one in steps]
        np.testing.assert_allclose(line, expected, rtol=1e-5)
    pair = [_cosine(one["king"], one["kin"]) for one in steps]
    np.testing.assert_allclose(found["to_first"][1], pair, rtol=1e-5)
    assert found["steps"] == [100, 500, STEPS * 100]


def _cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_a_word_that_was_not_there_yet_has_no_drift(tmp_path: Path) -> None:
    """A step before the word is a gap in its line."""
    run = embzarr.Run(tmp_path)
    run.save(["a"], np.ones((1, 2), "f4"), step=1)
    run.save_delta([1], np.ones((1, 2), "f4"), words=["b"], step=2)
    found = Page(tmp_path).ask("drift", rows="0,1", commits="1,2")
    assert found["cosines"] == [[1.0, 1.0], [None, 1.0]]


def test_a_map_has_the_axes_of_most_variance(page: Page, looked_at: Path) -> None:
    """Compared with the singular vectors that numpy finds; the sign of an axis is free."""
    found = page.ask("map", count=200, method="pca")
    rows = embzarr.open(looked_at).load_rows(0, 200).vectors.astype(float)
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    centred = directions - directions.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    for name, axis in zip("xy", axes, strict=False):
        np.testing.assert_allclose(np.abs(found[name]), np.abs(centred @ axis), atol=1e-3)
        assert found[name] == np.round(found[name], 4).tolist() != np.round(found[name], 3).tolist()
    np.testing.assert_allclose(found["shares"], sizes[:2] ** 2 / (sizes**2).sum(), rtol=1e-5)
    assert [one["row"] for one in found["words"]] == list(range(200))


def test_rows_without_a_direction_are_left_out_of_a_map(tmp_path: Path) -> None:
    """Zero and what is not finite lie nowhere; one dimension is a line."""
    vectors = np.array([[1], [0], [np.nan], [2]], "f4")
    embzarr.save(tmp_path, list("abcd"), vectors, allow_nonfinite=True)
    found = Page(tmp_path).ask("map", count=100, method="pca")
    assert [one["word"] for one in found["words"]] == ["a", "d"]
    assert found["y"] == [0, 0]
    assert found["left_out"] == 2


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # its libraries warn of themselves
def test_a_map_by_umap(page: Page) -> None:
    """Where it is installed; each word has a place, and the same one each time."""
    pytest.importorskip("umap")
    found = page.ask("map", count=60, method="umap")
    assert len(found["x"]) == 60
    assert np.ptp(found["x"]) > 0
    assert found == page.ask("map", count=60, method="umap")
    assert page.ask("history")["maps"] == ["pca", "umap"]


def test_a_map_by_umap_is_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of up to fifteen neighbours by their cosines, one thread and one seed; of few words fewer."""
    asked: list[dict[str, Any]] = []

    class Umap:
        """Stands for umap's."""

        def __init__(self, **settings: Any) -> None:
            asked.append(settings)

        def fit_transform(self, points: np.ndarray) -> np.ndarray:
            """Return the first two numbers of each point."""
            warnings.warn("of its own settings", UserWarning, stacklevel=1)
            return points[:, :2].astype("f4")

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Umap))
    for count, near in ((4, 3), (15, 14), (16, 15), (40, 15)):
        points = np.arange(3.0 * count).reshape(count, 3)
        np.testing.assert_array_equal(_map._umap(points), points[:, :2], strict=True)
        fixed = {"metric": "cosine", "random_state": 1, "n_jobs": 1}
        assert asked[-1] == {"n_neighbors": near, **fixed}


def test_storage_adds_up(page: Page, looked_at: Path) -> None:
    """Shards of arrays are their bytes, and chunks with what ends a shard are its bytes."""
    found = page.ask("storage", commit=4)
    assert found["bytes_stored"] == embzarr.open(looked_at, commit=4).info().bytes_stored
    assert sum(one["bytes_stored"] for one in found["layers"]) == found["bytes_stored"]
    for one in found["arrays"]:
        assert sum(box["bytes"] for box in one["boxes"]) == one["bytes_stored"]
    vectors = found["arrays"][0]
    shard = page.ask("chunks", commit=4, layer=0, array="vectors", shard=0)
    index = 16 * vectors["shard_chunks"] + 4
    assert sum(box["bytes"] for box in shard["boxes"]) == vectors["boxes"][0]["bytes"] - index


def test_many_shards_are_told_together() -> None:
    """A picture has room for some hundred boxes."""
    from embzarr_view._stored import boxes  # noqa: PLC0415 - the only use

    found = boxes(np.arange(1000))
    assert len(found) <= 400
    assert sum(one["bytes"] for one in found) == 499_500
    assert [one["first"] for one in found[1:]] == [one["last"] + 1 for one in found[:-1]]


def test_tensors_and_files_are_told(page: Page) -> None:
    """By name; the beginning of one of each comes when asked for."""
    found = page.ask("contents")
    assert [one["name"] for one in found["tensors"]] == sorted(["layer.weight", SCRIPT])
    assert page.ask("tensor", at=1)["numbers"] == list(range(64))
    assert page.ask("tensor", at=1)["most"] == 599
    assert page.ask("file", at=1)["text"] == '{"a": "<b>"}'
    assert page.ask("file", at=0)["text"] is None
    assert SCRIPT in page.ask("about")["metadata"]


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 0), (1, 10**6), (2, 3, 4), (10**6,)])
def test_little_is_read_of_a_tensor(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """However it is shaped, its first numbers are those of the array."""
    array = np.random.default_rng(0).standard_normal(shape).astype("f4")
    saved = embzarr.save(tmp_path, tensors={"a": array})
    found = Page(tmp_path).ask("tensor", at=0)

    assert found["seen"] == min(array.size, 4096)
    np.testing.assert_allclose(found["numbers"], array.reshape(-1)[:64], rtol=1e-6)
    assert saved.tensors["a"].shape == shape


def test_damage_is_found_with_its_rows_and_words(looked_at: Path, tmp_path: Path) -> None:
    """A verification tells chunk, rows and words, hostile ones as text."""
    run = Path(shutil.copytree(looked_at, tmp_path / "run"))
    page = Page(run)
    page.ask("verify", commit=1)
    assert page.done("verify")["result"]["sound"]

    flip_bit(run, "steps/100-*/vectors/c/0/0", 5)
    page.ask("verify", commit=1)
    job = page.done("verify")
    (problem,) = [one for one in job["result"]["problems"] if one["code"] == "chunk-checksum"]
    assert job["state"] == "done"
    assert job["done"] == job["total"] > 0
    assert problem["rows"] == [0, len(WORDS)]
    assert problem["words"][0] == "king"

    page.ask("verify", commit=1, quick=1)
    assert page.done("verify")["result"]["sound"]


def test_a_job_can_be_stopped_and_may_fail(page: Page) -> None:
    """What was stopped says so, and what could not be done says why."""
    page.ask("verify", commit=STEPS + 1)
    assert page.done("verify")["error"].endswith("[commit-missing]")
    assert page.ask("job", kind="compare") is None

    jobs = Jobs()

    def work(job: Job) -> None:
        while True:
            job.advance(1, 2)

    jobs.start("endless", {}, work)
    assert jobs.start("endless", {"other": 1}, work)["about"] == {}
    jobs.stop("endless")
    found = _ended(jobs, "endless")
    assert (found["state"], found["error"]) == ("stopped", None)


def test_jobs_of_two_kinds_work_one_after_the_other() -> None:
    """Each may take all memory that a page is to take; who waits says so, and can be stopped."""
    jobs, go = Jobs(), threading.Event()
    jobs.start("first", {}, lambda _: go.wait())
    jobs.start("second", {}, lambda _: "done")
    jobs.start("third", {}, lambda _: "done")

    jobs.stop("third")

    assert _ended(jobs, "third")["state"] == "stopped"
    assert [_look(jobs, kind)["waits"] for kind in ("first", "second")] == [False, True]
    go.set()
    assert _ended(jobs, "second")["result"] == "done"


def _look(jobs: Jobs, kind: str) -> dict[str, Any]:
    found = jobs.look(kind)
    assert found is not None
    return found


def _ended(jobs: Jobs, kind: str) -> dict[str, Any]:
    while (found := _look(jobs, kind))["state"] == "running":
        time.sleep(0.01)
    return found


def test_steps_are_scored(looked_at: Path, tmp_path: Path) -> None:
    """On files of word pairs, each step, as `embzarr_eval` scores it."""
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("king\tqueen\t9\nkin\tkingdom\t1\nking\tw1\t3\n")
    page = Page(looked_at, [pairs])
    assert page.ask("history")["may_score"]
    page.ask("scores")
    (line,) = page.done("scores")["result"]
    expected = embzarr_eval.evaluate(embzarr.open(looked_at, commit=1), [pairs]).similarity[0]

    assert line["path"] == "pairs.tsv"
    assert len(line["points"]) == STEPS
    assert line["points"][0] == [100, expected.spearman]


@pytest.mark.parametrize("stop", [None, 3])
def test_two_steps_are_compared(page: Page, looked_at: Path, stop: int | None) -> None:
    """The rows that changed are those that the vectors tell, of all rows or of the first."""
    page.ask("compare", before=1, after=2, **({} if stop is None else {"stop": stop}))
    found = page.done("compare")["result"]
    old, new = (embzarr.open(looked_at, commit=n).to_numpy()[:stop] for n in (1, 2))

    assert found["changed"] == int((old != new).any(axis=1).sum())
    assert sum(found["histogram"]["counts"]) == len(old)
    assert (found["added"], found["lost"]) == (0, 0)
    assert {one["word"] for one in found["moved"]} == {
        WORDS[row] for row in np.flatnonzero((old != new).any(axis=1))
    }


def test_words_that_came_and_went_are_told(tmp_path: Path) -> None:
    """Counted among all words, also where only the first rows' vectors are compared."""
    run = embzarr.Run(tmp_path)
    run.save(list("abcd"), np.eye(4, dtype="f4"), step=1)
    run.save(list("bcde"), np.eye(4, dtype="f4")[[1, 2, 3, 0]], step=2)
    for stop in ({}, {"stop": 1}):
        page = Page(tmp_path)
        page.ask("compare", before=1, after=2, **stop)
        found = page.done("compare")["result"]
        assert (found["common"], found["added"], found["lost"]) == (3, 1, 1)
        assert (found["first_added"], found["first_lost"]) == (["e"], ["a"])


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("word", {"row": len(WORDS)}),
        ("word", {"row": "-1"}),
        ("word", {"row": "²"}),
        ("word", {"row": 10**30}),
        ("word", {}),
        ("word", {"row": 0, "commit": "x"}),
        ("neighbours", {}),
        ("drift", {"rows": "", "commits": "1"}),
        ("drift", {"rows": ",".join(["1"] * 9), "commits": "1"}),
        ("drift", {"rows": "0", "commits": "1,x"}),
        ("map", {"count": 5001, "method": "pca"}),
        ("map", {"count": 10, "method": "<b>"}),
        ("chunks", {"layer": 0, "shard": 99, "array": "vectors"}),
        ("chunks", {"layer": 9, "shard": 0, "array": "vectors"}),
        ("chunks", {"layer": 0, "shard": 0, "array": "../x"}),
        ("complete", {"prefix": "x" * 5000}),
        ("verify", {}),
        ("about", {"commit": 99}),
    ],
)
def test_bad_questions_are_typed_errors(page: Page, name: str, given: dict[str, object]) -> None:
    """Each parameter is checked, and what is not there is named by its code."""
    with pytest.raises(embzarr.EmbzarrError):
        page.ask(name, **given)


def test_a_store_of_tensors_alone_is_looked_at(tmp_path: Path) -> None:
    """Without words there is a history, storage and contents; words are an error with its code."""
    embzarr.save(tmp_path, tensors={"a": np.ones(3)}, step=1)
    page = Page(tmp_path)
    assert page.ask("history")["steps"][0]["rows"] is None
    assert page.ask("storage")["arrays"]
    with pytest.raises(embzarr.NotFoundError, match="table-missing"):
        page.ask("word", word="a")


def test_a_store_that_changes_is_followed(tmp_path: Path) -> None:
    """New commits show when asked again; one that was given up is told of by its code."""
    run = embzarr.Run(tmp_path)
    run.save(["a"], np.ones((1, DIM), "f4"), step=1)
    page = Page(tmp_path)
    assert page.ask("newest") == {"newest": 1}
    run.save(["a"], np.ones((1, DIM), "f4"), step=2)
    assert [one["step"] for one in page.ask("history")["steps"]] == [2, 1]

    run.gc(keep_last=1, older_than=0)
    with pytest.raises(embzarr.NotFoundError, match="commit-expired"):
        page.ask("word", row=0, commit=1)


def test_vectors_and_columns_of_a_stranger_are_shown_in_part(tmp_path: Path) -> None:
    """A matrix of axes by axes, or all numbers of a row, would take what no page may take."""
    dim, wide = 150_000, 60_000
    words = [f"w{row}" for row in range(12)]
    angles = np.arange(len(words)) / 2
    vectors = np.zeros((len(words), dim), np.float32)
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    numbers = np.ones((len(words), wide), np.float32)
    columns: dict[str, ArrayLike] = {"wide": numbers, "plain": np.arange(len(words))}
    embzarr.save(tmp_path, words, vectors, columns=columns)
    page = Page(tmp_path)

    found = page.ask("map", count=12, method="pca")
    word = page.ask("word", word="w3")

    assert len(found["x"]) == 12
    assert len({*zip(found["x"], found["y"], strict=True)}) == 12
    assert len(word["vector"]) == 16_384
    assert word["columns"] == {"plain": "3"}


@pytest.mark.parametrize(("points", "dim"), [(40, 7), (7, 40), (9, 9), (1, 5), (2, 1)])
def test_axes_are_those_of_largest_variance_however_long_vectors_are(points: int, dim: int) -> None:
    """Whether of the matrix of dimensions or of points, as numpy's singular values have them."""
    centred = np.random.default_rng(3).normal(size=(points, dim))
    centred -= centred.mean(axis=0)
    _, singular, expected = np.linalg.svd(centred)

    values, axes = _map._axes(centred)

    found = min(points, dim)
    np.testing.assert_allclose(values[:found], singular[:found] ** 2, atol=1e-9)
    for at in range(min(2, found - 1)):
        assert abs(abs(axes[:, at] @ expected[at]) - 1) < 1e-6


@pytest.mark.parametrize("text", ["0" * 30 + "9" * 30, str(2**53), "9" * 4096])
def test_a_number_is_no_larger_than_any_that_a_store_has(page: Page, text: str) -> None:
    """However it begins."""
    with pytest.raises(embzarr.InvalidInputError, match="a whole number"):
        page.ask("about", commit=text)


def test_room_is_made_at_once(looked_at: Path) -> None:
    """What was let go of is gone before the work that needs the room, cycles or not."""
    opened = Opened(str(looked_at))
    gc.disable()
    try:
        compared(opened, 1, STEPS, stop=None, job=Job({}))
        neighbours(opened, opened.checkpoint(), 0, every=False)
        chunks = weakref.ref(opened._cache)
        assert chunks() is not None
        opened.make_room()
        end = time.monotonic() + 30
        while chunks() is not None and time.monotonic() < end:
            time.sleep(0.01)  # a thread that has just given its answer holds it a moment longer
        assert chunks() is None
    finally:
        gc.enable()
