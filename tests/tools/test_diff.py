from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr_compare import PERCENTILES, Comparison, differences
from tools.asking import WORDS, Ask, vectors


# The computation ----------------------------------------------------------------------------------
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_changes_are_those_of_whole_arrays(batch: int) -> None:
    """However rows come in batches, changes and cosines are what plain numpy says of all."""
    rng = np.random.default_rng(2)
    before = rng.standard_normal((400, 6)).astype(np.float32)
    after = before.copy()
    after[::3] += rng.standard_normal(after[::3].shape).astype(np.float32)
    after[7] = 0
    before[8, 1] = after[8, 1] = np.nan
    after[9, 1] = np.inf
    words = [f"w{number}" for number in range(400)]

    comparison = Comparison(5)
    for at in range(0, 400, batch):
        cut = slice(at, at + batch)
        comparison.add(words[cut], before[cut], after[cut])
    found = comparison.changes()

    changed = [not np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True)]
    sound = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1) & after.any(axis=1)
    old, new = before[sound].astype(float), after[sound].astype(float)
    cosines = (old * new).sum(axis=1) / np.linalg.norm(old, axis=1) / np.linalg.norm(new, axis=1)
    by_word = dict(zip(np.array(words)[sound].tolist(), cosines.tolist(), strict=True))
    assert (found.common, found.changed) == (400, sum(changed))
    assert found.cosines is not None
    expected = np.percentile(cosines, PERCENTILES)
    assert list(found.cosines.values()) == pytest.approx(expected.tolist(), abs=1e-6)
    assert [word for word, _ in found.moved] == sorted(by_word, key=by_word.__getitem__)[:5]
    assert found.without_cosine == 2
    assert found.unmeasured == (("w7", "zero now"), ("w9", "not finite"))


def test_vectors_of_another_length_have_no_cosine() -> None:
    """All rows changed then, and nothing is said of angles."""
    comparison = Comparison(5)
    comparison.add(["a", "b"], np.ones((2, 3)), np.ones((2, 4)))
    found = comparison.changes()
    assert (found.common, found.changed, found.cosines, found.moved) == (2, 2, None, ())


def test_metadata_that_differs_is_named_by_its_path() -> None:
    """Nested members have a dotted path; None stands for what is not there."""
    before: dict[str, Any] = {"a": 1, "b": {"c": [1], "d": 2}, "e": None, "same": {"x": 1}}
    after: dict[str, Any] = {"a": 1, "b": {"c": [2]}, "same": {"x": 1}, "new": "x"}
    assert differences(before, after) == {
        "b.c": ([1], [2]),
        "b.d": (2, None),
        "e": (None, None),
        "new": (None, "x"),
    }


def test_words_without_a_cosine_are_named(ask: Ask, tmp_path: Path) -> None:
    """A vector that became zero, one that was, and one that overflowed; `count` of them."""
    before = np.array([[1, 1], [0, 0], [1, 1], [0, 0], [1, 1]], np.float32)
    after = np.array([[0, 0], [1, 1], [np.inf, 1], [0, 0], [1, 2]], np.float32)
    words = ["gone", "come", "burst", "none", "turned"]
    for name, rows in (("a", before), ("b", after)):
        embzarr.save(tmp_path / name, words, rows, allow_nonfinite=True)
    found = json.loads(ask("diff", tmp_path / "a", tmp_path / "b", "--json").out)
    few = json.loads(ask("diff", tmp_path / "a", tmp_path / "b", "--json", "-n", 1).out)

    first = [("gone", "zero now"), ("come", "zero before"), ("burst", "not finite")]
    assert found["rows_changed"] == 4
    assert [one["word"] for one in found["moved"]] == ["turned"]
    assert found["without_cosine"]["count"] == few["without_cosine"]["count"] == 3
    assert [(one["word"], one["why"]) for one in found["without_cosine"]["first"]] == first
    assert few["without_cosine"]["first"] == [{"word": "gone", "why": "zero now"}]
    assert ["zero now", "gone", ""] in ask("diff", tmp_path / "a", tmp_path / "b").rows


# The command --------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def changed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another run: rows in another order, a word lost, two added, one turned round, one longer."""
    folder = tmp_path_factory.mktemp("changed")
    table = vectors()
    table[5] *= -1
    table[6] *= 2
    words = ["new", *WORDS[:0:-1], "newer"]
    rows = np.concatenate((table[:1], table[:0:-1], table[:1]))
    embzarr.save(folder, words, rows, step=31, metadata={"note": "other", "trainer": {"window": 5}})
    return folder


def test_diff_of_two_runs(ask: Ask, run_folder: Path, changed_run: Path) -> None:
    """Words are matched wherever they lie; what was done to the other run is what is told."""
    found = json.loads(ask("diff", run_folder, changed_run, "-n", 3, "--json").out)
    told = {
        "from",
        "to",
        "words",
        "rows_changed",
        "cosine",
        "moved",
        "without_cosine",
        "tensors",
        "files",
        "metadata",
    }
    assert found.keys() == told
    about = {"url", "step", "commit", "rows", "dim", "dtype"}
    assert found["from"].keys() == found["to"].keys() == about
    assert (found["from"]["step"], found["to"]["step"]) == (30, 31)
    assert found["words"] == {
        "common": len(WORDS) - 1,
        "added": 2,
        "lost": 1,
        "first_added": ["new", "newer"],
        "first_lost": ["w0"],
    }
    assert found["rows_changed"] == 2
    assert [one["word"] for one in found["moved"]] == ["w5", "w6"]
    assert [one["cosine"] for one in found["moved"]] == pytest.approx([-1, 1])
    assert found["cosine"]["p0"] == pytest.approx(-1)
    assert found["cosine"]["p1"] == found["cosine"]["p100"] == pytest.approx(1)
    assert found["metadata"] == {
        "note": {"from": "a\nb", "to": "other"},
        "trainer.alpha": {"from": 0.025, "to": None},
    }


def test_diff_of_two_steps_of_a_run(ask: Ask, run_folder: Path) -> None:
    """Without another URL, two commits of the same run are compared."""
    found = json.loads(ask("diff", run_folder, "--tag", "best", "--to-step", 30, "--json").out)
    assert (found["from"]["step"], found["to"]["step"]) == (20, 30)
    assert found["rows_changed"] == found["words"]["common"] == len(WORDS)
    assert (found["words"]["added"], found["words"]["lost"], found["metadata"]) == (0, 0, {})
    assert len(found["moved"]) == 10


def test_nothing_changed_is_told_so(ask: Ask, run_folder: Path) -> None:
    """A checkpoint compared with itself has no change and cosines of one."""
    found = json.loads(ask("diff", run_folder, "--json").out)
    assert (found["rows_changed"], found["moved"]) == (0, [])
    assert set(found["cosine"].values()) == {1.0}


def test_diff_fits_eighty_columns(
    ask_on_terminal: Ask, run_folder: Path, changed_run: Path
) -> None:
    """A terminal shows tables that fit; a pipe gets the same in columns of plain text."""
    answer = ask_on_terminal("diff", run_folder, changed_run, "-n", 3)
    assert (answer.code, answer.err) == (0, "")
    assert all(len(line) <= 80 for line in answer.out.splitlines())
    assert "w5" in answer.out


def test_diff_through_a_pipe(ask: Ask, run_folder: Path, changed_run: Path) -> None:
    """Names stand before plain numbers."""
    rows = ask("diff", run_folder, changed_run, "-n", 1).rows
    assert ["step", "30", "31"] in rows
    assert ["changed", "2"] in rows
    assert ["added", "new", ""] in rows


def test_diff_of_tensors_and_files(ask: Ask, tmp_path: Path) -> None:
    """Names that came and went, and how far numbers moved, without a table too."""
    old = {"w": np.ones((2, 2)), "kept": np.ones(3), "gone": np.ones(1), "n": np.arange(4)}
    new = {"w": np.array([[1, 1], [1, 3.0]]), "kept": np.ones(3), "n": np.arange(5)}
    embzarr.save(tmp_path / "a", tensors=old, files={"x": b"1", "y": b"2"})
    embzarr.save(tmp_path / "b", tensors=new, files={"x": b"1", "y": b"22", "z": b""})
    found = json.loads(ask("diff", tmp_path / "a", tmp_path / "b", "--json").out)

    assert found["tensors"] == {
        "added": [],
        "lost": ["gone"],
        "same": 1,
        "changed": [
            {
                "name": "n",
                "from": {"shape": [4], "dtype": "int64"},
                "to": {"shape": [5], "dtype": "int64"},
                "numbers": None,
                "max_abs": None,
                "relative": None,
            },
            {
                "name": "w",
                "from": {"shape": [2, 2], "dtype": "float64"},
                "to": {"shape": [2, 2], "dtype": "float64"},
                "numbers": 1,
                "max_abs": 2.0,
                "relative": 1.0,
            },
        ],
    }
    changed = [{"name": "y", "from": 1, "to": 2}]
    assert found["files"] == {"added": ["z"], "lost": [], "same": 1, "changed": changed}
    lines = ask("diff", tmp_path / "a", tmp_path / "b").out.splitlines()
    assert "gone\tlost\t\t" in lines
    assert "w\tchanged\t1.0\t2.0" in lines
