from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embzarr_bench import BenchError, Case, Sizes, _cases, _matrix, _words
from embzarr_bench._matrix import Matrix

ROWS = 5_000


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """A made-up matrix."""
    return _matrix.make(tmp_path_factory.mktemp("matrix"), rows=ROWS, dim=4).open()


def test_made_words_are_distinct_and_short_ones_come_first() -> None:
    """However many words are made, no two are alike; common ones are the shorter."""
    words = _words.made(200_000)

    assert len(set(words)) == 200_000
    assert len(words[0]) < len(words[-1])
    assert all(word.isalpha() for word in words[:100])


def test_the_same_matrix_is_made_again(tmp_path: Path, matrix: Matrix) -> None:
    """Figures of two runs are of the same numbers and words."""
    again = _matrix.make(tmp_path, rows=ROWS, dim=4).open()

    assert again.words == matrix.words
    np.testing.assert_array_equal(again.vectors, matrix.vectors)


def test_words_that_do_not_go_with_the_vectors_are_refused() -> None:
    """A file of words with a line too few is not taken."""
    with pytest.raises(BenchError, match="1 words do not go with"):
        Matrix(np.zeros((2, 3), np.float32), ["one"])


def test_requests_name_the_rows_that_they_ask_for(matrix: Matrix) -> None:
    """Rows and words of a request are the same request, told in two ways."""
    asked = _cases.requests(matrix, Sizes(random_words=50, common_words=500, contiguous=100))

    for request in asked.values():
        if request.words:
            assert [matrix.words[row] for row in request.rows] == list(request.words)
    named = {word: row for row, word in enumerate(matrix.words)}
    between = [w for w in matrix.words if asked[Case.RANGE].first <= w < asked[Case.RANGE].last]
    alike = [w for w in matrix.words if w.startswith(asked[Case.PREFIX].prefix)]
    assert asked[Case.RANGE].rows.tolist() == sorted(named[word] for word in between)
    assert asked[Case.PREFIX].rows.tolist() == sorted(named[word] for word in alike)
    assert {
        case: len(request.rows) for case, request in asked.items() if case.whole
    } == dict.fromkeys((case for case in Case if case.whole), ROWS)
    assert [len(asked[case].words) for case in (Case.WORDS, Case.WORD)] == [50, 1]
    assert len(asked[Case.ROWS].rows) == len(asked[Case.RANGE].rows) == 100
    assert asked[Case.FIRST].rows.tolist() == list(range(500))
    for request in asked.values():
        follow = len(request.rows) > 1 and bool(np.all(np.diff(request.rows) == 1))
        assert follow == (request.case.contiguous or request.case.whole)


def test_a_user_has_most_of_the_commonest_words_and_ever_fewer_of_the_others() -> None:
    """A user's vocabulary is scattered over the rows, thick at the start and thin at the end."""
    rows = _words.commonest_ranks(100_000, 10_000, seed=1)

    assert len(set(rows.tolist())) == 10_000
    shares = [
        np.count_nonzero((rows >= a) & (rows < b)) / (b - a)
        for a, b in ((0, 1_000), (1_000, 10_000), (10_000, 100_000))
    ]
    assert shares[0] > 0.8
    assert shares[0] > shares[1] > shares[2] > 0


def test_a_text_gives_its_words_by_frequency(tmp_path: Path) -> None:
    """One half of a text gives the matrix its words, the other what a user asks for."""
    text = tmp_path / "text.txt"
    text.write_text("the the the cat\ncat dog dog dog dog cat cat zebra", encoding="utf-8")
    first, second = _matrix.halves(text, tmp_path)
    matrix = _matrix.make(tmp_path, rows=10, dim=2, text=first).open()

    asked = _cases.requests(matrix, Sizes(), cases=[Case.COMMONEST], text=second)

    assert first.read_text() + second.read_text() == text.read_text()
    assert matrix.words[:3] == ["the", "cat", "dog"]
    assert len(set(matrix.words)) == 10
    assert asked[Case.COMMONEST].words == ("dog", "cat")


def test_a_text_without_a_known_word_is_refused(tmp_path: Path, matrix: Matrix) -> None:
    """Nothing is measured of a user who wants nothing."""
    text = tmp_path / "text.txt"
    text.write_text("0 1 2")
    with pytest.raises(BenchError, match="no word of the matrix"):
        _cases.requests(matrix, Sizes(), cases=[Case.COMMONEST], text=text)
