from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import embzarr
from embzarr_eval import Questions, Section, _analogies, evaluate
from embzarr_eval._vocabulary import look_up
from eval.conftest import WriteFile


def test_similarity_by_hand(clock: embzarr.Checkpoint, write_file: WriteFile) -> None:
    """Hours 1, 3 and 6 apart come in that order; pairs with an unknown word are left out."""
    path = write_file("h0\th1\t9\nh2\th5\t4\nh3\th9\t5\nh0\tnoon\t10\nnoon\tnight\t1\n")
    (found,) = evaluate(clock, [path]).similarity
    assert (found.pairs, found.answered, found.coverage) == (5, 3, 0.6)
    assert found.spearman == pytest.approx(0.5)  # ranks 3 2 1 against 3 1 2
    assert evaluate(clock, [path]).analogies == ()


def test_a_zero_vector_is_alike_to_nothing(
    clock: embzarr.Checkpoint, write_file: WriteFile
) -> None:
    """Its cosine is 0: between that of near hours and that of opposite ones."""
    path = write_file("h0 h1 3\nh0 Nought 2\nh0 h6 1\n")
    assert evaluate(clock, [path]).similarity[0].spearman == pytest.approx(1)


def test_nothing_answered(clock: embzarr.Checkpoint, write_file: WriteFile) -> None:
    """Without a known pair or question there is no score, and no error."""
    (pairs,) = evaluate(clock, [write_file("noon night 1\n")]).similarity
    assert (pairs.answered, pairs.spearman) == (0, None)
    (analogies,) = evaluate(clock, [write_file(": day\nnoon night h0 h6\n: none\n")]).analogies
    assert (analogies.total.questions, analogies.total.answered) == (1, 0)
    assert (analogies.total.add, analogies.total.mul) == (None, None)


def test_analogies_by_hand(clock: embzarr.Checkpoint, write_file: WriteFile) -> None:
    """By adding, h0 to h2 turns h1 to h3; by multiplying, what is opposite to h0 wins: h6."""
    path = write_file(": add\nh0 h2 h1 h3\nh0 h1 h2 h3\n: mul\nh0 h2 h1 h6\nh0 h2 h1 noon\n")
    add, mul = evaluate(clock, [path]).analogies[0].sections
    assert (add.questions, add.answered, add.add_correct, add.mul_correct) == (2, 2, 2, 0)
    assert (mul.questions, mul.answered, mul.add_correct, mul.mul_correct) == (2, 1, 0, 1)
    total = evaluate(clock, [path]).analogies[0].total
    assert (total.add, total.mul) == pytest.approx((2 / 3, 1 / 3))
    assert (total.as_json()["add"], total.as_json()["mul"]) == (total.add, total.mul)


def test_words_of_the_question_are_no_answers(
    clock: embzarr.Checkpoint, write_file: WriteFile
) -> None:
    """h1 to h1 as h5 to: h5 itself would be best, and is left out; h4 or h6 is what remains."""
    path = write_file("h1 h1 h5 h5\nh1 h1 h5 h4\nh1 h1 h5 h6\n")
    total = evaluate(clock, [path]).analogies[0].total
    assert (total.answered, total.add_correct, total.mul_correct) == (3, 1, 1)


def test_the_spelling(tmp_path: Path, write_file: WriteFile) -> None:
    """A word is found in lower case, upper case and with a capital; the first row is taken."""
    words = ["athens", "Athens", "GREECE", "oslo", "Norway"]
    vectors = np.eye(5, dtype=np.float32)
    vectors[2] = vectors[0]
    checkpoint = embzarr.save(tmp_path / "run", words, vectors, step=1)
    path = write_file("Athens Greece 2\nOslo norway 1\n")
    (found,) = evaluate(checkpoint, [path]).similarity
    assert found.answered == 2
    assert found.spearman == pytest.approx(1)
    (strict,) = evaluate(checkpoint, [path], case_sensitive=True).similarity
    assert strict.answered == 0


def test_only_the_first_rows_count(clock: embzarr.Checkpoint, write_file: WriteFile) -> None:
    """A restriction leaves out pairs and questions with a later word, and later answers."""
    pairs = "h0 h1 3\nh0 h2 2\nh0 h6 1\n"
    found = evaluate(clock, [write_file(pairs)], restrict_vocab=3)
    assert (found.rows, found.similarity[0].answered) == (3, 2)
    # h0 to h2 as h1 to h3, which lies beyond four rows no more, beyond three it does.
    path = write_file("h0 h2 h1 h3\n")
    assert evaluate(clock, [path], restrict_vocab=4).analogies[0].total.answered == 1
    assert evaluate(clock, [path], restrict_vocab=3).analogies[0].total.answered == 0
    assert evaluate(clock, [path], restrict_vocab=None).rows == 13


def test_a_restriction_needs_rows_by_frequency(tmp_path: Path, write_file: WriteFile) -> None:
    """Where rows go by word, the first are not the commonest, which is said; all can be had."""
    checkpoint = embzarr.save(
        tmp_path / "run", ["b", "a"], np.eye(2, dtype=np.float32), step=1, placement="lexical"
    )
    path = write_file("a b 1\n")
    with pytest.raises(embzarr.InvalidInputError, match="found placement lexical"):
        evaluate(checkpoint, [path], restrict_vocab=1)
    assert evaluate(checkpoint, [path]).similarity[0].answered == 1
    with pytest.raises(embzarr.InvalidInputError, match="expected at least 1 row or None, found 0"):
        evaluate(checkpoint, [path], restrict_vocab=0)


def _naive(vectors: NDArray[np.float32], question: tuple[int, int, int], *, multiply: bool) -> int:
    """Answer a question word by word, from the definitions, in double precision."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    a, b, c = (unit[row] for row in question)
    best, answer = -np.inf, -1
    for row, d in enumerate(unit):
        if row in question:
            continue
        if multiply:
            score = (d @ b + 1) / 2 * (d @ c + 1) / 2 / ((d @ a + 1) / 2 + 0.001)
        else:
            score = d @ b - d @ a + d @ c
        if score > best:
            best, answer = score, row
    return answer


def test_both_methods_as_defined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On random vectors, each question has the answer that the definition gives, over blocks."""
    monkeypatch.setattr(_analogies, "_BLOCK_ROWS", 7)
    monkeypatch.setattr(_analogies, "_BATCH", 11)
    draws = np.random.default_rng(3)
    vectors = draws.standard_normal((60, 5), np.float32)
    checkpoint = embzarr.save(tmp_path / "run", [f"w{n}" for n in range(60)], vectors, step=1)
    asked = [tuple(draws.choice(60, 3, replace=False).tolist()) for _ in range(50)]
    answers = {by: [_naive(vectors, q, multiply=by) for q in asked] for by in (False, True)}
    assert answers[False] != answers[True]
    for by, expected in answers.items():
        questions = tuple(
            (f"w{a}", f"w{b}", f"w{c}", f"w{d}")
            for (a, b, c), d in zip(asked, expected, strict=True)
        )
        task = Questions(file="", sections=(Section(name="all", questions=questions),))
        words = list(itertools.chain(*questions))
        vocabulary = look_up(checkpoint, words, below=60, case_sensitive=True)
        blocks = ((first, vectors[first : first + 25]) for first in range(0, 60, 25))
        (score,) = _analogies.score_questions([task], vocabulary, blocks)
        right = score.total.mul_correct if by else score.total.add_correct
        assert right == 50


def test_a_thousandth_is_added_to_what_is_divided_by(tmp_path: Path) -> None:
    """To a cosine that was moved to 0 .. 1: of words opposite to the first one wins no more."""
    near, opposite = 0.1, 0.998
    vectors = np.array(
        [
            *([1, 0, 0], [np.cos(near), np.sin(near), 0], [0, 0, 1]),
            *([-1, 0, 0], [-opposite, np.sqrt(1 - opposite**2), 0]),
        ],
        np.float32,
    )
    assert _naive(vectors, (0, 1, 2), multiply=True) == 4
    embzarr.save(tmp_path / "run", list("abcde"), vectors)
    (tmp_path / "task.txt").write_text(": all\na b c e\n")

    found = evaluate(embzarr.open(tmp_path / "run"), [tmp_path / "task.txt"])

    assert found.analogies[0].total.mul_correct == 1


def test_vectors_that_are_not_finite_answer_nothing(tmp_path: Path, write_file: WriteFile) -> None:
    """A row of NaN or infinity is no best answer; the others are answered as before."""
    angles = np.arange(12) * np.pi / 6
    vectors = np.stack((np.sin(angles), np.cos(angles)), axis=1).astype(np.float32)
    bad = np.array([[np.nan, 1], [np.inf, 0]], np.float32)
    words = ["bad", "worse", *(f"h{hour}" for hour in range(12))]
    checkpoint = embzarr.save(
        tmp_path / "run", words, np.vstack((bad, vectors)), step=1, allow_nonfinite=True
    )
    total = evaluate(checkpoint, [write_file("h0 h2 h1 h3\nh0 h2 h1 h6\n")]).analogies[0].total
    assert (total.add_correct, total.mul_correct) == (1, 1)


def test_only_what_is_needed_is_read(tmp_path: Path, write_file: WriteFile) -> None:
    """Pairs read their words, analogies the first rows too: a small share of a large checkpoint."""
    words = [f"w{number}" for number in range(40_000)]
    vectors = np.random.default_rng(5).standard_normal((len(words), 64), np.float32)
    embzarr.save(tmp_path / "run", words, vectors, step=1, compression="none")
    pairs = evaluate(embzarr.open(tmp_path / "run"), [write_file("w3 w39000 1\nw7 w20000 2\n")])
    assert pairs.traffic.bytes_read < vectors.nbytes / 10
    path = write_file("w1 w2 w3 w4\n")
    seen: list[tuple[int, int]] = []
    analogies = evaluate(
        embzarr.open(tmp_path / "run"),
        [path],
        restrict_vocab=5000,
        progress=lambda *done: seen.append(done),
    )
    assert vectors.nbytes / 8 < analogies.traffic.bytes_read < vectors.nbytes / 4
    assert seen[-1] == (5000, 5000)


def test_files_of_both_kinds_at_once(clock: embzarr.Checkpoint, tmp_path: Path) -> None:
    """Several files are scored in their order, and JSON holds every figure."""
    for name, text in {
        "one": "h0 h2 h1 h3\n",
        "two": "h0 h1 2\nh0 h5 1\n",
        "three": ": s\nh0 h1 h1 h9\n",
    }.items():
        (tmp_path / name).write_text(text)
    found = evaluate(clock, [tmp_path / name for name in ("one", "two", "three")])
    assert [Path(one.file).name for one in found.analogies] == ["one", "three"]
    assert [one.total.add for one in found.analogies] == [1, 0]
    document = json.loads(json.dumps(found.as_json()))
    assert document["similarity"][0]["spearman"] == pytest.approx(1)
    assert document["analogies"][1]["sections"][0]["name"] == "s"
    assert document["analogies"][0]["total"]["add_correct"] == 1


@pytest.mark.slow
def test_as_gensim(tmp_path: Path) -> None:
    """gensim's own evaluation gives the same scores, coverage and right answers by section."""
    models = pytest.importorskip("gensim.models")
    paths = pytest.importorskip("gensim.test.utils")
    files = [paths.datapath(name) for name in ("wordsim353.tsv", "questions-words.txt")]
    asked = Path(files[1]).read_text().split("\n")[:9000]
    small = tmp_path / "questions.txt"
    small.write_text("\n".join(asked))
    words = list(dict.fromkeys(word.lower() for line in asked for word in line.split()))
    draws = np.random.default_rng(11)
    vectors = draws.standard_normal((len(words), 20), np.float32)
    checkpoint = embzarr.save(tmp_path / "run", words, vectors, step=1)
    theirs = models.KeyedVectors(20)
    theirs.add_vectors(words, vectors)

    found = evaluate(checkpoint, [files[0], small], restrict_vocab=800)

    _, (rho, _), unknown = theirs.evaluate_word_pairs(files[0], restrict_vocab=800)
    (pairs,) = found.similarity
    assert pairs.spearman == pytest.approx(rho, abs=1e-6)
    assert 100 * (1 - pairs.coverage) == pytest.approx(unknown)
    _, sections = theirs.evaluate_word_analogies(str(small), restrict_vocab=800)
    scores = (*found.analogies[0].sections, found.analogies[0].total)
    assert [(one.add_correct, one.answered) for one in scores] == [
        (len(one["correct"]), len(one["correct"]) + len(one["incorrect"])) for one in sections
    ]
