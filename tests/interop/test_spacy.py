"""spaCy's vocabularies and texts have the vectors that were saved; run by ``-m frameworks``."""

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

WORDS = [*(f"w{row}" for row in range(500)), "New York", "猫", ""]
VECTORS = make_vectors(len(WORDS), 12)


@pytest.fixture(scope="module")
def spacy() -> Any:
    """The library."""
    return pytest.importorskip("spacy")


@pytest.fixture(scope="module")
def to_vocab(spacy: Any) -> Any:  # noqa: ARG001 - first
    """Ours."""
    from embzarr.interop import spacy as ours  # noqa: PLC0415 - where the library is

    return ours.to_vocab


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, VECTORS)


def test_a_vocabulary_holds_the_vectors(checkpoint: embzarr.Checkpoint, to_vocab: Any) -> None:
    """Of every word, odd ones too, to the bit; neighbours are those of the checkpoint."""
    vocab = to_vocab(checkpoint)
    for word, vector in zip(WORDS, VECTORS, strict=True):
        assert vocab.get_vector(word).tobytes() == vector.tobytes()
    assert not vocab.has_vector("nowhere")
    vocab = to_vocab(checkpoint)  # of which nothing was asked: neighbours have names at once
    keys, _, scores = vocab.vectors.most_similar(VECTORS[[7]], n=4)
    expected = checkpoint.most_similar("w7", topn=3)
    assert [vocab.strings[key] for key in keys[0]] == ["w7", *(word for word, _ in expected)]
    np.testing.assert_allclose(scores[0][1:], [score for _, score in expected], atol=2e-4)


def test_a_pipeline_uses_them(
    checkpoint: embzarr.Checkpoint, spacy: Any, to_vocab: Any, tmp_path: Path
) -> None:
    """A text's vector is the mean of its words', also after it was saved and loaded."""
    nlp = spacy.blank("en")
    assert to_vocab(checkpoint, ["w3", "w9", "none"], vocab=nlp.vocab, missing="skip") is nlp.vocab
    nlp.to_disk(tmp_path / "nlp")
    for pipeline in (nlp, spacy.load(tmp_path / "nlp")):
        assert pipeline.vocab.vectors.shape == (2, 12)
        mean = (VECTORS[3] + VECTORS[9]) / 2
        np.testing.assert_allclose(pipeline("w3 w9").vector, mean, atol=1e-6)
        (token,) = pipeline("w9")
        assert token.similarity(pipeline("w3")) == pytest.approx(
            checkpoint.similarity("w3", "w9"), abs=1e-6
        )


def test_what_cannot_be_used_is_told(checkpoint: embzarr.Checkpoint, to_vocab: Any) -> None:
    """Words that are missing or asked twice, and what is no vocabulary."""
    with pytest.raises(embzarr.WordNotFoundError):
        to_vocab(checkpoint, ["none"])
    with pytest.raises(embzarr.InvalidInputError, match="asked twice"):
        to_vocab(checkpoint, ["w1", "w2", "w1"])
    with pytest.raises(embzarr.InvalidInputError, match=r"such as nlp\.vocab"):
        to_vocab(checkpoint, vocab=WORDS)
