"""``embzarr publish``: nothing while parts are missing, then one commit, however often asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import embzarr
from tools.asking import DIM, WORDS, Ask, vectors


def write(folder: Path, plan: embzarr.StepPlan, index: int) -> None:
    with embzarr.write_part(folder, plan, index) as part:
        part.append(vectors()[part.start : part.stop])


def test_a_planned_step_is_published(ask: Ask, tmp_path: Path) -> None:
    """Missing parts are named; then the step is there, once."""
    words = [word for word in WORDS if "\n" not in word]
    run, plan_file, words_file = tmp_path / "run", tmp_path / "plan.json", tmp_path / "words.txt"
    plan = embzarr.plan_step(run, len(words), DIM, 2, step=7)
    plan_file.write_text(plan.to_json())
    words_file.write_text("\n".join(words) + "\n", encoding="utf-8")
    write(run, plan, 0)

    early = ask("publish", run, plan_file, words_file)
    assert (early.code, early.out) == (2, "")
    assert early.err.endswith("not whole yet: 1 [part-missing]\n")
    assert embzarr.Run(run).numbers() == []

    write(run, plan, 1)
    done = ask("publish", run, plan_file, words_file)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"step 7 (commit 1): {len(words):,} rows in ")
    assert ask("publish", run, plan_file, words_file).out == done.out
    found = embzarr.open(run)
    assert (found.commit, found.step, found.words) == (1, 7, words)
    np.testing.assert_array_equal(found.to_numpy(), vectors())


def test_a_step_without_a_table_is_published_without_words(ask: Ask, tmp_path: Path) -> None:
    """Tensors and files that several processes wrote are told by their number."""
    run, plan_file = tmp_path / "run", tmp_path / "plan.json"
    plan = embzarr.plan_step(run, parts=2)
    plan_file.write_text(plan.to_json())
    for index in range(2):
        with embzarr.write_part(run, plan, index) as part:
            part.add(tensors={f"w{index}": vectors()}, files={f"f{index}": b"x"})

    done = ask("publish", run, plan_file)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("step 0 (commit 1): 2 tensors, 2 files in ")
    np.testing.assert_array_equal(embzarr.open(run).tensors["w1"].load(), vectors())
    told = ask("publish", run, plan_file, "--json").out
    assert [json.loads(told)[name] for name in ("rows", "dim", "tensors", "files")] == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("king\r\nqueen\r\n", "utf-8-sig", ["king", "queen"]),
        ("king\nqueen", "utf-16", ["king", "queen"]),
        (" a\nb \n", "utf-8", [" a", "b "]),
        ("\r\nc\n", "utf-8", ["\r", "c"]),
        ("x\u0085y\nx\u2028y\n", "utf-8", ["x\u0085y", "x\u2028y"]),
        ("a\n\n", "utf-8", ["a", ""]),
    ],
)
def test_words_are_published_as_their_file_has_them(
    ask: Ask, tmp_path: Path, text: str, encoding: str, words: list[str]
) -> None:
    """What a system adds to a text is no part of a word, and what a word has is not taken away."""
    run, plan_file, words_file = tmp_path / "run", tmp_path / "plan.json", tmp_path / "words.txt"
    plan = embzarr.plan_step(run, 2, DIM, 1)
    plan_file.write_text(plan.to_json())
    words_file.write_bytes(text.encode(encoding))
    write(run, plan, 0)

    assert ask("publish", run, plan_file, words_file).code == 0
    assert embzarr.open(run).words == words


def test_what_is_no_plan_is_refused(ask: Ask, tmp_path: Path) -> None:
    """A file that holds something else is told, and nothing is written."""
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "words.txt").write_text("a\n")

    answer = ask("publish", tmp_path / "run", tmp_path / "plan.json", tmp_path / "words.txt")

    assert answer.code == 2
    assert "not a plan" in answer.err
    assert not (tmp_path / "run").exists()
