"""The command that scores a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.asking import Ask


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Pairs of which one is known to be alike, and an analogy."""
    (tmp_path / "pairs.tsv").write_text("king\tqueen\t9\nw1\tw2\t1\nking\tnobody\t3\n")
    (tmp_path / "analogies.txt").write_text(": all\nw1 w2 w3 w4\nw1 w2 w3 nobody\n")
    return tmp_path / "pairs.tsv", tmp_path / "analogies.txt"


def test_eval_through_a_pipe(ask: Ask, run_folder: Path, files: tuple[Path, Path]) -> None:
    """Two tables of plain numbers: pairs, then analogies by section and in all."""
    answer = ask("eval", run_folder, *files)
    assert (answer.code, answer.err) == (0, "")
    pairs, one, _, analogies, section, total = answer.rows
    assert pairs == ["pairs of", "spearman", "answered", "pairs", "coverage"]
    assert one[0] == "pairs.tsv"
    assert float(one[1]) == pytest.approx(1)
    assert one[2:4] == ["2", "3"]
    assert analogies[2:4] == ["3CosAdd", "3CosMul"]
    assert (section[1], total[1], total[4:]) == ("all", "total", ["1", "2"])


def test_eval_as_json(ask: Ask, run_folder: Path, files: tuple[Path, Path]) -> None:
    """The same for programs that read JSON, of the step asked for, with what was read."""
    document = json.loads(ask("eval", run_folder, *files, "--step", 20, "--json").out)
    assert (document["step"], document["commit"]) == (20, 2)
    assert document["similarity"][0]["coverage"] == pytest.approx(2 / 3)
    assert document["analogies"][0]["sections"][0]["questions"] == 2
    assert document["traffic"]["bytes_read"] > 0


def test_eval_looks_at_the_first_words_only(
    ask: Ask, run_folder: Path, files: tuple[Path, Path]
) -> None:
    """--restrict-vocab leaves out what lies beyond; 0 looks at all."""
    for count, answered, rows in ((100, 1, 100), (0, 2, 2009)):
        answer = ask("eval", run_folder, files[0], "--restrict-vocab", count, "--json")
        document = json.loads(answer.out)
        assert (document["similarity"][0]["answered"], document["rows"]) == (answered, rows)


def test_eval_refuses_what_is_no_task(ask: Ask, run_folder: Path, tmp_path: Path) -> None:
    """A wrong line and a missing file are one line each, with code 2."""
    (tmp_path / "wrong.txt").write_text("king queen\n")
    wrong, missing = (ask("eval", run_folder, tmp_path / name) for name in ("wrong.txt", "none"))
    assert (wrong.code, missing.code) == (2, 2)
    assert "wrong.txt, line 1: expected two words and a number" in wrong.err
    assert wrong.err.endswith("found 'king queen' [eval-format]\n")
    assert missing.err.endswith("[eval-missing]\n")
