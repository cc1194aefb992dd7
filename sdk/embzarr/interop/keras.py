"""Keras: models, and a lookup of words with an embedding layer of its rows (extra ``keras``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from embzarr._format import arguments
from embzarr.interop._door import Source, loaded_once, needs, opened
from embzarr.interop._embeddings import save_rows
from embzarr.interop._keras_models import load, save, save_async

with needs("keras", extra="keras"):
    import keras

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._models import HowToSave

__all__ = ["embedding", "load", "save", "save_async", "save_embedding"]


def embedding(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    *,
    trainable: bool = False,
    mask: bool = False,
    missing: str = "raise",
) -> tuple[Any, Any]:
    """Return a `keras.layers.StringLookup` and the `keras.layers.Embedding` that follows it.

    The lookup takes words and gives rows; words that it does not know share a row of zeros.
    Vectors become float32.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        trainable: let training change the vectors.
        mask: take the empty text for a place without a word, which layers behind leave out: it has
            row 0 then, and the checkpoint's own empty word cannot be asked for.
        missing: ``raise``, or ``skip`` words that the checkpoint does not hold.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice.

    Example:
        >>> from embzarr.interop.keras import embedding
        >>> lookup, layer = embedding(checkpoint, ["queen", "king"])
        >>> np.asarray(layer(lookup(["king", "emperor"])))
        array([[1., 0., 0., 0.],
               [0., 0., 0., 0.]], dtype=float32)
    """
    arguments.check_flags(trainable=trainable, mask=mask)
    with needs("tensorflow, for StringLookup", extra="keras"):
        import tensorflow as tf  # noqa: F401, PLC0415 - whatever backend computes
    found = opened(checkpoint)
    loaded = loaded_once(found, words, missing=missing, dtype=np.float32)
    there = np.array([not mask or word != "" for word in loaded.words], bool)
    known = [word for word in loaded.words if not mask or word]
    unknown = "[UNK]"
    while unknown in known:
        unknown = f"[{unknown}]"
    lookup = keras.layers.StringLookup(
        vocabulary=known, oov_token=unknown, mask_token="" if mask else None
    )
    special: NDArray[Any] = np.zeros((1 + mask, found.dim), np.float32)
    weights = np.concatenate((special, loaded.vectors[there]))
    layer = keras.layers.Embedding(*weights.shape, mask_zero=mask, trainable=trainable)
    layer.build((None,))
    layer.set_weights([weights])
    return lookup, layer


def save_embedding(
    url: object,
    layer: Any,  # noqa: ANN401 - keras is an extra
    words: Any,  # noqa: ANN401 - texts, or a layer of keras
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save the vectors of a layer with its words, as a table to be read by word.

    Args:
        url: where to; see `embzarr.open`.
        layer: a `keras.layers.Embedding` that is built.
        words: of all rows, in their order; or the `keras.layers.StringLookup` before the layer,
            whose rows for unknown and masked words are left out.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: no such layer, or another number of words than of rows.

    Example:
        >>> from embzarr.interop.keras import embedding, save_embedding
        >>> lookup, layer = embedding(checkpoint, ["queen", "king"])
        >>> save_embedding(folder, layer, lookup)["king"]
        array([1., 0., 0., 0.], dtype=float32)
    """
    if not isinstance(layer, keras.layers.Embedding) or not layer.built:
        raise arguments.refusal("layer", "a keras.layers.Embedding that is built", layer)
    vectors = keras.ops.convert_to_numpy(layer.embeddings)
    if not isinstance(words, keras.layers.StringLookup):
        return save_rows(url, words, vectors, how)
    known = words.get_vocabulary(include_special_tokens=False)
    first = words.vocabulary_size() - len(known)
    return save_rows(url, {word: first + at for at, word in enumerate(known)}, vectors, how)
