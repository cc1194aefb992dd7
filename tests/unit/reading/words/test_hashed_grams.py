"""What `hashed_grams` promises: the rows of n-grams that floret has, and records that can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embzarr._reading import HashedGrams
from embzarr._reading.words.hashed_grams import murmur

GRAMS = HashedGrams(bucket=2**32, minn=2, maxn=3, hash_count=1, hash_seed=7, begin="<", end=">")


@pytest.mark.parametrize(
    ("data", "seed", "digest"),
    [
        (b"", 0, "0" * 32),
        (b"hello", 0, "cbd8a7b341bd9b025b1e906a48ae1d19"),
        (b"hello", 2**32 - 1, "347bad75d7575e14d940b3d7b5fb075c"),
        (b"0123456789abcde", 1, "2a185268139de16957a1edef2211c920"),
        (b"0123456789abcdef" * 3, 7, "2061ffc592e9e114aa3756ec0d002b24"),
        (b"The quick brown fox jumps over the lazy dog", 0, "e34bbc7bbc071b6c7a433ca9c49a9347"),
    ],
)
def test_it_is_murmur_hash(data: bytes, seed: int, digest: str) -> None:
    """As other programs print it, at lengths with and without a rest; in numbers of 32 bits."""
    first, second, third, fourth = murmur(data, seed)

    assert f"{second:08x}{first:08x}{fourth:08x}{third:08x}" == digest


def test_a_word_has_the_rows_of_its_n_grams() -> None:
    """The word with its marks, then each run of its letters; a mark alone is none."""
    grams = ["<ab>", "<a", "<ab", "ab", "ab>", "b>"]

    assert GRAMS.rows_of("ab") == [murmur(gram.encode(), 7)[0] for gram in grams]
    single = replace(GRAMS, minn=0, maxn=1)
    assert single.rows_of("é") == [murmur(gram.encode(), 7)[0] for gram in ("<é>", "é")]
    assert replace(GRAMS, maxn=0, minn=0).rows_of("ab") == GRAMS.rows_of("ab")[:1]


def test_each_n_gram_has_several_rows_of_the_table() -> None:
    """As many of its hash's numbers as are said, modulo the rows."""
    some = replace(GRAMS, bucket=1000, hash_count=3, maxn=0, minn=0)

    assert some.rows_of("ab") == [number % 1000 for number in murmur(b"<ab>", 7)[:3]]


def test_rows_of_many_words_come_end_to_end() -> None:
    """With the word that each of them is of."""
    of_word, rows = GRAMS.of(["ab", "", "é"])

    assert rows.tolist() == [row for word in ("ab", "", "é") for row in GRAMS.rows_of(word)]
    assert of_word.tolist() == [0] * 6 + [1] * 2 + [2] * 4
    assert [len(found) for found in GRAMS.of([])] == [0, 0]


def test_a_vector_is_the_mean_of_its_rows() -> None:
    """Of each word its own."""
    values = np.array([[1, 2], [3, 5], [7, 7]], "f4")

    found = HashedGrams.means(values, np.array([0, 0, 1]), 2)

    assert (found.dtype, found.tolist()) == (np.dtype("f4"), [[2, 3.5], [7, 7]])
    assert HashedGrams.means(values[:0], np.array([], int), 0).shape == (0, 2)


def test_a_record_says_how_a_table_was_hashed() -> None:
    """What is written is read again; members of others are nothing to it."""
    assert HashedGrams.from_json({**GRAMS.to_json(), "form": "floret"}) == GRAMS


@pytest.mark.parametrize(
    "members",
    [
        {"bucket": 1},
        {"minn": 0, "maxn": 0},
        {"minn": 99, "maxn": 99},
        {"hash_count": 4},
        {"hash_seed": 0},
        {"hash_seed": 2**32 - 1},
        {"begin": "", "end": "x" * 200},
    ],
)
def test_what_floret_can_write_is_taken(members: dict[str, Any]) -> None:
    """Each number up to its bounds."""
    found = HashedGrams.from_json({**GRAMS.to_json(), **members})

    assert found == replace(GRAMS, **members)


@pytest.mark.parametrize(
    "members",
    [
        {"bucket": 0},
        {"bucket": 1.0},
        {"minn": -1},
        {"minn": 4},
        {"maxn": 100},
        {"hash_count": 0},
        {"hash_count": 5},
        {"hash_seed": -1},
        {"hash_seed": 2**32},
        {"begin": "x" * 200},
        {"end": None},
    ],
)
def test_what_floret_cannot_write_is_refused(members: dict[str, Any]) -> None:
    """Each number just outside of its bounds, and other types."""
    assert HashedGrams.from_json({**GRAMS.to_json(), **members}) is None
