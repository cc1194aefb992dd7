"""What `subwords` promises of fastText's n-grams: records that can be, and means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embzarr._reading.words import subwords

RECORD = {"bucket": 7, "minn": 2, "maxn": 4}


@pytest.mark.parametrize("members", [{"bucket": 1}, {"minn": 1}, {"minn": 4}, {"maxn": 64}])
def test_what_fasttext_can_write_is_taken(members: dict[str, int]) -> None:
    """Each number up to its bounds."""
    record = {**RECORD, **members}

    assert subwords._ngrams({**record, "form": "subwords"}) == subwords._Ngrams(**record)


@pytest.mark.parametrize("members", [{"bucket": 0}, {"minn": 0}, {"minn": 5}, {"maxn": 65}])
def test_what_fasttext_cannot_write_is_refused(members: dict[str, Any]) -> None:
    """Each number just outside of its bounds."""
    assert subwords._ngrams({**RECORD, **members}) is None


def test_a_vector_is_the_mean_of_the_rows_of_its_ngrams() -> None:
    """Of each word its own; zeros where it has none."""
    values = np.array([[1, 2], [3, 5], [7, 7]], "f4")

    found = subwords._Ngrams.means(values, np.array([0, 0, 2]), 3)

    assert (found.dtype, found.tolist()) == (np.dtype("f4"), [[2, 3.5], [0, 0], [7, 7]])
