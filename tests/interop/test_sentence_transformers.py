"""A static embedding encodes texts by the vectors that were saved; run by ``-m frameworks``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = [
    pytest.mark.frameworks(environment="torch"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

WORDS = [*(f"w{row}" for row in range(300)), "猫", "[UNK]", ""]
VECTORS = make_vectors(len(WORDS), 12)


@pytest.fixture(scope="module")
def library() -> Any:
    """sentence-transformers."""
    return pytest.importorskip("sentence_transformers")


@pytest.fixture(scope="module")
def static_embedding(library: Any) -> Any:  # noqa: ARG001 - first
    """Ours."""
    from embzarr.interop import sentence_transformers as ours  # noqa: PLC0415 - where it is

    return ours.static_embedding


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, VECTORS)


def test_texts_are_means(
    checkpoint: embzarr.Checkpoint, library: Any, static_embedding: Any, tmp_path: Path
) -> None:
    """Of their words; an unknown one counts as zeros; the same after a save and a load."""
    model = library.SentenceTransformer(modules=[static_embedding(checkpoint)], device="cpu")
    model.save(str(tmp_path / "model"))
    again = library.SentenceTransformer(str(tmp_path / "model"), device="cpu")
    expected = [
        (VECTORS[3] + VECTORS[299] + VECTORS[3]) / 3,
        VECTORS[300],
        (VECTORS[5] + VECTORS[301]) / 3,
        np.zeros(12),
    ]
    for one in (model, again):
        found = one.encode(["w3 w299 w3", "猫", "w5 [UNK] nowhere", ""])
        np.testing.assert_allclose(found, expected, atol=1e-6)
    cosine = model.similarity(model.encode(["w3"]), model.encode(["w9"])).item()
    assert cosine == pytest.approx(checkpoint.similarity("w3", "w9"), abs=1e-6)


def test_a_part_in_lower_case(
    checkpoint: embzarr.Checkpoint, library: Any, static_embedding: Any
) -> None:
    """Words of the caller, whose texts are lowered first; missing ones are left out."""
    module = static_embedding(checkpoint, ["w9", "none", "w4"], lowercase=True, missing="skip")
    assert module.embedding.weight.shape == (3, 12)
    model = library.SentenceTransformer(modules=[module], device="cpu")
    np.testing.assert_allclose(model.encode(["W4"]), VECTORS[[4]], atol=1e-6)


def test_what_cannot_be_used_is_told(checkpoint: embzarr.Checkpoint, static_embedding: Any) -> None:
    """Words that are missing or asked twice, and flags that are none."""
    with pytest.raises(embzarr.WordNotFoundError):
        static_embedding(checkpoint, ["none"])
    with pytest.raises(embzarr.InvalidInputError, match="asked twice"):
        static_embedding(checkpoint, ["w1", "w1"])
    with pytest.raises(embzarr.InvalidInputError, match="lowercase"):
        static_embedding(checkpoint, lowercase="yes")
