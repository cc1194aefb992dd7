"""Keras' layers give the vectors that were saved, word by word; run by ``-m frameworks``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = [
    pytest.mark.frameworks(environment="keras"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Keras' own
]

WORDS = [*(f"w{row}" for row in range(200)), "猫", "[UNK]", "two words", ""]
VECTORS = make_vectors(len(WORDS), 8)


@pytest.fixture(scope="module")
def keras() -> Any:
    """The library, and the one that its lookup needs."""
    pytest.importorskip("tensorflow")
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def embedding(keras: Any) -> Any:  # noqa: ARG001 - first
    """Ours."""
    from embzarr.interop import keras as ours  # noqa: PLC0415 - where the libraries are

    return ours.embedding


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, VECTORS)


def test_every_word_finds_its_vector(checkpoint: embzarr.Checkpoint, embedding: Any) -> None:
    """Odd ones too, to the bit; unknown ones are zeros."""
    lookup, layer = embedding(checkpoint)
    assert np.asarray(layer(lookup(WORDS))).tobytes() == VECTORS.tobytes()
    assert not np.asarray(layer(lookup(["nowhere"]))).any()
    assert not layer.trainable


def test_a_model_is_trained_and_kept(
    checkpoint: embzarr.Checkpoint, keras: Any, embedding: Any, tmp_path: Path
) -> None:
    """In a model that takes texts: masked places count for nothing; saved and loaded the same."""
    lookup, layer = embedding(checkpoint, mask=True, trainable=True)
    pooled = keras.layers.GlobalAveragePooling1D()
    model = keras.Sequential([keras.Input((3,), dtype="string"), lookup, layer, pooled])
    texts = np.array([["w3", "w9", ""], ["猫", "", ""]], object)
    expected = [(VECTORS[3] + VECTORS[9]) / 2, VECTORS[200]]
    tensor = keras.ops.convert_to_tensor(texts.tolist(), dtype="string")
    np.testing.assert_allclose(np.asarray(model(tensor)), expected, atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(again(tensor)), expected, atol=1e-6)
    assert [weights.shape for weights in model.trainable_weights] == [(len(WORDS) - 1 + 2, 8)]


def test_a_part_is_in_the_callers_order(checkpoint: embzarr.Checkpoint, embedding: Any) -> None:
    """Row 0 is that of unknown words; missing ones are left out, or an error."""
    lookup, layer = embedding(checkpoint, ["w9", "none", "w4"], missing="skip")
    assert np.asarray(lookup(["w9", "w4", "none"])).tolist() == [1, 2, 0]
    assert layer.get_weights()[0][1:].tobytes() == VECTORS[[9, 4]].tobytes()
    with pytest.raises(embzarr.WordNotFoundError):
        embedding(checkpoint, ["none"])
    with pytest.raises(embzarr.InvalidInputError, match="asked twice"):
        embedding(checkpoint, ["w1", "w1"])
    with pytest.raises(embzarr.InvalidInputError, match="mask: expected True or False"):
        embedding(checkpoint, mask=1)


@pytest.mark.parametrize("mask", [False, True])
def test_a_layer_becomes_a_table(
    checkpoint: embzarr.Checkpoint, keras: Any, embedding: Any, tmp_path: Path, mask: object
) -> None:
    """Words by the lookup before it or by a list; rows of unknown and masked words are no words."""
    from embzarr.interop.keras import save_embedding  # noqa: PLC0415 - where the libraries are

    lookup, layer = embedding(checkpoint, mask=mask)
    words = [word for word in WORDS if word or not mask]
    saved = save_embedding(tmp_path / "m", layer, lookup, step=3)
    assert (list(saved.words), saved.step) == (words, 3)
    assert saved.load_rows(None, None).vectors.tobytes() == VECTORS[: len(words)].tobytes()
    plain = keras.layers.Embedding(2, 4)
    with pytest.raises(embzarr.InvalidInputError, match="layer: expected a keras"):
        save_embedding(tmp_path / "n", plain, ["a", "b"])
    plain.build((None,))
    assert len(save_embedding(tmp_path / "n", plain, ["a", "b"])) == 2
    with pytest.raises(embzarr.InvalidInputError, match="each of 1 words, found 2 rows"):
        save_embedding(tmp_path / "n", plain, ["a"])
