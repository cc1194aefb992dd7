"""What `most_similar` promises: gensim's answers, and no second read of what fits in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr import _table
from oracle import make_vectors

ROWS, DIM = 2000, 12
WORDS = [f"word-{row}" for row in range(ROWS)]
VECTORS = make_vectors(ROWS, DIM)
A, B, C = WORDS[3], WORDS[900], WORDS[1999]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of several chunks."""
    path = tmp_path_factory.mktemp("run")
    embzarr.save(path, WORDS, VECTORS)
    return path


@pytest.fixture
def checkpoint(url: Path) -> embzarr.Checkpoint:
    """The checkpoint, opened cold."""
    return embzarr.open(url)


@pytest.fixture(scope="module")
def keyed() -> Any:
    """The same words in gensim."""
    vectors = pytest.importorskip("gensim.models").KeyedVectors(DIM)
    vectors.add_vectors(WORDS, VECTORS)
    return vectors


QUESTIONS: dict[str, dict[str, Any]] = {
    "a word": {"positive": A},
    "an analogy": {"positive": [A, B], "negative": [C]},
    "a word turned round": {"negative": B},
    "tuples": {"positive": (A, B), "negative": (C,)},
    "weights": {"positive": [(A, 0.5), B, (C, -0.25)]},
    "a vector": {"positive": VECTORS[7] * 3},
    "a vector and a word": {"positive": [VECTORS[7] * 3, A], "negative": [VECTORS[8]]},
    "a matrix": {"positive": VECTORS[4:7]},
    "the first rows": {"positive": [A, B], "restrict_vocab": 100},
    "more rows than there are": {"positive": A, "restrict_vocab": 10**6},
    "few": {"positive": A, "topn": 1},
    "none": {"positive": A, "topn": 0},
    "all": {"positive": A, "topn": ROWS},
    "one word twice": {"positive": [A, A], "negative": [B]},
}


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.peers
def test_answers_are_those_of_gensim(name: str, checkpoint: embzarr.Checkpoint, keyed: Any) -> None:
    """The same words in the same order with the same cosines, the question's own left out."""
    question = QUESTIONS[name]
    expected = keyed.most_similar(**question)

    found = checkpoint.most_similar(**question)

    assert [word for word, _ in found] == [word for word, _ in expected]
    np.testing.assert_allclose([c for _, c in found], [c for _, c in expected], atol=1e-6)


def test_words_may_be_given_as_utf8_and_in_sets(checkpoint: embzarr.Checkpoint) -> None:
    """Their order does not matter to a mean, nor to what is looked at."""
    expected = checkpoint.most_similar([A, B], restrict=[C, WORDS[5]])

    assert checkpoint.most_similar(np.array([A, B]), restrict=(WORDS[5], C)) == expected
    assert checkpoint.most_similar({A.encode(), B.encode()}, restrict={C, WORDS[5]}) == expected
    assert [word for word, _ in checkpoint.most_similar(A, restrict=C)] == [C]


@pytest.mark.parametrize("spare", [None, 0, -1])
def test_what_fits_is_read_once(tmp_path: Path, spare: int | None) -> None:
    """A second question reads no vectors if those of the first fit into what may be kept."""
    vectors = make_vectors(ROWS, 300)
    embzarr.save(tmp_path, WORDS, vectors)
    cache = None if spare is None else embzarr.Cache(vectors.nbytes + spare)
    checkpoint = embzarr.open(tmp_path, cache=cache)
    checkpoint.most_similar(A)
    before = checkpoint.traffic.bytes_read

    checkpoint.most_similar(B)

    read, fits = checkpoint.traffic.bytes_read - before, spare != -1
    assert read < vectors.nbytes / 4 if fits else read > vectors.nbytes / 4
    assert len(checkpoint._table.neighbours._kept) == (ROWS if fits else 0)


def test_the_bound_by_default_is_what_the_documentation_says() -> None:
    """256 MiB, in the docstring and in the code."""
    assert _table._MOST_KEPT == 256 * 2**20
    assert "up to 256 MiB" in (embzarr.Checkpoint.most_similar.__doc__ or "")


def test_first_rows_are_kept_until_more_are_asked_for(checkpoint: embzarr.Checkpoint) -> None:
    """Whatever was asked before, the answer is that of the rows that are looked at now."""
    whole = checkpoint.most_similar(A, topn=5)
    fresh = embzarr.open(checkpoint.url)

    some = fresh.most_similar(A, topn=5, restrict_vocab=50)
    assert len(fresh._table.neighbours._kept) == 50
    assert fresh.most_similar(A, topn=5) == whole
    assert fresh.most_similar(A, topn=5, restrict_vocab=50) == some
    assert checkpoint.most_similar(A, topn=5, restrict_vocab=50) == some
    assert {int(word.removeprefix("word-")) for word, _ in some} <= set(range(50))


def test_what_is_kept_is_let_go(checkpoint: embzarr.Checkpoint) -> None:
    """After `close` no vectors are held; the next question reads them again."""
    found = checkpoint.most_similar(A)
    checkpoint.close()

    assert checkpoint._table.neighbours._kept.nbytes == 0
    assert checkpoint.most_similar(A) == found


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({}, "positive, negative: expected a word or a vector"),
        ({"positive": []}, "positive, negative: expected a word or a vector"),
        ({"positive": 5}, "positive: expected a word"),
        ({"positive": [A, 5]}, "positive[1]: expected a word as str (rows are read by number"),
        ({"positive": [0.5] * DIM}, "positive[0]: expected a word as str, found float 0.5"),
        ({"positive": [(A, "1")]}, "positive[0]: expected a finite number as the weight"),
        ({"positive": [(A, float("nan"))]}, "positive[0]: expected a finite number as the weight"),
        ({"negative": [(A, 0.5)]}, "negative[0]: expected a word as str, found tuple"),
        ({"positive": np.array(1.0)}, "positive: expected a vector of shape (12,), found ()"),
        ({"positive": [np.ones(3)]}, "positive[0]: expected a vector of shape (12,), found (3,)"),
        ({"positive": np.ones(DIM, complex)}, "positive: expected a vector of numbers"),
        ({"positive": np.ma.masked_array(np.ones(DIM))}, "positive: expected a vector without a m"),
        ({"positive": A, "topn": None}, "topn: expected a whole number from 0, found None"),
        ({"positive": A, "topn": "5"}, "topn: expected a whole number from 0, found str '5'"),
        ({"positive": A, "restrict_vocab": -1}, "restrict_vocab: expected a whole number from 0"),
        ({"positive": A, "restrict_vocab": True}, "restrict_vocab: expected a whole number from 0"),
        ({"positive": A, "restrict": [5]}, "restrict[0]: expected a word as str"),
        ({"positive": A, "restrict": [B], "restrict_vocab": 5}, "give one of restrict and"),
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_is_refused(
    question: dict[str, Any], message: str, checkpoint: embzarr.Checkpoint
) -> None:
    """The argument is named, and where in it, what was expected and what was found."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        checkpoint.most_similar(**question)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", ["positive", "negative", "restrict"])
def test_a_word_that_is_missing_is_told(name: str, checkpoint: embzarr.Checkpoint) -> None:
    """In the question and in what is looked at alike."""
    with pytest.raises(embzarr.WordNotFoundError, match="no word 'xyzzy'"):
        checkpoint.most_similar(**{"positive": A, name: ["xyzzy"]})  # type: ignore[arg-type]  # words


def test_similarity_takes_two_words(checkpoint: embzarr.Checkpoint) -> None:
    """A list where a word belongs is refused by the argument's name."""
    with pytest.raises(embzarr.InvalidInputError, match="b: expected a word as str, found list"):
        checkpoint.similarity(A, [B])  # type: ignore[arg-type]  # as a caller may
