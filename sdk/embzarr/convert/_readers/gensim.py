"""gensim's own ``.kv`` and ``.model``, with the files beside them: pickles that gensim reads.

A model of fastText's keeps the rows of its n-grams, as the import of fastText's own file does.
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._reading import MOST_LETTERS, SUBWORDS
from embzarr.convert._blocks import Block, Table, check_dim, rows_in_block
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embzarr.convert._blocks import Given

_PLANE: Final = 2
_COUNT: Final = "count"


def read(given: Given) -> Table:
    """Have gensim load a model, if the caller trusts it, and leave its rows to be read.

    Raises:
        InvalidInputError: code ``input-file``: a pickle, and `allow_pickle` was not said; or
            gensim cannot load it.
        UnsupportedError: code ``feature-unsupported``: gensim is not installed.
    """
    if not given.allow_pickle:
        raise given.damage.error(
            "a pickle, which can run any code: say allow_pickle=True for a file of your own, or "
            "have gensim write it anew by save_word2vec_format(..., binary=True)"
        )
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        vectors = _loaded(path, given)
        matrix = vectors.vectors
        words = [word.encode() for word in vectors.index_to_key]
        if matrix.ndim != _PLANE or len(matrix) != len(words):
            raise given.damage.error(
                f"found {len(words)} words and an array of shape {matrix.shape}", code="input-rows"
            )
        counts = vectors.expandos.get(_COUNT)
        dim = check_dim(given.damage, matrix.shape[1])
        return Table(
            dim=dim,
            dtype=matrix.dtype.name,
            blocks=_blocks(words, matrix, counts, stack.pop_all()),
            has_counts=counts is not None,
            metadata={"class": type(vectors).__name__},
            **_subwords(vectors, dim),
        )


def _subwords(vectors: Any, dim: int) -> dict[str, Any]:  # noqa: ANN401 - gensim has no types
    """Return the rows of n-grams, and how they are found; nothing of a model without."""
    rows = getattr(vectors, "vectors_ngrams", None)
    if rows is None or not 1 <= vectors.min_n <= vectors.max_n <= MOST_LETTERS:
        return {}
    if rows.shape != (vectors.bucket, dim):
        return {}  # cut down, as by those who ship small models, to buckets numbered otherwise
    record = {"minn": vectors.min_n, "maxn": vectors.max_n, "bucket": vectors.bucket}
    return {
        "tensors": {SUBWORDS: rows},
        "model": {"framework": "fasttext", "form": SUBWORDS, **record},
    }


def _loaded(path: Path, given: Given) -> Any:  # noqa: ANN401 - gensim has no types
    try:
        utils = importlib.import_module("gensim.utils")
    except ModuleNotFoundError as exc:
        raise UnsupportedError(
            "feature-unsupported", "a model of gensim needs gensim: pip install gensim"
        ) from exc
    try:
        found = utils.SaveLoad.load(str(path), mmap="r")
        found = type(found).load(str(path), mmap="r")  # which knows what older versions wrote
        found = getattr(found, "wv", found)
        _ = found.vectors.shape, len(found.index_to_key), found.expandos
    except Exception as exc:
        raise given.damage.error(
            f"gensim cannot load it as word vectors: {type(exc).__name__}: {exc}"
        ) from exc
    return found


def _blocks(words: list[bytes], matrix: Any, counts: Any, stack: ExitStack) -> Iterator[Block]:  # noqa: ANN401 - as above
    most = rows_in_block(matrix.shape[1], matrix.dtype.itemsize)
    with stack:
        for first in range(0, len(words), most):
            part = slice(first, first + most)
            yield Block(
                words=words[part],
                vectors=np.array(matrix[part]),
                place=lambda row, first=first: f"row {first + row}",  # type: ignore[misc]  # bound
                counts=None if counts is None else np.asarray(counts[part], np.int64),
            )
