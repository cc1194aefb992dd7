from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embzarr_bench import Case, _lock, _memory
from embzarr_bench._cases import Request
from embzarr_bench._job import Job, Work, carry_out, is_right
from embzarr_bench._matrix import Matrix, MatrixFiles
from embzarr_bench._place import Place
from embzarr_bench.peers import Answer, Peer

WORDS = ["b", "a", "c"]
VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)
MATRIX = Matrix(VECTORS, WORDS)
BY_NAME = Request(case=Case.WORDS, words=("c", "b"), rows=np.array([2, 0]))
RANGE = Request(case=Case.RANGE, first="a", last="c", rows=np.array([0, 1]))
PLACE = Place(
    endpoint_url="http://x",
    access_key="key",
    secret_key="hidden",  # noqa: S106 - of no server
    bucket="b",
    prefix="p",
)


@pytest.mark.parametrize(
    ("vectors", "right"),
    [
        (VECTORS[[2, 0]], True),
        (VECTORS[[0, 2]], False),
        (VECTORS[[2]], False),
        (VECTORS[[2, 0]].astype(np.float64), False),
        (VECTORS[[2, 0]] + np.float32(1e-6), False),
    ],
)
def test_an_answer_by_name_is_right_to_the_bit(vectors: NDArray[Any], right: bool) -> None:  # noqa: FBT001
    """Order, number, type and every value count."""
    assert is_right(Answer(vectors=vectors), BY_NAME, MATRIX) is right


@pytest.mark.parametrize(
    ("rows", "words", "right"),
    [
        ([0, 1], ["b", "a"], True),
        ([1, 0], ["a", "b"], True),
        ([1, 0], ["b", "a"], False),
        ([0], ["b"], False),
        ([0, 1, 2], ["b", "a", "c"], False),
        ([0, 1], ["b", "nobody"], False),
    ],
)
def test_a_range_of_words_may_come_in_any_order(
    rows: list[int],
    words: list[str],
    right: bool,  # noqa: FBT001
) -> None:
    """Each word must have its own vector, and all must be there."""
    assert is_right(Answer(vectors=VECTORS[rows], words=words), RANGE, MATRIX) is right


class _Failing(Peer):
    name = "failing"
    settings = ""
    cases = frozenset(Case)

    def read(self, place: Place, request: Request) -> Answer:
        raise ZeroDivisionError(f"{place.bucket} {request.case}")


def test_a_failing_peer_is_an_outcome(tmp_path: Any) -> None:
    """What a peer raises ends its own work and nothing else."""
    files = MatrixFiles(vectors=tmp_path / "v", words=tmp_path / "w")
    work = Work(files=files, matrix=MATRIX, requests={Case.WORDS: BY_NAME})

    outcome = carry_out(Job(case=Case.WORDS, place=PLACE), _Failing(), work)

    assert outcome.failure == "ZeroDivisionError: b words"
    assert not outcome.wrong


class _Quick(Peer):
    name = "quick"
    settings = ""
    cases = frozenset(Case)

    def read(self, *_: object) -> Answer:
        return Answer(vectors=VECTORS[[2, 0]])


@pytest.mark.parametrize("lock", [True, False])
def test_only_who_asks_for_the_lock_waits_for_its_figure(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, *, lock: bool
) -> None:
    """Else nothing is read a second time."""
    monkeypatch.setattr(_lock, "held", lambda work: 0.25 if work() else 0.0)
    files = MatrixFiles(vectors=tmp_path, words=tmp_path)
    work = Work(files=files, matrix=MATRIX, requests={Case.WORDS: BY_NAME})

    outcome = carry_out(Job(case=Case.WORDS, place=PLACE, lock=lock), _Quick(), work)

    assert not outcome.failure
    assert outcome.held == (0.25 if lock else None)


def test_a_place_does_not_show_its_secret() -> None:
    """The key of a server is in no log."""
    assert PLACE.secret_key not in f"{PLACE} {PLACE!r} {[PLACE]}"


def test_memory_that_was_given_back_counts() -> None:
    """The peak is measured from here on, and includes what is gone again."""
    start = _memory.begin()
    if start is None:
        pytest.xfail("this system does not tell")
    held = np.ones(200_000_000, np.uint8)
    del held

    peak = _memory.peak_above(start)

    assert peak is not None
    assert peak > 100_000_000  # what earlier tests held may be given back meanwhile
