"""What `finalfusion_grams` promises: the rows that finalfusion has, and records that can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embzarr._reading import FinalfusionGrams, gram_hash
from embzarr._reading.words.finalfusion_grams import FinalfusionRows, fasttext_hash

GRAMS = FinalfusionGrams(bucket=2**21, minn=3, maxn=4, by="bucket")
NO_NAMES = np.zeros(0, np.uint64)


@pytest.mark.parametrize(
    ("gram", "own", "fasttext"),
    [
        ("<Tü", 615106834, 3850563410),
        ("abc", 1030757862, 440920331),
        ("猫猫猫", 666846520, 1168798847),
        ("🎉ab", 647754880, 1052876078),
    ],
)
def test_hashes_are_those_of_finalfusion(gram: str, own: int, fasttext: int) -> None:
    """As finalfusion 0.7.1 gives them, of 30 bits, and modulo 2**32 - 1."""
    assert (gram_hash(gram) % 2**30, fasttext_hash(gram) % (2**32 - 1)) == (own, fasttext)


def test_a_word_has_the_rows_of_its_ngrams() -> None:
    """As finalfusion 0.7.1 lists them; none where the word is too short."""
    assert GRAMS.rows_of("Tüb", NO_NAMES) == [89399, 641298, 1127189, 966188, 545990]
    assert replace(GRAMS, minn=5, maxn=6).rows_of("ü", NO_NAMES) == []
    as_fasttext = FinalfusionGrams(bucket=1000, minn=1, maxn=3, by="fasttext")
    assert as_fasttext.rows_of("ü", NO_NAMES) == [366, 388, 539, 972, 730, 777]


def test_ngrams_by_name_are_those_that_are_known() -> None:
    """Each at the place of its hash."""
    names = np.sort(np.array([gram_hash(gram) for gram in ("üb>", "<Tü", "xyz")], np.uint64))
    grams = replace(GRAMS, bucket=3, by="name")

    found = [int(names[row]) for row in grams.rows_of("Tüb", names)]

    assert found == [gram_hash("<Tü"), gram_hash("üb>")]


def test_a_vector_is_the_direction_of_a_sum() -> None:
    """Of each word its own; zeros where it has no n-gram."""
    values = np.array([[1, 2], [2, 2], [0, 7]], "f4")

    found = FinalfusionRows.means(values, np.array([0, 0, 2]), 3)

    np.testing.assert_allclose(found, np.array([[0.6, 0.8], [0, 0], [0, 1]]), rtol=1e-6)


@pytest.mark.parametrize(
    "members",
    [{"bucket": 0}, {"minn": 0}, {"minn": 5}, {"maxn": 65}, {"by": "luck"}, {"maxn": 4.0}],
)
def test_what_finalfusion_cannot_write_is_refused(members: dict[str, Any]) -> None:
    """A record may be a stranger's."""
    assert FinalfusionGrams.from_json(GRAMS.to_json()) == GRAMS
    assert FinalfusionGrams.from_json({**GRAMS.to_json(), **members}) is None
