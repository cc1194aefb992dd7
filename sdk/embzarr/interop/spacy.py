"""spaCy: a vocabulary with vectors, of its own or a pipeline's (extra ``spacy``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.interop._door import Source, loaded_once, needs, opened

with needs("spacy", extra="spacy"):
    from spacy.vectors import Vectors
    from spacy.vocab import Vocab

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["to_vocab"]


def to_vocab(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    *,
    vocab: Any = None,  # noqa: ANN401 - spaCy is an extra
    missing: str = "raise",
) -> Any:  # noqa: ANN401 - spaCy is an extra
    """Return a `spacy.vocab.Vocab` with the vectors of words, which become float32.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these; by default all.
        vocab: where to put them, such as a pipeline's ``nlp.vocab``, in place of the vectors that
            it has; by default a new one.
        missing: ``raise``, or ``skip`` words that the checkpoint does not hold.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice.

    Example:
        >>> import spacy
        >>> from embzarr.interop.spacy import to_vocab
        >>> nlp = spacy.blank("en")
        >>> vocab = to_vocab(checkpoint, vocab=nlp.vocab)
        >>> nlp("king queen").vector
        array([0.5, 0.5, 0. , 0. ], dtype=float32)
    """
    if vocab is not None and not isinstance(vocab, Vocab):
        raise arguments.refusal("vocab", "a spacy.vocab.Vocab, such as nlp.vocab", vocab)
    found = opened(checkpoint)
    loaded = loaded_once(found, words, missing=missing, dtype=np.float32)
    filled = Vocab() if vocab is None else vocab
    for word in loaded.words:  # which vectors know by its hash alone
        filled.strings.add(word)
    filled.vectors = Vectors(
        strings=filled.strings,
        data=loaded.vectors,
        keys=list(loaded.words),
        name=f"embzarr-{found.step}",
    )
    return filled
