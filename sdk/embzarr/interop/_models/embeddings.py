"""What adapters of layers share: a matrix with the words of its rows, in and out of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr._writing import save
from embzarr.errors import InvalidInputError
from embzarr.interop._door import common_dtype, loaded_once, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave


def save_rows(
    url: object,
    words: Iterable[str | bytes] | Mapping[str, int],
    vectors: NDArray[Any],
    how: HowToSave,
    columns: Mapping[str, NDArray[Any]] | None = None,
) -> Checkpoint:
    """Save the rows of a matrix that words name.

    Args:
        url: where to.
        words: of all rows, in their order; or the row of each word, where some rows have none.
        vectors: shape (rows, dim).
        how: as `embzarr.save` takes it.
        columns: what else is known of each word.

    Raises:
        InvalidInputError: no matrix, or not one row for each word.
    """
    if vectors.ndim != 2:  # noqa: PLR2004 - a matrix
        raise InvalidInputError(
            "input-shape", f"expected the matrix of an embedding, found shape {vectors.shape}"
        )
    if not arguments.is_by_name(words):
        return save(url, arguments.words("words", words), vectors, columns=columns, **how)
    rows = np.fromiter(words.values(), np.int64, len(words))
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(vectors):
        raise InvalidInputError(
            "input-rows",
            f"words: expected rows of a layer of {len(vectors)}, found {rows.min()} - {rows.max()}",
        )
    return save(url, list(words), vectors[rows], columns=columns, **how)


def rows_of(
    checkpoint: Source, words: Iterable[str | bytes] | None, missing: str
) -> tuple[NDArray[Any], dict[str, int]]:
    """Return the vectors of words for a layer, and the row of each word.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; None for all, in row order.
        missing: ``raise``, ``skip`` words that are not there, or give them rows of ``zeros``.

    Returns:
        Vectors as they are stored, bfloat16 as float32, shape (words, dim); and the rows.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice.
    """
    found = opened(checkpoint)
    allowed = ("raise", "skip", "zeros")
    dtype = common_dtype(found.dtype).newbyteorder("=")
    loaded = loaded_once(found, words, missing=missing, allowed=allowed, dtype=dtype)
    return loaded.vectors, {word: row for row, word in enumerate(loaded.words)}
