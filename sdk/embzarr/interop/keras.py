"""Keras: models, and a lookup of words with an embedding layer of its rows (extra ``keras``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from embzarr._format import arguments
from embzarr.interop._door import Source, loaded_once, needs, opened
from embzarr.interop._frameworks.keras_models import load, save, save_async
from embzarr.interop._models.embeddings import save_rows
from embzarr.interop._models.saves import Saves, every_of, is_due

with needs("keras", extra="keras"):
    import keras

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._models.storing import HowToSave

__all__ = ["SaveCallback", "embedding", "load", "save", "save_async", "save_embedding"]


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


class SaveCallback(keras.callbacks.Callback):  # type: ignore[misc]  # keras is an extra
    """Saves a model and its optimizer while it is trained, in the background.

    As `keras.callbacks.ModelCheckpoint` does to files: after every so many epochs, or batches, and
    the best under a name. The step is the number of epochs, or of batches, of all calls of ``fit``.
    The state is copied when it is saved, and sent while training goes on; the end of training waits
    for it. ``load(url)`` gives the model to go on with.

    Example:
        >>> import keras
        >>> from embzarr.interop.keras import SaveCallback
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> saves = SaveCallback(folder, monitor="loss")
        >>> x = np.ones((4, 2))
        >>> _ = model.fit(x, np.ones((4, 1)), epochs=3, verbose=0, callbacks=[saves])
        >>> [commit.step for commit in embzarr.Run(folder).commits()]
        [3, 2, 1]
        >>> list(embzarr.Run(folder).tags())
        ['best']
    """

    def __init__(  # noqa: PLR0913 - the settings of a save, all keyword-only
        self,
        to: object,
        *,
        every: int = 1,
        batches: bool = False,
        monitor: str | None = None,
        mode: str = "min",
        changed_only: bool = False,
        vocabulary: Iterable[str | bytes] | None = None,
        embedding: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Save to a run.

        Args:
            to: an `embzarr.Run`, or where one is.
            every: epochs from one save to the next.
            batches: count batches in place of epochs.
            monitor: a number of an epoch's logs, such as ``val_loss``: the best of the epochs that
                are saved has the tag ``best``.
            mode: ``min`` where less is better, or ``max``.
            changed_only: write the variables that differ from those of the save before.
            vocabulary: as `save` takes it.
            embedding: as `save` takes it.
            metadata: any JSON; the logs are put beside it as ``logs``.
            storage_options: credentials and endpoint, of a place.
        """
        super().__init__()
        arguments.check_flags(batches=batches, changed_only=changed_only)
        if batches and monitor is not None:
            raise arguments.refusal("monitor", "None with batches: an epoch is judged", monitor)
        self._every, self._batches = every_of(every), batches
        self._monitor = monitor
        self._sign = -1 if arguments.choice("mode", mode, ("min", "max")) == "max" else 1
        self._how: dict[str, Any] = {"changed": {}} if changed_only else {}
        self._vocabulary = None if vocabulary is None else arguments.words("vocabulary", vocabulary)
        self._embedding = embedding
        self._metadata = dict(metadata or {})
        self._saves = Saves(to, storage_options)
        self._count = 0
        self._best = math.inf

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save, if batches are counted and it is time."""
        del batch
        if self._batches:
            self._step(logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save, if epochs are counted and it is time."""
        del epoch
        if not self._batches:
            self._step(logs)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Wait until all is saved.

        Raises:
            EmbzarrError: what the last save ended with.
        """
        del logs
        self._saves.close()

    def _step(self, logs: Mapping[str, Any] | None) -> None:
        self._count += 1
        if not is_due(self._count, self._every):
            return
        told = {name: float(value) for name, value in (logs or {}).items()}
        finite = {name: value for name, value in told.items() if math.isfinite(value)}
        is_best = self._monitor is not None and self._is_best(self._monitor, told)
        saving = save_async(
            self._saves.run,
            self.model,
            vocabulary=self._vocabulary,
            embedding=self._embedding,
            step=self._count,
            metadata={**self._metadata, "logs": finite},
            **self._how,
        )
        if is_best:
            self._saves.named(saving, "best")

    def _is_best(self, monitor: str, logs: Mapping[str, float]) -> bool:
        """Tell whether this epoch is better than all before, and take note of it."""
        if monitor not in logs:
            raise arguments.refusal("monitor", f"one of {', '.join(logs)}", monitor)
        found, before = self._sign * logs[monitor], self._best
        self._best = min(before, found)
        return found < before
