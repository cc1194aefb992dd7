"""sentence-transformers: a static embedding of texts (extra ``sentence-transformers``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.interop._door import Source, loaded_once, needs, opened

with needs("sentence-transformers", extra="sentence-transformers"):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import WhitespaceSplit

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before version 6
        from sentence_transformers.models import StaticEmbedding

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["static_embedding"]


def static_embedding(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    *,
    lowercase: bool = False,
    missing: str = "raise",
) -> Any:  # noqa: ANN401 - sentence-transformers is an extra
    """Return a `StaticEmbedding`, the module that gives a text the mean of its words' vectors.

    ``SentenceTransformer(modules=[...])`` makes a model of it, which encodes, is trained, saved and
    loaded as any other. Texts are cut at blanks; ``module.tokenizer.pre_tokenizer`` may be set to
    another way. A word that is not among `words` counts as zeros: that changes the length of a mean
    and not its direction. Vectors become float32.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these; by default all.
        lowercase: make texts lower case first.
        missing: ``raise``, or ``skip`` words that the checkpoint does not hold.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice.

    Example:
        >>> from sentence_transformers import SentenceTransformer
        >>> from embzarr.interop.sentence_transformers import static_embedding
        >>> model = SentenceTransformer(modules=[static_embedding(checkpoint)], device="cpu")
        >>> model.encode(["king queen", "woman"])
        array([[0.5, 0.5, 0. , 0. ],
               [0. , 0. , 0. , 1. ]], dtype=float32)
    """
    arguments.check_flags(lowercase=lowercase)
    found = opened(checkpoint)
    loaded = loaded_once(found, words, missing=missing, dtype=np.float32)
    rows = {word: row for row, word in enumerate(loaded.words)}
    unknown = "[UNK]"
    while unknown in rows:
        unknown = f"[{unknown}]"
    rows[unknown] = len(rows)
    tokenizer = Tokenizer(WordLevel(rows, unk_token=unknown))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    if lowercase:
        tokenizer.normalizer = Lowercase()
    zeros = np.zeros((1, found.dim), np.float32)
    return StaticEmbedding(tokenizer, embedding_weights=np.concatenate((loaded.vectors, zeros)))
