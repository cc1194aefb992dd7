"""Texts of a data frame become means of vectors, of which only what they need is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors, make_words
from servers.minio import Minio

pytestmark = [
    pytest.mark.frameworks(environment="spark"),
    pytest.mark.filterwarnings("ignore"),
]

ROWS, DIM = 30_000, 16
WORDS = make_words(ROWS)
VECTORS = make_vectors(ROWS, DIM)
TEXTS: list[tuple[int, list[str | None] | None]] = [
    (0, [WORDS[1], WORDS[20_000], "nowhere", WORDS[1]]),
    (1, ["nowhere"]),
    (2, []),
    (3, None),
    (4, [WORDS[7], None]),
]
TEXTS += [(at, [WORDS[at * 37 % ROWS], WORDS[at]]) for at in range(5, 40)]


def expected(words: list[str | None] | None) -> Any:
    rows = [WORDS.index(word) for word in words or [] if word in set(WORDS)]
    return VECTORS[rows].mean(axis=0) if rows else np.zeros(DIM)


@pytest.mark.parametrize("broadcast", [0, 2**30], ids=["looked up", "sent to all"])
def test_texts_are_means(broadcast: int, spark: Any, minio: Minio, minio_bucket: str) -> None:
    """Of their known words, repeats counted; of none, zeros; nulls are no words."""
    from embzarr.interop.spark import MeanVectors  # noqa: PLC0415 - where the library is

    url = minio.url(minio_bucket, "run")
    embzarr.save(url, WORDS, VECTORS, storage_options=minio.options)
    checkpoint = embzarr.open(url, storage_options=minio.options, pickle_secrets=True)
    frame = spark.createDataFrame(TEXTS, "number int, words array<string>").repartition(3)
    mean = MeanVectors(checkpoint, inputCol="words", outputCol="mean", broadcast_bytes=broadcast)
    found = {row.number: row.mean.toArray() for row in mean.transform(frame).collect()}
    assert len(found) == len(TEXTS)
    for number, words in TEXTS:
        np.testing.assert_allclose(found[number], expected(words), rtol=1e-6, atol=1e-7)
    with pytest.raises(embzarr.InvalidInputError, match="expected array<string>, found int"):
        MeanVectors(checkpoint, inputCol="number", outputCol="mean").transform(frame)
