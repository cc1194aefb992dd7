"""Commands that look at vectors: head, stats, similar with several words, analogy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import embzarr
from tools.asking import DIM, WORDS, Ask, vectors


def test_head_shows_the_first_rows(ask: Ask, run_folder: Path) -> None:
    """As many as are asked for, in row order, exact; ten by default."""
    rows = ask("head", run_folder, "-n", 3).rows
    assert [row[0] for row in rows] == WORDS[:3]
    assert np.array_equal(np.array([row[1:] for row in rows], np.float32), vectors()[:3])
    assert len(ask("head", run_folder).rows) == 10
    assert ask("head", run_folder, "-n", 0).out == ""


def test_head_as_json(ask: Ask, run_folder: Path) -> None:
    """A line is an object with word, row and vector."""
    lines = ask("head", run_folder, "-n", 2, "--json").out.splitlines()
    found = [json.loads(line) for line in lines]
    assert [(one["word"], one["row"], len(one["vector"])) for one in found] == [
        ("w0", 0, DIM),
        ("w1", 1, DIM),
    ]


def test_stats_as_json(ask: Ask, run_folder: Path) -> None:
    """The JSON document has a fixed shape, and its lengths are the vectors' own."""
    document = json.loads(ask("stats", run_folder, "--json").out)
    assert document.keys() == {
        "step",
        "dim",
        "dtype",
        "rows",
        "zero_rows",
        "nonfinite_rows",
        "duplicate_rows",
        "mean_cosine",
        "norms",
    }
    cuts = {f"p{cut}" for cut in (1, 5, 25, 50, 75, 95, 99)}
    assert document["norms"].keys() == {"min", "mean", "max", *cuts}
    lengths = np.linalg.norm(vectors().astype(np.float64), axis=1)
    assert document["rows"] == len(WORDS)
    assert document["norms"]["p50"] == pytest.approx(np.median(lengths), rel=1e-6)


def test_stats_of_some_rows(ask: Ask, run_folder: Path) -> None:
    """--rows looks at those alone, and a pipe gets names and plain numbers."""
    fields = dict(ask("stats", run_folder, "--rows", "5:15").rows)
    lengths = np.linalg.norm(vectors()[5:15].astype(np.float64), axis=1)
    assert (fields["rows"], fields["zero rows"]) == ("10", "0")
    assert float(fields["norm max"]) == pytest.approx(lengths.max(), rel=1e-6)


def test_stats_fit_eighty_columns(ask_on_terminal: Ask, run_folder: Path) -> None:
    """A terminal shows one figure a line."""
    answer = ask_on_terminal("stats", run_folder)
    assert "mean cosine" in answer.out
    assert all(len(line) <= 80 for line in answer.out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "positive", "negative"),
    [
        (("w1", "w2"), ["w1", "w2"], []),
        (("w1", "--positive", "w2"), ["w1", "w2"], []),
        (("w1", "--positive", "w2", "--negative", "w3"), ["w1", "w2"], ["w3"]),
        (("--negative", "w3"), [], ["w3"]),
    ],
)
def test_similar_takes_several_words(
    ask: Ask, run_folder: Path, arguments: tuple[str, ...], positive: list[str], negative: list[str]
) -> None:
    """Words, --positive and --negative ask what most_similar answers."""
    found = json.loads(ask("similar", run_folder, *arguments, "--json", "-n", 4).out)
    expected = embzarr.open(run_folder).most_similar(positive, negative=negative, topn=4)
    assert [(one["word"], one["cosine"]) for one in found] == expected


def test_similar_needs_a_word(ask: Ask, run_folder: Path) -> None:
    """Nothing is similar to nothing."""
    answer = ask("similar", run_folder)
    assert (answer.code, answer.out) == (2, "")
    assert "give a word" in answer.err


def test_analogy_is_short_for_similar(ask: Ask, run_folder: Path) -> None:
    """A B C asks for B and C without A; with a limit, among the first rows alone."""
    assert (
        ask("analogy", run_folder, "w1", "w2", "w3").out
        == ask("similar", run_folder, "w2", "w3", "--negative", "w1").out
    )
    rows = ask("analogy", run_folder, "w1", "w2", "w3", "--restrict-vocab", 50).rows[1:]
    assert all(int(word.removeprefix("w")) < 50 for word, _ in rows)


def test_analogy_names_a_word_that_is_not_there(ask: Ask, run_folder: Path) -> None:
    """A word that the vocabulary does not hold is an answer: exit code 1."""
    answer = ask("analogy", run_folder, "w1", "nowhere", "w3")
    assert answer.code == 1
    assert "no word 'nowhere'" in answer.err
